/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command line for bubblewrap. What a build sees:
 *
 *	/usr, /bin, /lib, …, /etc	the target's tree, read-only
 *	/proc, /dev, /tmp		new and private
 *	/lib/modules/<release>/build	the target's build tree, whatever release a Makefile asks for:
 *					its own, or the `uname -r` of the machine it happens to run on
 *	the source directory		the mirror, under the user's own path, so that messages and
 *					debug information name the user's files
 *
 * Of a FreeBSD module's build, the system is this machine's, which has the compiler; build/bsdmake.c
 * adds FreeBSD's sources.
 *
 * All of it is one user's, number 1000, whoever ran us: make must not find itself to be root.
 */
#include "build/sandbox.h"

#include "base/packages.h"
#include "base/path.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>

static bool is_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return !strncmp(path, dir, n) && (path[n] == '/' || !path[n]);
}

const char *sandbox_path_for(const char *dir, const struct target *target)
{
	static const char *const taken[] = {"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64",
		"/libx32", "/etc", "/proc", "/dev", "/sys", "/freebsd", NULL};

	/* make splits at blanks and colons, and both it and the shell take the rest for theirs. */
	if (strpbrk(dir, " \t\n:;#$%\\\"'`*?[]{}()<>|&~!=,"))
		return SANDBOX_ELSEWHERE;
	if (!strcmp(dir, "/") || !strcmp(dir, "/tmp"))
		return SANDBOX_ELSEWHERE;
	for (size_t i = 0; taken[i]; i++)
		if (is_below(dir, taken[i]))
			return SANDBOX_ELSEWHERE;
	/* The mirror would hide a build tree that lies in the directory. */
	if (!strcmp(target->root, "/") && is_below(target->build, dir))
		return SANDBOX_ELSEWHERE;
	return dir;
}

static char *in_root(const char *root, const char *path)
{
	return xasprintf("%s%s", strcmp(root, "/") ? root : "", path);
}

/* One of the top-level names of the target's tree: a directory is mounted, a link made again. */
static void add_top(struct strv *argv, const char *root, const char *path)
{
	AUTO_FREE char *outside = in_root(root, path);
	struct stat st;
	char to[4096];
	ssize_t n;

	if (lstat(outside, &st))
		return;
	if (S_ISDIR(st.st_mode)) {
		strv_adds(argv, "--ro-bind", outside, path, NULL);
		return;
	}
	n = S_ISLNK(st.st_mode) ? readlink(outside, to, sizeof to - 1) : -1;
	if (n <= 0)
		return;
	to[n] = 0;
	strv_adds(argv, "--symlink", to, path, NULL);
}

static bool is_link(const char *root, const char *path)
{
	AUTO_FREE char *outside = in_root(root, path);
	struct stat st;

	return !lstat(outside, &st) && S_ISLNK(st.st_mode);
}

/* Where modules are in the tree: /lib may be a link to /usr/lib. NULL if there is no such
 * directory. */
static char *modules_dir(const char *root, bool merged)
{
	const char *path = merged ? "/usr/lib/modules" : "/lib/modules";
	AUTO_FREE char *outside = in_root(root, path);

	return path_is_dir(outside) ? xstrdup(path) : NULL;
}

/* A tree without /lib/modules (a container's) has no place to mount one on. Where /lib is a link,
 * as it is on every merged system, a directory of links takes its place, and has room for it. */
static char *make_modules_dir(struct strv *argv, const char *root)
{
	AUTO_FREE char *lib = in_root(root, "/usr/lib");
	DIR *stream = opendir(lib);
	struct dirent *entry;

	while (stream && (entry = readdir(stream))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		strv_add(argv, "--symlink");
		strv_addf(argv, "/usr/lib/%s", entry->d_name);
		strv_addf(argv, "/lib/%s", entry->d_name);
	}
	if (!stream)
		return NULL;
	closedir(stream);
	return xstrdup("/lib/modules");
}

