/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Linux's lists: directories of devtmpfs, procfs, sysfs and debugfs, and the files of procfs that list
 * something (man 5 proc).
 *
 * The baseline goes down the directories that are worth it and notes them, each with a hash of what
 * getdents64(2) says. A survey reads those again; in one whose hash is still the same nothing has
 * come, and there is no need to look at its entries. That, and looking only where modules put things,
 * makes a survey take milliseconds. New directories are not gone into, unless it is files that are asked for.
 */
#include "guest/bare.h"
#include "guest/list.h"
#include "guest/os.h"

#include <linux/fcntl.h>
#include <linux/mount.h>
#include <asm/unistd.h>

#define DIRS_MAX  900
#define PATHS_MAX 60000

enum { DT_DIR = 4, DT_LNK = 10 };

struct dirent64 {
	uint64_t ino;
	int64_t off;
	uint16_t reclen;
	uint8_t type;
	char name[];
};

/* A directory to look into, `depth` levels deep. `skip` says which entries are of no interest. */
struct place {
	const char *path;
	uint32_t kind;
	unsigned depth;
	int (*skip)(const char *dir, const char *name);
};

/* The processes are looked at as threads; the rest that is left out has a place of its own, or changes by itself. */
static int skip_proc(const char *dir, const char *name)
{
	if (dir[5]) /* not /proc itself */
		return 0;
	return list_same(name, "sys") || list_same(name, "irq") || list_same(name, "net") ||
		list_same(name, "self") || list_same(name, "thread-self");
}

/* /sys/bus/NAME/{devices,drivers}; nothing else there is made by anybody but the bus itself. */
static int skip_bus(const char *dir, const char *name)
{
	unsigned slashes = 0;

	for (const char *p = dir; *p; p++)
		slashes += *p == '/';
	return slashes == 3 && !list_same(name, "devices") && !list_same(name, "drivers");
}

/* Large directories in which no module but the kernel's own has anything to do; looking at each of their entries
 * would take a third of a survey's time. A network interface's settings come with it, and it has a list of its own. */
static int skip_sysctl(const char *dir, const char *name)
{
	if (list_same(dir, "/proc/sys/net"))
		return list_same(name, "core") || list_same(name, "ipv4") ||
			list_same(name, "ipv6");
	return list_same(dir, "/proc/sys") && list_same(name, "vm");
}

/* Made and changed by the kernel itself as it goes on. */
static int skip_kernel(const char *dir, const char *name)
{
	(void)dir;
	return list_same(name, "debug") || list_same(name, "tracing") || list_same(name, "slab") ||
		list_same(name, "irq");
}

static int skip_tracing(const char *dir, const char *name)
{
	(void)dir;
	return list_same(name, "tracing");
}

/* Besides the directories of each interrupt's actions there are its settings, which come with the
 * interrupt's number. */
static int skip_irq(const char *dir, const char *name)
{
	return dir[9] == '/' &&
		(list_begins(name, "smp_") || list_begins(name, "affinity") ||
			list_begins(name, "effective_") || list_same(name, "node") ||
			list_same(name, "spurious"));
}

static const struct place places[] = {
	{"/dev", PROTO_NODE, 4, 0},
	{"/proc", PROTO_PROC, 6, skip_proc},
	{"/proc/net", PROTO_PROC, 3, 0},
	{"/proc/sys", PROTO_SYSCTL, 8, skip_sysctl},
	{"/proc/irq", PROTO_IRQ, 2, skip_irq},
	{"/sys", PROTO_SYSFS, 1, 0},
	{"/sys/class", PROTO_SYSFS, 2, 0},
	{"/sys/bus", PROTO_SYSFS, 3, skip_bus},
	{"/sys/devices", PROTO_SYSFS, 1, 0},
	{"/sys/devices/virtual", PROTO_SYSFS, 1, 0},
	{"/sys/kernel", PROTO_SYSFS, 1, skip_kernel},
	{"/sys/fs", PROTO_SYSFS, 2, 0},
	{"/sys/firmware", PROTO_SYSFS, 1, 0},
	{"/sys/module", PROTO_SYSFS, 1, 0},
	{"/sys/kernel/debug", PROTO_DEBUGFS, 2, skip_tracing},
};

static void devices_line(char *line);
static void misc_line(char *line);
static void filesystems_line(char *line);
static void ioports_line(char *line);
static void iomem_line(char *line);

/* The lists that are files, and what is done with each line. Those that show names where the module put
 * them come last: reading one may be the end. */
