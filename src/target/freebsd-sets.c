/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a FreeBSD release's distribution sets come from: a folder that the user names, the cache, or
 * FreeBSD's download site, from which they get into the cache. A set has its own name only when its
 * sum is the MANIFEST's; what is still coming is called NAME.part, and the next attempt goes on there.
 * People without a network put the files where the downloads would be.
 */
#include "target/freebsd.h"

#include "base/interrupt.h"
#include "base/lock.h"
#include "base/path.h"
#include "target/download.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define SITE	"https://download.freebsd.org/releases/amd64"
#define ARCHIVE "http://ftp-archive.freebsd.org/pub/FreeBSD-Archive/old-releases/amd64"
/* A MANIFEST has some 20 lines. */
#define MANIFEST_MAX (256 << 10)
/* src.txz has some 220 MB, base.txz 200 MB. */
#define SET_MAX		2000000000ULL
#define TURN_TIMEOUT_MS (2 * 3600 * 1000)
#define CHUNK		(1 << 20)

/* In the order in which they are fetched: what is optional is not last, so that a fetch that breaks off
 * there is gone on with the next time, when something is still missing. */
static const struct {
	const char *name;
	bool optional;
} sets_of[] = {{"kernel.txz", false}, {"base.txz", true}, {"src.txz", false}};
#define SETS (sizeof sets_of / sizeof *sets_of)

/* What the steps below share. */
struct search {
	const char *version;
	char *directory;     /* where the sets are, or are to be */
	struct buf manifest; /* empty: none */
	target_progress_fn *progress;
	void *arg;
};

char *freebsd_sets_directory(const char *version)
{
	AUTO_FREE char *cache = path_cache_dir();

	return xasprintf("%s/sets/freebsd-%s", cache, version);
}

static bool both_there(const char *directory)
{
	bool all = true;

	for (size_t i = 0; i < SETS; i++) {
		AUTO_FREE char *path = xasprintf("%s/%s", directory, sets_of[i].name);

		all &= sets_of[i].optional || path_is_file(path);
	}
	return all;
}

bool freebsd_sets_cached(const char *version)
{
	AUTO_FREE char *directory = freebsd_sets_directory(version);

	return both_there(directory);
}

void freebsd_sets_free(struct freebsd_sets *sets)
{
	free(sets->kernel);
	free(sets->src);
	free(sets->base);
	free(sets->note);
	*sets = (struct freebsd_sets){0};
}

/* The SHA-256 of the file `path`. 0 or -errno with the sentence set. */
static int sum_file(const struct search *s, const char *path, const char *what,
	char sum[SHA256_TEXT], struct error *err)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	AUTO_FREE unsigned char *chunk = xcalloc(1, CHUNK);
	uint8_t out[SHA256_DIGEST_SIZE];
	unsigned long long done = 0;
	struct sha256_ctx digest;
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st))
		return error_sys(err, errno, "cannot read %s", path);
	if (!S_ISREG(st.st_mode))
		return error_set(err, EINVAL, "%s is not a file", path);
	sha256_init(&digest);
	while ((n = read(fd, chunk, CHUNK)) > 0 || (n < 0 && errno == EINTR)) {
		if (interrupt_pending())
			return error_set(err, EINTR, "interrupted");
		if (n < 0)
			continue;
		sha256_update(&digest, (size_t)n, chunk);
		done += (unsigned long long)n;
		s->progress(s->arg, what, done, (unsigned long long)st.st_size);
	}
	if (n < 0)
		return error_sys(err, errno, "cannot read %s", path);
	sha256_digest(&digest, sizeof out, out);
	for (size_t i = 0; i < sizeof out; i++)
		snprintf(sum + 2 * i, 3, "%02x", out[i]);
	return 0;
}

/* Whether the file `path` is the set `name` that the MANIFEST means: 0, or -EBADMSG if it is not, or
 * another -errno, with the sentence set. */
static int check_set(const struct search *s, const char *path, const char *name, struct error *err)
{
	AUTO_FREE char *what = xasprintf("checking %s", name);
	char stated[SHA256_TEXT], sum[SHA256_TEXT];
	int r = freebsd_manifest_sum(s->manifest.data, s->manifest.len, name, stated);

	if (r == -ENOENT)
		return error_set(err, EINVAL, "the MANIFEST for %s does not name %s", path, name);
	if (r)
		return error_set(err, EINVAL, "the MANIFEST for %s is damaged", path);
	r = sum_file(s, path, what, sum, err);
	if (r)
		return r;
	if (!strcmp(stated, sum))
		return 0;
	return error_set(err, EBADMSG,
		"%s is damaged, or not the one that its MANIFEST means: its SHA-256 is %s, and should "
		"be %s",
		path, sum, stated);
}

