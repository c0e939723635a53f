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
#include "guest/lend.h"
#include "guest/os.h"
#include "guest/trace-linux.h"
#include "guest/watch.h"

#include <asm/unistd.h>

#define TRACED_MAX  16384 /* things at a time beyond the table; more are not followed */
#define PENDING_MAX 1024
#define SITES_MAX   512	   /* places in the module that are told apart */
#define PATIENCE_US 300000 /* for what the kernel frees a little later */

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

static volatile struct table *table; /* NULL: nothing is followed */
static unsigned kprobes;	     /* the number of perf's kind of event */

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

static uint64_t hex(const char *at)
{
	uint64_t n = 0;

	for (; (*at >= '0' && *at <= '9') || (*at >= 'a' && *at <= 'f'); at++)
		n = n << 4 | (uint64_t)(*at <= '9' ? *at - '0' : *at - 'a' + 10);
	return n;
}

static int same(const char *a, const char *b, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (a[i] != b[i])
			return 0;
	return 1;
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
	on_functions(trace_on_return(as, family), functions, 1);
	on_functions(trace_on_entry(as, what, size, name, alt), functions, 0);
}

/* Where kasprintf is: /proc/kallsyms (proc(5)) lists "ffffffff81000000 T _text" in the order of addresses. One that
 * is not found is empty. */
static struct range find_kasprintf(void)
{
	static const char name[] = " kasprintf\n";
	int fd = os_open_read("/proc/kallsyms"), found = 0;
	struct range r = {0, 0};
	size_t len = 0;
	long n;

	while (fd >= 0 && !r.to && (n = os_read(fd, text + len, sizeof text - 1 - len)) > 0) {
		char *line = text, *end = text + len + n;

		for (char *at = text + len; at < end; at++) {
			uint64_t address;

			if (*at != '\n')
				continue;
			address = hex(line);
			if (found && address > r.from)
				r.to = address;
			else if (!found && at - line >= 16 + (long)sizeof name - 1 &&
				same(at + 1 - (sizeof name - 1), name, sizeof name - 1))
				r.from = address, found = 1;
			if (r.to)
				break;
			line = at + 1;
		}
		len = (size_t)(end - line);
		if (len >= sizeof text - 1)
			break;
		for (size_t i = 0; i < len; i++)
			text[i] = line[i];
	}
	if (fd >= 0)
		os_close(fd);
	/* Anything longer is not one function. */
	return r.to && r.to - r.from < 4096 ? r : (struct range){0, 0};
}

/* Whether that is possible here. */
static int follow_memory(void)
{
	struct range kasprintf = find_kasprintf();
	struct format f = format_of("kmem/kmem_cache_alloc");
	int program;

	/* kstrdup, kmemdup and their like hand their caller on to the tracepoint. */
	program = kasprintf.to ? trace_on_kmalloc(&kasprintf) : -1;
	if (program < 0)
		program = trace_on_kmalloc(0);
	if (bpf_on_raw(program, "kmalloc") < 0)
		return 0;
	bpf_on_raw(program, "kmalloc_node");
	bpf_on_event(trace_on_cache_alloc(&f), f.id);
	f = format_of("kmem/kmem_cache_alloc_node");
	if (f.id)
		bpf_on_event(trace_on_cache_alloc(&f), f.id);
	bpf_on_raw(trace_on_free(1, SLAB), "kfree");
	bpf_on_raw(trace_on_free(1, SLAB), "kmem_cache_free");
	on_functions(trace_on_free_later(), "kvfree_call_rcu\0", 0);
	on_functions(trace_on_free_bulk(), "kmem_cache_free_bulk\0", 0);

	on_functions(trace_on_pages_wanted(),
		"__get_free_pages\0get_zeroed_page\0alloc_pages\0alloc_pages_current\0alloc_pages_exact\0"
		"__alloc_pages_nodemask\0__alloc_pages\0get_free_pages_noprof\0get_zeroed_page_noprof\0"
		"alloc_pages_noprof\0alloc_pages_exact_noprof\0__alloc_pages_noprof\0",
		0);
	bpf_on_raw(trace_on_pages(), "mm_page_alloc");
	bpf_on_raw(trace_on_free(0, PAGES), "mm_page_free");

	follow(SLAB, SLAB, VMALLOC, RDI, 0, 0,
		"vmalloc\0vzalloc\0vmalloc_user\0vmalloc_32\0__vmalloc\0vmalloc_node\0vzalloc_node\0"
		"vmalloc_noprof\0vzalloc_noprof\0vmalloc_user_noprof\0vmalloc_32_noprof\0"
		"__vmalloc_noprof\0vmalloc_node_noprof\0vzalloc_node_noprof\0");
	follow(PAGES, SLAB, KVMALLOC, RDI, 0, 0,
		"kvmalloc_node\0kvmalloc_node_noprof\0__kvmalloc_node_noprof\0");
	follow(ZONE, SLAB, KVMALLOC, RSI, 0, 0, "vmemdup_user\0");
	follow(DMA, SLAB, IOREMAP, RSI, 0, 0, "ioremap\0ioremap_wc\0ioremap_cache\0");
	on_functions(trace_on_end(SLAB, RDI), "vfree\0vfree_atomic\0iounmap\0", 0);
	follow(PERCPU, PERCPU, ALLOC_PERCPU, RDI, 0, 0,
		"__alloc_percpu\0__alloc_percpu_gfp\0pcpu_alloc_noprof\0");
	on_functions(trace_on_end(PERCPU, RDI), "free_percpu\0", 0);
	follow(TIMER, DMA, DMA_ALLOC, RSI, 0, 0, "dma_alloc_attrs\0");
	on_functions(trace_on_end(DMA, RDX), "dma_free_attrs\0", 0);
	return 1;
}

