/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What FreeBSD's kernel lists in its own memory only, or where asking would take too long: sysctl nodes, malloc(9)
 * types, UMA zones, callouts, event handlers, resources, types of file systems. The structures are those of
 * FreeBSD 14; kernel_known() has seen to it that this is one. Everything is bounded, and a pointer that leads
 * nowhere ends a list.
 *
 * Callouts and event handlers come and go by themselves; what makes one a leftover is that its function
 * lies where no code is any more.
 */
#include "guest/bare.h"
#include "guest/kernel-freebsd.h"
#include "guest/list.h"
#include "guest/os.h"

#define TYPES_MAX 1000
#define CPUS_MAX  64
#define LONG_LIST 20000 /* no list is longer */

/* ---- which code there is ---- */

static struct {
	unsigned n;
	uint64_t from[300], to[300];
} code;

/* struct linker_file, sys/sys/linker.h */
static void find_code(void)
{
	uint64_t file = kernel_word(kernel_symbol(KERNEL_FILES));

	code.n = 0;
	while (file && code.n < sizeof code.from / sizeof *code.from) {
		uint64_t f[10];

		if (!kernel_copy(file, f, sizeof f))
			break;
		code.from[code.n] = f[8];
		code.to[code.n++] = f[8] + f[9];
		file = f[3];
	}
}

/* Whether it is the address of a module's code, and the module is gone. Modules lie above the kernel. */
static int is_gone(uint64_t function)
{
	if (function < kernel_symbol(KERNEL_END))
		return 0;
	for (unsigned i = 0; i < code.n; i++)
		if (function >= code.from[i] && function < code.to[i])
			return 0;
	return code.n > 0;
}

/* ---- sysctl: struct sysctl_oid, sys/sys/sysctl.h; a tree of siblings below each node ---- */

struct oid {
	uint64_t children, parent, link[3];
	uint32_t number, kind;
	uint64_t arg1, arg2, name, handler, format;
	uint32_t refs, running;
};

#define OID_TYPE 0xfu
#define OID_NODE 1u

/* "hw.foo.bar" of the node at `at`, from the last part to the first. */
static void oid_name(uint64_t at, char *to, size_t len)
{
	static char part[96];
	char whole[512];
	struct oid o;

	to[0] = 0;
	for (unsigned depth = 0; depth < 24 && kernel_copy(at, &o, sizeof o); depth++) {
		LIST_TEXT(whole, kernel_text(o.name, part, sizeof part), *to ? "." : "", to);
		list_text(to, len, (const char *const[]){whole, 0});
		/* A parent is known by its list of children, its first field. */
		if (o.parent == kernel_symbol(KERNEL_SYSCTL))
			return;
		at = o.parent;
	}
}

/* What tells a node apart: where it is. Its name is made only when it is new. */
static const char *oid_key(char key[17], uint64_t at, const struct oid *o)
{
	uint64_t id = at ^ o->name << 20;

	for (unsigned i = 0; i < 16; i++)
		key[i] = (char)('a' + (id >> 4 * i & 15));
	key[16] = 0;
	return key;
}

static void see_oid(uint64_t at, const struct oid *o)
{
	char key[17], name[512];
	struct oid above;

	oid_key(key, at, o);
	if (!list_wanted()) {
		list_knows(PROTO_SYSCTL, key);
		return;
	}
	if (list_knows(PROTO_SYSCTL, key))
		return;
	/* What is left of a tree is told by its root. */
	if (list_wanted() & PROTO_OTHERS && o->parent != kernel_symbol(KERNEL_SYSCTL) &&
		kernel_copy(o->parent, &above, sizeof above) &&
		!list_knows(PROTO_SYSCTL, oid_key(key, o->parent, &above)))
		return;
	oid_name(at, name, sizeof name);
	/* What jails may be allowed is never taken back (prison_add_allow in kern/kern_jail.c). */
	if (list_begins(name, "security.jail."))
		return;
	/* A zone's are the kernel's: no code of the module's to be tried there. */
	if (list_wanted() == PROTO_FILES && list_begins(name, "vm.uma."))
		return;
	list_see((o->kind & OID_TYPE) == OID_NODE ? PROTO_OTHERS : PROTO_FILES, PROTO_SYSCTL, name,
		"", 1);
}

static void look_at_sysctl(void)
{
	static uint64_t todo[4000];
	unsigned n = 0, all = 0;

	todo[n++] = kernel_word(kernel_symbol(KERNEL_SYSCTL));
	while (n && all++ < LONG_LIST) {
		uint64_t at = todo[--n];
		struct oid copied;
		const struct oid *o = kernel_at(at, sizeof *o);

		if (!o && kernel_copy(at, &copied, sizeof copied))
			o = &copied;
		if (!o)
			continue;
		see_oid(at, o);
		if (n + 3 > sizeof todo / sizeof *todo)
			continue;
		for (unsigned side = 1; side < 3; side++)
			if (o->link[side])
				todo[n++] = o->link[side] & ~(uint64_t)3;
		if ((o->kind & OID_TYPE) == OID_NODE && o->children)
			todo[n++] = o->children;
	}
}