/* The MANIFEST in the directory, if there is one. */
static int read_manifest(struct search *s, struct error *err)
{
	AUTO_FREE char *path = xasprintf("%s/MANIFEST", s->directory);
	int r;

	s->manifest.len = 0;
	r = path_read(path, MANIFEST_MAX, &s->manifest);
	if (!r || r == -ENOENT)
		return 0;
	return r == -EFBIG ? error_set(err, EFBIG, "%s is too large for a MANIFEST", path)
			   : error_sys(err, -r, "cannot read %s", path);
}

/* Checks the sets in the directory, as far as that can be done. */
static int check_directory(struct search *s, char **note, struct error *err)
{
	int r = read_manifest(s, err);

	if (r)
		return r;
	if (!s->manifest.len) {
		*note = xasprintf(
			"%s has no MANIFEST, so it could not be checked that the sets there are whole",
			s->directory);
		return 0;
	}
	for (size_t i = 0; i < SETS && !r; i++) {
		AUTO_FREE char *path = xasprintf("%s/%s", s->directory, sets_of[i].name);

		if (!sets_of[i].optional || path_is_file(path))
			r = check_set(s, path, sets_of[i].name, err);
	}
	return r;
}

static int search_folder(struct search *s, const char *folder, char **note, struct error *err)
{
	char real[PATH_MAX];

	if (!realpath(folder, real))
		return error_sys(err, errno, "cannot read the sets in %s", folder);
	s->directory = xstrdup(real);
	if (!both_there(real))
		return error_set(err, ENOENT,
			"%s does not hold both kernel.txz and src.txz, as a release of FreeBSD has them",
			real);
	return check_directory(s, note, err);
}

/* A sentence about a release that could not be fetched, behind the one in `err`. */
static int advise(const struct search *s, const char *site, int code, struct error *err)
{
	struct error first = *err;

	if (code == -ENETUNREACH)
		return error_set(err, ENETUNREACH,
			"%.600s; without a network, put kernel.txz, src.txz and MANIFEST (and base.txz, for "
			"test.c and test.sh) of FreeBSD %s-RELEASE for amd64 into %s, or name their folder with --sets",
			first.text, s->version, s->directory);
	if (code == -ENOENT && !strcmp(site, SITE))
		return error_set(err, ENOENT,
			"%.400s: either FreeBSD has no %s, or it is too old for that site, and then `kmodlab "
			"target add --mirror %s freebsd:%s` may find it",
			first.text, s->version, ARCHIVE, s->version);
	if (code == -ENOENT)
		return error_set(err, ENOENT,
			"%.600s; --mirror takes the directory in which %s-RELEASE is", first.text,
			s->version);
	return code;
}

static int fetch_manifest(struct search *s, const char *site, struct error *err)
{
	AUTO_FREE char *url = xasprintf("%s/%s-RELEASE/MANIFEST", site, s->version);
	AUTO_FREE char *path = xasprintf("%s/MANIFEST", s->directory);
	struct download d = {.url = url,
		.what = "fetching MANIFEST",
		.max = MANIFEST_MAX,
		.progress = s->progress,
		.arg = s->arg};
	char sum[SHA256_TEXT];
	int r;

	s->manifest.len = 0;
	r = download_text(&d, &s->manifest, err);
	if (r)
		return r;
	/* What a network that asks for a password first sends instead is no MANIFEST. */
	for (size_t i = 0; i < SETS; i++)
		if (!sets_of[i].optional &&
			(!s->manifest.len ||
				freebsd_manifest_sum(
					s->manifest.data, s->manifest.len, sets_of[i].name, sum)))
			return error_set(err, EINVAL,
				"%s is not the MANIFEST of a release: it has "
				"no sum for %s",
				url, sets_of[i].name);
	return path_write(path, s->manifest.data, s->manifest.len, err);
}

/* Fetches the rest of a set into its .part, and checks that. -EBADMSG: it is not what it should be,
 * and is gone. */
static int fetch_part(const struct search *s, const char *url, const char *part, const char *name,
	bool *resumed, struct error *err)
{
	AUTO_FREE char *what = xasprintf("fetching %s", name);
	struct download d = {
		.url = url, .what = what, .max = SET_MAX, .progress = s->progress, .arg = s->arg};
	int r = download_file(&d, part, resumed, err);

	if (r)
		return r;
	r = check_set(s, part, name, err);
	if (r == -EBADMSG)
		unlink(part);
	return r;
}

