/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a Linux module takes and does not give back, followed as it happens by BPF programs: memory, timers,
 * work, and what is registered in lists that nobody can read. They are loaded before the machine is saved, so a
 * trial pays for the events alone.
 *
 * An allocation is the module's if the code that called the allocator lies where modules are
 * (arch/x86/include/asm/pgtable_64_types.h: MODULES_VADDR); who frees it does not matter. As long as nothing of
 * a module's is there, a program that sees something being freed ends after three instructions.
 *
 * The allocators' own tracepoints tell the caller. Pages, vmalloc and the like have none, or one that does not:
 * there the beginning of the function is watched for callers in a module, and the end (or the tracepoint
 * that comes inside) for what the call came to.
 */
#include "guest/bare.h"
#include "guest/bpf-linux.h"
#include "guest/os.h"
#include "guest/watch.h"

#include <linux/resource.h>
#include <asm/unistd.h>

/* Where modules are, whatever the kernel was compiled with; the kernel's own code is below. */
#define MODULES_START 0xffffffffa0000000u
#define MODULES_END   0xffffffffff000000u

#define TAKEN_MOST   16384 /* what is followed at a time */
#define PENDING_MOST 256
#define GROUPS	     256 /* what is told apart in one survey */
#define NAME_BYTES   32

/* What is waited for before something counts as left: memory that RCU frees late, work that still runs. */
#define PATIENCE_US 300000
#define STEP_US	    20000

/* struct pt_regs, arch/x86/include/uapi/asm/ptrace.h */
enum {
	REG_R8 = 72,
	REG_AX = 80,
	REG_CX = 88,
	REG_DX = 96,
	REG_SI = 104,
	REG_DI = 112,
	REG_SP = 152
};

/* Something that was taken; in the map under its address. */
struct taken {
	uint64_t site;
	uint64_t bytes;
	uint64_t kind; /* enum proto_kind, and enum memory << 8 */
};

enum memory { KMALLOC, CACHE, PERCPU, PAGES, VMALLOC };
static const char *const memory_names[] = {"kmalloc", "kmem_cache", "percpu", "pages", "vmalloc"};
#define MEMORY(what) (PROTO_MEMORY | (what) << 8)

/* Words that all programs share: how much is in `taken`, in `pending`, and how much did not fit. */
enum { LIVE = 0, WAITING = 8, LOST = 16, WORDS = 24 };

static int words = -1, taken = -1, pending = -1, names = -1;
static int available;

/* The stack of the programs. */
enum { KEY = -8, TAKEN = -32, PID = -40, SCRATCH = -48, NAME = -80 };

static void count(struct bpf_code *c, unsigned word, int by)
{
	bpf_load_word(c, R1, words, word);
	bpf_imm(c, R2, by);
	bpf_put(c, BPF_STX | BPF_ATOMIC | BPF_DW, R1, R2, 0, BPF_ADD);
}

static void out_if_none(struct bpf_code *c, unsigned word)
{
	bpf_load_word(c, R1, words, word);
	bpf_ldx(c, R1, R1, 0);
	bpf_out_if(c, BPF_JMP | BPF_JEQ | BPF_K, R1, 0, 0);
}

static void out_unless_module(struct bpf_code *c, uint8_t reg)
{
	bpf_load64(c, R1, MODULES_START | 0xffffffff00000000u);
	bpf_out_if(c, BPF_JMP | BPF_JLT | BPF_X, reg, R1, 0);
	bpf_load64(c, R1, MODULES_END | 0xffffffff00000000u);
	bpf_out_if(c, BPF_JMP | BPF_JGE | BPF_X, reg, R1, 0);
}

/* taken[KEY] = TAKEN, both on the stack. */
static void put_taken(struct bpf_code *c)
{
	bpf_load_map(c, R1, taken);
	bpf_reg(c, R2, FP);
	bpf_add(c, R2, KEY);
	bpf_reg(c, R3, FP);
	bpf_add(c, R3, TAKEN);
	bpf_imm(c, R4, BPF_ANY);
	bpf_call(c, BPF_FUNC_map_update_elem);
	/* Full: a note that there was more. */
	bpf_put(c, BPF_JMP | BPF_JEQ | BPF_K, R0, 0, 5, 0);
	count(c, LOST, 1);
	bpf_put(c, BPF_JMP | BPF_JA, 0, 0, 4, 0);
	count(c, LIVE, 1);
}

