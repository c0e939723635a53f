/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The programs. Each begins by asking whether this is a module's doing at all, since they run on everybody's
 * allocations; what is freed is looked up in a table without calling anything.
 */
#include "guest/trace-linux.h"

int32_t trace_modules = TRACE_MODULES_FIXED;

/* Where the programs keep them on their stack. */
#define KEY   (-8)
#define WORD  (-16)
#define VALUE (-80)
#define SITE  (VALUE + (int)offsetof(struct traced, site))
#define BYTES (VALUE + (int)offsetof(struct traced, bytes))
#define WHAT  (VALUE + (int)offsetof(struct traced, what))
#define NAME  (VALUE + (int)offsetof(struct traced, name))
_Static_assert(VALUE + (int)sizeof(struct traced) <= WORD, "they do not overlap");

enum { R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, FP };

struct trace_maps trace_maps = {-1, -1, -1, -1};
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
	bpf_op(p, BPF_MUL, R1, (int)sizeof(struct room));
	bpf_map_value(p, R2, trace_maps.rooms);
	bpf_op_reg(p, BPF_ADD, R2, R1);
	bpf_op(p, BPF_ADD, R2, offsetof(struct table, rooms));
}

/* Puts what is on the stack in under the pointer in `reg`. */
static void remember(struct bpf_code *p, int reg, enum family family)
{
	unsigned empty, taken, done;

	key(p, reg, family);
	room(p, reg);
	bpf_load(p, BPF_DW, R3, R2, 0);
	empty = bpf_jump(p, BPF_JEQ, R3, 0);
	taken = bpf_jump_reg(p, BPF_JNE, R3, reg);
	bpf_land(p, empty);
	bpf_store(p, R2, 0, reg);
	for (int i = 0; i < 3; i++) {
		bpf_load(p, BPF_DW, R3, FP, SITE + 8 * i);
		bpf_store(p, R2, 8 + 8 * i, R3);
	}
	done = bpf_jump_always(p);
	bpf_land(p, taken);
	bpf_map_value(p, R2, trace_maps.rooms);
	bpf_store_number(p, R2, 0, 1);
	blank_name(p);
	map_call(p, trace_maps.spilled, BPF_FUNC_map_update_elem);
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
	bpf_map_value(p, R2, trace_maps.rooms);
	bpf_load(p, BPF_DW, R3, R2, 0);
	nothing = bpf_jump(p, BPF_JEQ, R3, 0);
	map_call(p, trace_maps.spilled, BPF_FUNC_map_lookup_elem);
	none = bpf_jump(p, BPF_JEQ, R0, 0);
	map_call(p, trace_maps.spilled, BPF_FUNC_map_delete_elem);
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
	return bpf_jump(p, BPF_JLT, R7, trace_modules);
}

/* ---- allocations that have a tracepoint ---- */

/* The bytes of kmalloc(call_site, ptr, bytes_req, …), into R9; kernels 5.18 to 6.0 have a cache's address before
 * them. */
static void kmalloc_bytes(struct bpf_code *p)
{
	unsigned is_size, no_size;

	bpf_load(p, BPF_DW, R9, R6, 16);
	no_size = bpf_jump(p, BPF_JEQ, R9, 0);
	is_size = bpf_jump(p, BPF_JLE, R9, 0x7fffffff);
	bpf_land(p, no_size);
	bpf_load(p, BPF_DW, R9, R6, 24);
	bpf_land(p, is_size);
}

#define FRAMES 16
#define STACK  (VALUE - 8 * FRAMES)

/* R7 is an address in kasprintf: makes it the one behind the call of that. It is nothing that a probe can be on, as the
 * whole of the kernel's lib is not. */
static void caller_of_kasprintf(struct bpf_code *p)
{
	unsigned found[FRAMES - 1];

	/* Linux 5.10 wants to see that there is something. */
	for (int i = 0; i < FRAMES; i++)
		bpf_store_number(p, FP, STACK + 8 * i, 0);
	bpf_move(p, R1, R6);
	bpf_move(p, R2, FP);
	bpf_op(p, BPF_ADD, R2, STACK);
	bpf_set(p, R3, 8 * FRAMES);
	bpf_set(p, R4, 0);
	bpf_call(p, BPF_FUNC_get_stack);
	for (int i = 0; i < FRAMES - 1; i++) {
		unsigned other;

		bpf_load(p, BPF_DW, R1, FP, STACK + 8 * i);
		other = bpf_jump_reg(p, BPF_JNE, R1, R7);
		bpf_load(p, BPF_DW, R7, FP, STACK + 8 * (i + 1));
		found[i] = bpf_jump_always(p);
		bpf_land(p, other);
	}
	for (int i = 0; i < FRAMES - 1; i++)
		bpf_land(p, found[i]);
}

