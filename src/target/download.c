/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libcurl, as downloads of some hundred megabytes need it. Lines break: what has come is kept in the
 * file, and the next attempt, in this process or in a later one, asks for the rest only. A server that
 * cannot give a rest, or has less than what is here, makes it begin anew. That the parts fit together
 * is for the caller to check, with a sum.
 */
#include "target/download.h"

#include "base/interrupt.h"
#include "base/packages.h"
#include "base/path.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Each attempt but the last has brought something. */
#define MOST_ATTEMPTS 20
#define CONNECT_S     30L
/* A line is dead that brings less than so many bytes a second for so long. */
#define SLOW_BYTES 100L
#define SLOW_S	   60L
#define PROTOCOLS  "http,https,file"

struct transfer {
	const struct download *d;
	const char *path;	  /* of the file, for errors */
	int fd;			  /* where it goes, or */
	struct buf *text;	  /* there */
	unsigned long long at;	  /* bytes that are there */
	unsigned long long begun; /* of these, there before this attempt */
	bool resumed;		  /* and some of these before the first */
	int code;		  /* errno of our own side */
	char reason[CURL_ERROR_SIZE];
};

/*
 * libcurl is loaded when something is to be downloaded. It brings thirty other libraries along, which
 * would take every `kmodlab run` as long as a module takes in its machine.
 */
#define CURL_LIBRARY "libcurl.so.4"
static struct {
	bool ready;
	typeof(curl_global_init) *global_init;
	typeof(curl_easy_init) *easy_init;
	typeof(curl_easy_setopt) *setopt;
	typeof(curl_easy_perform) *perform;
	typeof(curl_easy_getinfo) *getinfo;
	typeof(curl_easy_strerror) *strerror;
	typeof(curl_easy_cleanup) *cleanup;
} curl;

static int load_curl(struct error *err)
{
	const struct {
		const char *name;
		void *at;
	} wanted[] = {{"curl_global_init", &curl.global_init}, {"curl_easy_init", &curl.easy_init},
		{"curl_easy_setopt", &curl.setopt}, {"curl_easy_perform", &curl.perform},
		{"curl_easy_getinfo", &curl.getinfo}, {"curl_easy_strerror", &curl.strerror},
		{"curl_easy_cleanup", &curl.cleanup}};
	void *library;

	if (curl.ready)
		return 0;
	library = dlopen(CURL_LIBRARY, RTLD_NOW);
	if (!library) {
		AUTO_FREE char *how = packages_for("libcurl");

		return error_set(err, ENOENT, "downloading needs %s, which is not installed: %s",
			CURL_LIBRARY, how);
	}
	for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
		void *symbol = dlsym(library, wanted[i].name);

		if (!symbol)
			return error_set(err, ENOENT,
				"%s has no %s, so nothing can be downloaded; see kmodlab doctor",
				CURL_LIBRARY, wanted[i].name);
		memcpy(wanted[i].at, &symbol, sizeof symbol);
	}
	if (curl.global_init(CURL_GLOBAL_DEFAULT))
		return error_set(err, EIO,
			"%s cannot be started, so nothing can be downloaded; see kmodlab doctor",
			CURL_LIBRARY);
	curl.ready = true;
	return 0;
}

bool download_can(const char *url)
{
	return !strncmp(url, "https://", 8) || !strncmp(url, "http://", 7) ||
		!strncmp(url, "file:/", 6);
}