/* Forgets the one whose address is in `reg`. */
static void drop_taken(struct bpf_code *c, uint8_t reg)
{
	bpf_stx(c, KEY, reg);
	bpf_load_map(c, R1, taken);
	bpf_reg(c, R2, FP);
	bpf_add(c, R2, KEY);
	bpf_call(c, BPF_FUNC_map_delete_elem);
	bpf_out_if(c, BPF_JMP | BPF_JNE | BPF_K, R0, 0, 0);
	count(c, LIVE, -1);
}

/* ---- tracepoints; ctx[i] is the i-th argument (include/trace/events/) ---- */

/* An allocator that tells its caller (argument 0). `size`: the argument with the bytes; or -1, and `cache`: the one with
 * the struct kmem_cache, whose object_size is at `offset`. */
static void on_alloc(const char *name, uint32_t kind, int pointer, int size, int cache, int offset)
{
	struct bpf_code c = {0};

	bpf_reg(&c, R6, R1);
	bpf_ldx(&c, R7, R6, 0);
	out_unless_module(&c, R7);
	bpf_ldx(&c, R8, R6, (int16_t)(8 * pointer));
	bpf_out_if(&c, BPF_JMP | BPF_JEQ | BPF_K, R8, 0, 0);
	bpf_stx(&c, KEY, R8);
	bpf_stx(&c, TAKEN, R7);
	bpf_st(&c, TAKEN + 8, 0);
	bpf_st(&c, TAKEN + 16, (int32_t)kind);
	if (size >= 0) {
		bpf_ldx(&c, R1, R6, (int16_t)(8 * size));
		bpf_stx(&c, TAKEN + 8, R1);
	} else if (offset >= 0) {
		bpf_ldx(&c, R8, R6, (int16_t)(8 * cache));
		bpf_peek(&c, TAKEN + 8, 4, R8, offset);
	}
	put_taken(&c);
	bpf_finish(&c);
	bpf_on_tracepoint(&c, name);
}

static void on_free(const char *name, int pointer)
{
	struct bpf_code c = {0};

	bpf_reg(&c, R6, R1);
	out_if_none(&c, LIVE);
	bpf_ldx(&c, R6, R6, (int16_t)(8 * pointer));
	drop_taken(&c, R6);
	bpf_finish(&c);
	bpf_on_tracepoint(&c, name);
}

/* Something is armed (argument `object`) that will call the function at `offset` in it. */
static void on_arm(const char *name, uint32_t kind, int object, int offset)
{
	struct bpf_code c = {0};

	if (offset < 0)
		return;
	bpf_ldx(&c, R8, R1, (int16_t)(8 * object));
	bpf_st(&c, TAKEN, 0);
	bpf_peek(&c, TAKEN, 8, R8, offset);
	bpf_ldx(&c, R7, FP, TAKEN);
	out_unless_module(&c, R7);
	bpf_stx(&c, KEY, R8);
	bpf_st(&c, TAKEN + 8, 0);
	bpf_st(&c, TAKEN + 16, (int32_t)kind);
	put_taken(&c);
	bpf_finish(&c);
	bpf_on_tracepoint(&c, name);
}

/* The timer of a delayed work: its own function is the kernel's (at `function`); the work stands before it. */
static void on_arm_delayed(uint64_t function)
{
	struct bpf_code c = {0};

	bpf_ldx(&c, R8, R1, 0);
	bpf_st(&c, TAKEN, 0);
	bpf_peek(&c, TAKEN, 8, R8, 24);
	bpf_ldx(&c, R7, FP, TAKEN);
	bpf_load64(&c, R1, function);
	bpf_out_if(&c, BPF_JMP | BPF_JNE | BPF_X, R7, R1, 0);
	/* struct delayed_work: work (data, entry, func), timer */
	bpf_peek(&c, TAKEN, 8, R8, -8);
	bpf_ldx(&c, R7, FP, TAKEN);
	out_unless_module(&c, R7);
	bpf_stx(&c, KEY, R8);
	bpf_st(&c, TAKEN + 8, 0);
	bpf_st(&c, TAKEN + 16, PROTO_WORK);
	put_taken(&c);
	bpf_finish(&c);
	bpf_on_tracepoint(&c, "timer_start");
}