/* Mounts the system. Returns where modules are in it, now an empty directory; NULL if nowhere. */
static char *add_system(struct strv *argv, const char *root)
{
	static const char *const tops[] = {
		"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", NULL};
	/* Of this machine's own /etc, what compilers and the dynamic linker read and no more: there
	 * are secrets in it, and root may be who runs us. */
	static const char *const etc[] = {"alternatives", "ld.so.cache", "ld.so.conf",
		"ld.so.conf.d", "env.d", "perl", "python3", "os-release", "debian_version",
		"localtime", NULL};
	bool own = !strcmp(root, "/"), merged = is_link(root, "/lib");
	char *modules = modules_dir(root, merged);

	for (size_t i = 0; tops[i]; i++) {
		if (own && !strcmp(tops[i], "/etc"))
			continue;
		if (merged && !modules && !strcmp(tops[i], "/lib"))
			modules = make_modules_dir(argv, root);
		else
			add_top(argv, root, tops[i]);
	}
	for (size_t i = 0; own && etc[i]; i++) {
		AUTO_FREE char *path = xasprintf("/etc/%s", etc[i]);

		strv_adds(argv, "--ro-bind-try", path, path, NULL);
	}
	strv_adds(argv, "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", NULL);
	if (modules)
		strv_adds(argv, "--tmpfs", modules, NULL);
	return modules;
}

/* /lib/modules/<release>/build, for each release a Makefile may ask for. */
static void add_modules(struct sandbox *s, const struct target *t, const char *modules)
{
	const char *releases[2] = {t->release, NULL};
	struct utsname host;

	if (!uname(&host) && strcmp(host.release, t->release))
		releases[1] = host.release;
	for (size_t i = 0; i < 2 && releases[i]; i++) {
		AUTO_FREE char *link = xasprintf("%s/%s/build", modules, releases[i]);

		if (strcmp(link, s->build))
			strv_adds(&s->argv, "--symlink", s->build, link, NULL);
	}
}

/* A build tree that the mounts above do not show (a directory somewhere on this machine, or one
 * below /lib/modules, which is covered), and the source it was made from. */
static void add_build(struct sandbox *s, const struct target *t, const char *modules)
{
	AUTO_FREE char *outside = in_root(t->root, s->build);
	AUTO_FREE char *link = xasprintf("%s/source", outside);
	AUTO_FREE char *source = realpath(link, NULL);
	bool covered = modules && is_below(s->build, modules);

	if (covered || (!is_below(s->build, "/usr") && !is_below(s->build, "/lib")))
		strv_adds(&s->argv, "--ro-bind", outside, s->build, NULL);
	if (source && !strcmp(t->root, "/") && !is_below(source, s->build) &&
		!is_below(source, "/usr"))
		strv_adds(&s->argv, "--ro-bind", source, source, NULL);
}

/* The build tree's path in the sandbox, without links that a mount would break. */
static char *build_path(const struct target *t)
{
	AUTO_FREE char *outside = in_root(t->root, t->build);
	struct stat st;

	if (!strcmp(t->root, "/"))
		return realpath(t->build, NULL);
	if (stat(outside, &st) || !S_ISDIR(st.st_mode))
		return NULL;
	return xasprintf("%s%s",
		is_below(t->build, "/lib") && is_link(t->root, "/lib") ? "/usr" : "", t->build);
}

void sandbox_setenv(struct sandbox *s, const char *name, const char *value)
{
	strv_adds(&s->argv, "--setenv", name, value, NULL);
}

static void add_environment(struct sandbox *s)
{
	sandbox_setenv(s, "PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin");
	sandbox_setenv(s, "HOME", "/tmp");
	sandbox_setenv(s, "LC_ALL", "C");
	sandbox_setenv(s, "TERM", "dumb");
	sandbox_setenv(s, "USER", "kmodlab");
	/* The same source gives the same bytes. */
	sandbox_setenv(s, "KBUILD_BUILD_USER", "kmodlab");
	sandbox_setenv(s, "KBUILD_BUILD_HOST", "kmodlab");
	sandbox_setenv(s, "KBUILD_BUILD_TIMESTAMP", "Thu Jan  1 00:00:00 UTC 1970");
}

