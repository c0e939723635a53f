/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_GUEST_LIST_H
#define KMODLAB_GUEST_LIST_H
/*
 * What is listed somewhere in the system, compared with what was listed at the baseline: the part that both
 * systems have (list.c). A system's file goes through its lists (list_look) and shows each entry to list_see.
 *
 * Reading a list may kill whoever reads it, when an entry lies in memory that went with its module. So a
 * list is read between list_enter and list_leave: the next worker then knows which it was.
 */
#include "guest/protocol.h"
#include "guest/watch.h"

#include <stddef.h>

#define LISTS_MAX 1024 /* that can be read */

/* Goes through all lists. `baseline`: what there is now is nobody's doing. Each system's own. */
void list_prepare(void);
void list_look(int baseline);
/* The name of list `number`, for people. */
const char *list_name(unsigned number);

/* Linux: sees the process if it is a thread of the kernel's; `pid` in digits. */
void list_process(const char *pid);

/* Whether list `number` may be read; if so, list_leave is to follow. */
int list_enter(unsigned number);
void list_leave(void);

/* What the survey asks for: PROTO_FILES, PROTO_OTHERS; 0 in a baseline. */
unsigned list_wanted(void);

/* An entry of kind `kind` with this identity (name): known at the baseline, or something new, then told as
 * `name` with `more` ("" for none). `what`: PROTO_FILES if it can be opened, else PROTO_OTHERS. 1: it is
 * new. */
int list_see(unsigned what, uint32_t kind, const char *name, const char *more, uint64_t count);
/* Something to tell, whatever the baseline. */
void list_found(const struct proto_thing *thing, const char *name, const char *more);
/* Whether the entry was there at the baseline. */
int list_knows(uint32_t kind, const char *name);

/* A number for some bytes that differs when they do. */
uint64_t list_hash(uint64_t seed, const void *bytes, size_t len);

/* Puts the parts, up to NULL, together; cut to fit. */
char *list_text(char *to, size_t len, const char *const *parts);
#define LIST_TEXT(to, ...) list_text(to, sizeof to, (const char *const[]){__VA_ARGS__, 0})
/* `n` in decimal digits. */
char *list_number(char to[24], uint64_t n);
/* … and in hexadecimal ones. */
char *list_hex(char to[24], uint64_t n);
int list_same(const char *a, const char *b);
int list_begins(const char *text, const char *with);

#endif