/* ---- functions ---- */

/* A call that did not come to its end yet. */
static void put_pending(struct bpf_code *c)
{
	bpf_call(c, BPF_FUNC_get_current_pid_tgid);
	bpf_stx(c, PID, R0);
	bpf_load_map(c, R1, pending);
	bpf_reg(c, R2, FP);
	bpf_add(c, R2, PID);
	bpf_reg(c, R3, FP);
	bpf_add(c, R3, TAKEN);
	bpf_imm(c, R4, BPF_ANY);
	bpf_call(c, BPF_FUNC_map_update_elem);
	bpf_out_if(c, BPF_JMP | BPF_JNE | BPF_K, R0, 0, 0);
	count(c, WAITING, 1);
}

/* TAKEN is what this task waits for, which is then over; to the end if there is no such, or it is of another kind. */
static void take_pending(struct bpf_code *c, uint32_t kind)
{
	out_if_none(c, WAITING);
	bpf_call(c, BPF_FUNC_get_current_pid_tgid);
	bpf_stx(c, PID, R0);
	bpf_load_map(c, R1, pending);
	bpf_reg(c, R2, FP);
	bpf_add(c, R2, PID);
	bpf_call(c, BPF_FUNC_map_lookup_elem);
	bpf_out_if(c, BPF_JMP | BPF_JEQ | BPF_K, R0, 0, 0);
	bpf_ldx(c, R1, R0, 16);
	bpf_out_if(c, BPF_JMP | BPF_JNE | BPF_K, R1, 0, (int32_t)kind);
	for (int16_t i = 0; i < 24; i = (int16_t)(i + 8)) {
		bpf_ldx(c, R1, R0, i);
		bpf_stx(c, (int16_t)(TAKEN + i), R1);
	}
	bpf_load_map(c, R1, pending);
	bpf_reg(c, R2, FP);
	bpf_add(c, R2, PID);
	bpf_call(c, BPF_FUNC_map_delete_elem);
	count(c, WAITING, -1);
}

/* A function begins. Who called it: the return address, or what stands `deeper` above it on the stack. `size`: the
 * register with the bytes, or 0. */
static void on_entry(const char *name, uint32_t kind, int deeper, int16_t size)
{
	struct bpf_code c = {0};

	bpf_reg(&c, R6, R1);
	bpf_ldx(&c, R8, R6, REG_SP);
	bpf_st(&c, TAKEN, 0);
	bpf_peek(&c, TAKEN, 8, R8, deeper);
	bpf_ldx(&c, R7, FP, TAKEN);
	out_unless_module(&c, R7);
	bpf_st(&c, TAKEN + 8, 0);
	if (size) {
		bpf_ldx(&c, R1, R6, size);
		bpf_stx(&c, TAKEN + 8, R1);
	}
	bpf_st(&c, TAKEN + 16, (int32_t)kind);
	put_pending(&c);
	bpf_finish(&c);
	bpf_on_function(&c, name, 0);
}

/* It ends: what it returns is what was taken, unless that is NULL or an error. `name_at`: where in it a string
 * is; -1: none. */
static void on_return(const char *name, uint32_t kind, int name_at)
{
	struct bpf_code c = {0};

	bpf_reg(&c, R6, R1);
	take_pending(&c, kind);
	bpf_ldx(&c, R8, R6, REG_AX);
	bpf_out_if(&c, BPF_JMP | BPF_JEQ | BPF_K, R8, 0, 0);
	bpf_out_if(&c, BPF_JMP | BPF_JGT | BPF_K, R8, 0, -4096);
	bpf_stx(&c, KEY, R8);
	put_taken(&c);
	if (name_at >= 0) {
		for (int16_t i = 0; i < NAME_BYTES; i = (int16_t)(i + 8))
			bpf_st(&c, (int16_t)(NAME + i), 0);
		bpf_peek(&c, NAME, NAME_BYTES - 8, R8, name_at);
		bpf_load_map(&c, R1, names);
		bpf_reg(&c, R2, FP);
		bpf_add(&c, R2, KEY);
		bpf_reg(&c, R3, FP);
		bpf_add(&c, R3, NAME);
		bpf_imm(&c, R4, BPF_ANY);
		bpf_call(&c, BPF_FUNC_map_update_elem);
	}
	bpf_finish(&c);
	bpf_on_function(&c, name, 1);
}