int trace_on_kmalloc(const struct range *kasprintf)
{
	struct bpf_code *p = begin();
	unsigned module, none, other, nobody;

	bpf_load(p, BPF_DW, R7, R6, 0);
	bpf_load(p, BPF_DW, R8, R6, 8);
	none = bpf_jump(p, BPF_JEQ, R8, 0);
	if (kasprintf) {
		module = bpf_jump(p, BPF_JGE, R7, trace_modules);
		bpf_move(p, R1, R7);
		bpf_set(p, R2, (int32_t)kasprintf->from); /* the upper half is all ones */
		bpf_op_reg(p, BPF_SUB, R1, R2);
		other = bpf_jump(p, BPF_JGE, R1, (int32_t)(kasprintf->to - kasprintf->from));
		caller_of_kasprintf(p);
		bpf_land(p, module);
	} else {
		other = bpf_jump(p, BPF_JLT, R7, trace_modules);
	}
	nobody = bpf_jump(p, BPF_JLT, R7, trace_modules);
	kmalloc_bytes(p);
	bpf_store(p, FP, SITE, R7);
	bpf_store(p, FP, BYTES, R9);
	bpf_store_number(p, FP, WHAT, KMALLOC);
	remember(p, R8, SLAB);
	bpf_land(p, none);
	bpf_land(p, other);
	bpf_land(p, nobody);
	bpf_exit(p);
	return bpf_load_code(BPF_PROG_TYPE_RAW_TRACEPOINT, p);
}

