/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What module code allocates, arms and registers, followed by BPF programs on the kernel's own events.
 *
 * A tracepoint tells of every allocation where it was called from (include/trace/events/kmem.h); one from the
 * space that modules are in goes into a map, by its pointer, and what frees that pointer, whoever does,
 * takes it out again. What has no such tracepoint is followed from a probe at the function's entry, which
 * finds the caller at the top of the stack, to its return, where the pointer is. What is in the
 * map when the module is gone was left behind.
 *
 * The map is a table of our own in one value of an array, because the kernel's hash costs more than an
 * allocation does: each pointer has one room in it, and if that is taken goes to a hash after all. Two processors
 * that take the same room in the same moment lose one of the two, which is then not missed.
 *
 * A kernel without BPF, or without one of these functions, is one in which that is not followed.
 */
#include "guest/bare.h"
#include "guest/bpf-linux.h"
#include "guest/os.h"
#include "guest/watch.h"

#include <asm/unistd.h>

#define ROOMS	    16384 /* a power of two */
#define TRACED_MAX  16384 /* things at a time beyond these; more are not followed */
#define PENDING_MAX 1024
#define SITES_MAX   512	   /* places in the module that are told apart */
#define PATIENCE_US 300000 /* for what the kernel frees a little later */

/* MODULES_VADDR (Documentation/arch/x86/x86_64/mm.rst) of a kernel that cannot be moved about, as our debug
 * targets are; of others it is 0x20000000 more, and what lies between belongs to nobody. Sign-extended, as
 * BPF's numbers are. */
#define MODULES (-0x60000000)

/* What a pointer is, in the low byte of its key. */
enum family { SLAB = 1, PAGES, PERCPU, DMA, TIMER, HRTIMER, WORKQUEUE, NOTIFIER, ZONE };

/* What is told of it. */
enum what {
	KMALLOC = 1,
	CACHE,
	VMALLOC,
	KVMALLOC,
	GET_PAGES,
	ALLOC_PERCPU,
	DMA_ALLOC,
	IOREMAP,
	ARMED,
	ARMED_HR,
	DELAYED,
	MADE_QUEUE,
	REGISTERED,
	MADE_CACHE,
	WHATS,
};

static const struct {
	uint32_t kind;
	const char *name;
} words[WHATS] = {
	[KMALLOC] = {PROTO_MEMORY, "kmalloc"},
	[CACHE] = {PROTO_MEMORY, "kmem_cache_alloc"},
	[VMALLOC] = {PROTO_MEMORY, "vmalloc"},
	[KVMALLOC] = {PROTO_MEMORY, "kvmalloc"},
	[GET_PAGES] = {PROTO_MEMORY, "pages"},
	[ALLOC_PERCPU] = {PROTO_MEMORY, "alloc_percpu"},
	[DMA_ALLOC] = {PROTO_MEMORY, "dma_alloc_coherent"},
	[IOREMAP] = {PROTO_MEMORY, "ioremap"},
	[ARMED] = {PROTO_TIMER, ""},
	[ARMED_HR] = {PROTO_TIMER, "hrtimer"},
	[DELAYED] = {PROTO_WORK, ""},
	[MADE_QUEUE] = {PROTO_WORKQUEUE, ""},
	[REGISTERED] = {PROTO_NOTIFIER, ""},
	[MADE_CACHE] = {PROTO_ZONE, ""},
};

#define NAME_LEN 32

struct traced {
	uint64_t site;
	uint64_t bytes;
	uint64_t what;
	char name[NAME_LEN];
};

/* The same without a name. */
struct room {
	uint64_t key; /* 0: free */
	uint64_t site;
	uint64_t bytes;
	uint64_t what;
};

static volatile struct table {
	uint64_t spilled; /* something went to the hash */
	uint64_t pad[3];
	struct room rooms[ROOMS];
} * table;

/* Where the programs keep them on their stack. */
#define KEY   (-8)
#define WORD  (-16)
#define VALUE (-80)
#define SITE  (VALUE + (int)offsetof(struct traced, site))
#define BYTES (VALUE + (int)offsetof(struct traced, bytes))
#define WHAT  (VALUE + (int)offsetof(struct traced, what))
#define NAME  (VALUE + (int)offsetof(struct traced, name))
_Static_assert(VALUE + (int)sizeof(struct traced) <= WORD, "they do not overlap");