/* A function that gives back what the register `pointer` says. */
static void on_give_back(const char *name, int16_t pointer)
{
	struct bpf_code c = {0};

	bpf_reg(&c, R6, R1);
	out_if_none(&c, LIVE);
	bpf_ldx(&c, R6, R6, pointer);
	drop_taken(&c, R6);
	bpf_finish(&c);
	bpf_on_function(&c, name, 0);
}

/* A block with a function in it (its first word) is put into a chain. */
static void on_register(const char *name, uint32_t kind, int16_t block)
{
	struct bpf_code c = {0};

	bpf_ldx(&c, R8, R1, block);
	bpf_st(&c, TAKEN, 0);
	bpf_peek(&c, TAKEN, 8, R8, 0);
	bpf_ldx(&c, R7, FP, TAKEN);
	out_unless_module(&c, R7);
	bpf_stx(&c, KEY, R8);
	bpf_st(&c, TAKEN + 8, 0);
	bpf_st(&c, TAKEN + 16, (int32_t)kind);
	put_taken(&c);
	bpf_finish(&c);
	bpf_on_function(&c, name, 0);
}

/* kvfree_call_rcu(head, func or ptr): kfree_rcu() has given the memory away, though it goes seconds later. Its
 * address is the second argument, or so much below the first as the second says. */
static void on_late_free(const char *name)
{
	struct bpf_code c = {0};

	bpf_reg(&c, R6, R1);
	out_if_none(&c, LIVE);
	bpf_ldx(&c, R7, R6, REG_SI);
	bpf_put(&c, BPF_JMP | BPF_JGE | BPF_K, R7, 0, 3, 4096);
	bpf_ldx(&c, R8, R6, REG_DI);
	bpf_put(&c, BPF_ALU64 | BPF_SUB | BPF_X, R8, R7, 0, 0);
	bpf_reg(&c, R7, R8);
	drop_taken(&c, R7);
	bpf_finish(&c);
	bpf_on_function(&c, name, 0);
}

/* Both ends of a function. The end first: of two programs at the same place the newer runs first, and the
 * one for the end puts its own return address where the caller's was. */
static void on_call(const char *name, uint32_t kind, int deeper, int16_t size, int name_at)
{
	on_return(name, kind, name_at);
	on_entry(name, kind, deeper, size);
}

/* A page allocation tells no caller, but comes inside a function that was watched. */
static void on_pages(void)
{
	struct bpf_code c = {0};

	bpf_reg(&c, R6, R1);
	take_pending(&c, MEMORY(PAGES));
	bpf_ldx(&c, R8, R6, 0);
	bpf_out_if(&c, BPF_JMP | BPF_JEQ | BPF_K, R8, 0, 0);
	bpf_stx(&c, KEY, R8);
	bpf_ldx(&c, R2, R6, 8);
	bpf_imm(&c, R1, 4096);
	bpf_put(&c, BPF_ALU64 | BPF_LSH | BPF_X, R1, R2, 0, 0);
	bpf_stx(&c, TAKEN + 8, R1);
	put_taken(&c);
	bpf_finish(&c);
	bpf_on_tracepoint(&c, "mm_page_alloc");
}

/* ---- setting up ---- */

static uint64_t number(const char **p, unsigned base)
{
	uint64_t n = 0;

	for (;; (*p)++) {
		char ch = **p;
		unsigned digit = ch >= '0' && ch <= '9' ? (unsigned)(ch - '0')
			: ch >= 'a' && ch <= 'f'	? (unsigned)(ch - 'a' + 10)
							: 99;

		if (digit >= base)
			return n;
		n = n * base + digit;
	}
}

