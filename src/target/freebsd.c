/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * freebsd:VERSION: a release of FreeBSD, from the distribution sets that its installer uses. Of
 * kernel.txz, the kernel and its modules; of src.txz, what a module is built with: the kernel's sources
 * and the makefiles. The compiler is this machine's clang, which needs no other one for FreeBSD. The
 * kernel's symbols are read from its file, here and now.
 */
#include "target/provider.h"

#include "base/path.h"
#include "target/freebsd.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

/* Measured with 14.0: 59 MB and 227 MB to fetch, 664 MB on disk. */
#define TREE_BYTES 800000000ULL
#define SETS_BYTES 350000000ULL
/* GENERIC has 25 MB. */
#define KERNEL_MAX ((size_t)512 << 20)
#define PARAM_MAX  (1 << 20)

#define KERNEL "boot/kernel"
#define BUILD  "usr/src"

static const struct freebsd_choice of_kernel = {
	.wanted = (const char *const[]){KERNEL, NULL},
	.unwanted = (const char *const[]){NULL},
};
static const struct freebsd_choice of_src = {
	.wanted = (const char *const[]){BUILD "/sys", BUILD "/share/mk", NULL},
	/* What boards of other architectures are made of: 84 MB. */
	.unwanted = (const char *const[]){BUILD "/sys/contrib/device-tree", NULL},
};

/* Without these no module can be built. */
static const char *const parts[] = {BUILD "/share/mk/bsd.kmod.mk", BUILD "/sys/conf/kmod.mk",
	BUILD "/sys/sys/param.h", BUILD "/sys/sys/module.h"};

/* The length of "14.0" in front of `text`; 0 if there is no such thing. */
static size_t version_length(const char *text)
{
	size_t major = strspn(text, "0123456789"), minor;

	if (major != 2 || text[major] != '.')
		return 0;
	minor = strspn(text + major + 1, "0123456789");
	if (!minor || minor > 2 || (minor == 2 && text[major + 1] == '0'))
		return 0;
	return major + 1 + minor;
}

static int refuse_version(const char *spec, struct error *err)
{
	if (!*spec)
		return error_set(err, EINVAL, "freebsd: which release? For example freebsd:14.0");
	if (strspn(spec, "0123456789") == strlen(spec))
		return error_set(err, EINVAL,
			"freebsd:%s: which release of it? A number behind a dot is wanted, as in "
			"freebsd:%s.0",
			spec, spec);
	return error_set(err, EINVAL, "freebsd has no release \"%s\"; they are called 14.0", spec);
}

static char *normalise(const char *spec, struct error *err)
{
	size_t len = version_length(spec);
	const char *rest = spec + len;
	long major = strtol(spec, NULL, 10);

	if (!strncmp(rest, "-RELEASE", 8))
		rest += 8;
	if (!len || (*rest && *rest != '/'))
		refuse_version(spec, err);
	else if (major < 13 || major > 15)
		error_set(err, EINVAL, "freebsd:%.*s: kmodlab knows 13, 14 and 15 so far", (int)len,
			spec);
	else if (*rest && strcmp(rest, "/amd64") != 0)
		error_set(err, EINVAL, "freebsd:%s: kmodlab tests amd64 kernels only so far", spec);
	else
		return xstrndup(spec, len);
	return NULL;
}

static unsigned long long needs(const char *spec)
{
	return TREE_BYTES + (freebsd_sets_cached(spec) ? 0 : SETS_BYTES);
}

/* The __FreeBSD_version in the sources; 0 if they do not say. */
static unsigned source_version(const char *root)
{
	AUTO_FREE char *path = xasprintf("%s/%s/sys/sys/param.h", root, BUILD);
	static const char define[] = "#define __FreeBSD_version ";
	AUTO_BUF struct buf text = {0};
	const char *at;

	if (path_read(path, PARAM_MAX, &text) || !text.data)
		return 0;
	at = strstr(text.data, define);
	return at ? (unsigned)strtoul(at + strlen(define), NULL, 10) : 0;
}

