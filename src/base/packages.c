/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/packages.h"

#include "base/buf.h"
#include "base/path.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

/* By enum packaging. NULL: there is none, or none that would do. */
static const struct package {
	const char *program;
	const char *names[4];
	const char *source; /* where it comes from when no package brings it; or NULL */
} packages[] = {
	{"qemu-system-x86_64",
		{"qemu-system-x86", "qemu-system-x86-core", "qemu-system-x86", "qemu"}},
	{"bwrap", {"bubblewrap", "bubblewrap", "bubblewrap", NULL}},
	{"ssh", {"openssh-client", "openssh-clients", "openssh", NULL}},
	{"mmdebstrap", {"mmdebstrap", "mmdebstrap", NULL, NULL}, "the AUR's mmdebstrap, on Arch"},
	{"debian-archive-keyring",
		{"debian-archive-keyring", "debian-keyring", "debian-archive-keyring", NULL}},
	{"libcurl", {"libcurl4", "libcurl", "curl", "curl"}},
	{"clang", {"clang", "clang", "clang", "llvm"}},
	{"ld.lld", {"lld", "lld", "lld", "llvm"}},
	{"llvm-objcopy", {"llvm", "llvm", "llvm", "llvm"}},
	{"bmake", {"bmake", "bmake", "bmake", "bmake"}},
	{"original-awk", {"original-awk", NULL, NULL, NULL},
		"the awk of its book (onetrueawk, nawk), installed under the name original-awk"},
	{"busybox", {"busybox-static", "busybox", "busybox", "busybox"}},
	{"gdb", {"gdb", "gdb", "gdb", "gdb"}},
	{"make", {"make", "make", "make", "gmake"}},
	{"gcc", {"gcc", "gcc", "gcc", "gcc"}},
};
#define PACKAGES_N (sizeof packages / sizeof *packages)

static const struct {
	const char *id, *name, *install;
} kinds[] = {
	[PACKAGING_DEBIAN] = {"debian", "Debian", "apt-get install"},
	[PACKAGING_FEDORA] = {"fedora", "Fedora", "dnf install"},
	[PACKAGING_ARCH] = {"arch", "Arch Linux", "pacman -S"},
	[PACKAGING_FREEBSD] = {"freebsd", "FreeBSD", "pkg install"},
	[PACKAGING_OTHER] = {"", "this system", NULL},
};

/* os-release's value for `key`, unquoted; empty when it has none. Caller frees. */
static char *value_of(const char *text, const char *key)
{
	size_t len = strlen(key);

	for (const char *line = text; line && *line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, key, len) && line[len] == '=') {
			const char *value = line + len + 1;

			value += strspn(value, "\"'");
			return xstrndup(value, strcspn(value, "\"'\n"));
		}
	}
	return xstrdup("");
}

/* The kind that one of the words in `list` names, the first first. */
static enum packaging kind_in(char *list)
{
	char *rest, *word;

	for (word = strtok_r(list, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
		for (int k = 0; k < PACKAGING_OTHER; k++)
			if (!strcmp(word, kinds[k].id))
				return (enum packaging)k;
		/* These say nothing of Debian or Fedora themselves. */
		if (!strcmp(word, "ubuntu"))
			return PACKAGING_DEBIAN;
		if (!strcmp(word, "rhel") || !strcmp(word, "centos"))
			return PACKAGING_FEDORA;
	}
	return PACKAGING_OTHER;
}

enum packaging packages_of(const char *os_release)
{
	AUTO_FREE char *id = value_of(os_release, "ID"), *like = value_of(os_release, "ID_LIKE");
	enum packaging kind = kind_in(id);

	return kind == PACKAGING_OTHER ? kind_in(like) : kind;
}

static enum packaging here = PACKAGING_OTHER;

static void look_here(void)
{
	AUTO_BUF struct buf text = {0};

	if (path_read("/etc/os-release", 65536, &text) || !text.len) {
		buf_free(&text);
		if (path_read("/usr/lib/os-release", 65536, &text) || !text.len)
			return;
	}
	here = packages_of(text.data);
}

enum packaging packages_here(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, look_here);
	return here;
}

const char *packages_name(enum packaging kind)
{
	return kinds[kind].name;
}

static const struct package *entry_of(const char *program)
{
	for (size_t i = 0; i < PACKAGES_N; i++)
		if (!strcmp(packages[i].program, program))
			return &packages[i];
	return NULL;
}

const char *packages_find(enum packaging kind, const char *program)
{
	const struct package *p = entry_of(program);

	return p && kind != PACKAGING_OTHER ? p->names[kind] : NULL;
}

/* Adds `name` to a list of words unless it is in there. */
static void add_word(struct strv *words, const char *name)
{
	for (size_t i = 0; i < words->n; i++)
		if (!strcmp(words->v[i], name))
			return;
	strv_add(words, name);
}

char *packages_command(enum packaging kind, const char *const *programs)
{
	AUTO_STRV struct strv names = {0};
	AUTO_BUF struct buf lost = {0}, out = {0};

	for (size_t i = 0; programs[i]; i++) {
		const struct package *p = entry_of(programs[i]);
		const char *name = packages_find(kind, programs[i]);

		if (name) {
			add_word(&names, name);
			continue;
		}
		buf_addf(&lost, "%s%s", lost.len ? ", " : "", programs[i]);
		if (p && p->source)
			buf_addf(&lost, " (%s)", p->source);
		else if (kind == PACKAGING_OTHER && p && p->names[PACKAGING_DEBIAN])
			buf_addf(&lost, " (in Debian's package %s)", p->names[PACKAGING_DEBIAN]);
	}
	if (names.n)
		buf_addf(&out, "%s%s", geteuid() ? "sudo " : "", kinds[kind].install);
	for (size_t i = 0; i < names.n; i++)
		buf_addf(&out, " %s", names.v[i]);
	if (lost.len)
		buf_addf(&out, "%s%s has no package that kmodlab knows of: %s", names.n ? "; " : "",
			kinds[kind].name, lost.data);
	return buf_take(&out);
}

char *packages_for(const char *program)
{
	return packages_command(packages_here(), (const char *const[]){program, NULL});
}
