/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_SPREAD_RESULT_H
#define KMODLAB_SPREAD_RESULT_H
/*
 * What came of a trial on another machine, with everything that a report of it needs: one JSON object, a file
 * each. It is read as carefully as all that comes from outside: a node may be of another version, and a guest's words are
 * in it.
 */
#include "trial/trial.h"

/* The most that one file may be, bytes. */
#define RESULT_MOST ((size_t)256 << 20)

/* The file's text. `node` is the machine's name. Caller frees. */
char *result_print(const struct trial *t, const char *node);
/* Reads it: 0, or -EINVAL with a sentence that says what is wrong with it (another version's, or damaged), that fits
 * behind "the result of node: ". `t` is to be freed in both cases; its target and what was expected are the caller's
 * to set. `node` becomes the machine's name, which the caller frees; NULL if it is not known. */
int result_parse(const char *text, size_t len, struct trial *t, char **node, struct error *err);

#endif