static const struct {
	const char *path;
	void (*line)(char *line);
} files[] = {
	{"/proc/devices", devices_line},
	{"/proc/misc", misc_line},
	{"/proc/filesystems", filesystems_line},
	{"/proc/ioports", ioports_line},
	{"/proc/iomem", iomem_line},
};
#define DEVICES 0 /* the first of them */
#define FILES	(sizeof files / sizeof *files)

static struct noted {
	unsigned ndirs;
	uint32_t paths_len;
	struct dir {
		uint64_t hash;
		uint32_t path;
		uint16_t place;
		uint16_t level;
	} dirs[DIRS_MAX];
	uint64_t files[FILES];
	uint64_t events; /* number of the last that the kernel sent of an object in sysfs */
	uint64_t loads;	 /* modules that were loaded since */
	char paths[PATHS_MAX];
} * noted;

static char buffer[65536] __attribute__((aligned(8)));

void list_prepare(void)
{
	noted = os_common_memory(sizeof *noted);
	sys5(__NR_mount, "debug", "/sys/kernel/debug", "debugfs", 0, 0);
}

const char *list_name(unsigned number)
{
	if (number < FILES)
		return files[number].path;
	number -= FILES;
	return number < noted->ndirs ? noted->paths + noted->dirs[number].path : "?";
}

/* Where a file or a directory is open: whoever made the baseline keeps them so, because opening costs more than
 * reading. One who has not finds nothing here. */
static short opened[FILES + DIRS_MAX]; /* plus one */

static int open_list(unsigned number, const char *path, int flags)
{
	if (!opened[number])
		opened[number] =
			(short)(sys3(__NR_open, path, O_RDONLY | O_CLOEXEC | flags, 0) + 1);
	return opened[number] - 1;
}

static void close_all(void)
{
	for (unsigned i = 0; i < FILES + DIRS_MAX; i++) {
		if (opened[i] > 0)
			os_close(opened[i] - 1);
		opened[i] = 0;
	}
}

/* All entries of a directory into the buffer: their length in bytes. */
static size_t read_entries(int fd)
{
	size_t len = 0;
	long n;

	/* All file systems here fill the buffer as far as they can: one that has room left is the last. */
	while (sizeof buffer - len > 2048 &&
		(n = sys3(__NR_getdents64, fd, buffer + len, sizeof buffer - len)) > 0) {
		len += (size_t)n;
		if (sizeof buffer - len > 2048)
			break;
	}
	return len;
}

