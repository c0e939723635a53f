/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A tree unpacked from a Debian suite's packages. mmdebstrap fetches and unpacks them; no maintainer
 * script runs, so the few links that those would have made are made here. It runs in a sandbox that
 * sees the machine read-only and is not root in there, so that nothing outside the scratch directory
 * can change and tar does not try to give files away. Archives are not always as they should be: the
 * two usual cases have a remedy each, which is tried once and told.
 */
#include "target/debian.h"

#include "base/clock.h"
#include "base/packages.h"
#include "base/path.h"
#include "base/proc.h"
#include "target/provider.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

/* For a slow line; apt gives up by itself on one that is dead. */
#define RUN_TIMEOUT_MS (2 * 3600 * 1000)
/* Of its output, so much is kept for the error's sentence. */
#define LOG_MAX (256 << 10)

unsigned long long debian_bytes(const char *text)
{
	char *end;
	double number = strtod(text, &end);

	if (end == text || !(number >= 0) || number > 1e9)
		return 0;
	end += strspn(end, " ");
	switch (*end) {
	case 'k':
		return (unsigned long long)(number * 1e3);
	case 'M':
		return (unsigned long long)(number * 1e6);
	case 'G':
		return (unsigned long long)(number * 1e9);
	default:
		return (unsigned long long)number;
	}
}

/* One run of mmdebstrap. */
struct run {
	const char *root; /* the tree that it fills */
	enum { READING, DOWNLOADING, UNPACKING, FINISHING } phase;
	unsigned long long download, unpacked; /* bytes to come; 0: not said yet */
	unsigned long long most;	       /* shown in this phase */
	uint64_t free_before;
	int64_t looked_us;
	struct buf log;
	target_progress_fn *progress;
	void *arg;
};

static unsigned long long sum_files(const char *directory)
{
	DIR *dir = opendir(directory);
	unsigned long long bytes = 0;
	struct dirent *entry;
	struct stat st;

	while (dir && (entry = readdir(dir)))
		if (!fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) &&
			S_ISREG(st.st_mode))
			bytes += (unsigned long long)st.st_size;
	if (dir)
		closedir(dir);
	return bytes;
}

static unsigned long long downloaded(const struct run *run)
{
	AUTO_FREE char *done = xasprintf("%s/var/cache/apt/archives", run->root);
	AUTO_FREE char *partial = xasprintf("%s/partial", done);

	return sum_files(done) + sum_files(partial);
}

static void show(struct run *run)
{
	static const char *const names[] = {"reading Debian's package index",
		"downloading packages", "unpacking packages", "putting the tree in order"};
	unsigned long long done = 0, total = 0;
	uint64_t left;

	if (run->phase == DOWNLOADING) {
		done = downloaded(run);
		total = run->download;
	} else if (run->phase == UNPACKING) {
		left = path_free_bytes(run->root);
		done = left < run->free_before ? run->free_before - left : 0;
		total = run->unpacked;
	}
	/* Others write to that disk too. */
	if (total && done > total)
		done = total;
	if (done > run->most)
		run->most = done;
	run->progress(run->arg, names[run->phase], run->most, total);
}

static void enter(struct run *run, int phase)
{
	run->phase = phase;
	run->most = 0;
	run->free_before = path_free_bytes(run->root);
	show(run);
}

static void on_tick(void *arg)
{
	struct run *run = arg;
	int64_t now = clock_us();

	if (now - run->looked_us < 100000)
		return;
	run->looked_us = now;
	show(run);
}

static bool starts(const char *line, const char *with)
{
	return !strncmp(line, with, strlen(with));
}

static void on_line(void *arg, const char *line, size_t len)
{
	struct run *run = arg;
	const char *slash;

	if (starts(line, "Need to get ")) {
		line += strlen("Need to get ");
		/* "Need to get 3 MB/132 MB of archives." when some are there already. */
		slash = strchr(line, '/');
		run->download = debian_bytes(slash ? slash + 1 : line);
		enter(run, DOWNLOADING);
	} else if (starts(line, "After this operation, ")) {
		run->unpacked = debian_bytes(line + strlen("After this operation, "));
	} else if (starts(line, "I: extracting archives")) {
		enter(run, UNPACKING);
	} else if (starts(line, "I: cleaning package lists")) {
		enter(run, FINISHING);
	} else if (!starts(line, "Get:") && !starts(line, "/usr/bin/dpkg ")) {
		buf_add(&run->log, line, len);
		buf_adds(&run->log, "\n");
		if (run->log.len > LOG_MAX)
			buf_consume(&run->log, run->log.len - LOG_MAX);
	}
}

