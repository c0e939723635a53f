/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The registry: one INI file per target in <data>/targets, beside the trees in <data>/trees. The
 * file is the registration: it is written last and removed first, so that a target either is there
 * with all its files or is not there. inih cuts lines at 200 bytes and takes ';' for a comment,
 * hence values are written percent-encoded and in pieces on continuation lines.
 */
#include "target/registry.h"

#include "base/lock.h"
#include "base/path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* Most targets that one user may have: a bound against a directory gone mad. */
#define TARGETS_MAX 10000
/* Most that a target may want of a machine: the bound of --memory. */
#define MEMORY_MIB_MAX 65536
/* Encoded bytes in one line of a value. */
#define PIECE_MAX 120

static const struct field {
	const char *key;
	size_t offset;
	bool required, path;
} fields[] = {
	{"name", offsetof(struct target, name), true, false},
	{"arch", offsetof(struct target, arch), true, false},
	{"release", offsetof(struct target, release), true, false},
	{"kernel", offsetof(struct target, kernel), true, true},
	{"root", offsetof(struct target, root), true, true},
	{"build", offsetof(struct target, build), true, true},
	{"ssh", offsetof(struct target, ssh), false, false},
	{"modules", offsetof(struct target, modules), false, true},
	{"symbols", offsetof(struct target, symbols), false, true},
	{"append", offsetof(struct target, append), false, false},
	{"options", offsetof(struct target, options), false, false},
	{"added", offsetof(struct target, added), true, false},
	{"note", offsetof(struct target, note), false, false},
};
#define FIELDS (sizeof fields / sizeof *fields)

static char **field_of(const struct target *t, const struct field *f)
{
	return (char **)((char *)t + f->offset);
}

static char *below_data(const char *directory, const char *name, const char *suffix)
{
	AUTO_FREE char *data = path_data_dir();
	AUTO_FREE char *flat = name ? target_flat_name(name) : xstrdup("");

	return xasprintf("%s/%s%s%s%s", data, directory, name ? "/" : "", flat, suffix);
}

char *target_file(const char *name)
{
	return below_data("targets", name, ".ini");
}

char *registry_tree(const char *name)
{
	return below_data("trees", name, "");
}

int registry_take_turn(const char *name, int timeout_ms, struct error *err)
{
	AUTO_FREE char *path = below_data("locks", name, "");
	struct stat ours, there;

	for (;;) {
		int fd = lock_take(path, timeout_ms, err);

		if (fd < 0)
			return fd;
		if (!fstat(fd, &ours) && !stat(path, &there) && ours.st_dev == there.st_dev &&
			ours.st_ino == there.st_ino)
			return fd;
		/* The one we waited for took the file away: that lock is nobody's now. */
		close(fd);
	}
}

void registry_end_turn(const char *name, int *turn)
{
	AUTO_FREE char *path = below_data("locks", name, "");

	if (*turn >= 0)
		unlink(path);
	close_fd(turn);
}

static void add_value(struct buf *out, const char *key, const char *value)
{
	size_t column = 0;

	buf_addf(out, "%s = ", key);
	for (const char *p = value; *p; p++) {
		unsigned char c = (unsigned char)*p;

		if (column >= PIECE_MAX) {
			buf_adds(out, "\n\t");
			column = 0;
		}
		if (c < 0x20 || c == 0x7f || strchr("%;#", c) ||
			(c == ' ' && (!column || column >= PIECE_MAX - 1 || !p[1]))) {
			buf_addf(out, "%%%02x", c);
			column += 3;
		} else {
			buf_add(out, p, 1);
			column++;
		}
	}
	buf_adds(out, "\n");
}

void registry_format(const struct target *t, unsigned long long bytes, struct buf *out)
{
	buf_addf(out,
		"# A target of kmodlab; `kmodlab target remove` removes it with its files.\n"
		"[target]\n");
	add_value(out, "os", target_os_name(t->os));
	for (size_t i = 0; i < FIELDS; i++) {
		const char *value = *field_of(t, &fields[i]);

		if (value)
			add_value(out, fields[i].key, value);
	}
	if (t->memory_mib)
		buf_addf(out, "memory_mib = %u\n", t->memory_mib);
	buf_addf(out, "bytes = %llu\n", bytes);
}

