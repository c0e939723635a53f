/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ssh:USER@HOST: a real machine, with the kernel that runs there. All that is asked of it here is what that is; that it
 * serves is seen when it is surveyed. What modules are built with is found, not made: the tree of a target with the
 * same kernel, this machine's own headers if they are of that kernel, or the tree that the user names.
 */
#include "target/provider.h"

#include "base/path.h"
#include "base/ssh.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define ASK_MS	    60000
#define ANSWER_MAX  4096
#define SYMBOLS_MAX ((size_t)64 << 20)

static char *normalise(const char *spec, struct error *err)
{
	if (!*spec) {
		error_set(err, EINVAL, "ssh: needs a machine, as in ssh:root@board");
		return NULL;
	}
	return ssh_is_where(spec, err) ? xstrdup(spec) : NULL;
}

static unsigned long long needs(const char *spec)
{
	(void)spec;
	return 0;
}

/* The next line of an answer, harmless; "" when there is none. Cuts `*text` up. */
static char *next_line(char **text)
{
	char *line = *text, *end = line + strcspn(line, "\n");

	*text = *end ? end + 1 : end;
	*end = 0;
	for (char *c = line; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
	return line;
}

/* What it is. 0, with system and release in `t`, or -errno with the sentence set. */
static int ask(const char *where, struct target *t, struct error *err)
{
	AUTO_BUF struct buf answer = {0};
	char *at, *system, *release, *arch;
	int r = ssh_run(where, "echo; echo kmodlab; uname -s; uname -r; uname -m", ASK_MS,
		ANSWER_MAX, &answer, err);

	if (r < 0)
		return r;
	/* Logins may greet whoever comes. */
	at = answer.len ? strstr(answer.data, "\nkmodlab\n") : NULL;
	if (r || !at) {
		AUTO_FREE char *typed = ssh_typed(where);

		return error_set(err, EPROTO,
			"ssh:%s does not say what it is; see that `ssh %s uname` works", where,
			typed);
	}
	at += strlen("\nkmodlab\n");
	system = next_line(&at);
	release = next_line(&at);
	arch = next_line(&at);
	if (strcmp(system, "Linux") && strcmp(system, "FreeBSD"))
		return error_set(err, ENOTSUP,
			"ssh:%s runs %s; kmodlab tests modules for Linux and FreeBSD", where,
			*system ? system : "nothing that it names");
	if (strcmp(arch, "x86_64") && strcmp(arch, "amd64"))
		return error_set(err, ENOTSUP, "ssh:%s is %s; kmodlab tests x86_64 kernels only",
			where, *arch ? arch : "of a kind that it does not name");
	t->os = strcmp(system, "Linux") ? TARGET_FREEBSD : TARGET_LINUX;
	t->release = xstrdup(release);
	return 0;
}

/* FreeBSD's patches do not change what modules are compiled against: 14.0-RELEASE-p5 is 14.0-RELEASE. */
static bool same_release(const struct target *t, const char *release)
{
	const char *patch = t->os == TARGET_FREEBSD ? strstr(t->release, "-p") : NULL;
	size_t len = patch ? (size_t)(patch - t->release) : strlen(t->release);

	return !strcmp(t->release, release) ||
		(t->os == TARGET_FREEBSD && !strncmp(t->release, release, len) &&
			(!release[len] || !strncmp(release + len, "-p", 2)));
}

static char *copied(const char *text)
{
	return text ? xstrdup(text) : NULL;
}

/* A FreeBSD kernel's symbols come with its file; Linux tells them when it is surveyed. */
static int copy_symbols(const char *from, const char *staging, struct error *err)
{
	AUTO_FREE char *to = xasprintf("%s/symbols", staging);
	AUTO_BUF struct buf text = {0};
	int r = from ? path_read(from, SYMBOLS_MAX, &text) : -ENOENT;

	return r ? 0 : path_write(to, text.data, text.len, err);
}

/* The tree of a target that has the same kernel. 1: found; 0: there is none; -errno. */
static int of_target(struct target *t, const char *staging, struct error *err)
{
	struct targets all;
	int r = targets_load(&all, err);

	if (r)
		return r;
	for (size_t i = 0; i < all.n && !r; i++) {
		const struct target *other = &all.items[i];

		if (other->os != t->os || other->ssh || !same_release(t, other->release))
			continue;
		t->kernel = xstrdup(other->kernel);
		t->root = xstrdup(other->root);
		t->build = xstrdup(other->build);
		t->modules = copied(other->modules);
		t->options = copied(other->options);
		t->note = xasprintf(
			"modules for it are built with the tree of %s, whose kernel is the same",
			other->name);
		r = t->os == TARGET_FREEBSD ? copy_symbols(other->symbols, staging, err) : 0;
		r = r ? r : 1;
	}
	targets_free(&all);
	return r;
}

/* The release that a Linux build tree is of, or NULL. Caller frees. */
static char *release_of(const char *dir)
{
	AUTO_FREE char *path = xasprintf("%s/include/config/kernel.release", dir);
	AUTO_BUF struct buf text = {0};

	if (path_read(path, 256, &text) || !text.len)
		return NULL;
	text.data[strcspn(text.data, "\n")] = 0;
	return xstrdup(text.data);
}

/* The tree in `dir` of this machine. */
static int of_dir(const char *where, struct target *t, const char *dir, struct error *err)
{
	AUTO_FREE char *release = NULL, *makefile = NULL, *modules = NULL;
	char real[PATH_MAX];

	if (t->os == TARGET_FREEBSD)
		return error_set(err, EINVAL,
			"--tree takes a Linux kernel's build tree, and ssh:%s runs FreeBSD; add the target freebsd:VERSION for its %s first",
			where, t->release);
	if (!realpath(dir, real))
		return error_sys(err, errno, "--tree %s: there is no such build tree", dir);
	makefile = xasprintf("%s/Makefile", real);
	release = release_of(real);
	if (!path_is_file(makefile) || !release)
		return error_set(err, EINVAL,
			"--tree %s is no kernel's build tree that is ready for modules: it has no Makefile, or no include/config/kernel.release",
			dir);
	if (strcmp(release, t->release))
		return error_set(err, EINVAL,
			"--tree %s is of %s, and ssh:%s runs %s; modules of one do not load into the other",
			dir, release, where, t->release);
	modules = xasprintf("/lib/modules/%s", t->release);
	t->kernel = xstrdup(makefile);
	t->root = xstrdup("/");
	t->build = xstrdup(real);
	t->modules = path_is_dir(modules) ? xstrdup(modules) : NULL;
	t->note =
		xasprintf("modules for it are built with %s and this machine's own compiler", real);
	return 0;
}

static int refuse_without_tree(const char *where, const struct target *t, struct error *err)
{
	if (t->os == TARGET_FREEBSD)
		return error_set(err, ENOENT,
			"ssh:%s runs FreeBSD %s, and there is nothing here to build modules for that; `kmodlab target add freebsd:%.*s` brings it, then add this one again",
			where, t->release, (int)strcspn(t->release, "-"), t->release);
	return error_set(err, ENOENT,
		"ssh:%s runs Linux %s, and there is nothing here to build modules for that: add the target that has this kernel first (see `kmodlab target add`), or name its build tree with --tree DIR; a copy of /lib/modules/%s/build from there, links followed, will do",
		where, t->release, t->release);
}

static int make(const char *spec, const struct target_source *source, const char *staging,
	const char *final, struct target *t, target_progress_fn *progress, void *arg,
	struct error *err)
{
	AUTO_FREE char *own = NULL;
	int r;

	(void) final;
	progress(arg, "asking it what it is", 0, 0);
	r = ask(spec, t, err);
	if (r)
		return r;
	t->ssh = xstrdup(spec);
	if (source && source->tree)
		return of_dir(spec, t, source->tree, err);
	r = of_target(t, staging, err);
	if (r)
		return r < 0 ? r : 0;
	own = xasprintf("/lib/modules/%s/build", t->release);
	if (t->os == TARGET_LINUX && path_is_dir(own))
		return of_dir(spec, t, own, err);
	return refuse_without_tree(spec, t, err);
}

const struct target_provider target_ssh = {
	.prefix = "ssh",
	.syntax = "ssh:USER@HOST[:PORT]",
	.sentence = "a real machine, which modules may crash",
	.takes_source = true,
	.lends = true,
	.normalise = normalise,
	.needs = needs,
	.make = make,
};
