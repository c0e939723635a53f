/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_TESTS_LAB_H
#define KMODLAB_TESTS_LAB_H
/*
 * What the machine tests share: running the kmodlab program as a user would, on modules written on
 * the spot, and reading its JSON. Everything lives in a directory of the test's own ($KMODLAB_LAB).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/buf.h"

#include <json-c/json.h>
#include <sys/types.h>

#define BOOKWORM "debian:bookworm/cloud"
#define TRIXIE	 "debian:trixie/cloud"

struct outcome {
	int status;		  /* exit status; 128 + signal when it was killed */
	struct buf out;		  /* standard output */
	struct buf err;		  /* standard error */
	struct json_object *json; /* standard output parsed, or NULL */
};

/* The project's directory, and a new empty directory for this test. */
const char *lab_source(void);
char *lab_dir(void);

/* Writes a file; `format` with its arguments is its content. */
void lab_write(const char *dir, const char *name, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* A module's directory with the usual Makefile for one object `name`, from `source`, which has the usual
 * includes and MODULE_LICENSE("GPL") before it unless it begins with '#'. Caller frees. */
char *lab_module(const char *name, const char *source);
/* Builds such a module with kmodlab on `target` and returns the path of its .ko. Caller frees. */
char *lab_ko(const char *name, const char *source, const char *target);

/* A directory with giver.ko and taker.ko for BOOKWORM, of which the second needs the first. Caller frees. */
char *lab_pair(void);

/* Runs kmodlab with the arguments, up to NULL. */
struct outcome lab_run(const char *first, ...) __attribute__((sentinel));
/* Starts it without waiting; lab_end waits. */
pid_t lab_start(const char *first, ...) __attribute__((sentinel));
/* What it has said by now, on stdout and stderr. Caller frees. */
char *lab_said(pid_t pid);
int lab_end(pid_t pid);
void lab_free(struct outcome *o);

/* How many trials there are; a string field of one of them. */
size_t lab_trials(const struct outcome *o);
const char *lab_trial_field(const struct outcome *o, size_t i, const char *key);
/* The first (or only) trial's field, a string ("" when it is none). */
const char *lab_field(const struct outcome *o, const char *key);
/* The first finding with this rule, or NULL; a string field of it. */
struct json_object *lab_finding(const struct outcome *o, const char *rule);
const char *lab_string(struct json_object *o, const char *key);
/* All log lines of the given origin ("module"), a newline after each. */
void lab_log(const struct outcome *o, const char *origin, struct buf *out);
/* Fails the test unless the trial ended with this exit status and verdict; shows what was said. */
void lab_expect(const struct outcome *o, int status, const char *verdict);
/* Fails the test unless there is a finding with this rule whose message contains `words`. */
void lab_expect_finding(const struct outcome *o, const char *rule, const char *words);

/* A TCP port of this host on which nobody listens now. */
int lab_free_port(void);

/* How many QEMU processes are there that a kmodlab of these tests started; waits a little for them to go away. */
int lab_machines_left(void);
/* Process ids of running QEMUs of ours: at most `max`, returns how many. */
int lab_machines(pid_t *pids, int max);
/* The same, of those only that the process `kmodlab` has started. */
int lab_machines_of(pid_t kmodlab, pid_t *pids, int max);

/* The field of the step "exercise" whose `what` is that; "" if there is none. */
const char *lab_step(const struct outcome *o, const char *what, const char *key);
/* Fails unless the output of that step has the words in it. */
void lab_expect_said(const struct outcome *o, const char *what, const char *words);

#endif
