/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the call of a compiler to one that clangd can follow.
 *
 * Of gcc's options those are kept that say what the source means: what is included and defined, the
 * language, the processor's features, warnings. The hundred others are about the code that comes out; each
 * kernel has new ones, and clang takes every one that it does not know for an error. So there is a list
 * of what stays, not of what goes. Where clang was the compiler, all stays but its outputs.
 */
#include "build/compdb.h"

#include "base/path.h"
#include "build/record.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST_LINKS 40

static const char *past(const char *text, const char *with)
{
	size_t n = strlen(with);

	return strncmp(text, with, n) ? NULL : text + n;
}

static bool ends(const char *text, const char *tail)
{
	size_t n = strlen(text), t = strlen(tail);

	return n > t && !strcmp(text + n - t, tail);
}

/* ---- words ---- */

/* Takes what is quoted from `p` (at its quote) on; where it ends, NULL if it does not. */
static const char *take_quoted(const char *p, struct buf *word)
{
	char quote = *p++;

	for (; *p && *p != quote; p++) {
		if (quote == '"' && *p == '\\' && p[1] && strchr("\"\\$`", p[1]))
			p++;
		buf_add(word, p, 1);
	}
	return *p ? p + 1 : NULL;
}

bool compdb_words(const char *line, struct strv *words)
{
	AUTO_BUF struct buf word = {0};
	bool within = false;

	while (line) {
		if (*line && !strchr(" \t\n;|&<>()", *line)) {
			if (!within)
				buf_adds(&word, "");
			within = true;
			if (*line == '\'' || *line == '"') {
				line = take_quoted(line, &word);
				continue;
			}
			if (*line == '\\' && line[1])
				line++;
			buf_add(&word, line++, 1);
			continue;
		}
		if (within)
			strv_add(words, word.data);
		buf_free(&word);
		within = false;
		if (!*line || !strchr(" \t", *line))
			return true;
		line++;
	}
	return false;
}

const char *compdb_source(const struct strv *words)
{
	for (size_t i = words->n; i-- > 1;)
		if (*words->v[i] != '-' && ends(words->v[i], ".c"))
			return words->v[i];
	return NULL;
}

/* ---- paths ---- */

/* What is left of `path` below `dir` ("" or "/…"), NULL if it is not there. */
static const char *below(const char *path, const char *dir)
{
	const char *rest = past(path, dir);

	return rest && (!*rest || *rest == '/') ? rest : NULL;
}

/* The path below `root` of what is called `path` in there: links in a tree are meant from its own top.
 * What does not exist is taken as it is written. Caller frees. */
static char *in_tree(const char *root, const char *path)
{
	char *now = record_resolve("/", path);
	size_t from = 0;

	for (int links = 0; links < MOST_LINKS && now[from];) {
		size_t to = from + 1 + strcspn(now + from + 1, "/");
		AUTO_FREE char *part = xasprintf("%s%.*s", root, (int)to, now);
		AUTO_FREE char *next = NULL, *parent = NULL;
		char text[4096];
		ssize_t n = readlink(part, text, sizeof text - 1);

		if (n <= 0) {
			from = to;
			continue;
		}
		text[n] = 0;
		parent = xstrndup(now, from);
		next = xasprintf("%s%s", text, now + to);
		free(now);
		now = record_resolve(*parent ? parent : "/", next);
		from = 0;
		links++;
	}
	return now;
}

/* A path of the sandbox, absolute, that is not of the source directory. */
static char *elsewhere(const struct compdb_places *p, const char *whole)
{
	const char *root = strcmp(p->root, "/") ? p->root : "";
	AUTO_FREE char *outside = NULL, *inner = NULL;

	for (size_t i = 0; !outside && i < sizeof p->mounts / sizeof *p->mounts; i++) {
		const char *rest = p->mounts[i].inside ? below(whole, p->mounts[i].inside) : NULL;

		if (rest)
			outside = xasprintf("%s%s", p->mounts[i].outside, rest);
	}
	if (!outside)
		return xstrdup(whole);
	if (!*root || !below(outside, root))
		return xstrdup(outside);
	inner = in_tree(root, below(outside, root));
	return xasprintf("%s%s", root, inner);
}

static bool exists(const char *path)
{
	return !access(path, F_OK);
}

char *compdb_path(const struct compdb_places *p, const char *cwd, const char *path)
{
	AUTO_FREE char *whole = record_resolve(cwd, path);
	const char *rest = below(whole, p->inside);
	AUTO_FREE char *made = NULL;
	char *users;

	if (!rest)
		return elsewhere(p, whole);
	users = xasprintf("%s%s", p->dir, rest);
	made = xasprintf("%s%s", p->mirror, rest);
	if (exists(users) || !exists(made))
		return users;
	free(users);
	return xstrdup(made);
}

