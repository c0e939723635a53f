/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * host: the kernel that this machine runs, with the headers its distribution installed for it.
 * Nothing is downloaded or copied. Where the distributions put an image and a build tree differs
 * (and on Arch one image name serves whatever kernel was installed last, so it is asked for its
 * release); what is missing is named with the package that brings it.
 */
#include "target/provider.h"

#include "base/path.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>

/* The families of distributions, by os-release's ID or ID_LIKE: what to type there for the kernel's
 * packages. "%s" is the release, or on Arch the name of the kernel's package. */
static const struct family {
	const char *id, *command, *image, *headers;
} families[] = {
	{"debian", "sudo apt-get install", "linux-image-%s", "linux-headers-%s"},
	{"ubuntu", "sudo apt-get install", "linux-image-%s", "linux-headers-%s"},
	{"fedora", "sudo dnf install", "kernel-core-%s", "kernel-devel-%s"},
	{"rhel", "sudo dnf install", "kernel-core-%s", "kernel-devel-%s"},
	{"arch", "sudo pacman -S", "%s", "%s-headers"},
	{"suse", "sudo zypper install", "kernel-default", "kernel-default-devel"},
};

/* os-release's value for `key`, unquoted; empty when it has none. Caller frees. */
static char *os_release_value(const char *text, const char *key)
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

/* Whether `word` is one of the words in `list`. */
static bool has_word(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (const char *p = list; *p; p += strcspn(p, " "), p += strspn(p, " "))
		if (!strncmp(p, word, len) && (p[len] == ' ' || !p[len]))
			return true;
	return false;
}

static const struct family *family_of(const char *root)
{
	AUTO_FREE char *path = xasprintf("%s/etc/os-release", root);
	AUTO_BUF struct buf text = {0};
	AUTO_FREE char *id = NULL, *like = NULL;

	if (path_read(path, 65536, &text))
		return NULL;
	id = os_release_value(text.data, "ID");
	like = os_release_value(text.data, "ID_LIKE");
	for (size_t i = 0; i < sizeof families / sizeof *families; i++)
		if (!strcmp(id, families[i].id))
			return &families[i];
	for (size_t i = 0; i < sizeof families / sizeof *families; i++)
		if (has_word(like, families[i].id))
			return &families[i];
	return NULL;
}

/* "6.6.8-2-lts" belongs to Arch's package linux-lts, "6.11.4-arch1-1" to linux. */
static const char *arch_package(const char *release)
{
	static const char *const flavours[] = {
		"linux-lts", "linux-zen", "linux-hardened", "linux-rt"};

	for (size_t i = 0; i < sizeof flavours / sizeof *flavours; i++)
		if (strstr(release, flavours[i] + strlen("linux")))
			return flavours[i];
	return "linux";
}

/* Adds a space and the package: `format` with `name` for its "%s", if it has one. */
static void add_package(const char *format, const char *name, struct buf *out)
{
	const char *hole = strstr(format, "%s");

	if (hole)
		buf_addf(out, " %.*s%s%s", (int)(hole - format), format, name, hole + 2);
	else
		buf_addf(out, " %s", format);
}

static int refuse_missing(
	const char *root, const char *release, bool image, bool headers, struct error *err)
{
	const struct family *f = family_of(root);
	bool arch = f && !strcmp(f->id, "arch");
	const char *name = arch ? arch_package(release) : release;
	const char *what = image && headers ? "image and no headers" : image ? "image" : "headers";
	AUTO_BUF struct buf how = {0};

	if (f)
		buf_addf(&how, "`%s", f->command);
	if (f && image)
		add_package(f->image, name, &how);
	if (f && headers)
		add_package(f->headers, name, &how);
	if (f)
		buf_adds(&how, "` brings what is missing");
	else
		buf_adds(&how, "your distribution's kernel packages bring what is missing");
	if (arch)
		buf_adds(&how, " (restart first if the kernel was upgraded since the last start)");
	return error_set(err, ENOENT,
		"the running kernel %s has no %s on this machine; %s. If the kernel is not the "
		"distribution's own (a container, WSL, built by hand), take another target, such as "
		"debian:bookworm",
		release, what, how.data);
}

/* Arch's one image name, if what is installed there is `release`. */
static char *find_arch_image(const char *root, const char *release)
{
	char *path = xasprintf("%s/boot/vmlinuz-linux", root);
	AUTO_FREE char *says = image_release(path);

	/* An upgrade puts the next kernel there while the last one still runs. */
	if (path_is_file(path) && (!says || !strcmp(says, release)))
		return path;
	free(path);
	return NULL;
}

/* The kernel image of `release`, one that can be read before one that cannot. Caller frees; NULL if
 * there is none. */
