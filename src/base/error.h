/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_BASE_ERROR_H
#define KMODLAB_BASE_ERROR_H
/*
 * An error of ours, never of the module's: what went wrong and what to do about it, in a sentence
 * for a person. Functions that fill one return -errno; a caller that only passes the failure on
 * leaves the sentence alone. The module's own failures are findings (base/finding.h).
 */

struct error {
	char text[1024];
};

/* Writes the sentence and returns -code. `code` is an errno value. */
int error_set(struct error *e, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* The same with ": <strerror(code)>" after it, and for some codes what to do about it. */
int error_sys(struct error *e, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
