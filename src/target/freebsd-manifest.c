/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A release's MANIFEST: a line for each distribution set with its file name, the file's SHA-256, how
 * many members it has, its own name, a description in quotes and whether it is installed by default,
 * parted by tabs. Only the first two are of interest, so that a MANIFEST of other times, with more or
 * fewer columns behind them, is understood all the same.
 */
#include "target/freebsd.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

/* The next word of the line that ends at `end`, from `*at` on, up to a tab. */
static const char *next_word(const char **at, const char *end, size_t *len)
{
	const char *word = *at, *tab = memchr(word, '\t', (size_t)(end - word));
	const char *stop = tab ? tab : end;

	*len = (size_t)(stop - word);
	*at = tab ? tab + 1 : end;
	return word;
}

static bool read_sum(const char *word, size_t len, char sum[SHA256_TEXT])
{
	if (len != SHA256_TEXT - 1)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!isxdigit((unsigned char)word[i]))
			return false;
		sum[i] = (char)tolower((unsigned char)word[i]);
	}
	sum[len] = 0;
	return true;
}

int freebsd_manifest_sum(const char *text, size_t len, const char *file, char sum[SHA256_TEXT])
{
	const char *end = text + len;
	bool found = false;

	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		const char *stop = newline ? newline : end, *at = text, *word;
		char stated[SHA256_TEXT];
		size_t n;

		text = newline ? newline + 1 : end;
		if (stop > at && stop[-1] == '\r')
			stop--;
		word = next_word(&at, stop, &n);
		if (n != strlen(file) || memcmp(word, file, n) != 0)
			continue;
		word = next_word(&at, stop, &n);
		if (!read_sum(word, n, stated) || (found && strcmp(stated, sum) != 0))
			return -EINVAL;
		strcpy(sum, stated);
		found = true;
	}
	return found ? 0 : -ENOENT;
}