/* Arguments in struct pt_regs (arch/x86/include/asm/ptrace.h). */
enum { RAX = 80, RCX = 88, RDX = 96, RSI = 104, RDI = 112, RSP = 152 };

enum { R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, FP };

static int rooms = -1; /* the map with the table */
static int traced = -1; /* the map: key → struct traced */
static int pending =
	-1; /* the map of calls that have not returned: task and family → struct traced */
static int slot = -1;	 /* per processor: the module's call for pages that is under way */
static unsigned kprobes; /* the number of perf's kind of event */
static struct bpf_code code;

/* ---- pieces of programs ---- */

static struct bpf_code *begin(void)
{
	code.n = 0;
	bpf_move(&code, R6, R1);
	return &code;
}

/* Puts the key of the pointer in `reg` on the stack, and its address in R2. */
static void key(struct bpf_code *p, int reg, enum family family)
{
	bpf_op(p, BPF_LSH, reg, 8);
	bpf_op(p, BPF_OR, reg, (int32_t)family);
	bpf_store(p, FP, KEY, reg);
	bpf_move(p, R2, FP);
	bpf_op(p, BPF_ADD, R2, KEY);
}

static void key_of_task(struct bpf_code *p, enum family family)
{
	bpf_call(p, BPF_FUNC_get_current_pid_tgid);
	key(p, R0, family);
}

/* On KEY; leaves the result in R0. */
static void map_call(struct bpf_code *p, int map, int helper)
{
	bpf_map(p, R1, map);
	bpf_move(p, R2, FP);
	bpf_op(p, BPF_ADD, R2, KEY);
	if (helper == BPF_FUNC_map_update_elem) {
		bpf_move(p, R3, FP);
		bpf_op(p, BPF_ADD, R3, VALUE);
		bpf_set(p, R4, 0);
	}
	bpf_call(p, helper);
}

static void blank_name(struct bpf_code *p)
{
	for (int i = 0; i < NAME_LEN; i += 8)
		bpf_store_number(p, FP, NAME + i, 0);
}

/* The room of the key in `reg`, into R2. */
static void room(struct bpf_code *p, int reg)
{
	bpf_move(p, R1, reg);
	bpf_op(p, BPF_RSH, R1, 12); /* the family, and what is 0 in any pointer */
	bpf_op(p, BPF_MUL, R1, 0x61c88647);
	bpf_op(p, BPF_RSH, R1, 16);
	bpf_op(p, BPF_AND, R1, ROOMS - 1);
	bpf_op(p, BPF_MUL, R1, sizeof(struct room));
	bpf_map_value(p, R2, rooms);
	bpf_op_reg(p, BPF_ADD, R2, R1);
	bpf_op(p, BPF_ADD, R2, offsetof(struct table, rooms));
}

/* Puts what is on the stack in under the pointer in `reg`. */
static void remember(struct bpf_code *p, int reg, enum family family)
{
	unsigned taken, done;

	key(p, reg, family);
	room(p, reg);
	bpf_load(p, BPF_DW, R3, R2, 0);
	taken = bpf_jump(p, BPF_JNE, R3, 0);
	bpf_store(p, R2, 0, reg);
	for (int i = 0; i < 3; i++) {
		bpf_load(p, BPF_DW, R3, FP, SITE + 8 * i);
		bpf_store(p, R2, 8 + 8 * i, R3);
	}
	done = bpf_jump_always(p);
	bpf_land(p, taken);
	bpf_map_value(p, R2, rooms);
	bpf_store_number(p, R2, 0, 1);
	blank_name(p);
	map_call(p, traced, BPF_FUNC_map_update_elem);
	bpf_land(p, done);
}

/* Takes the pointer in `reg` out again. Most that is freed was not followed. */
static void forget(struct bpf_code *p, int reg, enum family family)
{
	unsigned elsewhere, found, nothing, none;

	key(p, reg, family);
	room(p, reg);
	bpf_load(p, BPF_DW, R3, R2, 0);
	elsewhere = bpf_jump_reg(p, BPF_JNE, R3, reg);
	bpf_store_number(p, R2, 0, 0);
	found = bpf_jump_always(p);
	bpf_land(p, elsewhere);
	bpf_map_value(p, R2, rooms);
	bpf_load(p, BPF_DW, R3, R2, 0);
	nothing = bpf_jump(p, BPF_JEQ, R3, 0);
	map_call(p, traced, BPF_FUNC_map_lookup_elem);
	none = bpf_jump(p, BPF_JEQ, R0, 0);
	map_call(p, traced, BPF_FUNC_map_delete_elem);
	bpf_land(p, found);
	bpf_land(p, nothing);
	bpf_land(p, none);
}

