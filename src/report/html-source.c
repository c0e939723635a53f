/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The lines around a finding. What is found names its file by the module's debug information or a compiler's words,
 * which may name anything; a report is made to be passed on. So only what lies in the module's own directory
 * is read.
 */
#include "report/html.h"

#include "base/path.h"
#include "report/markup.h"

#include <string.h>

#define AROUND	 3
#define FILE_MAX (4u << 20)
/* Longer lines are cut. */
#define LINE_MAX_SHOWN 400

/* The directory that the module's files are in, without links. Caller frees; NULL if there is none. */
static char *root_of(const char *path)
{
	AUTO_FREE char *base = NULL;
	char *dir = realpath(path, NULL), *slash;

	if (!dir)
		return NULL;
	base = path_base(dir);
	slash = strrchr(dir, '/');
	if (slash && slash > dir &&
		(!path_is_dir(dir) || !strcmp(base, "linux") || !strcmp(base, "freebsd")))
		*slash = 0;
	return dir;
}

/* The file as it may be read, or NULL. Caller frees. */
static char *allowed(const char *root, const char *file)
{
	AUTO_FREE char *dir = root_of(root);
	AUTO_FREE char *joined = NULL;
	char *real;
	size_t len;

	if (!dir || !strcmp(dir, "/"))
		return NULL;
	joined = *file == '/' ? xstrdup(file) : xasprintf("%s/%s", dir, file);
	real = realpath(joined, NULL);
	len = strlen(dir);
	if (real && (strncmp(real, dir, len) || real[len] != '/' || !path_is_file(real))) {
		free(real);
		return NULL;
	}
	return real;
}

bool html_source(struct buf *out, const char *root, const char *file, unsigned line)
{
	AUTO_FREE char *path = line ? allowed(root, file) : NULL;
	AUTO_BUF struct buf text = {0};
	unsigned at = 1;

	if (!path || path_read(path, FILE_MAX, &text) || memchr(text.data, 0, text.len))
		return false;
	for (const char *p = text.data, *end = p + text.len; p < end; at++) {
		size_t len = strcspn(p, "\n");

		if (at + AROUND >= line && at <= line + AROUND) {
			buf_addf(out, "<span class=\"%s\"><b>%s%u</b> ",
				at == line ? "line here" : "line", at == line ? "▶ " : "", at);
			markup_addn(out, p, len < LINE_MAX_SHOWN ? len : LINE_MAX_SHOWN);
			buf_adds(out, len > LINE_MAX_SHOWN ? "…\n</span>" : "\n</span>");
		}
		p += len + 1;
	}
	return at > line;
}