static int keep_bytes(struct transfer *t, const char *bytes, size_t len)
{
	if (t->text) {
		buf_add(t->text, bytes, len);
		return 0;
	}
	while (len) {
		ssize_t n = write(t->fd, bytes, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno;
		bytes += n;
		len -= (size_t)n;
	}
	return 0;
}

static size_t on_bytes(char *bytes, size_t size, size_t count, void *arg)
{
	struct transfer *t = arg;
	size_t len = size * count;

	t->code = len > t->d->max - t->at ? EFBIG : keep_bytes(t, bytes, len);
	if (t->code)
		return 0;
	t->at += len;
	return len;
}

static int on_progress(
	void *arg, curl_off_t total, curl_off_t now, curl_off_t up_total, curl_off_t up)
{
	struct transfer *t = arg;

	(void)now, (void)up_total, (void)up;
	if (interrupt_pending()) {
		t->code = EINTR;
		return 1;
	}
	if (t->d->progress)
		t->d->progress(t->d->arg, t->d->what, t->at,
			total > 0 ? t->begun + (unsigned long long)total : 0);
	return 0;
}

static CURL *prepare(struct transfer *t)
{
	CURL *c = curl.easy_init();

	if (!c)
		return NULL;
	curl.setopt(c, CURLOPT_URL, t->d->url);
	curl.setopt(c, CURLOPT_PROTOCOLS_STR, PROTOCOLS);
	curl.setopt(c, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
	curl.setopt(c, CURLOPT_FOLLOWLOCATION, 1L);
	curl.setopt(c, CURLOPT_MAXREDIRS, 10L);
	curl.setopt(c, CURLOPT_FAILONERROR, 1L);
	curl.setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl.setopt(c, CURLOPT_CONNECTTIMEOUT, CONNECT_S);
	curl.setopt(c, CURLOPT_LOW_SPEED_LIMIT, SLOW_BYTES);
	curl.setopt(c, CURLOPT_LOW_SPEED_TIME, SLOW_S);
	curl.setopt(c, CURLOPT_USERAGENT, "kmodlab/" KMODLAB_VERSION);
	curl.setopt(c, CURLOPT_ERRORBUFFER, t->reason);
	curl.setopt(c, CURLOPT_WRITEFUNCTION, on_bytes);
	curl.setopt(c, CURLOPT_WRITEDATA, t);
	curl.setopt(c, CURLOPT_NOPROGRESS, 0L);
	curl.setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl.setopt(c, CURLOPT_XFERINFODATA, t);
	curl.setopt(c, CURLOPT_RESUME_FROM_LARGE, (curl_off_t)t->at);
	return c;
}

/* The errno value for what libcurl says, and whether that is the line's doing. */
static int meaning(CURLcode code, long status, bool *line)
{
	*line = false;
	switch (code) {
	case CURLE_FILE_COULDNT_READ_FILE:
		return ENOENT;
	case CURLE_HTTP_RETURNED_ERROR:
		*line = status >= 500;
		return status == 404 || status == 410 ? ENOENT : EIO;
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
	case CURLE_COULDNT_CONNECT:
	case CURLE_OPERATION_TIMEDOUT:
	case CURLE_GOT_NOTHING:
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
	case CURLE_PARTIAL_FILE:
	case CURLE_HTTP2:
	case CURLE_HTTP2_STREAM:
	case CURLE_SSL_CONNECT_ERROR:
		*line = true;
		return ENETUNREACH;
	default:
		return EIO;
	}
}

static int explain(
	const struct transfer *t, CURLcode code, long status, int value, struct error *err)
{
	const char *reason = *t->reason ? t->reason : curl.strerror(code);

	if (t->code == EINTR)
		return error_set(err, EINTR, "interrupted");
	if (t->code == EFBIG)
		return error_set(err, EFBIG,
			"%s is larger than %llu MB, and so not what it should be; see the URL that --mirror names",
			t->d->url, t->d->max / 1000000);
	if (t->code)
		return error_sys(err, t->code, "cannot write what is fetched into %s", t->path);
	if (value == ENOENT)
		return error_set(err, ENOENT, "%s is not there", t->d->url);
	if (code == CURLE_HTTP_RETURNED_ERROR)
		return error_set(
			err, value, "cannot fetch %s: the server answers %ld", t->d->url, status);
	return error_set(err, value, "cannot fetch %s: %s", t->d->url, reason);
}

/* Throws away what has come so far. */
static void begin_anew(struct transfer *t)
{
	if (t->text)
		buf_consume(t->text, t->text->len);
	else if (ftruncate(t->fd, 0))
		t->code = errno;
	t->at = 0;
	t->resumed = false;
}

/* One attempt at what is missing; `*again` says whether another one may do better. */
static int attempt(struct transfer *t, bool *again, struct error *err)
{
	CURL *c = prepare(t);
	bool line;
	CURLcode code;
	long status = 0;
	int value;

	*again = false;
	if (!c)
		return error_set(err, ENOMEM,
			"cannot start a download; try again, and if it stays so, see kmodlab doctor");
	t->begun = t->at;
	t->reason[0] = 0;
	code = curl.perform(c);
	curl.getinfo(c, CURLINFO_RESPONSE_CODE, &status);
	curl.cleanup(c);
	if (!code)
		return 0;
	value = meaning(code, status, &line);
	if (!t->code && t->begun &&
		(code == CURLE_RANGE_ERROR || code == CURLE_BAD_DOWNLOAD_RESUME)) {
		begin_anew(t);
		*again = !t->code;
	}
	*again |= !t->code && line && t->at > t->begun;
	return explain(t, code, status, value, err);
}

static int fetch(struct transfer *t, struct error *err)
{
	int r = load_curl(err);
	bool again = !r;

	for (int i = 0; i < MOST_ATTEMPTS && again; i++)
		r = attempt(t, &again, err);
	return r;
}

int download_file(const struct download *d, const char *path, bool *resumed, struct error *err)
{
	AUTO_CLOSE int fd =
		open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0644);
	struct transfer t = {.d = d, .path = path, .fd = fd};
	struct stat st;
	int r;

	*resumed = false;
	if (fd < 0 || fstat(fd, &st))
		return error_sys(err, errno, "cannot write %s", path);
	if (!S_ISREG(st.st_mode))
		return error_set(err, EINVAL, "%s is not a file", path);
	t.at = (unsigned long long)st.st_size;
	t.resumed = t.at > 0;
	if (t.at > d->max)
		begin_anew(&t);
	r = fetch(&t, err);
	*resumed = t.resumed;
	return r;
}

int download_text(const struct download *d, struct buf *out, struct error *err)
{
	struct transfer t = {.d = d, .path = "memory", .fd = -1, .text = out};

	return fetch(&t, err);
}
