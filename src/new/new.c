/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names that a module may have, placeholders, and the writing of the files. Nothing is ever written over: the directory
 * is made by us or not at all.
 */
#include "new/new.h"

#include "base/path.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* In templates.S. */
extern const struct new_template new_templates[], new_templates_end[];

static const struct new_license licenses[] = {
	{"bsd", "Dual BSD/GPL", "BSD-2-Clause OR GPL-2.0-only"},
	{"gpl", "GPL", "GPL-2.0-only"},
	{"mit", "Dual MIT/GPL", "MIT OR GPL-2.0-only"},
};

#define NLICENSES (sizeof licenses / sizeof *licenses)

/* Names that are taken: by the file of the test, and by the systems. */
static const char *const ours[] = {"freebsd", "linux", "test", "unix", NULL};

/* And those of which the headers that the templates include (of Linux 5.10 to 7.2, and FreeBSD 14) declare NAME_init, NAME_open,
 * NAME_read or whatever else is in the templates. */
static const char *const theirs[] = {"acpi", "alarm", "atomic", "atomic64", "bcd2bin", "bin2bcd",
	"bitmap", "block", "cmpxchg", "cmpxchg128", "cmpxchg64", "complete", "cpu", "cr4", "cred",
	"d", "default", "demangle", "dentry", "detach", "devres", "do", "down", "downgrade",
	"driver", "dump", "event", "f", "filemap", "files", "filp", "finish", "fork", "get",
	"hex2ascii", "hrtimer", "hrtimers", "ib", "icount", "ida", "idr", "initmem", "inode",
	"instrument", "interval", "kcsan", "kernel", "kernfs", "key", "kill", "klist", "kmsg",
	"kobject", "kref", "kset", "lo", "lock", "lockdep", "lockref", "lruvec", "mangle", "mas",
	"md", "module", "mt", "mutex", "net", "no", "nonseekable", "noop", "oops", "paging",
	"pidfd", "pmd", "poking", "proc", "pte", "pti", "pud", "put", "random", "rcu", "rcuref",
	"rcuwait", "refcount", "replace", "rhashtable", "rhltable", "rtc", "rwlock", "rwsem",
	"sbuf", "sema", "seq", "seqcount", "seqlock", "signals", "simple", "single", "smp",
	"sparse", "spin", "srcu", "stream", "syscall", "sysctl", "sysfs", "this", "tile", "time",
	"timekeeping", "timerqueue", "timers", "tsc", "up", "uprobe", "uprobes", "vfs", "workqueue",
	"x86", "xa", "xchg", NULL};

static bool is_among(const char *word, const char *const *words)
{
	while (*words && strcasecmp(*words, word))
		words++;
	return *words;
}

const char *const *new_kinds(void)
{
	static const char *const kinds[] = {"hello", "chardev", "sysctl-proc", NULL};

	return kinds;
}

const char *const *new_licenses(void)
{
	static const char *words[NLICENSES + 1];

	for (size_t i = 0; i < NLICENSES; i++)
		words[i] = licenses[i].word;
	return words;
}

const struct new_license *new_license(const char *word)
{
	for (size_t i = 0; i < NLICENSES; i++)
		if (!strcmp(licenses[i].word, word))
			return &licenses[i];
	return NULL;
}

int new_name(const char *dir, char **name, struct error *err)
{
	AUTO_FREE char *base = path_base(dir);
	size_t len = strlen(base);

	if (!strcmp(base, ".") || !strcmp(base, "..") || !strcmp(base, "/") || !len)
		return error_set(err, EINVAL,
			"'%s' is no name for a new directory: give the one that the module is to have",
			dir);
	if (len > NEW_NAME_MAX)
		return error_set(err, EINVAL,
			"the name %s is too long for a module: it may have %d characters", base,
			NEW_NAME_MAX);
	for (size_t i = 0; i < len; i++)
		if (!isascii(base[i]) ||
			!(isalnum((unsigned char)base[i]) || base[i] == '_' || base[i] == '-') ||
			(!i && !isalpha((unsigned char)base[i])))
			return error_set(err, EINVAL,
				"'%s' cannot be a module's name: it is to begin with a letter, and to "
				"have only letters (a-z), digits, '_' and '-' in it",
				base);
	if (is_among(base, ours) || is_among(base, theirs))
		return error_set(err, EINVAL,
			is_among(base, ours)
				? "the name %s means something else already: choose another, my_%s for one"
				: "the kernel has functions whose names begin with %s_: choose another name, "
				  "my_%s for one",
			base, base);
	for (char *c = base; *c; c++)
		if (*c == '-')
			*c = '_';
	*name = xstrdup(base);
	return 0;
}