/* Eight bytes of the kernel's memory, at `reg` + offset, into WORD and `to`. */
static void peek(struct bpf_code *p, int to, int reg, int offset)
{
	bpf_move(p, R3, reg);
	bpf_op(p, BPF_ADD, R3, offset);
	bpf_store_number(p, FP, WORD, 0);
	bpf_move(p, R1, FP);
	bpf_op(p, BPF_ADD, R1, WORD);
	bpf_set(p, R2, 8);
	bpf_call(p, BPF_FUNC_probe_read_kernel);
	bpf_load(p, BPF_DW, to, FP, WORD);
}

/* The caller of the function that a probe is at the entry of, into R7; the program ends here if that is no
 * module. */
static unsigned caller(struct bpf_code *p)
{
	bpf_load(p, BPF_DW, R8, R6, RSP);
	peek(p, R7, R8, 0);
	return bpf_jump(p, BPF_JLT, R7, MODULES);
}

/* ---- allocations that have a tracepoint ---- */

/* kmalloc(call_site, ptr, bytes_req, …); kernels 5.18 to 6.0 have a cache's address before the bytes. */
static int on_kmalloc(void)
{
	struct bpf_code *p = begin();
	unsigned other, none, is_size, no_size;

	bpf_load(p, BPF_DW, R7, R6, 0);
	other = bpf_jump(p, BPF_JLT, R7, MODULES);
	bpf_load(p, BPF_DW, R8, R6, 8);
	none = bpf_jump(p, BPF_JEQ, R8, 0);
	bpf_load(p, BPF_DW, R9, R6, 16);
	no_size = bpf_jump(p, BPF_JEQ, R9, 0);
	is_size = bpf_jump(p, BPF_JLE, R9, 0x7fffffff);
	bpf_land(p, no_size);
	bpf_load(p, BPF_DW, R9, R6, 24);
	bpf_land(p, is_size);
	bpf_store(p, FP, SITE, R7);
	bpf_store(p, FP, BYTES, R9);
	bpf_store_number(p, FP, WHAT, KMALLOC);
	remember(p, R8, SLAB);
	bpf_land(p, other);
	bpf_land(p, none);
	bpf_exit(p);
	return bpf_load_code(BPF_PROG_TYPE_RAW_TRACEPOINT, p);
}

/* Where a tracepoint's record has its fields; 0: not known (the first 8 bytes are common to all). */
struct format {
	unsigned id, site, ptr, bytes, function, timer, hrtimer;
};

static int on_cache_alloc(const struct format *f)
{
	struct bpf_code *p = begin();
	unsigned other, none;

	if (!f->site || !f->ptr || !f->bytes)
		return -2;
	bpf_load(p, BPF_DW, R7, R6, (int)f->site);
	other = bpf_jump(p, BPF_JLT, R7, MODULES);
	bpf_load(p, BPF_DW, R8, R6, (int)f->ptr);
	none = bpf_jump(p, BPF_JEQ, R8, 0);
	bpf_load(p, BPF_DW, R9, R6, (int)f->bytes);
	bpf_store(p, FP, SITE, R7);
	bpf_store(p, FP, BYTES, R9);
	bpf_store_number(p, FP, WHAT, CACHE);
	remember(p, R8, SLAB);
	bpf_land(p, other);
	bpf_land(p, none);
	bpf_exit(p);
	return bpf_load_code(BPF_PROG_TYPE_TRACEPOINT, p);
}

/* kfree(call_site, ptr), mm_page_free(page, order): the pointer is argument `index`. */
static int on_free(int index, enum family family)
{
	struct bpf_code *p = begin();

	bpf_load(p, BPF_DW, R8, R6, 8 * index);
	forget(p, R8, family);
	bpf_exit(p);
	return bpf_load_code(BPF_PROG_TYPE_RAW_TRACEPOINT, p);
}

/* A module's call for pages, from when it begins. */
struct wanted {
	uint64_t site; /* 0: none */
	uint64_t task;
	uint64_t ns;
};
#define WANTED_NS 2000000 /* later than that it is another one */

/* mm_page_alloc(page, order, …) does not tell who called. It follows on the heels of the function that a
 * module calls, on the same processor and in the same task; else we do not know. */