int sandbox_begin(struct sandbox *s, struct error *err)
{
	AUTO_FREE char *bwrap = path_program("bwrap");

	*s = (struct sandbox){0};
	if (!bwrap) {
		AUTO_FREE char *how = packages_for("bwrap");

		return error_set(err, ENOENT,
			"bubblewrap is not installed, and modules are built in its sandbox only: %s",
			how);
	}
	strv_adds(&s->argv, bwrap, "--unshare-all", "--unshare-user", "--uid", "1000", "--gid",
		"1000", "--die-with-parent", "--new-session", "--clearenv", NULL);
	/* With make as the first process, all the others are gone when it ends, and their time is
	 * counted. */
	strv_add(&s->argv, "--as-pid-1");
	add_environment(s);
	return 0;
}

int sandbox_add_linux(struct sandbox *s, const struct target *target, struct error *err)
{
	AUTO_FREE char *modules = NULL;

	s->build = build_path(target);
	if (!s->build)
		return error_set(err, EINVAL,
			"the target %s has lost its build tree %s; remove the target and add it again (kmodlab target)",
			target->name, target->build);
	modules = add_system(&s->argv, target->root);
	add_build(s, target, modules);
	if (modules)
		add_modules(s, target, modules);
	return 0;
}

void sandbox_add_machine(struct sandbox *s)
{
	free(add_system(&s->argv, "/"));
}

void sandbox_add_source(
	struct sandbox *s, const char *dir, const char *mirror, const struct target *target)
{
	s->inside = xstrdup(sandbox_path_for(dir, target));
	strv_adds(&s->argv, "--bind", mirror, s->inside, "--chdir", s->inside, NULL);
}

void sandbox_free(struct sandbox *s)
{
	strv_free(&s->argv);
	free(s->inside);
	free(s->build);
	*s = (struct sandbox){0};
}

int sandbox_failed(const char *line, const struct target *target, struct error *err)
{
	AUTO_BUF struct buf sysctl = {0};

	if (strstr(line, "execvp") && !strcmp(target->root, "/")) {
		AUTO_FREE char *how = packages_command(
			packages_here(), (const char *const[]){"make", "gcc", NULL});

		return error_set(err, ENOENT,
			"this machine has no make to build for %s with: %s (%s)", target->name, how,
			line);
	}
	if (strstr(line, "execvp"))
		return error_set(err, ENOENT,
			"the tree of the target %s has no make; remove the target and add it again "
			"(%s)",
			target->name, line);
	/* What is not to be seen is no matter of namespaces. */
	if (strstr(line, "source path"))
		return error_set(err, EACCES,
			"the build's sandbox cannot be set up, because a directory that it is to show cannot be read by you: %s",
			line);
	if (!strstr(line, "namespace") && !strstr(line, "uid map") &&
		!strstr(line, "RTM_NEWADDR") && !strstr(line, "ermission") &&
		!strstr(line, "not permitted"))
		return error_set(err, EIO,
			"the sandbox for the build did not come up: %s; kmodlab doctor looks for what is missing",
			line);
	if (!path_read("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", 16, &sysctl) &&
		sysctl.data[0] == '1')
		return error_set(err, EPERM,
			"this machine refuses bubblewrap a user namespace (%s); allow it with: sudo "
			"sysctl kernel.apparmor_restrict_unprivileged_userns=0",
			line);
	buf_free(&sysctl);
	if (!path_read("/proc/sys/kernel/unprivileged_userns_clone", 16, &sysctl) &&
		sysctl.data[0] == '0')
		return error_set(err, EPERM,
			"this machine refuses bubblewrap a user namespace (%s); allow it with: sudo "
			"sysctl kernel.unprivileged_userns_clone=1",
			line);
	return error_set(err, EPERM,
		"this machine refuses bubblewrap a user namespace (%s); see sysctl "
		"user.max_user_namespaces, and in a container run it with user namespaces allowed",
		line);
}