int trace_on_cache_alloc(const struct format *f)
{
	struct bpf_code *p = begin();
	unsigned other, none;

	if (!f->site || !f->ptr || !f->bytes)
		return -2;
	bpf_load(p, BPF_DW, R7, R6, (int)f->site);
	other = bpf_jump(p, BPF_JLT, R7, trace_modules);
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
int trace_on_free(int index, enum family family)
{
	struct bpf_code *p = begin();

	bpf_load(p, BPF_DW, R8, R6, 8 * index);
	forget(p, R8, family);
	bpf_exit(p);
	return bpf_load_code(BPF_PROG_TYPE_RAW_TRACEPOINT, p);
}

/* Later than that it is another one; a machine may stand still for as long. */
#define WANTED_NS 20000000

/* mm_page_alloc(page, order, …) does not tell who called. It follows on the heels of the function that a
 * module calls, on the same processor and in the same task; else we do not know. */
int trace_on_pages_wanted(void)
{
	struct bpf_code *p = begin();
	unsigned other = caller(p), none;

	bpf_call(p, BPF_FUNC_get_current_pid_tgid);
	bpf_move(p, R8, R0);
	bpf_call(p, BPF_FUNC_ktime_get_ns);
	bpf_move(p, R9, R0);
	bpf_store_number(p, FP, KEY, 0);
	map_call(p, trace_maps.slot, BPF_FUNC_map_lookup_elem);
	none = bpf_jump(p, BPF_JEQ, R0, 0);
	bpf_store(p, R0, offsetof(struct wanted, site), R7);
	bpf_store(p, R0, offsetof(struct wanted, task), R8);
	bpf_store(p, R0, offsetof(struct wanted, ns), R9);
	bpf_land(p, other);
	bpf_land(p, none);
	bpf_exit(p);
	return bpf_load_code(BPF_PROG_TYPE_KPROBE, p);
}

int trace_on_pages(void)
{
	struct bpf_code *p = begin();
	unsigned none, nobody, another, late, failed;

	bpf_store_number(p, FP, KEY, 0);
	map_call(p, trace_maps.slot, BPF_FUNC_map_lookup_elem);
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
int trace_on_entry(enum family family, enum what what, int size, int name, int alt)
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
	map_call(p, trace_maps.pending, BPF_FUNC_map_update_elem);
	bpf_land(p, other);
	bpf_exit(p);
	return bpf_load_code(BPF_PROG_TYPE_KPROBE, p);
}

int trace_on_return(enum family pending_as, enum family family)
{
	struct bpf_code *p = begin();
	unsigned none, failed, error;

	key_of_task(p, pending_as);
	map_call(p, trace_maps.pending, BPF_FUNC_map_lookup_elem);
	none = bpf_jump(p, BPF_JEQ, R0, 0);
	for (int i = 0; i < (int)sizeof(struct traced); i += 8) {
		bpf_load(p, BPF_DW, R1, R0, i);
		bpf_store(p, FP, VALUE + i, R1);
	}
	map_call(p, trace_maps.pending, BPF_FUNC_map_delete_elem);
	bpf_load(p, BPF_DW, R8, R6, RAX);
	failed = bpf_jump(p, BPF_JEQ, R8, 0);
	error = bpf_jump(p, BPF_JGE, R8, -4095);
	if (family == WORKQUEUE || family == ZONE) {
		/* A room has no place for the name. */
		key(p, R8, family);
		bpf_map_value(p, R2, trace_maps.rooms);
		bpf_store_number(p, R2, 0, 1);
		map_call(p, trace_maps.spilled, BPF_FUNC_map_update_elem);
	} else {
		remember(p, R8, family);
	}
	bpf_land(p, none);
	bpf_land(p, failed);
	bpf_land(p, error);
	bpf_exit(p);
	return bpf_load_code(BPF_PROG_TYPE_KPROBE, p);
}

/* kmem_cache_free_bulk(cache, size, pointers), which kfree_bulk is as well, and has no tracepoint. */
int trace_on_free_bulk(void)
{
	struct bpf_code *p = begin();
	unsigned again, end, full, last;

	bpf_load(p, BPF_DW, R9, R6, RDX);
	bpf_load(p, BPF_DW, R6, R6, RSI);
	bpf_set(p, R7, 0);
	again = p->n;
	end = bpf_jump_reg(p, BPF_JGE, R7, R6);
	full = bpf_jump(p, BPF_JGE, R7, BULK_MAX);
	peek(p, R8, R9, 0);
	forget(p, R8, SLAB);
	bpf_op(p, BPF_ADD, R9, 8);
	bpf_op(p, BPF_ADD, R7, 1);
	bpf_jump_back(p, again);
	bpf_land(p, full);
	bpf_map_value(p, R2, trace_maps.rooms);
	bpf_store_number(p, R2, offsetof(struct table, unread), 1);
	last = bpf_jump_always(p);
	bpf_land(p, end);
	bpf_land(p, last);
	bpf_exit(p);
	return bpf_load_code(BPF_PROG_TYPE_KPROBE, p);
}

/* A function that ends what the pointer in argument `at` stands for. */
int trace_on_end(enum family family, int at)
{
	struct bpf_code *p = begin();

	bpf_load(p, BPF_DW, R8, R6, at);
	forget(p, R8, family);
	bpf_exit(p);
	return bpf_load_code(BPF_PROG_TYPE_KPROBE, p);
}

/* kvfree_call_rcu(head, pointer or, in older kernels, the head's offset): as good as freed. */
int trace_on_free_later(void)
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
int trace_on_notifier(void)
{
	struct bpf_code *p = begin();
	unsigned other;

	bpf_load(p, BPF_DW, R8, R6, RSI);
	peek(p, R7, R8, 0);
	other = bpf_jump(p, BPF_JLT, R7, trace_modules);
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
int trace_on_timer(unsigned timer, unsigned function, enum family family, enum what what)
{
	struct bpf_code *p = begin();
	unsigned own, other = 0;

	if (!timer || !function)
		return -2;
	bpf_store_number(p, FP, WHAT, (int32_t)what);
	bpf_load(p, BPF_DW, R8, R6, (int)timer);
	bpf_load(p, BPF_DW, R7, R6, (int)function);
	own = bpf_jump(p, BPF_JGE, R7, trace_modules);
	if (family == TIMER) {
		peek(p, R7, R8, -8);
		bpf_store_number(p, FP, WHAT, DELAYED);
	}
	other = bpf_jump(p, BPF_JLT, R7, trace_modules);
	bpf_land(p, own);
	bpf_store(p, FP, SITE, R7);
	bpf_store_number(p, FP, BYTES, 0);
	remember(p, R8, family);
	bpf_land(p, other);
	bpf_exit(p);
	return bpf_load_code(BPF_PROG_TYPE_TRACEPOINT, p);
}