static int on_pages_wanted(void)
{
	struct bpf_code *p = begin();
	unsigned other = caller(p), none;

	bpf_call(p, BPF_FUNC_get_current_pid_tgid);
	bpf_move(p, R8, R0);
	bpf_call(p, BPF_FUNC_ktime_get_ns);
	bpf_move(p, R9, R0);
	bpf_store_number(p, FP, KEY, 0);
	map_call(p, slot, BPF_FUNC_map_lookup_elem);
	none = bpf_jump(p, BPF_JEQ, R0, 0);
	bpf_store(p, R0, offsetof(struct wanted, site), R7);
	bpf_store(p, R0, offsetof(struct wanted, task), R8);
	bpf_store(p, R0, offsetof(struct wanted, ns), R9);
	bpf_land(p, other);
	bpf_land(p, none);
	bpf_exit(p);
	return bpf_load_code(BPF_PROG_TYPE_KPROBE, p);
}

static int on_pages(void)
{
	struct bpf_code *p = begin();
	unsigned none, nobody, another, late, failed;

	bpf_store_number(p, FP, KEY, 0);
	map_call(p, slot, BPF_FUNC_map_lookup_elem);
	none = bpf_jump(p, BPF_JEQ, R0, 0);
	bpf_load(p, BPF_DW, R7, R0, offsetof(struct wanted, site));
	nobody = bpf_jump(p, BPF_JEQ, R7, 0);
	bpf_move(p, R9, R0);
	bpf_call(p, BPF_FUNC_get_current_pid_tgid);
	bpf_load(p, BPF_DW, R1, R9, offsetof(struct wanted, task));
	another = bpf_jump_reg(p, BPF_JNE, R0, R1);
	bpf_store_number(p, R9, offsetof(struct wanted, site), 0);
	bpf_call(p, BPF_FUNC_ktime_get_ns);
	bpf_load(p, BPF_DW, R1, R9, offsetof(struct wanted, ns));
	bpf_op_reg(p, BPF_SUB, R0, R1);
	late = bpf_jump(p, BPF_JGT, R0, WANTED_NS);
	bpf_load(p, BPF_DW, R8, R6, 0);
	failed = bpf_jump(p, BPF_JEQ, R8, 0);
	bpf_load(p, BPF_DW, R9, R6, 8);
	bpf_op(p, BPF_AND, R9, 15);
	bpf_set(p, R1, 4096);
	bpf_op_reg(p, BPF_LSH, R1, R9);
	bpf_store(p, FP, SITE, R7);
	bpf_store(p, FP, BYTES, R1);
	bpf_store_number(p, FP, WHAT, GET_PAGES);
	remember(p, R8, PAGES);
	bpf_land(p, none);
	bpf_land(p, nobody);
	bpf_land(p, another);
	bpf_land(p, late);
	bpf_land(p, failed);
	bpf_exit(p);
	return bpf_load_code(BPF_PROG_TYPE_RAW_TRACEPOINT, p);
}

/* ---- what is followed from a function's entry to its return ---- */

/* The string at the pointer in argument `at`, or at the one in `alt` when the first is "%s…". */
static void read_name(struct bpf_code *p, int at, int alt)
{
	unsigned plain = 0;

	bpf_load(p, BPF_DW, R9, R6, at);
	if (alt) {
		peek(p, R8, R9, 0);
		bpf_op(p, BPF_AND, R8, 0xffff);
		plain = bpf_jump(p, BPF_JNE, R8, '%' | 's' << 8);
		bpf_load(p, BPF_DW, R9, R6, alt);
		bpf_land(p, plain);
	}
	bpf_move(p, R1, FP);
	bpf_op(p, BPF_ADD, R1, NAME);
	bpf_set(p, R2, NAME_LEN);
	bpf_move(p, R3, R9);
	bpf_call(p, BPF_FUNC_probe_read_kernel_str);
}

/* `size`: the argument that says how many bytes, `name`: that is its name; 0: none. */
static int on_entry(enum family family, enum what what, int size, int name, int alt)
{
	struct bpf_code *p = begin();
	unsigned other = caller(p);

	bpf_store(p, FP, SITE, R7);
	bpf_store_number(p, FP, BYTES, 0);
	if (size) {
		bpf_load(p, BPF_DW, R8, R6, size);
		bpf_store(p, FP, BYTES, R8);
	}
	bpf_store_number(p, FP, WHAT, (int32_t)what);
	blank_name(p);
	if (name)
		read_name(p, name, alt);
	key_of_task(p, family);
	map_call(p, pending, BPF_FUNC_map_update_elem);
	bpf_land(p, other);
	bpf_exit(p);
	return bpf_load_code(BPF_PROG_TYPE_KPROBE, p);
}