static size_t read_dir(const char *path)
{
	int fd = (int)sys3(__NR_open, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	size_t len = 0;

	if (fd >= 0) {
		len = read_entries(fd);
		os_close(fd);
	}
	return len;
}

static size_t read_noted_dir(unsigned i)
{
	int fd = open_list((unsigned)FILES + i, noted->paths + noted->dirs[i].path, O_DIRECTORY);

	if (fd < 0)
		return 0;
	sys3(__NR_lseek, fd, 0, 0);
	return read_entries(fd);
}

static size_t read_noted_file(unsigned i)
{
	int fd = open_list(i, files[i].path, 0);
	size_t len = 0;
	long n;

	/* A seq_file gives whole lines, as many as fit into a page. */
	while (fd >= 0 && sizeof buffer - 1 - len > 0 &&
		(n = sys4(__NR_pread64, fd, buffer + len, sizeof buffer - 1 - len, len)) > 0) {
		len += (size_t)n;
		if (n < 2048)
			break;
	}
	buffer[len] = 0;
	return len;
}

/* ---- directories ---- */

static void note_dir(const char *path, unsigned place, unsigned level)
{
	size_t n = length(path) + 1;
	struct dir *d;

	if (noted->ndirs == DIRS_MAX || noted->paths_len + n > PATHS_MAX)
		return;
	d = &noted->dirs[noted->ndirs++];
	*d = (struct dir){0, noted->paths_len, (uint16_t)place, (uint16_t)level};
	memcpy(noted->paths + noted->paths_len, path, n);
	noted->paths_len += (uint32_t)n;
}

/* Once in the directories that are new, what the kernel puts into each of them. */
static int is_everybodys(const char *name)
{
	return list_same(name, "uevent") || list_same(name, "power");
}

/* New directories, whose files are asked for. */
static struct {
	unsigned n;
	size_t len;
	struct {
		size_t path;
		uint32_t kind;
		unsigned level;
		uint64_t inode;
	} dirs[200];
	char paths[16000];
} fresh;

static void note_fresh(const char *path, uint32_t kind, unsigned level)
{
	char below[512];
	size_t len;

	if (list_begins(path, "/sys/module/") && !level)
		path = LIST_TEXT(below, path, "/parameters");
	len = length(path) + 1;
	if (fresh.n == sizeof fresh.dirs / sizeof *fresh.dirs ||
		fresh.len + len > sizeof fresh.paths)
		return;
	memcpy(fresh.paths + fresh.len, path, len);
	fresh.dirs[fresh.n].path = fresh.len;
	fresh.dirs[fresh.n].kind = kind;
	fresh.dirs[fresh.n++].level = level;
	fresh.len += len;
}

/* The same directory may be reached in more ways than one, through links. */
static int is_second(unsigned i, size_t n)
{
	const struct dirent64 *self = (const struct dirent64 *)buffer;

	fresh.dirs[i].inode = n && list_same(self->name, ".") ? self->ino : 0;
	for (unsigned k = 0; k < i && fresh.dirs[i].inode; k++)
		if (fresh.dirs[k].kind == fresh.dirs[i].kind &&
			fresh.dirs[k].inode == fresh.dirs[i].inode)
			return 1;
	return 0;
}

/* All files in new directories: they are there to be opened. Links are followed only where one itself is new. */
static void see_fresh(void)
{
	/* Each may add some behind it. */
	for (unsigned i = 0; i < fresh.n; i++) {
		const char *dir = fresh.paths + fresh.dirs[i].path;
		uint32_t kind = fresh.dirs[i].kind;
		size_t n = read_dir(dir);

		if (is_second(i, n))
			continue;
		for (size_t at = 0; at < n;) {
			const struct dirent64 *e = (const struct dirent64 *)(buffer + at);
			char path[1024];

			at += e->reclen;
			if (e->name[0] == '.' || e->type == DT_LNK || is_everybodys(e->name))
				continue;
			LIST_TEXT(path, dir, "/", e->name);
			if (e->type != DT_DIR)
				list_see(PROTO_FILES, kind, path, "", 1);
			else if (fresh.dirs[i].level < 5)
				note_fresh(path, kind, fresh.dirs[i].level + 1);
		}
	}
	fresh.n = 0;
	fresh.len = 0;
}

static void see_entry(const struct dir *d, const char *dir, const struct dirent64 *e)
{
	const struct place *place = &places[d->place];
	unsigned what = e->type == DT_DIR || e->type == DT_LNK ? PROTO_OTHERS : PROTO_FILES;
	static char name[1024];

	if (place->kind == PROTO_IRQ) {
		if (d->level)
			list_see(PROTO_OTHERS, PROTO_IRQ, LIST_TEXT(name, dir + 10, " ", e->name),
				"", 1);
		return;
	}
	if (list_same(dir, "/sys/class/net")) {
		list_see(PROTO_OTHERS, PROTO_NETDEV, e->name, "", 1);
		/* For those who want its files, it is a directory besides. */
		if (list_wanted() & PROTO_OTHERS)
			return;
	}
	LIST_TEXT(name, dir, "/", e->name);
	if (list_see(what, place->kind, name, "", 1) && what == PROTO_OTHERS &&
		list_wanted() == PROTO_FILES)
		note_fresh(name, place->kind, 0);
}

static void see_entries(unsigned i, size_t n, int baseline)
{
	const struct dir *d = &noted->dirs[i];
	const struct place *place = &places[d->place];
	const char *dir = noted->paths + d->path;
	int proc = place->kind == PROTO_PROC && !dir[5];

	for (size_t at = 0; at < n;) {
		const struct dirent64 *e = (const struct dirent64 *)(buffer + at);
		char path[1024];

		at += e->reclen;
		if (e->name[0] == '.' && (!e->name[1] || e->name[1] == '.'))
			continue;
		if (proc && e->name[0] >= '0' && e->name[0] <= '9') {
			list_process(e->name);
			continue;
		}
		if (place->skip && place->skip(dir, e->name))
			continue;
		see_entry(d, dir, e);
		if (baseline && e->type == DT_DIR && d->level + 1u < place->depth)
			note_dir(LIST_TEXT(path, dir, "/", e->name), d->place, d->level + 1u);
	}
}

/* Each class, bus, driver and device that comes or goes is an event, and the kernel counts them
 * (Documentation/ABI/testing/sysfs-kernel-uevents). A module alone is two of them: one when it comes, one when it
 * goes. */
static uint64_t last_event(void)
{
	int fd = os_open_read("/sys/kernel/uevent_seqnum");
	uint64_t n = 0;
	char text[32];
	long len = fd < 0 ? 0 : os_read(fd, text, sizeof text);

	for (long i = 0; i < len && text[i] >= '0' && text[i] <= '9'; i++)
		n = n * 10 + (uint64_t)(text[i] - '0');
	if (fd >= 0)
		os_close(fd);
	return n;
}

void list_loaded(void)
{
	noted->loads++;
}

/* Whether all that changed among the devices is that our modules came and went. */
static int same_devices(int baseline)
{
	uint64_t now = last_event();

	if (!baseline)
		return now && (list_wanted() & PROTO_OTHERS) && noted->loads &&
			now == noted->events + 2 * noted->loads;
	noted->events = now;
	noted->loads = 0;
	return 0;
}

/* Whether nothing comes there without an event. */
static int is_of_devices(const struct dir *d)
{
	const char *path = places[d->place].path;

	return list_begins(path, "/sys/class") || list_begins(path, "/sys/bus") ||
		list_begins(path, "/sys/devices/virtual");
}

static void look_at_dir(unsigned i, int baseline)
{
	struct dir *d = &noted->dirs[i];
	uint64_t hash;
	size_t n;

	if (!list_enter((unsigned)FILES + i))
		return;
	n = read_noted_dir(i);
	list_leave();
	hash = list_hash(0, buffer, n);
	if (!baseline && hash == d->hash)
		return;
	if (baseline)
		d->hash = hash;
	see_entries(i, n, baseline);
}

/* ---- files ---- */

/* The word that begins at or after `s`, ended; moves *s past it. */
static char *word(char **s)
{
	char *start;

	while (**s == ' ' || **s == '\t')
		++*s;
	start = *s;
	while (**s && **s != ' ' && **s != '\t')
		++*s;
	if (**s)
		*(*s)++ = 0;
	return start;
}

static void see_line(uint32_t kind, const char *first, const char *second, const char *third)
{
	static char name[512];

	LIST_TEXT(name, first, *first && *second ? " " : "", second, *third ? " " : "", third);
	/* A character device can be opened, with a node made for it. */
	list_see(list_begins(name, "char ") && kind == PROTO_DEVICE ? PROTO_FILES | PROTO_OTHERS
								    : PROTO_OTHERS,
		kind, name, "", 1);
}

/* "Character devices:", then lines of "240 foo"; a blank line; "Block devices:", the same. */
static void devices_line(char *line)
{
	static const char *which;

	if (list_begins(line, "Char"))
		which = "char";
	if (list_begins(line, "Block"))
		which = "block";
	if (*line == ' ' || (*line >= '0' && *line <= '9')) {
		const char *number = word(&line);

		see_line(PROTO_DEVICE, which ? which : "", number, line);
	}
}

/* " 61 foo" */
static void misc_line(char *line)
{
	const char *number = word(&line);

	see_line(PROTO_DEVICE, "misc", number, word(&line));
}

/* "nodev\tfoofs" */
static void filesystems_line(char *line)
{
	const char *first = word(&line), *second = word(&line);

	see_line(PROTO_FILESYSTEM, "", *second ? second : first, "");
}

/* "  0300-0307 : foo" */
static void ioports_line(char *line)
{
	const char *range = word(&line);

	word(&line);
	see_line(PROTO_REGION, "io", range, line);
}

static void iomem_line(char *line)
{
	const char *range = word(&line);

	word(&line);
	see_line(PROTO_REGION, "memory", range, line);
}

static void look_at_file(unsigned i, int baseline)
{
	uint64_t hash;
	size_t n;

	if (!list_enter(i))
		return;
	n = read_noted_file(i);
	list_leave();
	hash = list_hash(0, buffer, n);
	if (!baseline && hash == noted->files[i])
		return;
	if (baseline)
		noted->files[i] = hash;
	for (char *line = buffer, *end; line < buffer + n; line = end + 1) {
		for (end = line; *end && *end != '\n'; end++)
			;
		*end = 0;
		files[i].line(line);
	}
}

void list_look(int baseline)
{
	int same;

	if (baseline) {
		close_all();
		noted->ndirs = 0;
		noted->paths_len = 0;
		for (unsigned i = 0; i < sizeof places / sizeof *places; i++)
			note_dir(places[i].path, i, 0);
	}
	same = same_devices(baseline);
	/* A baseline adds to the directories while it goes through them. */
	for (unsigned i = 0; i < noted->ndirs; i++)
		if (!same || !is_of_devices(&noted->dirs[i]))
			look_at_dir(i, baseline);
	if (list_wanted() == PROTO_FILES) {
		see_fresh();
		look_at_file(DEVICES, 0);
		return;
	}
	for (unsigned i = 0; i < FILES; i++)
		look_at_file(i, baseline);
}