static int has_word(const char *file, const char *word)
{
	static char text[4096];
	int fd = os_open_read(file);
	long n = fd < 0 ? 0 : os_read(fd, text, sizeof text - 1);

	if (fd >= 0)
		os_close(fd);
	text[n > 0 ? n : 0] = 0;
	for (const char *p = text; *p; p++) {
		size_t i = 0;

		while (word[i] && p[i] == word[i])
			i++;
		if (!word[i])
			return 1;
	}
	return 0;
}

static void track_slabs(void)
{
	/* Functions that allocate for their callers, under their own name. */
	static const struct {
		const char *name;
		int16_t size;
	} wrappers[] = {{"kvmalloc_node", REG_DI}, {"kvmalloc_node_noprof", REG_DI},
		{"__kvmalloc_node_noprof", REG_DI}, {"kasprintf", 0}, {"kvasprintf", 0},
		{"krealloc", REG_SI}, {"krealloc_noprof", REG_SI},
		{"krealloc_node_align_noprof", REG_SI}, {"memdup_user", REG_SI},
		{"vmemdup_user", REG_SI}, {"memdup_user_nul", REG_SI}, {"strndup_user", 0}};
	int object_size = btf_offset("kmem_cache", "object_size");
	/* Before 6.1 the event of a cache has the bytes, and not the cache. */
	int sized = has_word("/sys/kernel/tracing/events/kmem/kmem_cache_alloc/format",
		"print fmt: \"call_site=%pS ptr=%p bytes_req=%zu bytes_alloc=%zu gfp_flags=%s\"");

	on_alloc("kmalloc", MEMORY(KMALLOC), 1, 2, -1, -1);
	on_alloc("kmalloc_node", MEMORY(KMALLOC), 1, 2, -1, -1);
	on_alloc("kmem_cache_alloc", MEMORY(CACHE), 1, sized ? 2 : -1, 2, object_size);
	on_alloc("kmem_cache_alloc_node", MEMORY(CACHE), 1, sized ? 2 : -1, 2, object_size);
	for (unsigned i = 0; i < sizeof wrappers / sizeof *wrappers; i++)
		on_call(wrappers[i].name, MEMORY(KMALLOC), 0, wrappers[i].size, -1);
	on_free("kfree", 1);
	on_free("kmem_cache_free", 1);
	on_late_free("kvfree_call_rcu");
}

static void track_percpu(void)
{
	static const char *const functions[] = {"__alloc_percpu_gfp", "__alloc_percpu"};

	if (has_word("/sys/kernel/tracing/events/percpu/percpu_alloc_percpu/format", "call_site"))
		on_alloc("percpu_alloc_percpu", MEMORY(PERCPU), 7, 3, -1, -1);
	else
		for (unsigned i = 0; i < 2; i++)
			on_call(functions[i], MEMORY(PERCPU), 0, REG_DI, -1);
	on_free("percpu_free_percpu", 2);
}

static void track_pages(void)
{
	/* As they are exported, from 5.10 to now. */
	static const char *const functions[] = {"__get_free_pages", "get_zeroed_page",
		"alloc_pages_current", "__alloc_pages_nodemask", "alloc_pages", "__alloc_pages",
		"__folio_alloc", "alloc_pages_exact", "get_free_pages_noprof",
		"get_zeroed_page_noprof", "alloc_pages_noprof", "__alloc_pages_noprof",
		"__folio_alloc_noprof", "alloc_pages_exact_noprof"};

	for (unsigned i = 0; i < sizeof functions / sizeof *functions; i++)
		on_entry(functions[i], MEMORY(PAGES), 0, 0);
	on_pages();
	on_free("mm_page_free", 0);
	on_free("mm_page_free_batched", 0);
}

static void track_vmalloc(void)
{
	static const char *const functions[] = {
		"__vmalloc_node_range", "__vmalloc_node_range_noprof"};

	/* (size, align, start, end, gfp, prot | vm_flags, node, caller on the stack) */
	for (unsigned i = 0; i < 2; i++)
		on_call(functions[i], MEMORY(VMALLOC), 24, REG_DI, -1);
	on_give_back("vfree", REG_DI);
	on_give_back("vfree_atomic", REG_DI);
}