static int on_return(enum family pending_as, enum family family)
{
	struct bpf_code *p = begin();
	unsigned none, failed, error;

	key_of_task(p, pending_as);
	map_call(p, pending, BPF_FUNC_map_lookup_elem);
	none = bpf_jump(p, BPF_JEQ, R0, 0);
	for (int i = 0; i < (int)sizeof(struct traced); i += 8) {
		bpf_load(p, BPF_DW, R1, R0, i);
		bpf_store(p, FP, VALUE + i, R1);
	}
	map_call(p, pending, BPF_FUNC_map_delete_elem);
	bpf_load(p, BPF_DW, R8, R6, RAX);
	failed = bpf_jump(p, BPF_JEQ, R8, 0);
	error = bpf_jump(p, BPF_JGE, R8, -4095);
	if (family == WORKQUEUE || family == ZONE) {
		/* A room has no place for the name. */
		key(p, R8, family);
		bpf_map_value(p, R2, rooms);
		bpf_store_number(p, R2, 0, 1);
		map_call(p, traced, BPF_FUNC_map_update_elem);
	} else {
		remember(p, R8, family);
	}
	bpf_land(p, none);
	bpf_land(p, failed);
	bpf_land(p, error);
	bpf_exit(p);
	return bpf_load_code(BPF_PROG_TYPE_KPROBE, p);
}

/* A function that ends what the pointer in argument `at` stands for. */
static int on_end(enum family family, int at)
{
	struct bpf_code *p = begin();

	bpf_load(p, BPF_DW, R8, R6, at);
	forget(p, R8, family);
	bpf_exit(p);
	return bpf_load_code(BPF_PROG_TYPE_KPROBE, p);
}

/* kvfree_call_rcu(head, pointer or, in older kernels, the head's offset): as good as freed. */
static int on_free_later(void)
{
	struct bpf_code *p = begin();
	unsigned pointer, no_head;

	bpf_load(p, BPF_DW, R8, R6, RSI);
	pointer = bpf_jump(p, BPF_JGE, R8, 4096);
	bpf_load(p, BPF_DW, R9, R6, RDI);
	no_head = bpf_jump(p, BPF_JEQ, R9, 0);
	bpf_op_reg(p, BPF_SUB, R9, R8);
	bpf_move(p, R8, R9);
	bpf_land(p, pointer);
	bpf_land(p, no_head);
	forget(p, R8, SLAB);
	bpf_exit(p);
	return bpf_load_code(BPF_PROG_TYPE_KPROBE, p);
}

/* …_notifier_chain_register(chain, struct notifier_block { notifier_call; … }) */
static int on_notifier(void)
{
	struct bpf_code *p = begin();
	unsigned other;

	bpf_load(p, BPF_DW, R8, R6, RSI);
	peek(p, R7, R8, 0);
	other = bpf_jump(p, BPF_JLT, R7, MODULES);
	bpf_store(p, FP, SITE, R7);
	bpf_store_number(p, FP, BYTES, 0);
	bpf_store_number(p, FP, WHAT, REGISTERED);
	remember(p, R8, NOTIFIER);
	bpf_land(p, other);
	bpf_exit(p);
	return bpf_load_code(BPF_PROG_TYPE_KPROBE, p);
}

/* A timer's function is the module's; or it is the kernel's for delayed work, whose own function is the last member of
 * the struct work_struct before the timer. */
static int on_timer(unsigned timer, unsigned function, enum family family, enum what what)
{
	struct bpf_code *p = begin();
	unsigned own, other = 0;

	if (!timer || !function)
		return -2;
	bpf_store_number(p, FP, WHAT, (int32_t)what);
	bpf_load(p, BPF_DW, R8, R6, (int)timer);
	bpf_load(p, BPF_DW, R7, R6, (int)function);
	own = bpf_jump(p, BPF_JGE, R7, MODULES);
	if (family == TIMER) {
		peek(p, R7, R8, -8);
		bpf_store_number(p, FP, WHAT, DELAYED);
	}
	other = bpf_jump(p, BPF_JLT, R7, MODULES);
	bpf_land(p, own);
	bpf_store(p, FP, SITE, R7);
	bpf_store_number(p, FP, BYTES, 0);
	remember(p, R8, family);
	bpf_land(p, other);
	bpf_exit(p);
	return bpf_load_code(BPF_PROG_TYPE_TRACEPOINT, p);
}