/* The first line of `log` in which the first found of `words` (NULL-terminated) stands, without
 * what tools put in front. Caller frees; NULL if there is none. */
static char *line_with(const char *log, const char *const *words)
{
	const char *at = NULL;

	for (; *words && !at; words++)
		at = strstr(log, *words);
	if (!at)
		return NULL;
	while (at > log && at[-1] != '\n')
		at--;
	if (starts(at, "E: ") || starts(at, "W: "))
		at += 3;
	at += strspn(at, " ");
	return xstrndup(at, strcspn(at, "\n") < 300 ? strcspn(at, "\n") : 300);
}

/* Whether files could not be had, and all of those from a security archive. */
static bool security_is_broken(const char *log)
{
	size_t security = 0, other = 0;

	for (const char *line = log; line && *line; line = strchr(line, '\n')) {
		AUTO_FREE char *text = NULL;

		line += *line == '\n';
		if (!starts(line, "E: Failed to fetch ") && !starts(line, "E: The repository "))
			continue;
		text = xstrndup(line, strcspn(line, "\n"));
		if (strstr(text, "security"))
			security++;
		else
			other++;
	}
	return security && !other;
}

/* The last few lines, as one. Caller frees. */
char *debian_last_lines(const char *log, size_t count)
{
	AUTO_FREE char *copy = xstrdup(log);
	size_t len = strlen(copy), start;
	AUTO_BUF struct buf text = {0};

	while (len && copy[len - 1] == '\n')
		copy[--len] = 0;
	for (start = len; start && count; start--)
		if (copy[start - 1] == '\n' && !--count)
			break;
	if (len - start > 700)
		start = len - 700;
	for (const char *p = copy + start; *p; p++)
		buf_add(&text, *p == '\n' ? " | " : p, *p == '\n' ? 3 : 1);
	return buf_take(&text);
}

/* Why it may fail, by the words it is said in; the line that they stand in goes between `before`
 * and `after`. Those of the archive are told only when there is no remedy. */
static const struct cause {
	const char *words[9];
	bool archive;
	int code;
	const char *before, *after;
} causes[] = {
	{{"bwrap: "}, false, EPERM, "the sandbox cannot be set up (",
		"). Where ordinary users may make no namespaces, `sudo sysctl "
		"kernel.unprivileged_userns_clone=1` (Debian) or `sudo sysctl "
		"kernel.apparmor_restrict_unprivileged_userns=0` (Ubuntu) lets them; in a "
		"container, its runtime has to"},
	{{"Temporary failure resolving", "Could not resolve", "Could not connect",
		 "Unable to connect", "Network is unreachable", "Connection timed out",
		 "Connection refused", "Connection failed"},
		false, ENETUNREACH, "Debian's archive cannot be reached (",
		"); is there a network, or does it need http_proxy?"},
	{{"Unable to locate package", "has no installation candidate"}, true, ENOENT,
		"Debian has not all of its packages (",
		"); try another flavour (cloud, amd64, rt) or suite"},
	{{"NO_PUBKEY", "is not signed", "signatures couldn't be verified"}, true, EKEYREJECTED,
		"Debian's signature cannot be checked (",
		"); `sudo apt-get install debian-archive-keyring` brings the keys up to date"},
	{{"is not valid yet"}, true, EINVAL, "Debian's package index is from the future (",
		"); this machine's clock is behind"},
	{{"does not have a Release file", "E: Failed to fetch", "is expired (invalid since"}, true,
		ENOENT, "Debian's archive is not complete (",
		"); if it is just being updated, another try in an hour will do"},
};

/* The sentence for the first of `causes` that `log` shows; 0 if it shows none. */
static int refuse(const char *what, const char *log, bool archive, struct error *err)
{
	for (size_t i = 0; i < sizeof causes / sizeof *causes; i++) {
		const struct cause *c = &causes[i];
		AUTO_FREE char *line = c->archive == archive ? line_with(log, c->words) : NULL;

		if (line)
			return error_set(err, c->code, "%s cannot be made: %s%s%s", what, c->before,
				line, c->after);
	}
	return 0;
}

