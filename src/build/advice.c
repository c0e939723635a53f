/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Advice. Little of it, and only where it holds whatever the module is: a wrong hint costs more
 * than none. The other half finds the line of the source that a linker's message is about, by
 * reading the source as words, comments and strings left out.
 */
#include "build/advice.h"

#include "base/path.h"
#include "check/symbols.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* ---- headers ---- */

static const struct {
	const char *header;
	const char *advice;
} headers[] = {
	{"stdio.h",
		"The kernel has no C library: drop <stdio.h>; printk() and pr_info() come from "
		"<linux/printk.h>."},
	{"stdlib.h",
		"The kernel has no C library: kmalloc() and kfree() come from <linux/slab.h>."},
	{"string.h",
		"The kernel has no C library: its string functions come from <linux/string.h>."},
	{"stdint.h",
		"The kernel has no C library: uint32_t and the like come from <linux/types.h>."},
	{"stdbool.h", "The kernel has no C library: bool comes from <linux/types.h>."},
	{"inttypes.h", "The kernel has no C library: its types come from <linux/types.h>."},
	{"errno.h", "The kernel has no C library: error numbers come from <linux/errno.h>."},
	{"unistd.h",
		"The kernel has no C library, and makes no system calls: a module calls the "
		"kernel's own functions."},
	{"time.h", "The kernel has no C library: its clocks come from <linux/ktime.h>."},
	{"pthread.h", "The kernel has no C library: its threads come from <linux/kthread.h>."},
	{"stdarg.h", "From Linux 5.15 on it is <linux/stdarg.h>."},
	{"asm/unaligned.h", "From Linux 6.12 on it is <linux/unaligned.h>."},
	{"asm/system.h",
		"Linux 3.4 split it up: barriers are in <asm/barrier.h>, the rest is in "
		"<asm/cmpxchg.h> and <asm/switch_to.h>."},
	{"asm/semaphore.h", "It is <linux/semaphore.h>."},
	{"linux/config.h", "Linux 2.6.19 removed it: it is not needed any more."},
	{"linux/smp_lock.h", "Linux 2.6.39 removed the big kernel lock: use a mutex of your own."},
};

static bool lies_outside(const char *name)
{
	return strstr(name, "../") != NULL;
}

static bool is_freebsd(const struct target *target)
{
	return target && target->os == TARGET_FREEBSD;
}

static char *advice_for_header(const char *name, const char *dir, const struct target *target)
{
	if (is_freebsd(target) && !lies_outside(name))
		return advice_for_freebsd_header(name);
	for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
		if (!strcmp(headers[i].header, name))
			return xstrdup(headers[i].advice);
	if (lies_outside(name))
		return xasprintf("The build sees %s and the target's files, nothing else: name the "
				 "directory that holds all of the module's source.",
			dir);
	if (!target ||
		(strncmp(name, "linux/", 6) && strncmp(name, "asm/", 4) &&
			strncmp(name, "net/", 4)))
		return NULL;
	return xasprintf("Linux %s has no such header: see what took its place, and choose by "
			 "LINUX_VERSION_CODE if other kernels still have it.",
		target->release);
}

/* ---- the compiler ---- */

/* The text between `before` and `behind`; NULL if it is not there. */
static char *between(const char *text, const char *before, const char *behind)
{
	const char *start = strstr(text, before);
	const char *end;

	if (!start)
		return NULL;
	start += strlen(before);
	end = strstr(start, behind);
	return end ? xstrndup(start, (size_t)(end - start)) : NULL;
}

static char *advice_for_function(const char *name, const struct target *target)
{
	const char *hint = symbol_hint(target ? target->os : TARGET_LINUX, name);
	struct symbol_info info;
	char *advice = NULL;

	if (hint)
		return xstrdup(hint);
	if (!target)
		return NULL;
	symbol_look_up(target, name, &info);
	if (info.state == SYMBOL_EXPORTED || info.state == SYMBOL_GPL_ONLY)
		advice = xasprintf(
			"The kernel exports %s: include the header that declares it.", name);
	symbol_info_free(&info);
	return advice;
}