/* ---- setting up ---- */

static char text[8192];

static const char *slurp(const char *path)
{
	int fd = os_open_read(path);
	size_t at = 0;
	long n;

	while (fd >= 0 && at < sizeof text - 1 &&
		(n = os_read(fd, text + at, sizeof text - 1 - at)) > 0)
		at += (size_t)n;
	if (fd >= 0)
		os_close(fd);
	text[at] = 0;
	return text;
}

static unsigned number(const char **at)
{
	unsigned n = 0;

	while (**at >= '0' && **at <= '9')
		n = n * 10 + (unsigned)(*(*at)++ - '0');
	return n;
}

/* Behind the first `what` in `in`; 0 when there is none. */
static const char *after(const char *in, const char *what)
{
	for (; *in; in++) {
		size_t i = 0;

		while (what[i] && in[i] == what[i])
			i++;
		if (!what[i])
			return in + i;
	}
	return 0;
}

static unsigned field(const char *format, const char *name)
{
	const char *at = after(format, name);

	at = at ? after(at, "offset:") : 0;
	return at ? number(&at) : 0;
}

/* tracefs's events/…/format (Documentation/trace/events.rst). */
static struct format format_of(const char *event)
{
	static char path[96] = "/sys/kernel/tracing/events/";
	size_t base = length("/sys/kernel/tracing/events/"), n = length(event);
	struct format f;
	const char *all, *at;

	memcpy(path + base, event, n);
	memcpy(path + base + n, "/format", 8);
	all = slurp(path);
	at = after(all, "ID: ");
	f.id = at ? number(&at) : 0;
	f.site = field(all, " call_site;");
	f.ptr = field(all, " ptr;");
	f.bytes = field(all, " bytes_req;");
	f.function = field(all, " function;");
	f.timer = field(all, " timer;");
	f.hrtimer = field(all, " hrtimer;");
	return f;
}

/* `names`: one after the other, each with its NUL, an empty one at the end. Kernels differ in which of them they
 * have. */
static void on_functions(int program, const char *names, int at_return)
{
	for (; *names; names += length(names) + 1)
		bpf_on_function(program, kprobes, names, at_return);
}

static void follow(enum family as, enum family family, enum what what, int size, int name, int alt,
	const char *functions)
{
	/* The return's first: the probe that came last sees the entry first, before the other one puts its own
	 * address in the caller's place. */
	on_functions(on_return(as, family), functions, 1);
	on_functions(on_entry(as, what, size, name, alt), functions, 0);
}

static void follow_memory(void)
{
	struct format f = format_of("kmem/kmem_cache_alloc");

	bpf_on_raw(on_kmalloc(), "kmalloc");
	bpf_on_raw(on_kmalloc(), "kmalloc_node");
	bpf_on_event(on_cache_alloc(&f), f.id);
	f = format_of("kmem/kmem_cache_alloc_node");
	if (f.id)
		bpf_on_event(on_cache_alloc(&f), f.id);
	bpf_on_raw(on_free(1, SLAB), "kfree");
	bpf_on_raw(on_free(1, SLAB), "kmem_cache_free");
	on_functions(on_free_later(), "kvfree_call_rcu\0", 0);

	on_functions(on_pages_wanted(),
		"__get_free_pages\0get_zeroed_page\0alloc_pages\0alloc_pages_current\0alloc_pages_exact\0"
		"__alloc_pages_nodemask\0__alloc_pages\0get_free_pages_noprof\0get_zeroed_page_noprof\0"
		"alloc_pages_noprof\0alloc_pages_exact_noprof\0__alloc_pages_noprof\0",
		0);
	bpf_on_raw(on_pages(), "mm_page_alloc");
	bpf_on_raw(on_free(0, PAGES), "mm_page_free");

	follow(SLAB, SLAB, VMALLOC, RDI, 0, 0,
		"vmalloc\0vzalloc\0vmalloc_user\0vmalloc_32\0__vmalloc\0vmalloc_node\0vzalloc_node\0"
		"vmalloc_noprof\0vzalloc_noprof\0vmalloc_user_noprof\0vmalloc_32_noprof\0"
		"__vmalloc_noprof\0vmalloc_node_noprof\0vzalloc_node_noprof\0");
	follow(PAGES, SLAB, KVMALLOC, RDI, 0, 0,
		"kvmalloc_node\0kvmalloc_node_noprof\0__kvmalloc_node_noprof\0");
	follow(DMA, SLAB, IOREMAP, RSI, 0, 0, "ioremap\0ioremap_wc\0ioremap_cache\0");
	on_functions(on_end(SLAB, RDI), "vfree\0vfree_atomic\0iounmap\0", 0);
	follow(PERCPU, PERCPU, ALLOC_PERCPU, RDI, 0, 0,
		"__alloc_percpu\0__alloc_percpu_gfp\0pcpu_alloc_noprof\0");
	on_functions(on_end(PERCPU, RDI), "free_percpu\0", 0);
	follow(TIMER, DMA, DMA_ALLOC, RSI, 0, 0, "dma_alloc_attrs\0");
	on_functions(on_end(DMA, RDX), "dma_free_attrs\0", 0);
}