/* The address of a function, from the kernel's list of those that are watched; 0 if it is not. */
static uint64_t address_of(const char *function)
{
	static char text[16384];
	struct bpf_code c = {0};
	size_t len = 0, want = length(function);
	uint64_t address = 0;
	long n;
	int fd;

	bpf_finish(&c);
	if (bpf_on_function(&c, function, 0) < 0)
		return 0;
	fd = os_open_read("/sys/kernel/debug/kprobes/list");
	while (fd >= 0 && len < sizeof text - 1 &&
		(n = os_read(fd, text + len, sizeof text - 1 - len)) > 0)
		len += (size_t)n;
	if (fd >= 0)
		os_close(fd);
	text[len] = 0;
	/* "ffffffff810b6ce0  k  delayed_work_timer_fn+0x0    [FTRACE]" */
	for (const char *line = text; *line; line++) {
		const char *p = line;
		size_t same = 0;

		address = number(&p, 16);
		while (*p == ' ' || *p == 'k')
			p++;
		while (same < want && p[same] == function[same])
			same++;
		if (same == want && p[same] == '+')
			return address;
		while (*line && *line != '\n')
			line++;
		if (!*line)
			break;
	}
	return 0;
}

static void track_timers(void)
{
	uint64_t delayed = address_of("delayed_work_timer_fn");
	int hrtimer = btf_offset("hrtimer", "function");

	on_arm("timer_start", PROTO_TIMER, 0, 24); /* struct timer_list: entry, expires, function */
	if (delayed)
		on_arm_delayed(delayed);
	on_free("timer_cancel", 0);
	on_arm("hrtimer_start", PROTO_TIMER, 0, hrtimer >= 0 ? hrtimer : 40);
	on_free("hrtimer_cancel", 0);
	/* (cpu, pool, work); struct work_struct: data, entry, func */
	on_arm("workqueue_queue_work", PROTO_WORK, 2, 24);
	on_free("workqueue_execute_end", 0);
	on_give_back("cancel_work", REG_DI);
	on_give_back("cancel_work_sync", REG_DI);
	on_give_back("cancel_delayed_work", REG_DI);
	on_give_back("cancel_delayed_work_sync", REG_DI);
}

static void track_registered(void)
{
	static const char *const chains[][2] = {
		{"atomic_notifier_chain_register", "atomic_notifier_chain_unregister"},
		{"blocking_notifier_chain_register", "blocking_notifier_chain_unregister"},
		{"raw_notifier_chain_register", "raw_notifier_chain_unregister"},
		{"srcu_notifier_chain_register", "srcu_notifier_chain_unregister"}};
	static const char *const queues[] = {"alloc_workqueue", "alloc_workqueue_noprof"};
	static const char *const caches[] = {
		"kmem_cache_create", "kmem_cache_create_usercopy", "__kmem_cache_create_args"};
	int queue_name = btf_offset("workqueue_struct", "name");

	for (unsigned i = 0; i < 4; i++) {
		on_register(chains[i][0], PROTO_NOTIFIER, REG_SI);
		on_give_back(chains[i][1], REG_SI);
	}
	for (unsigned i = 0; i < 2; i++)
		on_call(queues[i], PROTO_WORKQUEUE, 0, 0, queue_name);
	on_give_back("destroy_workqueue", REG_DI);
	for (unsigned i = 0; i < 3; i++)
		on_call(caches[i], PROTO_ZONE, 0, 0, -1);
	on_give_back("kmem_cache_destroy", REG_DI);
}

void track_setup(void)
{
	struct rlimit64 most = {RLIM64_INFINITY, RLIM64_INFINITY};

	/* Kernels before 5.11 count what BPF takes against this. */
	sys4(__NR_prlimit64, 0, RLIMIT_MEMLOCK, &most, 0);
	sys5(__NR_mount, "trace", "/sys/kernel/tracing", "tracefs", 0, 0);
	words = bpf_map(BPF_MAP_TYPE_ARRAY, 4, WORDS, 1);
	taken = bpf_map(BPF_MAP_TYPE_HASH, 8, sizeof(struct taken), TAKEN_MOST);
	pending = bpf_map(BPF_MAP_TYPE_HASH, 8, sizeof(struct taken), PENDING_MOST);
	names = bpf_map(BPF_MAP_TYPE_HASH, 8, NAME_BYTES, PENDING_MOST);
	if (words < 0 || taken < 0 || pending < 0 || names < 0)
		return;
	available = 1;
	btf_open();
	track_slabs();
	track_percpu();
	track_pages();
	track_vmalloc();
	track_timers();
	track_registered();
	btf_close();
}