/* Makes a link at its own place to what one that the build made means; false if it leads nowhere. */
static bool make_link(const struct compdb_places *p, const char *made, const char *name)
{
	AUTO_FREE char *at = xasprintf("%s/%s", p->links, name);
	AUTO_FREE char *to = NULL;
	char text[4096];
	ssize_t n = readlink(made, text, sizeof text - 1);
	struct error err;

	if (n <= 0)
		return false;
	text[n] = 0;
	to = *text == '/' ? elsewhere(p, text) : NULL;
	/* Into the target's tree and nowhere else: a makefile may link to anything. */
	if (!to || !strcmp(p->root, "/") || !below(to, p->root) || !path_is_dir(to) ||
		path_make_dirs(p->links, &err))
		return false;
	unlink(at);
	return !symlink(to, at);
}

struct more {
	bool headers, links;
};

/* What the build's directory `made` has to include that the user's does not. */
static struct more look_for_more(const struct compdb_places *p, const char *users, const char *made)
{
	struct more more = {false, false};
	DIR *stream = opendir(made);
	struct dirent *entry;

	while (stream && (entry = readdir(stream))) {
		AUTO_FREE char *own = xasprintf("%s/%s", users, entry->d_name);
		AUTO_FREE char *its = xasprintf("%s/%s", made, entry->d_name);
		struct stat st;

		if (*entry->d_name == '.' || exists(own) || lstat(its, &st))
			continue;
		if (S_ISLNK(st.st_mode) && p->links && make_link(p, its, entry->d_name))
			more.links = true;
		else if (S_ISDIR(st.st_mode) || ends(entry->d_name, ".h"))
			more.headers = true;
	}
	if (stream)
		closedir(stream);
	return more;
}

/* Adds a directory to look for headers in, and where the build made more of them. */
static void add_directory(const struct compdb_places *p, const char *cwd, const char *option,
	const char *path, struct strv *argv)
{
	AUTO_FREE char *whole = record_resolve(cwd, path);
	AUTO_FREE char *here = compdb_path(p, cwd, path);
	const char *rest = below(whole, p->inside);
	AUTO_FREE char *made = rest ? xasprintf("%s%s", p->mirror, rest) : NULL;
	struct more more;

	strv_adds(argv, option, here, NULL);
	if (!made || !strcmp(made, here))
		return;
	more = look_for_more(p, here, made);
	if (more.headers)
		strv_adds(argv, option, made, NULL);
	if (more.links)
		strv_adds(argv, option, p->links, NULL);
}

/* ---- options ---- */

enum argument { NO_ARGUMENT, DROPPED, TEXT, FILE_NAME, DIRECTORY };

/* Those that take an argument, in the same word or in the next. */
static const struct {
	const char *option;
	enum argument argument;
} with_argument[] = {
	{"-isystem", DIRECTORY},
	{"-iquote", DIRECTORY},
	{"-idirafter", DIRECTORY},
	{"-include", FILE_NAME},
	{"-imacros", FILE_NAME},
	{"-I", DIRECTORY},
	{"-D", TEXT},
	{"-U", TEXT},
	{"-x", TEXT},
	{"-MT", DROPPED},
	{"-MF", DROPPED},
	{"-MQ", DROPPED},
	{"-o", DROPPED},
	{"--param", DROPPED},
	{"-mllvm", DROPPED},
	{"-aux-info", DROPPED},
	{"-dumpdir", DROPPED},
	{"-dumpbase", DROPPED},
};

/* Of gcc's others those that mean the same to clang, and something to who reads the source. A '*' at the
 * end stands for the rest of the word. */
static const char *const kept[] = {
	"-nostdinc",
	"-nostdlibinc",
	"-undef",
	"-ansi",
	"-std=*",
	"-O*",
	"-W*",
	"-w",
	"-pedantic*",
	/* the language */
	"-funsigned-char",
	"-fsigned-char",
	"-fshort-wchar",
	"-fno-short-wchar",
	"-fshort-enums",
	"-fms-extensions",
	"-ffreestanding",
	"-fhosted",
	"-fbuiltin",
	"-fno-builtin*",
	"-fgnu89-inline",
	"-fno-common",
	"-fwrapv",
	"-fno-strict-aliasing",
	"-fno-strict-overflow",
	"-fno-delete-null-pointer-checks",
	/* what macros the compiler defines by itself */
	"-fcf-protection*",
	"-fno-PIE",
	"-fno-pie",
	"-fno-pic",
	"-fno-PIC",
	"-fPIC",
	"-fpic",
	"-m16",
	"-m32",
	"-m64",
	"-march=x86-64*",
	"-march=armv8*",
	"-mcmodel=kernel",
	"-mgeneral-regs-only",
	"-mlittle-endian",
	"-mabi=lp64",
	"-mmmx",
	"-mno-mmx",
	"-msse*",
	"-mno-sse*",
	"-mssse3",
	"-mavx*",
	"-mno-avx*",
	"-maes",
	"-mno-aes",
	"-mpclmul",
	"-msha",
	"-mfma",
	"-mbmi*",
	"-msoft-float",
	"-mhard-float",
};