static void follow_the_rest(void)
{
	struct format f = format_of("timer/timer_start");

	bpf_on_event(on_timer(f.timer, f.function, TIMER, ARMED), f.id);
	bpf_on_raw(on_free(0, TIMER), "timer_cancel");
	f = format_of("timer/hrtimer_start");
	bpf_on_event(on_timer(f.hrtimer, f.function, HRTIMER, ARMED_HR), f.id);
	bpf_on_raw(on_free(0, HRTIMER), "hrtimer_cancel");

	follow(WORKQUEUE, WORKQUEUE, MADE_QUEUE, 0, RDI, RCX,
		"alloc_workqueue\0alloc_workqueue_noprof\0");
	on_functions(on_end(WORKQUEUE, RDI), "destroy_workqueue\0", 0);
	follow(ZONE, ZONE, MADE_CACHE, 0, RDI, 0,
		"kmem_cache_create\0kmem_cache_create_usercopy\0__kmem_cache_create_args\0");
	on_functions(on_end(ZONE, RDI), "kmem_cache_destroy\0", 0);
	on_functions(on_notifier(),
		"atomic_notifier_chain_register\0blocking_notifier_chain_register\0"
		"raw_notifier_chain_register\0srcu_notifier_chain_register\0",
		0);
	on_functions(on_end(NOTIFIER, RSI),
		"atomic_notifier_chain_unregister\0blocking_notifier_chain_unregister\0"
		"raw_notifier_chain_unregister\0srcu_notifier_chain_unregister\0",
		0);
}

/* Runs in the first process: what it holds is there for as long as the machine. */
void track_setup(void)
{
	/* Up to 5.10 maps count as locked memory. */
	uint64_t unlimited[2] = {~0ull, ~0ull};
	const char *at;

	sys2(__NR_setrlimit, 8 /* RLIMIT_MEMLOCK */, unlimited);
	sys5(__NR_mount, "trace", "/sys/kernel/tracing", "tracefs", 0, 0);
	traced =
		bpf_map_new(BPF_MAP_TYPE_HASH, sizeof(uint64_t), sizeof(struct traced), TRACED_MAX);
	pending = bpf_map_new(
		BPF_MAP_TYPE_HASH, sizeof(uint64_t), sizeof(struct traced), PENDING_MAX);
	rooms = bpf_map_new_shared(sizeof *table);
	slot = bpf_map_new(BPF_MAP_TYPE_PERCPU_ARRAY, sizeof(uint32_t), sizeof(struct wanted), 1);
	if (traced < 0 || pending < 0 || slot < 0 || rooms < 0 ||
		!(table = bpf_map_see(rooms, sizeof *table)))
		return;
	at = slurp("/sys/bus/event_source/devices/kprobe/type");
	kprobes = number(&at);
	follow_memory();
	follow_the_rest();
}

void track_baseline(void)
{
	uint64_t next;

	if (!table)
		return;
	for (unsigned i = 0; i < ROOMS; i++)
		table->rooms[i].key = 0;
	while (!bpf_map_next(traced, 0, &next))
		bpf_map_drop(traced, &next);
	table->spilled = 0;
}

/* ---- the survey ---- */

/* What one place in the module left. */
struct sum {
	struct traced of;
	uint64_t count;
};

