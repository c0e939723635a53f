/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_BUILD_READER_H
#define KMODLAB_BUILD_READER_H
/*
 * What the files that read a build's log share (build/diagnose*.c), and
 * nobody else needs: the state between two lines, and how a finding is begun and added to.
 */
#include "base/buf.h"
#include "base/finding.h"
#include "target/target.h"

#include <stdbool.h>
#include <string.h>

#define EXCERPT_MAX 16384 /* bytes */
#define MOST_SHOWN  100	  /* findings handed on */
#define DEPTH_MAX   16	  /* makes within makes */

struct reader {
	const char *dir;
	const struct target *target;
	struct findings found;
	size_t skipped;	    /* findings beyond MOST_KEPT */
	struct buf excerpt; /* of the last finding */
	struct buf before;  /* lines that lead to the next one */
	struct buf held;    /* a line that is a source line if a caret follows */
	bool in_finding;    /* whether lines may still belong to the last finding */
	bool takes_all;	    /* whether even lines of no known kind do */
	bool is_twice;	    /* the last finding had been met before: what follows is dropped */
	bool make_failed;
	char *not_found;	/* the last line in which a shell missed a program */
	char *where[DEPTH_MAX]; /* directories that makes have entered */
	size_t depth;
};

struct place {
	char *file;
	unsigned line, column;
};

/* A word that a line may have, and how bad what follows is. */
struct kind {
	const char *word;
	enum severity severity;
};

/* Begins a finding, ending the last one; takes over all the strings. What a build says twice, and
 * what is beyond all measure, is dropped. */
void reader_begin(struct reader *r, const char *rule, enum severity severity, struct place at,
	char *message, char *advice);
/* The lines that follow are none of the last finding's. */
void reader_end(struct reader *r);
/* Adds a line to the last finding's excerpt. */
void reader_add(struct reader *r, const char *line);
/* Takes "path:LINE:COLUMN: " or "path:LINE: " off the line; returns what follows and sets `at`,
 * whose file is the caller's, or returns NULL and leaves it. */
const char *reader_place(const struct reader *r, const char *line, struct place *at);

/* The path, of `len` bytes, as the user knows it. Caller frees. */
char *reader_path(const struct reader *r, const char *path, size_t len);
/* The makefile that has the word, of `len` bytes, and its line there: in the directory that the innermost
 * make is in, or else in the module's own. NULL if neither has one. Caller frees. */
char *reader_makefile(const struct reader *r, const char *word, size_t len, unsigned *line);
/* Makes a finding of the last program that a shell did not find, if there was one. */
void reader_add_not_found(struct reader *r);

/* Each takes one kind of line: true if it was one. */
bool read_objtool(struct reader *r, const char *line);
bool read_linker(struct reader *r, const char *line);
bool read_modpost(struct reader *r, const char *line);
bool read_bmake(struct reader *r, const char *line);

static inline bool begins(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

/* What follows the first `words` in `text`, or NULL. */
static inline const char *after(const char *text, const char *words)
{
	const char *p = strstr(text, words);

	return p ? p + strlen(words) : NULL;
}

/* The text between `before` and `behind`; NULL if it is not there. Caller frees. */
static inline char *between(const char *text, const char *before, const char *behind)
{
	const char *start = after(text, before);
	const char *end = start ? strstr(start, behind) : NULL;

	return end ? xstrndup(start, (size_t)(end - start)) : NULL;
}

#endif