enum debian_remedy debian_diagnose(const char *what, const char *log, int status, unsigned tried,
	const char *directory, int *code, struct error *err)
{
	AUTO_FREE char *ended = proc_status_text(status);
	AUTO_FREE char *last = debian_last_lines(log, 6);
	int r = 0;

	if (strstr(log, "No space left on device") || strstr(log, "enough free space"))
		r = error_set(err, ENOSPC,
			"%s cannot be made: the disk of %s is full; free some, or set XDG_DATA_HOME to "
			"a directory on a larger disk",
			what, directory);
	if (!r)
		r = refuse(what, log, false, err);
	if (!r && strstr(log, "is expired (invalid since") && !(tried & DEBIAN_OLD_INDEX))
		return DEBIAN_OLD_INDEX;
	if (!r && security_is_broken(log) && !(tried & DEBIAN_NO_SECURITY))
		return DEBIAN_NO_SECURITY;
	if (!r)
		r = refuse(what, log, true, err);
	if (!r)
		r = error_set(err, EIO, "%s cannot be made: mmdebstrap %s; it said last: %s", what,
			ended, last);
	*code = -r;
	return DEBIAN_NO_REMEDY;
}

static int check_programs(struct error *err)
{
	AUTO_FREE char *mmdebstrap = path_program("mmdebstrap");
	AUTO_FREE char *bwrap = path_program("bwrap");

	AUTO_FREE char *how = NULL;

	if (mmdebstrap && bwrap)
		return 0;
	how = packages_for(mmdebstrap ? "bwrap" : "mmdebstrap");
	return error_set(err, ENOENT, "debian targets are made by %s, which is not installed: %s",
		mmdebstrap ? "bwrap (bubblewrap)" : "mmdebstrap", how);
}

static void sandbox_args(const char *staging, struct strv *args)
{
	const char *path = getenv("PATH");

	/* After the private /tmp, in which the staging directory may lie. */
	strv_adds(args, "bwrap", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc",
		"--tmpfs", "/tmp", "--bind", staging, staging, "--chdir", "/", NULL);
	/* Not root, so that tar leaves owners alone; a PID namespace, which goes when we go. */
	strv_adds(args, "--unshare-user", "--uid", "1000", "--gid", "1000", "--unshare-pid",
		"--unshare-ipc", "--die-with-parent", "--new-session", NULL);
	/* apt is to speak English; an ordinary user's PATH may lack what dpkg asks for. */
	strv_adds(args, "--setenv", "LC_ALL", "C.UTF-8", "--unsetenv", "LANGUAGE", "--setenv",
		"TMPDIR", "/tmp", "--setenv", "PATH", NULL);
	strv_addf(
		args, "%s:/usr/sbin:/sbin", path && *path ? path : "/usr/local/bin:/usr/bin:/bin");
}

static void mmdebstrap_args(const char *suite, const char *packages, unsigned remedies,
	const char *root, struct strv *args)
{
	strv_adds(args, "mmdebstrap", "--verbose", "--mode=chrootless", "--variant=extract", NULL);
	strv_addf(args,
		"--include=%s,make,gcc,libc6-dev,dash,bash,mawk,"
		"coreutils,sed,grep,findutils,diffutils,perl-base,tar,gzip,xz-utils,kmod,libelf1",
		packages);
	/* From trixie on /bin is a link to usr/bin by the packages themselves; before that it was the
	 * installer that made it so, and installed systems have it. */
	if (!strcmp(suite, "bullseye") || !strcmp(suite, "bookworm"))
		strv_add(args,
			"--setup-hook=for d in bin sbin lib lib64; do "
			"mkdir -p \"$1/usr/$d\" && ln -s \"usr/$d\" \"$1/$d\" || exit 1; done");
	if (remedies & DEBIAN_OLD_INDEX)
		strv_add(args, "--aptopt=Acquire::Check-Valid-Until \"false\"");
	if (remedies & DEBIAN_NO_SECURITY)
		strv_add(args,
			"--setup-hook=sed -i -e /security/d \"$1\"/etc/apt/sources.list && "
			"rm -f \"$1\"/etc/apt/sources.list.d/*security*");
	strv_adds(args, suite, root, NULL);
}

/* Fills run->root. 0; -errno with the sentence set; or the status of a run that failed. */
static int run_once(struct run *run, const char *spec, const char *packages, const char *staging,
	unsigned remedies, struct error *err)
{
	AUTO_FREE char *suite = xstrndup(spec, strcspn(spec, "/"));
	AUTO_STRV struct strv args = {0};

	sandbox_args(staging, &args);
	mmdebstrap_args(suite, packages, remedies, run->root, &args);
	buf_free(&run->log);
	buf_adds(&run->log, "");
	enter(run, READING);
	return proc_run(args.v, RUN_TIMEOUT_MS, on_line, on_tick, run, NULL, err);
}