/* Whether the address is in a module that is still loaded: "hello 16384 0 - Live 0xffffffffc0000000". Fills in the
 * modules first. */
static struct range {
	uint64_t from, to;
} loaded[256];
static unsigned nloaded;

static void read_loaded(void)
{
	static char list[32768];
	int fd = os_open_read("/proc/modules");
	size_t len = 0;
	long n;

	while (fd >= 0 && len < sizeof list - 1 &&
		(n = os_read(fd, list + len, sizeof list - 1 - len)) > 0)
		len += (size_t)n;
	if (fd >= 0)
		os_close(fd);
	list[len] = 0;
	nloaded = 0;
	for (const char *line = list; line && *line && nloaded < 256; line = after(line, "\n")) {
		const char *size = after(line, " "), *at = after(line, " 0x");
		uint64_t from = 0;

		if (!size || !at)
			return;
		for (; (*at >= '0' && *at <= '9') || (*at >= 'a' && *at <= 'f'); at++)
			from = from << 4 | (uint64_t)(*at <= '9' ? *at - '0' : *at - 'a' + 10);
		loaded[nloaded++] = (struct range){from, from + number(&size)};
	}
}

static int is_loaded(uint64_t address)
{
	for (unsigned i = 0; i < nloaded; i++)
		if (address >= loaded[i].from && address < loaded[i].to)
			return 1;
	return 0;
}

static int same_text(const char *a, const char *b)
{
	for (size_t i = 0; i < NAME_LEN; i++) {
		if (a[i] != b[i])
			return 0;
		if (!a[i])
			return 1;
	}
	return 1;
}

static unsigned add(struct sum *sums, unsigned n, const struct traced *new)
{
	unsigned i = 0;

	while (i < n &&
		(sums[i].of.site != new->site || sums[i].of.what != new->what ||
			!same_text(sums[i].of.name, new->name)))
		i++;
	if (i == SITES_MAX)
		return n;
	if (i < n) {
		sums[i].of.bytes += new->bytes;
		sums[i].count++;
		return n;
	}
	sums[n] = (struct sum){*new, 1};
	return n + 1;
}

static unsigned sum_up(struct sum *sums)
{
	uint64_t at = 0, next;
	unsigned n = 0, i = 0;

	while (i < ROOMS && !table->rooms[i].key)
		i++;
	if (i == ROOMS && !table->spilled)
		return 0;
	read_loaded();
	for (; i < ROOMS; i++) {
		struct traced new = {
			table->rooms[i].site, table->rooms[i].bytes, table->rooms[i].what, ""};

		if (table->rooms[i].key && !is_loaded(new.site))
			n = add(sums, n, &new);
	}
	if (!table->spilled || bpf_map_next(traced, 0, &next))
		return n;
	do {
		struct traced new;

		at = next;
		if (!bpf_map_look(traced, &at, &new) && !is_loaded(new.site))
			n = add(sums, n, &new);
	} while (!bpf_map_next(traced, &at, &next));
	return n;
}

/* In the order of the module's code. */
static void sort(struct sum *sums, unsigned n)
{
	for (unsigned i = 1; i < n; i++)
		for (unsigned k = i; k && sums[k].of.site < sums[k - 1].of.site; k--) {
			struct sum swap = sums[k];

			sums[k] = sums[k - 1];
			sums[k - 1] = swap;
		}
}

void track_survey(watch_tell_fn *tell)
{
	static struct sum sums[SITES_MAX];
	uint64_t began = os_now_us();
	unsigned n, step = 5000;

	if (!table) {
		tell(&(struct proto_thing){.kind = PROTO_UNSEEN}, "BPF", "");
		return;
	}
	/* What the kernel frees a little later, after a grace period say, is given the time. */
	while ((n = sum_up(sums)) && os_now_us() - began < PATIENCE_US) {
		os_sleep_us(step);
		step *= 2;
	}
	sort(sums, n);
	for (unsigned i = 0; i < n; i++) {
		const struct traced *t = &sums[i].of;
		struct proto_thing thing = {
			.site = t->site, .bytes = t->bytes, .count = sums[i].count};

		if (!t->what || t->what >= WHATS)
			continue;
		thing.kind = words[t->what].kind;
		sums[i].of.name[NAME_LEN - 1] = 0;
		tell(&thing, *words[t->what].name ? words[t->what].name : t->name, "");
	}
}