static void follow_the_rest(void)
{
	struct format f = format_of("timer/timer_start");

	bpf_on_event(trace_on_timer(f.timer, f.function, TIMER, ARMED), f.id);
	bpf_on_raw(trace_on_free(0, TIMER), "timer_cancel");
	f = format_of("timer/hrtimer_start");
	bpf_on_event(trace_on_timer(f.hrtimer, f.function, HRTIMER, ARMED_HR), f.id);
	bpf_on_raw(trace_on_free(0, HRTIMER), "hrtimer_cancel");

	follow(WORKQUEUE, WORKQUEUE, MADE_QUEUE, 0, RDI, RCX,
		"alloc_workqueue\0alloc_workqueue_noprof\0");
	on_functions(trace_on_end(WORKQUEUE, RDI), "destroy_workqueue\0", 0);
	follow(ZONE, ZONE, MADE_CACHE, 0, RDI, 0,
		"kmem_cache_create\0kmem_cache_create_usercopy\0__kmem_cache_create_args\0");
	on_functions(trace_on_end(ZONE, RDI), "kmem_cache_destroy\0", 0);
	on_functions(trace_on_notifier(),
		"atomic_notifier_chain_register\0blocking_notifier_chain_register\0"
		"raw_notifier_chain_register\0srcu_notifier_chain_register\0",
		0);
	on_functions(trace_on_end(NOTIFIER, RSI),
		"atomic_notifier_chain_unregister\0blocking_notifier_chain_unregister\0"
		"raw_notifier_chain_unregister\0srcu_notifier_chain_unregister\0",
		0);
}

/* ---- what is loaded ---- */

#define LOADED_MAX 1024

/* Whether the address is in a module that is still loaded: "hello 16384 0 - Live 0xffffffffc0000000". Fills in the
 * modules first. */
static struct range loaded[LOADED_MAX];
static unsigned nloaded;

static void read_loaded(void)
{
	static char list[262144];
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
	for (const char *line = list; line && *line && nloaded < LOADED_MAX;
		line = after(line, "\n")) {
		const char *size = after(line, " "), *at = after(line, " 0x");
		uint64_t from;

		if (!size || !at)
			return;
		from = hex(at);
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

/* In a lent machine, whose kernel may have been moved. */
static int32_t where_modules_are(void)
{
	read_loaded();
	for (unsigned i = 0; i < nloaded; i++)
		if (loaded[i].from < (uint64_t)(int64_t)TRACE_MODULES_MOVED)
			return TRACE_MODULES_FIXED;
	return TRACE_MODULES_MOVED;
}

/* Runs in the first process: what it holds is there for as long as the machine. */
void track_setup(void)
{
	/* Up to 5.10 maps count as locked memory. */
	uint64_t unlimited[2] = {~0ull, ~0ull};
	const char *at;

	if (lend_shared)
		trace_modules = where_modules_are();
	sys2(__NR_setrlimit, 8 /* RLIMIT_MEMLOCK */, unlimited);
	sys5(__NR_mount, "trace", "/sys/kernel/tracing", "tracefs", 0, 0);
	trace_maps.spilled =
		bpf_map_new(BPF_MAP_TYPE_HASH, sizeof(uint64_t), sizeof(struct traced), TRACED_MAX);
	trace_maps.pending = bpf_map_new(
		BPF_MAP_TYPE_HASH, sizeof(uint64_t), sizeof(struct traced), PENDING_MAX);
	trace_maps.rooms = bpf_map_new_shared(sizeof *table);
	trace_maps.slot =
		bpf_map_new(BPF_MAP_TYPE_PERCPU_ARRAY, sizeof(uint32_t), sizeof(struct wanted), 1);
	if (trace_maps.spilled < 0 || trace_maps.pending < 0 || trace_maps.slot < 0 ||
		trace_maps.rooms < 0 || !(table = bpf_map_see(trace_maps.rooms, sizeof *table)))
		return;
	at = slurp("/sys/bus/event_source/devices/kprobe/type");
	kprobes = number(&at);
	if (follow_memory())
		follow_the_rest();
	else
		table = 0;
}

void track_baseline(void)
{
	uint64_t next;

	if (!table)
		return;
	for (unsigned i = 0; i < ROOMS; i++)
		table->rooms[i].key = 0;
	table->unread = 0;
	while (!bpf_map_next(trace_maps.spilled, 0, &next))
		bpf_map_drop(trace_maps.spilled, &next);
	table->spilled = 0;
}

/* ---- the survey ---- */

/* What one place in the module left. */
struct sum {
	struct traced of;
	uint64_t count;
};

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
	if (!table->spilled || bpf_map_next(trace_maps.spilled, 0, &next))
		return n;
	do {
		struct traced new;

		at = next;
		if (!bpf_map_look(trace_maps.spilled, &at, &new) && !is_loaded(new.site))
			n = add(sums, n, &new);
	} while (!bpf_map_next(trace_maps.spilled, &at, &next));
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
	if (n && table->unread)
		tell(&(struct proto_thing){.kind = PROTO_UNSEEN}, "bulk", "");
	for (unsigned i = 0; i < n; i++) {
		const struct traced *t = &sums[i].of;
		struct proto_thing thing = {
			.site = t->site, .bytes = t->bytes, .count = sums[i].count};

		if (!t->what || t->what >= WHATS)
			continue;
		/* It may be among what was freed and not read. */
		if (table->unread && (t->what == KMALLOC || t->what == CACHE))
			continue;
		thing.kind = words[t->what].kind;
		sums[i].of.name[NAME_LEN - 1] = 0;
		tell(&thing, *words[t->what].name ? words[t->what].name : t->name, "");
	}
}
