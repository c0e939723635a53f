/* SPDX-License-Identifier: BSD-2-Clause */
#include "machine/snapshot.h"

#include "base/buf.h"
#include "base/lock.h"
#include "base/path.h"
#include "base/scratch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define INFO_MAX  ((size_t)64 << 10)
#define STATE_MAX ((size_t)64 << 20)
#define PAGE	  4096
#define PIECE	  ((off_t)1 << 20) /* copied at a time */

/* ---- where ---- */

static char *snapshots_dir(void)
{
	AUTO_FREE char *cache = path_cache_dir();

	return xasprintf("%s/snapshots", cache);
}

char *snapshot_dir(const char *target, const char *key)
{
	AUTO_FREE char *all = snapshots_dir();

	return xasprintf(
		"%s/%s-%016" PRIx64, all, target, hash_bytes(HASH_START, key, strlen(key)));
}

int snapshot_take_turn(const char *dir, int timeout_ms, struct error *err)
{
	AUTO_FREE char *lock = xasprintf("%s.lock", dir);

	return lock_take(lock, timeout_ms, err);
}

void snapshot_drop(const char *dir)
{
	path_remove_tree(dir);
}

static int open_in(const char *dir, const char *name, int flags)
{
	AUTO_FREE char *path = xasprintf("%s/%s", dir, name);

	return open(path, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
}

/* ---- what the info file says ---- */

static const char *text_in(struct json_object *o, const char *key)
{
	struct json_object *value;

	return json_object_object_get_ex(o, key, &value) &&
			json_object_is_type(value, json_type_string)
		? json_object_get_string(value)
		: "";
}

static int64_t number_in(struct json_object *o, const char *key)
{
	struct json_object *value;

	return json_object_object_get_ex(o, key, &value) ? json_object_get_int64(value) : -1;
}

/* What the date of a file is, as a number: it changes when somebody writes into it. */
static int64_t date_of(const struct stat *st)
{
	return st->st_mtim.tv_sec * INT64_C(1000000000) + st->st_mtim.tv_nsec;
}

static struct json_object *read_info(const char *dir)
{
	AUTO_FREE char *path = xasprintf("%s/info", dir);
	AUTO_BUF struct buf text = {0};

	return path_read(path, INFO_MAX, &text) || !text.data ? NULL
							      : json_tokener_parse(text.data);
}

static bool is_that_file(int fd, struct json_object *info, const char *bytes, const char *date)
{
	struct stat st;

	return fd >= 0 && !fstat(fd, &st) && st.st_size == number_in(info, bytes) &&
		date_of(&st) == number_in(info, date);
}

static int hash_file(int fd, uint64_t *hash)
{
	AUTO_FREE char *bytes = NULL;
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st) || st.st_size > (off_t)STATE_MAX)
		return -EINVAL;
	bytes = xcalloc(1, (size_t)st.st_size + 1);
	n = pread(fd, bytes, (size_t)st.st_size, 0);
	if (n != st.st_size)
		return -EIO;
	*hash = hash_bytes(HASH_START, bytes, (size_t)n);
	return 0;
}

static bool state_is_whole(int fd, struct json_object *info)
{
	uint64_t hash;

	return !hash_file(fd, &hash) && (int64_t)hash == number_in(info, "state_hash");
}

/* ---- opening ---- */

static bool take(struct snapshot *s, struct json_object *info, const char *key, uint64_t ram_bytes)
{
	s->ram = open_in(s->dir, "ram", O_RDWR);
	s->state = open_in(s->dir, "state", O_RDONLY);
	if (strcmp(text_in(info, "key"), key) || number_in(info, "ram_bytes") != (int64_t)ram_bytes)
		return false;
	if (!is_that_file(s->ram, info, "ram_bytes", "ram_date") ||
		!is_that_file(s->state, info, "state_bytes", "state_date") ||
		!state_is_whole(s->state, info))
		return false;
	s->hello.os = number_in(info, "os") == PROTO_FREEBSD ? PROTO_FREEBSD : PROTO_LINUX;
	s->hello.cpus = (unsigned)number_in(info, "cpus");
	s->hello.release = xstrdup(text_in(info, "release"));
	s->hello.version = xstrdup(text_in(info, "version"));
	s->hello.machine = xstrdup(text_in(info, "machine"));
	return true;
}