/* Outputs, and an assembler's, linker's and plugins' matters: of clang's options too. */
static const char *const dropped[] = {"-c", "-S", "-E", "-M", "-MM", "-MD", "-MMD", "-MP", "-MG",
	"-pipe", "-save-temps*", "-Wp,-M*", "-Wa,*", "-Wl,*", "-fplugin*", "-g*",
	"-fmacro-prefix-map=*", "-ffile-prefix-map=*", "-fdebug-prefix-map=*"};

static bool fits(const char *word, const char *pattern)
{
	size_t n = strlen(pattern);

	return pattern[n - 1] == '*' ? !strncmp(word, pattern, n - 1) : !strcmp(word, pattern);
}

static bool is_among(const char *word, const char *const *patterns, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (fits(word, patterns[i]))
			return true;
	return false;
}

#define IS_AMONG(word, list) is_among(word, list, sizeof(list) / sizeof *(list))

/* gcc's own headers (stdarg.h, intrinsics) are not clang's; clang has its own of the same names. */
static bool is_gccs(const char *dir)
{
	return strstr(dir, "/lib/gcc/") || strstr(dir, "/lib/gcc-cross/");
}

static bool has_gccs(const struct strv *words)
{
	for (size_t i = 0; i < words->n; i++)
		if (is_gccs(words->v[i]) &&
			(past(words->v[i], "-isystem") ||
				(i && !strcmp(words->v[i - 1], "-isystem"))))
			return true;
	return false;
}

static void add_argument(const struct compdb_places *p, const char *cwd, const char *option,
	enum argument kind, const char *value, struct strv *argv)
{
	AUTO_FREE char *path = NULL;

	switch (kind) {
	case NO_ARGUMENT:
	case DROPPED:
		return;
	case TEXT:
		strv_addf(argv, "%s%s", option, value);
		return;
	case FILE_NAME:
		path = compdb_path(p, cwd, value);
		strv_adds(argv, option, path, NULL);
		return;
	case DIRECTORY:
		if (!is_gccs(value))
			add_directory(p, cwd, option, value, argv);
		return;
	}
}

/* Whether the word at `*i` is an option with an argument; then it was dealt with, and `*i` is its last
 * word. */
static bool take_argument(const struct compdb_places *p, const char *cwd, const struct strv *words,
	size_t *i, struct strv *argv)
{
	for (size_t k = 0; k < sizeof with_argument / sizeof *with_argument; k++) {
		const char *option = with_argument[k].option, *value = past(words->v[*i], option);

		if (!value)
			continue;
		if (!*value)
			value = *i + 1 < words->n ? words->v[++*i] : "";
		else if (!strcmp(option, "--param") && *value == '=')
			value++;
		add_argument(p, cwd, option, with_argument[k].argument, value, argv);
		return true;
	}
	return false;
}

static bool is_clang(const struct strv *words)
{
	for (size_t i = 0; i < words->n && *words->v[i] != '-'; i++)
		if (strstr(words->v[i], "clang"))
			return true;
	return false;
}

void compdb_options(
	const struct compdb_places *p, const char *cwd, const struct strv *words, struct strv *argv)
{
	bool clang = is_clang(words);
	size_t i = 0;

	/* A compiler may have others before it: ccache. */
	while (i < words->n && *words->v[i] != '-')
		i++;
	if (!clang)
		strv_add(argv, "-Wno-unknown-warning-option");
	for (; i < words->n; i++) {
		const char *word = words->v[i];

		if (*word != '-' || IS_AMONG(word, dropped) ||
			take_argument(p, cwd, words, &i, argv))
			continue;
		/* The compiler's own headers, and no system's. */
		if (!strcmp(word, "-nostdinc") && !clang && has_gccs(words))
			word = "-nostdlibinc";
		/* A kernel that takes each warning for an error has gcc's in mind. */
		if (clang || (IS_AMONG(word, kept) && strcmp(word, "-Werror")))
			strv_add(argv, word);
	}
	/* What Kbuild itself does not want to hear from clang. */
	if (!clang)
		strv_adds(argv, "-Wno-gnu", "-Wno-initializer-overrides", NULL);
}
