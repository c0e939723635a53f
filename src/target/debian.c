/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * debian:SUITE[/FLAVOUR]: a Debian release's kernel, its headers and its own compiler, unpacked as
 * a tree (debian-tree.c); or, for the flavours debug and race, a kernel compiled of that release's
 * source (debian-debug.c).
 */
#include "target/provider.h"

#include "base/path.h"
#include "target/debian.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>

static const char *const suites[] = {"bullseye", "bookworm", "trixie", "forky", "sid", NULL};
static const char *const flavours[] = {"cloud", "amd64", "rt", "debug", "race", NULL};

/* What people say for a suite; only those whose meaning does not change with time. */
static const struct alias {
	const char *said, *suite;
} aliases[] = {{"11", "bullseye"}, {"12", "bookworm"}, {"13", "trixie"}, {"14", "forky"},
	{"unstable", "sid"}};

static const char *find_word(const char *const *words, const char *word)
{
	for (; *words; words++)
		if (!strcmp(*words, word))
			return *words;
	return NULL;
}

static int refuse_word(
	const char *kind, const char *typed, const char *const *words, struct error *err)
{
	AUTO_BUF struct buf all = {0};
	const char *nearest = nearest_word(typed, words);

	for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++)
		if (words == suites && !strcmp(typed, aliases[i].said))
			nearest = aliases[i].suite;
	for (size_t i = 0; words[i]; i++)
		buf_addf(&all, "%s%s", i ? ", " : "", words[i]);
	if (nearest)
		return error_set(err, EINVAL, "debian has no %s \"%s\"; did you mean %s? (%s)",
			kind, typed, nearest, all.data);
	if (!*typed)
		return error_set(err, EINVAL, "debian: which %s? One of %s, as in debian:bookworm",
			kind, all.data);
	return error_set(
		err, EINVAL, "debian has no %s \"%s\"; there are %s", kind, typed, all.data);
}

static char *normalise(const char *spec, struct error *err)
{
	size_t len = strcspn(spec, "/");
	AUTO_FREE char *suite = xstrndup(spec, len);
	const char *flavour = spec[len] ? spec + len + 1 : flavours[0];

	if (!find_word(suites, suite))
		refuse_word("suite", suite, suites, err);
	else if (!find_word(flavours, flavour))
		refuse_word("flavour", flavour, flavours, err);
	else if (!debian_can_be(suite, flavour, err))
		return xasprintf("%s/%s", suite, flavour);
	return NULL;
}

/* Measured for all suites (index, packages and what is unpacked of them, at once): 820 MB at most
 * for cloud, 1100 MB for the others. */
static unsigned long long needs(const char *spec)
{
	if (debian_is_compiled(spec))
		return DEBIAN_COMPILED_BYTES;
	return strstr(spec, "/cloud") ? 1000000000 : 1300000000;
}

/* The release of the one kernel in `root` that has headers there. Caller frees; NULL: none has. */
static char *find_release(const char *root)
{
	AUTO_FREE char *path = xasprintf("%s/lib/modules", root);
	DIR *dir = opendir(path);
	struct dirent *entry;
	char *release = NULL;

	while (dir && !release && (entry = readdir(dir))) {
		AUTO_FREE char *makefile =
			xasprintf("%s/usr/src/linux-headers-%s/Makefile", root, entry->d_name);

		if (path_is_file(makefile))
			release = xstrdup(entry->d_name);
	}
	if (dir)
		closedir(dir);
	return release;
}

static int describe(const char *root, const char *final, struct target *t, struct error *err)
{
	const char *places[] = {"boot/vmlinuz-", "", "lib/modules/", "/vmlinuz"};

	t->release = find_release(root);
	if (!t->release)
		return error_set(err, ENOENT,
			"the packages of %s hold no kernel with the headers that belong to it; try again in a day, or another flavour (cloud, amd64, rt)",
			t->name);
	for (size_t i = 0; i < 4 && !t->kernel; i += 2) {
		AUTO_FREE char *inside = xasprintf("%s%s%s", places[i], t->release, places[i + 1]);
		AUTO_FREE char *image = xasprintf("%s/%s", root, inside);

		if (path_is_file(image))
			t->kernel = xasprintf("%s/root/%s", final, inside);
	}
	if (!t->kernel)
		return error_set(err, ENOENT,
			"the packages of %s hold no kernel image; try another flavour (cloud, amd64, rt)",
			t->name);
	t->root = xasprintf("%s/root", final);
	t->build = xasprintf("/usr/src/linux-headers-%s", t->release);
	t->modules = xasprintf("%s/root/lib/modules/%s", final, t->release);
	return 0;
}

static int make(const char *spec, const struct target_source *source, const char *staging,
	const char *final, struct target *t, target_progress_fn *progress, void *arg,
	struct error *err)
{
	const char *flavour = strchr(spec, '/') + 1;
	const char *suffix = strcmp(flavour, "amd64") ? "-amd64" : "";
	AUTO_FREE char *packages =
		xasprintf("linux-image-%s%s,linux-headers-%s%s", flavour, suffix, flavour, suffix);
	AUTO_FREE char *root = xasprintf("%s/root", staging);
	int r;

	(void)source;
	if (debian_is_compiled(spec))
		return debian_compile(spec, staging, final, t, progress, arg, err);
	r = debian_unpack(spec, packages, staging, &t->note, progress, arg, err);
	if (r)
		return r;
	debian_remove_unneeded(root);
	return describe(root, final, t, err);
}

const struct target_provider target_debian = {
	.prefix = "debian",
	.syntax = "debian:SUITE[/FLAVOUR]",
	.sentence = "Debian's own kernel and compiler (flavours: cloud, amd64, rt; debug, race)",
	.normalise = normalise,
	.needs = needs,
	.make = make,
};
