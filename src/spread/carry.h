/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_SPREAD_CARRY_H
#define KMODLAB_SPREAD_CARRY_H
/*
 * Structures carried from one machine to another as JSON. What is carried is said once, by a function that names the
 * fields of a structure: it writes them into an object, or reads them out of one, as `reading` says. So what was
 * written is what is read. A reader takes nothing on trust: a field that is missing, of another type or out of its
 * bounds makes `bad` true and becomes 0, NULL or what it was.
 */
#include "base/buf.h"

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

struct carry {
	struct json_object *o; /* not owned */
	bool reading;
	bool *bad; /* whether something was not as it has to be; not owned */
};

/* A string, or NULL; the reader's is its own to free. */
void carry_text(struct carry *c, const char *key, char **text);
/* The same that is never NULL (but where the reader found it bad). */
void carry_words(struct carry *c, const char *key, char **text);
void carry_bool(struct carry *c, const char *key, bool *value);
/* Any 64 bits. */
void carry_int(struct carry *c, const char *key, int64_t *value);
/* From 0 to `most`. */
void carry_count(struct carry *c, const char *key, uint64_t *value, uint64_t most);
/* Strings; `all` is empty before a reader. */
void carry_strings(struct carry *c, const char *key, struct strv *all);

/* For fields of other integer types: enumerations, unsigned, size_t. `most` is at most what fits. */
#define CARRY(c, key, field, most)                                                                 \
	do {                                                                                       \
		uint64_t carried_ = (uint64_t)(field);                                             \
		carry_count(c, key, &carried_, most);                                              \
		(field) = (__typeof__(field))carried_;                                             \
	} while (0)
/* The same for what may be any number, negative too. */
#define CARRY_ANY(c, key, field)                                                                   \
	do {                                                                                       \
		int64_t carried_ = (int64_t)(field);                                               \
		carry_int(c, key, &carried_);                                                      \
		(field) = (__typeof__(field))carried_;                                             \
	} while (0)

/* An object inside, for the fields of its own. What a reader gets is empty if there is none. */
struct carry carry_inside(struct carry *c, const char *key);

/* A list of objects, of `*n`; a reader gets how many there are, at most CARRY_MOST. The list is for carry_item. */
#define CARRY_MOST 4000000
struct json_object *carry_list(struct carry *c, const char *key, size_t *n);
/* The i-th; a writer has to take them in their order, each once. */
struct carry carry_item(struct carry *c, struct json_object *list, size_t i);

/* The text of a writer's object, a line. Caller frees. */
char *carry_print(struct json_object *o);
/* The object in a text; NULL if it is none. To be released with json_object_put. */
struct json_object *carry_parse(const char *text, size_t len);

#endif
