/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * freebsd:VERSION: a release of FreeBSD, from the distribution sets that its installer uses. Of
 * kernel.txz, the kernel and its modules; of src.txz, what a module is built with: the kernel's sources
 * and the makefiles; of base.txz, where there is one, what a test program is compiled and linked with, and the
 * programs of /rescue, which need no library. The compiler is this machine's clang, which needs no other one for FreeBSD. The
 * kernel's symbols are read from its file, here and now. With a label, and --kernel FILE, another kernel
 * that was built of the same sources takes that one's place; modules for it are compiled with its options.
 */
#include "target/provider.h"

#include "base/path.h"
#include "target/freebsd.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

/* Measured with 14.0: 59 MB and 227 MB to fetch, 664 MB on disk. What is taken of base.txz, which has some
 * 200 MB, adds less than 100 MB. */
#define TREE_BYTES 900000000ULL
#define SETS_BYTES 550000000ULL
/* GENERIC has 25 MB. */
#define KERNEL_MAX ((size_t)512 << 20)
#define PARAM_MAX  (1 << 20)
#define LABEL_MAX  40

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

/* Programs are linked statically, so no shared library is of use; libsys is 15's. */
#define LIB "usr/lib/"
static const struct freebsd_choice of_base = {
	.wanted = (const char *const[]){"rescue", "usr/include", LIB "crt1.o", LIB "crti.o",
		LIB "crtn.o", LIB "crtbegin.o", LIB "crtbeginT.o", LIB "crtend.o", LIB "libc.a",
		LIB "libsys.a", LIB "libgcc.a", LIB "libgcc_eh.a", LIB "libcompiler_rt.a",
		LIB "libthr.a", LIB "libpthread.a", LIB "libm.a", LIB "libutil.a",
		LIB "libssp_nonshared.a", LIB "libkvm.a", LIB "libelf.a", LIB "librt.a", NULL},
	.unwanted = (const char *const[]){"usr/include/c++", NULL},
};

/* Without these no module can be built. */
static const char *const needed[] = {BUILD "/share/mk/bsd.kmod.mk", BUILD "/sys/conf/kmod.mk",
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
	return error_set(
		err, EINVAL, "freebsd has no release \"%s\"; a release is called 14.0, say", spec);
}

/* Labels that somebody means an architecture by. */
static const char *const architectures[] = {"arm64", "aarch64", "arm", "armv7", "i386", "powerpc",
	"powerpc64", "riscv", "riscv64", "x86", "x86_64", NULL};

/* What stands behind the slash: another kernel's name. */
static int check_label(const char *spec, const char *label, struct error *err)
{
	size_t len =
		strspn(label, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");

	for (size_t i = 0; architectures[i]; i++)
		if (!strcmp(label, architectures[i]) || !*label)
			return error_set(err, EINVAL,
				"freebsd:%s: kmodlab tests amd64 kernels only so far", spec);
	if (label[len] || len > LABEL_MAX || !isalpha((unsigned char)*label))
		return error_set(err, EINVAL,
			"freebsd:%s: behind the slash, a kernel's label is wanted: letters and digits, "
			"as in freebsd:14.0/debug",
			spec);
	return 0;
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
		error_set(err, EINVAL,
			"freebsd:%.*s: kmodlab knows the releases of FreeBSD 13, 14 and 15 so far",
			(int)len, spec);
	else if (!*rest || !strcmp(rest, "/amd64"))
		return xstrndup(spec, len);
	else if (!check_label(spec, rest + 1, err))
		return xasprintf("%.*s%s", (int)len, spec, rest);
	return NULL;
}

/* "14.0" of "14.0/debug". Caller frees. */
static char *version_of(const char *spec)
{
	return xstrndup(spec, strcspn(spec, "/"));
}

static int check_source(const char *spec, const struct target_source *source, struct error *err)
{
	const char *label = strchr(spec, '/');

	if (label && !source->kernel)
		return error_set(err, EINVAL,
			"freebsd:%s: which kernel is that? --kernel FILE names one that was built of the "
			"sources of %.*s",
			spec, (int)(label - spec), spec);
	if (!label && source->kernel)
		return error_set(err, EINVAL,
			"freebsd:%s is that release's own kernel; with --kernel it takes a label, as in "
			"freebsd:%s/debug",
			spec, spec);
	return 0;
}

static unsigned long long needs(const char *spec)
{
	AUTO_FREE char *version = version_of(spec);

	return TREE_BYTES + (freebsd_sets_cached(version) ? 0 : SETS_BYTES);
}

/* What is being made, of what. */
struct parts {
	char *version;
	struct freebsd_sets sets;
	const char *kernel; /* what the kernel comes from, for sentences */
	bool own;	    /* it is an ELF file that the user named, and not in a set */
};

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
static int check_sources(
	const struct parts *p, const char *root, const struct freebsd_kernel *k, struct error *err)
{
	unsigned version;

	for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
		AUTO_FREE char *path = xasprintf("%s/%s", root, needed[i]);

		if (!path_is_file(path))
			return error_set(err, EINVAL,
				"%s is not the set of FreeBSD's sources: it has no %s", p->sets.src,
				needed[i]);
	}
	version = source_version(root);
	/* A kernel refuses modules that were built for another major release, or a later minor. */
	if (version && k->osreldate &&
		(version / 100000 != k->osreldate / 100000 || version > k->osreldate))
		return error_set(err, EINVAL,
			"%s and %s are not of one release (__FreeBSD_version %u and %u); fetch both anew",
			p->kernel, p->sets.src, k->osreldate, version);
	return 0;
}