char *advice_for_compiler(const char *message, const char *dir, const struct target *target)
{
	AUTO_FREE char *function = between(message, "implicit declaration of function '", "'");
	AUTO_FREE char *not_found = between(message, "'", "' file not found"); /* clang */
	const char *none = strstr(message, ": No such file or directory");

	if (!function)
		function = between(message, "call to undeclared function '", "'"); /* clang */
	if (function)
		return advice_for_function(function, target);
	if (not_found)
		return advice_for_header(not_found, dir, target);
	if (none) {
		AUTO_FREE char *header = xstrndup(message, (size_t)(none - message));

		return advice_for_header(header, dir, target);
	}
	return NULL;
}

char *advice_for_linker(const char *message)
{
	if (strstr(message, "multiple definition of ") || strstr(message, "duplicate symbol: "))
		return xstrdup(
			"Two of the module's files define it: make it static, or define it in "
			"one and declare it in a header.");
	return NULL;
}

/* ---- modpost ---- */

char *advice_for_modpost(const char *message)
{
	if (strstr(message, "missing MODULE_DESCRIPTION()"))
		return xstrdup("Add MODULE_DESCRIPTION(\"what it is, in a line\").");
	if (strcasestr(message, "section mismatch"))
		return xstrdup("What is __init is gone after loading, and what is __exit may never "
			       "have been there: code that stays must not use either.");
	if (strstr(message, "exported twice"))
		return xstrdup("Another module, or the kernel, exports that name already: choose "
			       "another one.");
	return NULL;
}

/* "6.12.3-foo" to 6012. 0: not known. */
static unsigned version_of(const struct target *target)
{
	unsigned major = 0, minor = 0;

	if (!target || sscanf(target->release, "%u.%u", &major, &minor) != 2 || major > 1000)
		return 0;
	return major * 1000 + minor;
}

char *advice_for_namespace(const char *namespace, const struct target *target)
{
	unsigned version = version_of(target);

	if (!strncmp(namespace, "module:", 7))
		return xasprintf(
			"Only %s may use it: find another function that is exported to all.",
			namespace + 7);
	if (!version)
		return xasprintf("Add MODULE_IMPORT_NS(%s), from Linux 6.13 on with the name in "
				 "quotes.",
			namespace);
	return version >= 6013
		? xasprintf("Add MODULE_IMPORT_NS(\"%s\"), as Linux has it since 6.13 "
			    "(before, without the quotes).",
			  namespace)
		: xasprintf("Add MODULE_IMPORT_NS(%s) (from Linux 6.13 on with the "
			    "name in quotes).",
			  namespace);
}

/* ---- make ---- */

char *advice_for_make(const char *message, const char *dir, const struct target *target)
{
	AUTO_FREE char *wanted = between(message, "No rule to make target '", "'");
	AUTO_FREE char *base = wanted ? path_base(wanted) : NULL;
	AUTO_FREE char *bsd = advice_for_bmake(message, dir);
	size_t n = base ? strlen(base) : 0;

	if (bsd)
		return xstrdup(bsd);
	if (strstr(message, "missing separator"))
		return xstrdup(strstr(message, "TAB")
				? "The lines of a recipe begin with a tab, not with spaces."
				: "The line is no rule, no assignment and no directive; if it belongs to "
				  "a recipe, it must begin with a tab.");
	if (strstr(message, "commences before first target") ||
		strstr(message, "commands commence before first target"))
		return xstrdup("A line that begins with a tab belongs to a recipe: this one has no "
			       "target above it.");
	if (strstr(message, "/lib/modules/") && strstr(message, "No such file or directory"))
		return xasprintf(
			"The sandbox has the build tree of %s only; a Makefile finds it as "
			"/lib/modules/$(shell uname -r)/build.",
			target ? target->release : "the target");
	if (n > 2 && !strcmp(base + n - 2, ".o"))
		return xasprintf(
			"The Makefile names %s, and %s has no %.*s.c to make it from: correct the name, or add the file.",
			base, dir, (int)n - 2, base);
	if (wanted && lies_outside(wanted))
		return advice_for_header(wanted, dir, target);
	return NULL;
}

/* ---- where in the source ---- */

#define SOURCE_MAX (4u << 20)
#define MOST_FILES 2000
#define MOST_DEPTH 8