/* ---- malloc(9) types: sys/sys/malloc.h ---- */

struct type {
	uint64_t next, version, name, probes, zone, stats;
};

/* A type of its own goes with its module, and the kernel itself says what was left of it. What is left of
 * these, which everybody may use, nobody says. */
static const char *const shared_types[] = {"devbuf", "temp"};
#define SHARED (sizeof shared_types / sizeof *shared_types)

static struct kept {
	struct {
		uint64_t bytes, count, type;
	} shared[SHARED];
	uint64_t nodes;	     /* sysctl nodes made at run time */
	uint64_t oids;	     /* the type that counts them */
	uint64_t interrupts; /* a hash of their names */
} * kept;

/* What is allocated of a type at the moment: bytes and pieces. */
static int type_in_use(uint64_t at, uint64_t *bytes, uint64_t *count)
{
	uint64_t pcpu = kernel_word(kernel_symbol(KERNEL_PCPU)), stats[4];
	struct type t;

	*bytes = *count = 0;
	if (!kernel_copy(at, &t, sizeof t) || !t.stats)
		return 0;
	for (uint32_t cpu = 0; cpu < os_cpus() && cpu < CPUS_MAX; cpu++) {
		if (!kernel_copy(t.stats + pcpu + cpu * 4096u, stats, sizeof stats))
			return 0;
		*bytes += stats[0] - stats[1];
		*count += stats[2] - stats[3];
	}
	return 1;
}

static void find_types(void)
{
	uint64_t at = kernel_word(kernel_symbol(KERNEL_MALLOC));

	for (unsigned n = 0; at && n < TYPES_MAX; n++) {
		char name[40];
		struct type t;

		if (!kernel_copy(at, &t, sizeof t))
			return;
		kernel_text(t.name, name, sizeof name);
		for (unsigned i = 0; i < SHARED; i++)
			if (list_same(name, shared_types[i]))
				kept->shared[i].type = at;
		if (list_same(name, "sysctloid"))
			kept->oids = at;
		at = t.next;
	}
}

static void look_at_types(int baseline)
{
	uint64_t bytes, count;

	if (baseline)
		find_types();
	for (unsigned i = 0; i < SHARED; i++) {
		struct proto_thing thing = {.kind = PROTO_MEMORY};

		if (!kept->shared[i].type || !type_in_use(kept->shared[i].type, &bytes, &count))
			continue;
		if (baseline) {
			kept->shared[i].bytes = bytes;
			kept->shared[i].count = count;
		} else if (count > kept->shared[i].count && bytes > kept->shared[i].bytes) {
			thing.bytes = bytes - kept->shared[i].bytes;
			thing.count = count - kept->shared[i].count;
			list_found(&thing, shared_types[i], "");
		}
	}
}

/* Whether there may be more sysctl nodes than there were. */
static int has_new_nodes(int baseline)
{
	uint64_t bytes, count;

	if (!kept->oids || !type_in_use(kept->oids, &bytes, &count))
		return 1;
	if (baseline)
		kept->nodes = count;
	return baseline || count > kept->nodes;
}

/* ---- UMA zones: vm/uma_int.h ---- */

static void look_at_zones(void)
{
	uint64_t keg = kernel_word(kernel_symbol(KERNEL_ZONES));

	for (unsigned n = 0; keg && n < LONG_LIST; n++) {
		uint64_t zone = kernel_word(keg + 16), k = 0;

		for (; zone && k < 100; k++, zone = kernel_word(zone + 128)) {
			char name[64], key[32], digits[24];

			if (kernel_word(zone + 64) != keg)
				break;
			/* Its name may be gone; the one that sysctl(8) shows is its own. */
			if (*kernel_text(kernel_word(zone + 168), name, sizeof name) == '?')
				kernel_text(kernel_word(zone + 176), name, sizeof name);
			LIST_TEXT(key, list_hex(digits, zone));
			if (list_see(0, PROTO_ZONE, key, "", 1)) {
				struct proto_thing thing = {.kind = PROTO_ZONE};

				list_found(&thing, name, "");
			}
		}
		keg = kernel_word(keg + 128);
	}
}

/* ---- callouts: kern/kern_timeout.c, struct callout_cpu; sys/_callout.h ---- */

static void see_callouts(uint64_t at)
{
	for (unsigned n = 0; at && n < LONG_LIST; n++) {
		struct proto_thing thing = {.kind = PROTO_TIMER, .count = 1};
		uint64_t c[7];

		/* The structure itself is often one of the module's variables. */
		if (!kernel_copy(at, c, sizeof c)) {
			thing.site = is_gone(at) ? at : 0;
			if (thing.site)
				list_found(&thing, "variable", "");
			return;
		}
		thing.site = c[5];
		if (is_gone(c[5]))
			list_found(&thing, "function", "");
		at = c[0];
	}
}