/* What a remedy means for the target, and what is shown while it is tried. */
static void tell(const char *spec, enum debian_remedy remedy, struct run *run, struct buf *note)
{
	int len = (int)strcspn(spec, "/");

	if (remedy == DEBIAN_OLD_INDEX) {
		run->progress(run->arg,
			"the package index is past its date; taking it nevertheless", 0, 0);
		buf_addf(note,
			"%sthe package index of %.*s at hand is past its date (Valid-Until) and was "
			"taken nevertheless: there may be newer packages",
			note->len ? "; " : "", len, spec);
	} else {
		run->progress(
			run->arg, "the security archive is incomplete; doing without it", 0, 0);
		buf_addf(note,
			"%sthe security archive of %.*s lacks packages that its index names, so the "
			"kernel is the one of the main archive",
			note->len ? "; " : "", len, spec);
	}
}

static int run_with_remedies(struct run *run, const char *spec, const char *packages,
	const char *staging, char **said, struct error *err)
{
	AUTO_FREE char *what = xasprintf("debian:%s", spec);
	AUTO_FREE char *data = path_data_dir();
	AUTO_BUF struct buf note = {0};
	unsigned remedies = 0;
	int r, code = EIO;

	for (;;) {
		enum debian_remedy remedy;

		r = run_once(run, spec, packages, staging, remedies, err);
		if (r <= 0)
			break;
		remedy = debian_diagnose(what, run->log.data, r, remedies, data, &code, err);
		if (!remedy)
			return -code;
		remedies |= remedy;
		path_remove_tree(run->root);
		tell(spec, remedy, run, &note);
	}
	if (!r && note.len)
		*said = buf_take(&note);
	return r;
}

void debian_remove_unneeded(const char *root)
{
	static const struct {
		const char *directory, *pattern, *tail;
	} unneeded[] = {
		{"var/cache", "*", ""},
		{"var/lib/apt", "*", ""},
		{"usr/share", "doc", ""},
		{"usr/share", "man", ""},
		{"usr/share", "info", ""},
		{"usr/share", "locale", ""},
		{"usr/share", "lintian", ""},
		{"usr/lib/udev", "hwdb.d", ""},
		/* Link-time optimisation: no Debian kernel is built with gcc's. */
		{"usr/bin", "*-lto-dump*", ""},
		{"usr/lib/gcc/x86_64-linux-gnu", "*", "/lto1"},
		{"usr/libexec/gcc/x86_64-linux-gnu", "*", "/lto1"},
	};

	for (size_t i = 0; i < sizeof unneeded / sizeof *unneeded; i++) {
		AUTO_FREE char *path = xasprintf("%s/%s", root, unneeded[i].directory);
		DIR *dir = opendir(path);
		struct dirent *entry;

		while (dir && (entry = readdir(dir))) {
			AUTO_FREE char *file =
				xasprintf("%s/%s%s", path, entry->d_name, unneeded[i].tail);

			if (fnmatch(unneeded[i].pattern, entry->d_name, 0) ||
				!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
				continue;
			path_remove_tree(file);
		}
		if (dir)
			closedir(dir);
	}
}

/* The links that maintainer scripts would have made, as far as builds ask for them. */
static int make_links(const char *root, struct error *err)
{
	static const char *const links[][3] = {{"bin", "sh", "dash"}, {"usr/bin", "awk", "mawk"},
		{"usr/bin", "which", "which.debianutils"}, {"usr/bin", "cc", "gcc"}};

	for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
		AUTO_FREE char *link = xasprintf("%s/%s/%s", root, links[i][0], links[i][1]);
		AUTO_FREE char *to = xasprintf("%s/%s/%s", root, links[i][0], links[i][2]);

		if (access(to, F_OK) || !symlink(links[i][2], link) || errno == EEXIST)
			continue;
		return error_sys(err, errno, "cannot make the link %s", link);
	}
	return 0;
}

int debian_unpack(const char *spec, const char *packages, const char *staging, char **note,
	target_progress_fn *progress, void *arg, struct error *err)
{
	struct run run = {.progress = progress, .arg = arg};
	AUTO_FREE char *root = NULL;
	char real[PATH_MAX];
	int r = check_programs(err);

	*note = NULL;
	if (r)
		return r;
	/* A bind mount's place in the sandbox must not lead over links. */
	if (!realpath(staging, real))
		return error_sys(err, errno, "cannot find out where %s is", staging);
	run.root = root = xasprintf("%s/root", real);
	r = run_with_remedies(&run, spec, packages, real, note, err);
	buf_free(&run.log);
	return r ?: make_links(root, err);
}