void track_baseline(void)
{
	uint64_t key;

	while (available && !bpf_map_next(taken, 0, &key) && !bpf_map_delete(taken, &key))
		;
}

/* ---- telling ---- */

/* Where the modules are that are loaded now: not ours, which is gone. */
static struct range {
	uint64_t start, end;
} loaded[128];
static unsigned nloaded;

/* "name 16384 1 - Live 0xffffffffc0000000 (OE)" */
static void read_loaded(void)
{
	static char text[32768];
	int fd = os_open_read("/proc/modules");
	size_t len = 0;
	long n;

	while (fd >= 0 && len < sizeof text - 1 &&
		(n = os_read(fd, text + len, sizeof text - 1 - len)) > 0)
		len += (size_t)n;
	if (fd >= 0)
		os_close(fd);
	text[len] = 0;
	nloaded = 0;
	for (const char *p = text; *p && nloaded < sizeof loaded / sizeof *loaded; p++) {
		uint64_t size, start = 0;

		while (*p && *p != ' ')
			p++;
		size = *p ? (p++, number(&p, 10)) : 0;
		for (; *p && *p != '\n'; p++)
			if (p[0] == ' ' && p[1] == '0' && p[2] == 'x') {
				p += 3;
				start = number(&p, 16);
				p--;
			}
		loaded[nloaded++] = (struct range){start, start + size};
		if (!*p)
			break;
	}
}

static int in_loaded(uint64_t site)
{
	for (unsigned i = 0; i < nloaded; i++)
		if (site >= loaded[i].start && site < loaded[i].end)
			return 1;
	return 0;
}

static struct group {
	struct taken what;
	uint64_t count, key;
} groups[GROUPS];
static unsigned ngroups;

static void add_to_group(uint64_t key, const struct taken *t)
{
	unsigned i = 0;
	int named = (t->kind & 0xff) == PROTO_WORKQUEUE;

	while (i < ngroups &&
		(named || groups[i].what.site != t->site || groups[i].what.kind != t->kind))
		i++;
	if (i == GROUPS)
		return;
	if (i == ngroups)
		groups[ngroups++] = (struct group){{t->site, 0, t->kind}, 0, key};
	groups[i].what.bytes += t->bytes;
	groups[i].count++;
}

static void gather(void)
{
	uint64_t key = 0, next;
	int r = bpf_map_next(taken, 0, &next);

	ngroups = 0;
	for (unsigned i = 0; !r && i < TAKEN_MOST; i++) {
		struct taken t;

		key = next;
		if (!bpf_map_get(taken, &key, &t) && !in_loaded(t.site))
			add_to_group(key, &t);
		r = bpf_map_next(taken, &key, &next);
	}
}

static void tell_group(const struct group *g, watch_tell_fn *tell)
{
	struct proto_thing thing = {.kind = (uint32_t)(g->what.kind & 0xff),
		.site = g->what.site,
		.bytes = g->what.bytes,
		.count = g->count};
	char name[NAME_BYTES + 1] = {0};

	if (thing.kind == PROTO_MEMORY) {
		tell(&thing, memory_names[g->what.kind >> 8], "");
		return;
	}
	(void)bpf_map_get(names, &g->key, name);
	tell(&thing, name, "");
}

void track_survey(watch_tell_fn *tell)
{
	unsigned waited = 0;
	uint64_t key;

	if (!available || bpf_map_next(taken, 0, &key))
		return;
	read_loaded();
	for (gather(); ngroups && waited < PATIENCE_US; gather()) {
		sys3(__NR_membarrier, 1 /* MEMBARRIER_CMD_GLOBAL: synchronize_rcu() */, 0, 0);
		os_sleep_us(STEP_US);
		waited += STEP_US;
	}
	for (unsigned i = 0; i < ngroups; i++)
		tell_group(&groups[i], tell);
}