static char *find_image(const char *root, const char *release)
{
	static const char *const places[][2] = {{"/boot/vmlinuz-", ""},
		{"/lib/modules/", "/vmlinuz"}, {"/usr/lib/modules/", "/vmlinuz"}};
	char *unreadable = NULL;

	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		char *path = xasprintf("%s%s%s%s", root, places[i][0], release, places[i][1]);

		if (path_is_file(path) && !access(path, R_OK)) {
			free(unreadable);
			return path;
		}
		if (path_is_file(path) && !unreadable)
			unreadable = path;
		else
			free(path);
	}
	return unreadable ? unreadable : find_arch_image(root, release);
}

/* `path` below `root` with links resolved, an absolute one being absolute in `root`: the result as
 * a path inside `root`. Caller frees; NULL if it does not exist. */
static char *resolve(const char *root, const char *path)
{
	AUTO_FREE char *outside = xasprintf("%s%s", root, path);
	char link[PATH_MAX], real_root[PATH_MAX], real[PATH_MAX];
	ssize_t len = readlink(outside, link, sizeof link - 1);

	if (len > 0 && link[0] == '/') {
		link[len] = 0;
		free(outside);
		outside = xasprintf("%s%s", root, link);
	}
	if (!realpath(*root ? root : "/", real_root) || !realpath(outside, real))
		return NULL;
	len = (ssize_t)strlen(real_root);
	if (len == 1)
		return xstrdup(real);
	return strncmp(real, real_root, (size_t)len) || real[len] != '/' ? NULL
									 : xstrdup(real + len);
}

/* The build tree, as a real path inside `root`. */
static char *find_headers(const char *root, const char *release)
{
	const char *const places[][2] = {{"/lib/modules/", "/build"},
		{"/usr/src/linux-headers-", ""}, {"/usr/src/kernels/", ""},
		{"/usr/lib/modules/", "/build"}};

	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		AUTO_FREE char *path = xasprintf("%s%s%s", places[i][0], release, places[i][1]);
		char *inside = resolve(root, path);
		AUTO_FREE char *makefile = xasprintf("%s%s/Makefile", root, inside ? inside : "");

		if (inside && path_is_file(makefile))
			return inside;
		free(inside);
	}
	return NULL;
}

static char *find_modules(const char *root, const char *release)
{
	const char *const places[] = {"/usr/lib/modules", "/lib/modules"};

	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		char *path = xasprintf("%s%s/%s/kernel", root, places[i], release);
		bool there = path_is_dir(path);

		if (there) {
			*strrchr(path, '/') = 0;
			return path;
		}
		free(path);
	}
	return NULL;
}

int host_find(const char *root, const char *release, struct target *t, struct error *err)
{
	const char *top = strcmp(root, "/") ? root : "";
	AUTO_FREE char *image = find_image(top, release);
	AUTO_FREE char *headers = find_headers(top, release);

	if (!image || !headers)
		return refuse_missing(top, release, !image, !headers, err);
	if (access(image, R_OK))
		return error_set(err, EACCES,
			"the kernel image %s can be read by root alone; `sudo chmod +r %s` lets "
			"kmodlab boot it",
			image, image);
	t->release = xstrdup(release);
	t->kernel = xstrdup(image);
	t->root = xstrdup(*top ? top : "/");
	t->build = xstrdup(headers);
	t->modules = find_modules(top, release);
	return 0;
}

static char *normalise(const char *spec, struct error *err)
{
	if (!*spec)
		return xstrdup("");
	error_set(err, EINVAL,
		"nothing goes after \"host\", the kernel that runs here: kmodlab target add host");
	return NULL;
}

static unsigned long long needs(const char *spec)
{
	(void)spec;
	return 0;
}

static int make(const char *spec, const struct target_source *source, const char *staging,
	const char *final, struct target *t, target_progress_fn *progress, void *arg,
	struct error *err)
{
	struct utsname running;

	(void)spec, (void)source, (void)staging, (void) final, (void)progress, (void)arg;
	if (uname(&running))
		return error_sys(err, errno,
			"cannot tell which kernel runs here; take another target, such as debian:bookworm");
	if (strcmp(running.machine, "x86_64"))
		return error_set(err, ENOTSUP,
			"this machine is %s, and kmodlab tests x86_64 kernels only; take another target, such as debian:bookworm",
			running.machine);
	return host_find("/", running.release, t, err);
}

const struct target_provider target_host = {
	.prefix = "host",
	.syntax = "host",
	.sentence = "the kernel this machine runs, with its installed headers",
	.normalise = normalise,
	.needs = needs,
	.make = make,
};