/* So that one that is not used any more can be told. */
static void note_use(const char *dir)
{
	AUTO_FREE char *path = xasprintf("%s/info", dir);

	(void)!utimensat(AT_FDCWD, path, NULL, 0);
}

int snapshot_open(const char *dir, const char *key, uint64_t ram_bytes, struct snapshot *out)
{
	struct json_object *info;
	bool taken;

	*out = (struct snapshot){.dir = xstrdup(dir), .ram = -1, .state = -1};
	if (!path_is_dir(dir)) {
		snapshot_close(out);
		return -ENOENT;
	}
	info = read_info(dir);
	taken = info && take(out, info, key, ram_bytes);
	json_object_put(info);
	if (taken) {
		note_use(dir);
		return 0;
	}
	snapshot_drop(dir);
	snapshot_close(out);
	return -ENOENT;
}

void snapshot_close(struct snapshot *s)
{
	close_fd(&s->ram);
	close_fd(&s->state);
	hello_free(&s->hello);
	free(s->dir);
	s->dir = NULL;
}

/* ---- keeping ---- */

static int write_at(int fd, const char *bytes, size_t len, off_t at)
{
	while (len) {
		ssize_t n = pwrite(fd, bytes, len, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		bytes += n;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

static bool is_zero(const char *bytes, size_t len)
{
	static const char zero[PAGE];

	return !memcmp(bytes, zero, len);
}

/* Writes what is not zero of a piece of memory, page by page. */
static int write_pages(int to, const char *bytes, size_t len, off_t at)
{
	size_t from = 0;
	int r = 0;

	for (size_t i = 0; i < len && !r; i += PAGE) {
		size_t page = len - i < PAGE ? len - i : PAGE;

		if (!is_zero(bytes + i, page))
			continue;
		if (i > from)
			r = write_at(to, bytes + from, i - from, at + (off_t)from);
		from = i + page;
	}
	return r ?: len > from ? write_at(to, bytes + from, len - from, at + (off_t)from) : 0;
}

/* Copies `len` bytes, leaving holes where there is nothing but zeros. */
static int copy_sparse(int from, int to, uint64_t len)
{
	AUTO_FREE char *bytes = xcalloc(1, PIECE);
	int r = ftruncate(to, (off_t)len) ? -errno : 0;

	for (off_t at = 0; !r && (uint64_t)at < len;) {
		off_t data = lseek(from, at, SEEK_DATA);
		ssize_t n;

		if (data < 0)
			return errno == ENXIO ? 0 : -errno; /* ENXIO: a hole up to the end */
		at = data / PIECE * PIECE;
		n = pread(from, bytes, PIECE, at);
		if (n <= 0)
			return n ? -errno : -EIO;
		r = write_pages(to, bytes, (size_t)n, at);
		at += PIECE;
	}
	return r;
}

static int put_file(const char *dir, const char *name, int from, uint64_t len, int *out)
{
	int fd = open_in(dir, name, O_RDWR | O_CREAT | O_EXCL), r;

	*out = fd;
	if (fd < 0)
		return -errno;
	fchmod(fd, 0600);
	r = copy_sparse(from, fd, len);
	return r ?: fsync(fd) ? -errno : 0;
}

static void put_text(struct json_object *o, const char *key, const char *text)
{
	json_object_object_add(o, key, json_object_new_string(text));
}

static void put_number(struct json_object *o, const char *key, int64_t value)
{
	json_object_object_add(o, key, json_object_new_int64(value));
}

static int put_info(const char *dir, const char *key, int ram, int state, const struct hello *hello,
	struct error *err)
{
	AUTO_FREE char *path = xasprintf("%s/info", dir);
	struct json_object *o = json_object_new_object();
	struct stat of_ram, of_state;
	uint64_t hash = 0;
	const char *text;
	int r;

	if (fstat(ram, &of_ram) || fstat(state, &of_state) || hash_file(state, &hash)) {
		json_object_put(o);
		return error_set(err, EIO, "cannot read the snapshot in %s again", dir);
	}
	put_text(o, "kmodlab", KMODLAB_VERSION);
	put_text(o, "key", key);
	put_number(o, "ram_bytes", of_ram.st_size);
	put_number(o, "ram_date", date_of(&of_ram));
	put_number(o, "state_bytes", of_state.st_size);
	put_number(o, "state_date", date_of(&of_state));
	put_number(o, "state_hash", (int64_t)hash);
	put_number(o, "os", hello->os);
	put_number(o, "cpus", hello->cpus);
	put_text(o, "release", hello->release);
	put_text(o, "version", hello->version);
	put_text(o, "machine", hello->machine);
	text = json_object_to_json_string_ext(
		o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE);
	r = path_write(path, text, strlen(text), err);
	json_object_put(o);
	return r;
}

static int fill(const char *dir, const char *key, int from_ram, uint64_t ram_bytes, int from_state,
	const struct hello *hello, struct error *err)
{
	AUTO_CLOSE int ram = -1, state = -1;
	struct stat st;
	int r = fstat(from_state, &st) ? -errno : 0;

	if (!r)
		r = put_file(dir, "ram", from_ram, ram_bytes, &ram);
	if (!r)
		r = put_file(dir, "state", from_state, (uint64_t)st.st_size, &state);
	return r ? error_sys(err, -r, "cannot keep a snapshot in %s", dir)
		 : put_info(dir, key, ram, state, hello, err);
}

int snapshot_keep(const char *dir, const char *key, int ram, uint64_t ram_bytes, int state,
	const struct hello *hello, struct error *err)
{
	AUTO_FREE char *prefix = xasprintf("%s.", dir);
	struct scratch scratch;
	int r = scratch_open(&scratch, prefix, err);

	if (r)
		return r;
	r = fill(scratch.path, key, ram, ram_bytes, state, hello, err);
	if (!r) {
		snapshot_drop(dir);
		if (rename(scratch.path, dir))
			r = error_sys(err, errno, "cannot put the snapshot at %s", dir);
	}
	scratch_close(&scratch);
	return r;
}

/* ---- all of them ---- */

static void add_entry(struct snapshot_list *out, const char *all, const char *name)
{
	struct snapshot_entry *e = ARRAY_ADD(out->items, out->n);
	struct json_object *info;
	struct stat st = {0};
	AUTO_FREE char *file = NULL;
	AUTO_CLOSE int ram = -1;

	e->dir = xasprintf("%s/%s", all, name);
	file = xasprintf("%s/info", e->dir);
	if (!stat(file, &st))
		e->used = st.st_mtime;
	ram = open_in(e->dir, "ram", O_RDONLY);
	if (ram >= 0 && !fstat(ram, &st))
		e->bytes = (uint64_t)st.st_blocks * 512;
	info = read_info(e->dir);
	e->key = xstrdup(info ? text_in(info, "key") : "");
	/* The name without "-<hash>". */
	e->target = *e->key && strlen(name) > 17 ? xstrndup(name, strlen(name) - 17) : xstrdup("");
	json_object_put(info);
}

static int is_snapshot(const struct dirent *e)
{
	const char *dash = strrchr(e->d_name, '-');

	return e->d_name[0] != '.' && dash && strspn(dash + 1, "0123456789abcdef") == 16 &&
		!dash[17];
}

void snapshot_list(struct snapshot_list *out)
{
	AUTO_FREE char *all = snapshots_dir();
	struct dirent **names = NULL;
	int n = scandir(all, &names, is_snapshot, alphasort);

	*out = (struct snapshot_list){0};
	for (int i = 0; i < n; i++) {
		add_entry(out, all, names[i]->d_name);
		free(names[i]);
	}
	free(names);
}

void snapshot_list_free(struct snapshot_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->items[i].dir);
		free(l->items[i].target);
		free(l->items[i].key);
	}
	free(l->items);
	*l = (struct snapshot_list){0};
}