static void look_at_callouts(int baseline)
{
	uint32_t mask = (uint32_t)kernel_word(kernel_symbol(KERNEL_CALLMASK));

	if (mask > 1u << 20 || (mask & (mask + 1)))
		return;
	for (uint32_t cpu = 0; cpu < os_cpus() && cpu < CPUS_MAX; cpu++) {
		uint64_t cc = kernel_word(kernel_symbol(KERNEL_DPCPU) + 8 * cpu) +
			kernel_symbol(KERNEL_CALLOUTS);
		uint64_t wheel = kernel_word(cc + 216), end = wheel + 8 * ((uint64_t)mask + 1);

		for (; wheel < end && wheel % 4096 == 0; wheel += 4096) {
			const volatile uint64_t *page = kernel_at(wheel, 4096);

			for (unsigned i = 0; page && i < 512; i++)
				if (page[i] && !baseline)
					see_callouts(page[i]);
		}
	}
}

/* ---- event handlers: kern/subr_eventhandler.c ---- */

static void look_at_handlers(void)
{
	uint64_t list = kernel_word(kernel_symbol(KERNEL_HANDLERS));

	for (unsigned n = 0; list && n < LONG_LIST; n++) {
		uint64_t entry = kernel_word(list + 64), k = 0;

		for (; entry && k < LONG_LIST; k++, entry = kernel_word(entry)) {
			struct proto_thing thing = {.kind = PROTO_EVENTHANDLER, .count = 1};
			char name[64];

			thing.site = kernel_word(entry + 32);
			if (is_gone(thing.site))
				list_found(&thing,
					kernel_text(kernel_word(list), name, sizeof name), "");
		}
		list = kernel_word(list + 48);
	}
}

/* ---- resources: sys/rman.h, kern/subr_rman.c ---- */

static void see_resources(uint64_t rman)
{
	char what[64], name[128], a[24], b[24];
	uint64_t at = kernel_word(rman);

	kernel_text(kernel_word(rman + 64), what, sizeof what);
	for (unsigned n = 0; at && n < LONG_LIST; n++) {
		uint64_t r[11];

		if (!kernel_copy(at, r, sizeof r))
			return;
		if (r[10] & 1 /* RF_ALLOCATED */)
			list_see(PROTO_OTHERS, PROTO_REGION,
				LIST_TEXT(
					name, what, " ", list_hex(a, r[8]), "-", list_hex(b, r[9])),
				"", 1);
		at = r[3];
	}
}

static void look_at_resources(void)
{
	uint64_t rman = kernel_word(kernel_symbol(KERNEL_RMANS));

	for (unsigned n = 0; rman && n < 1000; n++, rman = kernel_word(rman + 24))
		see_resources(rman);
}

/* ---- types of file systems: sys/mount.h ---- */

static void look_at_filesystems(void)
{
	uint64_t at = kernel_word(kernel_symbol(KERNEL_VFS));

	for (unsigned n = 0; at && n < 1000; n++, at = kernel_word(at + 64)) {
		char name[17];

		list_see(PROTO_OTHERS, PROTO_FILESYSTEM, kernel_text(at + 4, name, sizeof name), "",
			1);
	}
}

/* ---- interrupts: x86/x86/intr_machdep.c; names of 20 bytes, filled up with blanks ---- */

#define INTRNAME_LEN 20u

static uint64_t hash_of(uint64_t at, uint64_t len)
{
	uint64_t hash = 0;

	while (len) {
		uint64_t n = 4096 - at % 4096;
		const void *bytes = kernel_at(at, n = n < len ? n : len);

		hash = bytes ? list_hash(hash, bytes, n) : hash + 1;
		at += n;
		len -= n;
	}
	return hash;
}

static void look_at_interrupts(int baseline)
{
	uint64_t at = kernel_word(kernel_symbol(KERNEL_INTRNAMES));
	uint64_t len = kernel_word(kernel_symbol(KERNEL_INTRNAMES_LEN));
	char name[INTRNAME_LEN + 1];
	uint64_t hash = len > 1u << 20 ? 0 : hash_of(at, len);

	if (len > 1u << 20 || (!baseline && hash == kept->interrupts))
		return;
	if (baseline)
		kept->interrupts = hash;
	for (uint64_t end = at + len; at + INTRNAME_LEN <= end; at += INTRNAME_LEN) {
		size_t n = INTRNAME_LEN;

		if (!kernel_copy(at, name, INTRNAME_LEN))
			return;
		while (n && (name[n - 1] == ' ' || !name[n - 1]))
			n--;
		name[n] = 0;
		/* "irq10:" is one that nobody handles any more. */
		if (n && name[n - 1] != ':' && list_begins(name, "irq"))
			list_see(PROTO_OTHERS, PROTO_IRQ, name + 3, "", 1);
	}
}

void kernel_lists(int baseline)
{
	if (!kept)
		kept = os_common_memory(sizeof *kept);
	if (list_wanted() == PROTO_FILES) {
		look_at_sysctl();
		return;
	}
	find_code();
	look_at_types(baseline);
	if (has_new_nodes(baseline))
		look_at_sysctl();
	look_at_zones();
	look_at_callouts(baseline);
	look_at_handlers();
	look_at_resources();
	look_at_interrupts(baseline);
	look_at_filesystems();
	kernel_threads(baseline);
}