struct search {
	const char *word;
	char *file; /* the best so far */
	unsigned line;
	int worth; /* 0: none, 1: the word is there, 2: it is used there */
	size_t files;
};

static bool is_word_char(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* Past a comment or a string that begins at `p`; `p` itself if none does. */
static const char *skip_inert(const char *p)
{
	const char *end;

	if (p[0] == '/' && p[1] == '/')
		return p + strcspn(p, "\n");
	if (p[0] == '/' && p[1] == '*') {
		end = strstr(p + 2, "*/");
		return end ? end + 2 : p + strlen(p);
	}
	if (*p != '"' && *p != '\'')
		return p;
	for (end = p + 1; *end && *end != *p && *end != '\n'; end++)
		if (*end == '\\' && end[1])
			end++;
	return *end == *p ? end + 1 : end;
}

/* A name after another name ("int foo(") or a star is being declared; after anything else, or
 * after "return", it is being used. */
static bool is_use(const char *text, const char *at)
{
	const char *p = at;

	while (p > text && (p[-1] == ' ' || p[-1] == '\t'))
		p--;
	if (p == text || p[-1] == '\n')
		return false;
	if (p - text >= 6 && !memcmp(p - 6, "return", 6))
		return true;
	return !is_word_char(p[-1]) && p[-1] != '*';
}

static void search_text(struct search *s, const char *path, const char *text)
{
	size_t n = strlen(s->word);
	unsigned line = 1;

	for (const char *p = text; *p && s->worth < 2;) {
		const char *next = skip_inert(p);

		if (next == p && is_word_char(*p)) {
			while (is_word_char(*next))
				next++;
			if ((size_t)(next - p) == n && !memcmp(p, s->word, n)) {
				int worth = is_use(text, p) ? 2 : 1;

				if (worth > s->worth) {
					free(s->file);
					s->file = xstrdup(path);
					s->line = line;
					s->worth = worth;
				}
			}
		} else if (next == p) {
			next++;
		}
		for (; p < next; p++)
			line += *p == '\n';
	}
}

static void search_dir(struct search *s, const char *dir, int depth)
{
	struct dirent **names;
	int n = scandir(dir, &names, NULL, alphasort);

	for (int i = 0; i < n; i++) {
		AUTO_FREE char *path = xasprintf("%s/%s", dir, names[i]->d_name);
		AUTO_BUF struct buf text = {0};
		const char *dot = strrchr(path, '.');
		struct stat st;

		free(names[i]);
		if (s->worth == 2 || s->files >= MOST_FILES || path[strlen(dir) + 1] == '.' ||
			lstat(path, &st))
			continue;
		if (S_ISDIR(st.st_mode) && depth < MOST_DEPTH)
			search_dir(s, path, depth + 1);
		if (!S_ISREG(st.st_mode) || !dot)
			continue;
		if (strcmp(dot, ".c") && strcmp(dot, ".h") && strcmp(dot, ".S"))
			continue;
		s->files++;
		if (strlen(path) > 6 && !strcmp(path + strlen(path) - 6, ".mod.c"))
			continue;
		if (!path_read(path, SOURCE_MAX, &text) && text.len)
			search_text(s, path, text.data);
	}
	if (n >= 0)
		free(names);
}

char *source_of_word(const char *dir, const char *word, unsigned *line)
{
	struct search s = {.word = word};

	if (*word)
		search_dir(&s, dir, 0);
	*line = s.line;
	return s.file;
}

char *source_of_module(const char *dir, const char *module)
{
	char *path = xasprintf("%s/%s.c", dir, module);

	if (path_is_file(path))
		return path;
	free(path);
	return NULL;
}

char *source_of_object(const char *dir, const char *object, unsigned *line)
{
	static const char *const names[] = {"Kbuild", "Makefile", NULL};

	*line = 0;
	for (size_t i = 0; *object && names[i]; i++) {
		AUTO_BUF struct buf text = {0};
		char *path = xasprintf("%s/%s", dir, names[i]);
		const char *at = path_read(path, SOURCE_MAX, &text) || !text.len
			? NULL
			: strstr(text.data, object);

		if (at) {
			*line = 1;
			for (const char *p = text.data; p < at; p++)
				*line += *p == '\n';
			return path;
		}
		free(path);
	}
	return NULL;
}