struct parse {
	struct buf values[FIELDS];
	struct buf os, bytes, memory;
};

static int on_key(void *user, const char *section, const char *key, const char *value)
{
	struct parse *p = user;

	/* What a newer kmodlab may have written beside is not ours to judge. */
	if (strcmp(section, "target") || !value)
		return 1;
	if (!strcmp(key, "os"))
		buf_adds(&p->os, value);
	if (!strcmp(key, "memory_mib"))
		buf_adds(&p->memory, value);
	if (!strcmp(key, "bytes"))
		buf_adds(&p->bytes, value);
	for (size_t i = 0; i < FIELDS; i++)
		if (!strcmp(key, fields[i].key))
			buf_adds(&p->values[i], value);
	return 1;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* NULL when it is not encoded as add_value does it, or holds control characters. */
static char *decode(const char *value)
{
	char *text = xstrdup(value), *to = text;

	for (const char *p = value; *p; p++) {
		int c = (unsigned char)*p;

		if (c == '%') {
			int high = hex_digit(p[1]), low = high < 0 ? -1 : hex_digit(p[2]);

			if (low < 0)
				goto fail;
			c = high << 4 | low;
			p += 2;
		}
		if (c < 0x20 || c == 0x7f)
			goto fail;
		*to++ = (char)c;
	}
	*to = 0;
	return text;
fail:
	free(text);
	return NULL;
}

static int take_field(
	const struct field *f, const struct buf *value, struct target *t, struct error *reason)
{
	char **where = field_of(t, f);

	if (!value->len)
		return f->required ? error_set(reason, EINVAL, "it has no `%s`", f->key) : 0;
	*where = decode(value->data);
	if (!*where)
		return error_set(reason, EINVAL, "its `%s` is damaged", f->key);
	if (f->path && **where != '/')
		return error_set(reason, EINVAL, "its `%s` is not an absolute path", f->key);
	return 0;
}

static int take_os(const struct buf *os, struct target *t, struct error *reason)
{
	if (!os->len)
		return error_set(reason, EINVAL, "it has no `os`");
	if (!strcmp(os->data, target_os_name(TARGET_LINUX)))
		t->os = TARGET_LINUX;
	else if (!strcmp(os->data, target_os_name(TARGET_FREEBSD)))
		t->os = TARGET_FREEBSD;
	else
		return error_set(reason, EINVAL, "its `os` is none that this kmodlab knows: %.40s",
			os->data);
	return 0;
}

static int take_memory(const struct buf *memory, struct target *t, struct error *reason)
{
	char *end;
	unsigned long mib = strtoul(memory->data, &end, 10);

	if (*end || !mib || mib > MEMORY_MIB_MAX)
		return error_set(reason, EINVAL, "its `memory_mib` is no number of MiB");
	t->memory_mib = (unsigned)mib;
	return 0;
}

int registry_parse(
	const char *text, struct target *t, unsigned long long *bytes, struct error *reason)
{
	struct parse p = {0};
	int line, r = 0;

	*t = (struct target){0};
	*bytes = 0;
	line = ini_parse_string(text, on_key, &p);
	/* The name first: whatever else is wrong, it says whose file this is. */
	for (size_t i = 0; i < FIELDS; i++) {
		int failed = r ? 0 : take_field(&fields[i], &p.values[i], t, reason);

		r = r ? r : failed;
	}
	if (!r)
		r = take_os(&p.os, t, reason);
	if (line)
		r = error_set(reason, EINVAL, "its line %d is not `key = value`", line);
	if (!r && p.memory.len)
		r = take_memory(&p.memory, t, reason);
	if (p.bytes.len)
		*bytes = strtoull(p.bytes.data, NULL, 10);
	for (size_t i = 0; i < FIELDS; i++)
		buf_free(&p.values[i]);
	buf_free(&p.os);
	buf_free(&p.bytes);
	buf_free(&p.memory);
	return r;
}

int registry_write(const struct target *t, unsigned long long bytes, struct error *err)
{
	AUTO_FREE char *file = target_file(t->name);
	AUTO_FREE char *directory = below_data("targets", NULL, "");
	AUTO_BUF struct buf text = {0};
	int r = path_make_dirs(directory, err);

	if (r)
		return r;
	registry_format(t, bytes, &text);
	return path_write(file, text.data, text.len, err);
}

/* Reads the registration in `file`, and fills `t` as far as it goes, to be freed whatever comes. */
static int read_file(
	const char *file, struct target *t, unsigned long long *bytes, struct error *err)
{
	AUTO_BUF struct buf text = {0};
	AUTO_FREE char *own = NULL;
	struct error reason = {{0}};
	int r = path_read(file, REGISTRY_FILE_MAX, &text);

	*t = (struct target){0};
	if (r == -EFBIG)
		r = error_set(&reason, EINVAL, "it is larger than %d KiB", REGISTRY_FILE_MAX >> 10);
	else if (r)
		return error_sys(err, -r, "cannot read %s", file);
	else if (memchr(text.data, 0, text.len))
		r = error_set(&reason, EINVAL, "it is not text");
	else
		r = registry_parse(text.data, t, bytes, &reason);
	own = t->name ? target_file(t->name) : NULL;
	if (!r && own && strcmp(own, file))
		r = error_set(&reason, EINVAL, "it describes %s, which is not what it is called",
			t->name);
	if (!r)
		return 0;
	if (own && !strcmp(own, file))
		return error_set(err, EINVAL,
			"%s does not describe a target: %s; `kmodlab target remove %s`, then add it "
			"again",
			file, reason.text, t->name);
	return error_set(err, EINVAL, "%s does not describe a target: %s; remove that file", file,
		reason.text);
}

static bool is_registration(const char *name)
{
	size_t len = strlen(name);

	return name[0] != '.' && len > 4 && !strcmp(name + len - 4, ".ini");
}

static int by_age(const void *left, const void *right)
{
	const struct target *a = left, *b = right;
	int order = strcmp(a->added, b->added);

	return order ? order : strcmp(a->name, b->name);
}

static int load_from(DIR *dir, const char *path, struct targets *all, struct error *err)
{
	struct dirent *entry;

	while ((entry = readdir(dir))) {
		AUTO_FREE char *file = xasprintf("%s/%s", path, entry->d_name);
		unsigned long long bytes;
		int r;

		if (!is_registration(entry->d_name))
			continue;
		if (all->n >= TARGETS_MAX)
			return error_set(err, EFBIG,
				"there are more than %d targets in %s; kmodlab target remove takes some away",
				TARGETS_MAX, path);
		r = read_file(file, ARRAY_ADD(all->items, all->n), &bytes, err);
		if (r)
			return r;
	}
	return 0;
}

int targets_load(struct targets *all, struct error *err)
{
	AUTO_FREE char *path = below_data("targets", NULL, "");
	DIR *dir = opendir(path);
	int r;

	*all = (struct targets){0};
	if (!dir && errno == ENOENT)
		return 0;
	if (!dir)
		return error_sys(err, errno, "cannot read %s", path);
	r = load_from(dir, path, all, err);
	closedir(dir);
	if (r) {
		targets_free(all);
		return r;
	}
	if (all->n)
		qsort(all->items, all->n, sizeof *all->items, by_age);
	return 0;
}

void targets_free(struct targets *all)
{
	for (size_t i = 0; i < all->n; i++)
		target_free(&all->items[i]);
	free(all->items);
	*all = (struct targets){0};
}

static const struct target *named(const struct targets *all, const char *name)
{
	for (size_t i = 0; i < all->n; i++)
		if (!strcmp(all->items[i].name, name))
			return &all->items[i];
	return NULL;
}

static const char *nearest_name(const struct targets *all, const char *typed)
{
	const char **names = xcalloc(all->n + 1, sizeof *names);
	const char *nearest;

	for (size_t i = 0; i < all->n; i++)
		names[i] = all->items[i].name;
	nearest = nearest_word(typed, names);
	free(names);
	return nearest;
}

const struct target *target_look_up(const struct targets *all, const char *typed, struct error *err)
{
	const struct target *exact = named(all, typed);
	AUTO_FREE char *full = exact ? NULL : target_full_name(typed, err);
	const struct target *t = full ? named(all, full) : exact;
	const char *nearest;

	if (t)
		return t;
	if (!strcmp(typed, "all") || strpbrk(typed, "*?[")) {
		error_set(err, EINVAL,
			"one target is wanted here, and \"%s\" is a pattern for several; kmodlab target list "
			"shows their names",
			typed);
		return NULL;
	}
	nearest = nearest_name(all, full ? full : typed);
	if (full && nearest)
		error_set(err, ENOENT,
			"%s is not among the targets, but %s is; `kmodlab target add %s` adds it",
			full, nearest, full);
	else if (full)
		error_set(err, ENOENT,
			"%s is not among the targets; `kmodlab target add %s` adds it", full, full);
	else if (nearest)
		error_set(err, ENOENT, "there is no target %s; did you mean %s?", typed, nearest);
	return NULL;
}

const struct target *target_find(const struct targets *all, const char *typed, struct error *err)
{
	const struct target *t = target_look_up(all, typed, err);
	AUTO_FREE char *build = NULL;
	const char *gone = NULL;

	if (!t)
		return NULL;
	build = xasprintf("%s%s", strcmp(t->root, "/") ? t->root : "", t->build);
	if (!path_is_file(t->kernel))
		gone = t->kernel;
	else if (!path_is_dir(build))
		gone = build;
	if (!gone)
		return t;
	error_set(err, ENOENT,
		"%s of the target %s is gone; `kmodlab target remove %s`, then `kmodlab target add %s` again",
		gone, t->name, t->name, t->name);
	return NULL;
}

/* Out of sight in one step, then removed file by file: a name with a dot in front is swept away by
 * the next add should we not get to the end. */
static int remove_tree(const char *name)
{
	AUTO_FREE char *tree = registry_tree(name);
	AUTO_FREE char *directory = below_data("trees", NULL, "");
	AUTO_FREE char *flat = target_flat_name(name);
	AUTO_FREE char *aside = xasprintf("%s/.removed-%s", directory, flat);

	path_remove_tree(aside);
	if (rename(tree, aside))
		return errno == ENOENT ? 0 : -errno;
	return path_remove_tree(aside);
}

static int remove_alone(const char *name, const char *file, struct error *err)
{
	int r;

	if (unlink(file))
		return errno == ENOENT
			? error_set(err, ENOENT,
				  "%s is not among the targets; kmodlab target list shows them",
				  name)
			: error_sys(err, errno, "cannot remove %s", file);
	r = remove_tree(name);
	if (r)
		return error_sys(err, -r,
			"%s is no longer a target, but its files could not all be removed; see whose they are, in kmodlab's data directory (kmodlab doctor names it)",
			name);
	return 0;
}

int target_remove(const char *name, struct error *err)
{
	AUTO_FREE char *file = target_file(name);
	int turn, r;

	if (access(file, F_OK))
		return error_set(err, ENOENT,
			"%s is not among the targets; kmodlab target list shows them", name);
	turn = registry_take_turn(name, 1000, err);
	if (turn == -ETIMEDOUT)
		return error_set(err, EBUSY,
			"another kmodlab is adding or removing %s; try again when it is done",
			name);
	if (turn < 0)
		return turn;
	r = remove_alone(name, file, err);
	registry_end_turn(name, &turn);
	return r;
}

unsigned long long target_disk_bytes(const char *name)
{
	AUTO_FREE char *file = target_file(name);
	unsigned long long bytes = 0;
	struct error ignored;
	struct target t;

	read_file(file, &t, &bytes, &ignored);
	target_free(&t);
	return bytes;
}