bool new_author_refused(const char *author)
{
	for (const char *c = author; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 127 || *c == '"' || *c == '\\')
			return true;
	return !*author;
}

/* ---- placeholders ---- */

static char *upper(const char *text)
{
	char *copy = xstrdup(text);

	for (char *c = copy; *c; c++)
		*c = (char)toupper((unsigned char)*c);
	return copy;
}

/* What stands for the placeholder; NULL: it is none. Caller frees. */
static char *value(const struct new_request *q, const char *word, size_t len)
{
	AUTO_FREE char *key = xstrndup(word, len), *module = NULL;
	struct error err;

	if (new_name(q->dir, &module, &err))
		return NULL;
	if (!strcmp(key, "NAME"))
		return path_base(q->dir);
	if (!strcmp(key, "MODULE"))
		return xstrdup(module);
	if (!strcmp(key, "UPPER"))
		return upper(module);
	if (!strcmp(key, "KIND"))
		return xstrdup(q->kind);
	if (!strcmp(key, "AUTHOR"))
		return xstrdup(q->author);
	if (!strcmp(key, "LICENSE"))
		return xstrdup(q->license->module);
	if (!strcmp(key, "SPDX"))
		return xstrdup(q->license->spdx);
	if (!strcmp(key, "SYSTEMS"))
		return xstrdup(!q->is_for[TARGET_FREEBSD]  ? "Linux"
				: !q->is_for[TARGET_LINUX] ? "FreeBSD"
							   : "Linux and FreeBSD");
	return NULL;
}

void new_expand(const struct new_request *q, const char *text, size_t len, struct buf *out)
{
	const char *end = text + len;

	while (text < end) {
		const char *at = memchr(text, '@', (size_t)(end - text)), *close = NULL;
		AUTO_FREE char *filled = NULL;

		if (at)
			close = memchr(at + 1, '@', (size_t)(end - at - 1));
		if (!close) {
			buf_add(out, text, (size_t)(end - text));
			return;
		}
		filled = value(q, at + 1, (size_t)(close - at - 1));
		/* What was none may end where one begins. */
		buf_add(out, text, (size_t)((filled ? at : close) - text));
		if (filled)
			buf_adds(out, filled);
		text = filled ? close + 1 : close;
	}
}

/* ---- files ---- */

static bool is_wanted(const struct new_request *q, const struct new_template *t)
{
	if (strcmp(t->kind, "any") && strcmp(t->kind, q->kind))
		return false;
	return !strcmp(t->system, "any") ||
		q->is_for[!strcmp(t->system, "freebsd") ? TARGET_FREEBSD : TARGET_LINUX];
}

static int make_file(const struct new_request *q, const struct new_template *t, struct strv *made,
	struct error *err)
{
	bool below = q->is_for[0] && q->is_for[1] && strcmp(t->system, "any");
	AUTO_BUF struct buf name = {0}, text = {0};
	AUTO_FREE char *path = NULL, *dir = NULL;
	int r;

	if (below)
		buf_addf(&name, "%s/", t->system);
	new_expand(q, t->name, strlen(t->name), &name);
	new_expand(q, t->text, t->len, &text);
	path = xasprintf("%s/%s", q->dir, name.data);
	dir = xstrndup(path, (size_t)(strrchr(path, '/') - path));
	r = path_make_dirs(dir, err);
	if (!r)
		r = path_write(path, text.data, text.len, err);
	/* Scripts are run by their names. */
	if (!r && !strncmp(t->text, "#!", 2) && chmod(path, 0755))
		r = error_sys(err, errno, "cannot make %s executable", path);
	if (!r)
		strv_add(made, name.data);
	return r;
}

int new_make(const struct new_request *asked, struct strv *made, struct error *err)
{
	struct new_request q = *asked;
	AUTO_FREE char *name = NULL;
	int r = new_name(q.dir, &name, err);

	if (!q.kind)
		q.kind = new_kinds()[0];
	if (r)
		return r;
	if (mkdir(q.dir, 0777)) {
		if (errno == EEXIST)
			return error_set(err, EEXIST,
				"there is %s already, and nothing is written over: choose another name, or "
				"remove it",
				q.dir);
		return error_sys(err, errno, "cannot make the directory %s", q.dir);
	}
	for (const struct new_template *t = new_templates; t < new_templates_end && !r; t++)
		if (is_wanted(&q, t))
			r = make_file(&q, t, made, err);
	if (r)
		path_remove_tree(q.dir);
	return r;
}