/* Whether what was unpacked of src.txz builds modules, and for that kernel. */
static int check_sources(const struct freebsd_sets *sets, const char *root,
	const struct freebsd_kernel *k, struct error *err)
{
	unsigned version;

	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		AUTO_FREE char *path = xasprintf("%s/%s", root, parts[i]);

		if (!path_is_file(path))
			return error_set(err, EINVAL,
				"%s is not the set of FreeBSD's sources: it has no %s", sets->src,
				parts[i]);
	}
	version = source_version(root);
	/* A kernel refuses modules that were built for another major release, or a later minor. */
	if (version && k->osreldate &&
		(version / 100000 != k->osreldate / 100000 || version > k->osreldate))
		return error_set(err, EINVAL,
			"%s and %s are not of one release: the kernel is %u, the sources are %u",
			sets->kernel, sets->src, k->osreldate, version);
	return 0;
}

static int check_release(const char *spec, const struct freebsd_sets *sets,
	const struct freebsd_kernel *k, struct error *err)
{
	size_t len = strlen(spec);

	if (!strncmp(k->release, spec, len) && k->release[len] == '-')
		return 0;
	return error_set(err, EINVAL, "%s holds the kernel of FreeBSD %s, and not of %s",
		sets->kernel, k->release, spec);
}

/* The kernel in the tree; what is wrong with it is said of the set that it came from. */
static int read_kernel(const char *root, const struct freebsd_sets *sets, struct freebsd_kernel *k,
	struct error *err)
{
	AUTO_FREE char *path = xasprintf("%s/" KERNEL "/kernel", root);
	AUTO_FREE char *name = xasprintf("%s's " KERNEL "/kernel", sets->kernel);
	AUTO_BUF struct buf bytes = {0};
	int r = path_read(path, KERNEL_MAX, &bytes);

	if (r == -ENOENT)
		return error_set(err, EINVAL,
			"%s is not the set of a FreeBSD kernel: it has no " KERNEL "/kernel",
			sets->kernel);
	if (r)
		return error_sys(err, -r, "cannot read %s", path);
	return freebsd_kernel_read(bytes.data, bytes.len, name, k, err);
}

/* Fills the directory `staging`. */
static int fill(const char *spec, const struct freebsd_sets *sets, const char *staging,
	struct freebsd_kernel *k, target_progress_fn *progress, void *arg, struct error *err)
{
	AUTO_FREE char *root = xasprintf("%s/root", staging);
	AUTO_FREE char *symbols = xasprintf("%s/symbols", staging);
	int r = path_make_dirs(root, err);

	if (!r)
		r = freebsd_unpack(
			sets->kernel, root, &of_kernel, "unpacking the kernel", progress, arg, err);
	if (!r)
		r = read_kernel(root, sets, k, err);
	if (!r)
		r = check_release(spec, sets, k, err);
	if (!r)
		r = freebsd_unpack(
			sets->src, root, &of_src, "unpacking its sources", progress, arg, err);
	if (!r)
		r = check_sources(sets, root, k, err);
	if (!r)
		r = path_write(symbols, k->symbols.data, k->symbols.len, err);
	return r;
}

static int make(const char *spec, const struct target_source *source, const char *staging,
	const char *final, struct target *t, target_progress_fn *progress, void *arg,
	struct error *err)
{
	struct freebsd_kernel k = {0};
	struct freebsd_sets sets;
	int r = freebsd_sets_find(spec, source, &sets, progress, arg, err);

	if (r)
		return r;
	r = fill(spec, &sets, staging, &k, progress, arg, err);
	if (!r) {
		t->os = TARGET_FREEBSD;
		t->release = xstrdup(k.release);
		t->root = xasprintf("%s/root", final);
		t->kernel = xasprintf("%s/" KERNEL "/kernel", t->root);
		t->modules = xasprintf("%s/" KERNEL, t->root);
		t->build = xstrdup("/" BUILD);
		t->note = sets.note ? xstrdup(sets.note) : NULL;
	}
	freebsd_kernel_free(&k);
	freebsd_sets_free(&sets);
	return r;
}

const struct target_provider target_freebsd = {
	.prefix = "freebsd",
	.syntax = "freebsd:VERSION",
	.sentence = "a FreeBSD release's kernel with its sources",
	.takes_source = true,
	.normalise = normalise,
	.needs = needs,
	.make = make,
};