static int check_release(const struct parts *p, const struct freebsd_kernel *k, struct error *err)
{
	size_t len = strlen(p->version);

	if (!strncmp(k->release, p->version, len) && k->release[len] == '-')
		return 0;
	return error_set(err, EINVAL, "%s holds the kernel of FreeBSD %s, and not of %s", p->kernel,
		k->release, p->version);
}

/* The kernel in the tree; what is wrong with it is said of the set that it came from. */
static int read_kernel(
	const char *root, const struct parts *p, struct freebsd_kernel *k, struct error *err)
{
	AUTO_FREE char *path = xasprintf("%s/" KERNEL "/kernel", root);
	AUTO_FREE char *name =
		p->own ? xstrdup(p->kernel) : xasprintf("%s's " KERNEL "/kernel", p->kernel);
	AUTO_BUF struct buf bytes = {0};
	int r = path_read(path, KERNEL_MAX, &bytes);

	if (r == -ENOENT)
		return error_set(err, EINVAL,
			"%s is not the set of a FreeBSD kernel: it has no " KERNEL "/kernel",
			p->kernel);
	if (r)
		return error_sys(err, -r, "cannot read %s", path);
	return freebsd_kernel_read(bytes.data, bytes.len, name, k, err);
}

static bool is_elf(const char *path)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	char magic[4];

	return fd >= 0 && read(fd, magic, 4) == 4 && !memcmp(magic, "\177ELF", 4);
}

/* The user's own kernel takes the place of the release's, whose modules stay. */
static int take_kernel(const char *from, const char *root, struct error *err)
{
	AUTO_FREE char *to = xasprintf("%s/" KERNEL "/kernel", root);
	AUTO_BUF struct buf bytes = {0};
	int r = path_read(from, KERNEL_MAX, &bytes);

	return r ? error_sys(err, -r, "cannot read %s", from)
		 : path_write(to, bytes.data, bytes.len, err);
}

/* What modules for that kernel are compiled with, when it is not the release's own. */
static int take_options(
	const char *root, const struct freebsd_kernel *k, struct target *t, struct error *err)
{
	AUTO_FREE char *path = xasprintf("%s/" BUILD "/sys/conf/options", root);
	AUTO_BUF struct buf known = {0}, options = {0};
	int r;

	if (!k->config.len) {
		free(t->note);
		t->note = xstrdup(
			"that kernel does not hold its configuration (options "
			"INCLUDE_CONFIG_FILE), so modules for it are compiled with the options "
			"of all kernels: without its INVARIANTS and WITNESS, if it has them");
		return 0;
	}
	r = path_read(path, PARAM_MAX, &known);
	if (r || !known.data)
		return error_sys(err, r ? -r : EINVAL, "cannot read %s", path);
	freebsd_options(k->config.data, known.data, &options);
	if (options.len)
		t->options = buf_take(&options);
	return 0;
}

/* Fills the directory `staging`. */
static int fill(const struct parts *p, const char *staging, struct freebsd_kernel *k,
	target_progress_fn *progress, void *arg, struct error *err)
{
	AUTO_FREE char *root = xasprintf("%s/root", staging);
	AUTO_FREE char *symbols = xasprintf("%s/symbols", staging);
	int r = path_make_dirs(root, err);

	if (!r)
		r = freebsd_unpack(p->own ? p->sets.kernel : p->kernel, root, &of_kernel,
			"unpacking the kernel", progress, arg, err);
	if (!r && p->own)
		r = take_kernel(p->kernel, root, err);
	if (!r)
		r = read_kernel(root, p, k, err);
	if (!r)
		r = check_release(p, k, err);
	if (!r)
		r = freebsd_unpack(
			p->sets.src, root, &of_src, "unpacking its sources", progress, arg, err);
	if (!r)
		r = check_sources(p, root, k, err);
	if (!r && p->sets.base)
		r = freebsd_unpack(p->sets.base, root, &of_base,
			"unpacking what test programs need", progress, arg, err);
	if (!r)
		r = path_write(symbols, k->symbols.data, k->symbols.len, err);
	return r;
}

static void describe(const struct freebsd_kernel *k, const char *final, struct target *t)
{
	t->os = TARGET_FREEBSD;
	t->release = xstrdup(k->release);
	t->root = xasprintf("%s/root", final);
	t->kernel = xasprintf("%s/" KERNEL "/kernel", t->root);
	t->modules = xasprintf("%s/" KERNEL, t->root);
	t->build = xstrdup("/" BUILD);
}

static int make(const char *spec, const struct target_source *source, const char *staging,
	const char *final, struct target *t, target_progress_fn *progress, void *arg,
	struct error *err)
{
	const char *other = source ? source->kernel : NULL;
	AUTO_FREE char *root = xasprintf("%s/root", staging);
	struct parts p = {.version = version_of(spec)};
	struct freebsd_kernel k = {0};
	int r = other && !path_is_file(other)
		? error_set(err, ENOENT, "--kernel %s: there is no such file", other)
		: freebsd_sets_find(p.version, source, &p.sets, progress, arg, err);

	if (r) {
		free(p.version);
		return r;
	}
	p.own = other && is_elf(other);
	p.kernel = other ? other : p.sets.kernel;
	t->note = p.sets.note ? xstrdup(p.sets.note) : NULL;
	r = fill(&p, staging, &k, progress, arg, err);
	if (!r && other)
		r = take_options(root, &k, t, err);
	if (!r)
		describe(&k, final, t);
	freebsd_kernel_free(&k);
	freebsd_sets_free(&p.sets);
	free(p.version);
	return r;
}

const struct target_provider target_freebsd = {
	.prefix = "freebsd",
	.syntax = "freebsd:VERSION[/LABEL]",
	.sentence = "a FreeBSD release's kernel with its sources (LABEL: another, of --kernel)",
	.takes_source = true,
	.normalise = normalise,
	.check_source = check_source,
	.needs = needs,
	.make = make,
};
