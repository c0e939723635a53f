/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_BUILD_RECORD_H
#define KMODLAB_BUILD_RECORD_H
/*
 * Kbuild's record of how it made a file: beside hello.o lies .hello.o.cmd, with the command and, of
 * what was compiled, the source and everything that it included. Only what Kbuild itself writes is
 * understood; one line of any other kind, and there is no record.
 */
#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

struct record {
	char *target;	  /* as Kbuild calls it: relative to where it ran, or absolute */
	char *saved;	  /* the command as it is written there, for make to read */
	char *command;	  /* the same as the shell gets it */
	char *source;	  /* what was compiled; NULL for a link */
	struct strv deps; /* the files that it included, without those of the configuration */
	char *tail;	  /* further prerequisites, line by line as they are written there */
};

/* Parses the bytes of a .cmd file. False, with `out` empty, if they are anything else. */
bool record_parse(const char *bytes, size_t len, struct record *out);
void record_free(struct record *r);

/* `path`, as a command that runs in `cwd` says it, absolute and without "." and "..". Caller frees. */
char *record_resolve(const char *cwd, const char *path);

/* A command that compiles one file: "COMPILER -Wp,-MMD,DEPENDENCIES FLAGS -c -o TARGET SOURCE", after which
 * objtool may be run on the target. */
struct compile {
	char *compiler;
	char *flags;  /* from -Wp,-MMD to before -c */
	char *depend; /* the file that dependencies are written to */
};

/* Takes apart the command of a record; false, with `out` empty, if it is of another form. */
bool record_compile(const struct record *r, struct compile *out);
void compile_free(struct compile *c);

#endif