static int fetch_set(const struct search *s, const char *site, const char *name, struct error *err)
{
	AUTO_FREE char *url = xasprintf("%s/%s-RELEASE/%s", site, s->version, name);
	AUTO_FREE char *path = xasprintf("%s/%s", s->directory, name);
	AUTO_FREE char *part = xasprintf("%s.part", path);
	struct error ignored;
	bool resumed;
	int r;

	if (path_is_file(path) && !check_set(s, path, name, &ignored))
		return 0;
	r = fetch_part(s, url, part, name, &resumed, err);
	/* The beginning may have been that of another file. */
	if (r == -EBADMSG && resumed)
		r = fetch_part(s, url, part, name, &resumed, err);
	if (r == -EBADMSG)
		return error_set(err, EBADMSG,
			"%s is not what the MANIFEST beside it says: it was changed or damaged on the "
			"way; try again, or another --mirror",
			url);
	if (r)
		return r;
	return rename(part, path) ? error_sys(err, errno, "cannot write %s", path) : 0;
}

/* One that may be missing: not all sites have all sets. */
static int fetch_optional(
	const struct search *s, const char *site, const char *name, struct error *err)
{
	char sum[SHA256_TEXT];
	int r = freebsd_manifest_sum(s->manifest.data, s->manifest.len, name, sum);

	if (!r)
		r = fetch_set(s, site, name, err);
	return r == -ENOENT ? 0 : r;
}

static int fetch_all(struct search *s, const char *site, struct error *err)
{
	int r = fetch_manifest(s, site, err);

	for (size_t i = 0; i < SETS && !r; i++)
		r = (sets_of[i].optional ? fetch_optional : fetch_set)(
			s, site, sets_of[i].name, err);
	return r ? advise(s, site, r, err) : 0;
}

/* Fetches what is missing, alone: another kmodlab may be at the same. */
static int fetch_alone(struct search *s, const char *mirror, struct error *err)
{
	AUTO_FREE char *site = xstrdup(mirror ? mirror : SITE);
	AUTO_FREE char *lock = xasprintf("%s/lock", s->directory);
	AUTO_CLOSE int turn = -1;

	for (size_t n = strlen(site); n && site[n - 1] == '/'; n--)
		site[n - 1] = 0;
	turn = lock_take(lock, 0, err);
	if (turn == -ETIMEDOUT) {
		s->progress(s->arg, "waiting for another kmodlab that is fetching them", 0, 0);
		turn = lock_take(lock, TURN_TIMEOUT_MS, err);
	}
	return turn < 0 ? turn : fetch_all(s, site, err);
}

/* In the cache, into which they are fetched if they are not there as they should be. */
static int search_cache(struct search *s, const char *mirror, char **note, struct error *err)
{
	struct error damage = {{0}}, why;
	int r;

	s->directory = freebsd_sets_directory(s->version);
	if (mirror && !download_can(mirror))
		return error_set(err, EINVAL,
			"--mirror %s: a URL that begins with https://, http:// or file:/ is wanted",
			mirror);
	if (both_there(s->directory)) {
		r = check_directory(s, note, &damage);
		if (!r || r == -EINTR) {
			*err = damage;
			return r;
		}
	}
	r = fetch_alone(s, mirror, err);
	if (!r || r == -EINTR || !damage.text[0])
		return r;
	why = *err;
	return error_set(
		err, -r, "%.400s; and a new one cannot be had: %.580s", damage.text, why.text);
}

static void free_base(struct freebsd_sets *sets)
{
	free(sets->base);
	sets->base = NULL;
}

int freebsd_sets_find(const char *version, const struct target_source *source,
	struct freebsd_sets *sets, target_progress_fn *progress, void *arg, struct error *err)
{
	struct search s = {.version = version, .progress = progress, .arg = arg};
	const char *folder = source ? source->sets : NULL;
	int r;

	*sets = (struct freebsd_sets){0};
	r = folder ? search_folder(&s, folder, &sets->note, err)
		   : search_cache(&s, source ? source->mirror : NULL, &sets->note, err);
	if (!r) {
		sets->kernel = xasprintf("%s/kernel.txz", s.directory);
		sets->src = xasprintf("%s/src.txz", s.directory);
		sets->base = xasprintf("%s/base.txz", s.directory);
		if (!path_is_file(sets->base))
			free_base(sets);
	} else {
		freebsd_sets_free(sets);
	}
	free(s.directory);
	buf_free(&s.manifest);
	return r;
}
