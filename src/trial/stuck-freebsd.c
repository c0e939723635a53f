/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * FreeBSD's kernel and modules keep frame pointers, so every thread's chain can be followed in memory:
 * a running one's from the processor's registers, any other's from its struct pcb (sys/amd64/include/pcb.h).
 * The kernel's own list of files (sys/sys/linker.h) says where modules are, and link_elf_obj.c how their
 * sections lie there.
 */
#include "trial/stuck-own.h"

#include "base/path.h"

#include <ctype.h>
#include <gelf.h>
#include <libelf.h>
#include <stdio.h>
#include <string.h>

#define KERNEL_MAX  ((size_t)256 << 20)
#define FILES_MAX   200
#define THREADS_MAX 2000
#define LOCK_REACH  768 /* bytes of stack, from the top, in which a lock's address is looked for */
#define KERNEL_LOW  0xffff800000000000ull

/* struct linker_file */
enum { LF_NEXT = 24, LF_FILENAME = 40, LF_ADDRESS = 64, LF_SIZE = 80 };
/* struct pcb */
enum { PCB_RBP = 32, PCB_RSP = 40, PCB_RIP = 56, PCB_SIZE = 64 };

static uint64_t word_in(const uint8_t *bytes, size_t at)
{
	uint64_t word;

	memcpy(&word, bytes + at, sizeof word);
	return word;
}

/* Reads a string; false when it is none that can be printed. */
static bool peek_text(const struct stuck *k, uint64_t at, char *to, size_t room)
{
	size_t n = at >= KERNEL_LOW ? machine_peek(k->m, k->cpu, at, to, room - 1) : 0;

	to[n] = 0;
	for (char *p = to; *p; p++)
		if (!isprint((unsigned char)*p))
			return false;
	return *to;
}

uint64_t stuck_file_freebsd(const struct stuck *k, const char *file)
{
	const struct address *list = addresses_named(&k->addresses, "linker_files", NULL);
	uint64_t at;

	if (!list || !stuck_peek_word(k, list->at, &at))
		return 0;
	for (int i = 0; i < FILES_MAX && at >= KERNEL_LOW; i++) {
		uint8_t f[LF_SIZE];
		char name[128];

		if (machine_peek(k->m, k->cpu, at, f, sizeof f) != sizeof f)
			return 0;
		if (peek_text(k, word_in(f, LF_FILENAME), name, sizeof name) && !strcmp(name, file))
			return word_in(f, LF_ADDRESS);
		at = word_in(f, LF_NEXT);
	}
	return 0;
}

/* Where each section is when the first is at `base`. */
static uint64_t *section_bases(const struct module_file *file, uint64_t base, size_t *n)
{
	uint64_t *bases = NULL;
	Elf_Scn *scn = NULL;
	GElf_Shdr head;
	Elf *e;

	elf_version(EV_CURRENT);
	e = elf_memory(file->bytes, file->len);
	if (e && !elf_getshdrnum(e, n) && *n && *n < 65536) {
		bases = xcalloc(*n, sizeof *bases);
		while ((scn = elf_nextscn(e, scn))) {
			size_t index = elf_ndxscn(scn);

			if (!gelf_getshdr(scn, &head) || index >= *n || !head.sh_size ||
				!(head.sh_flags & SHF_ALLOC) ||
				(head.sh_type != SHT_PROGBITS && head.sh_type != SHT_NOBITS &&
					head.sh_type != SHT_X86_64_UNWIND &&
					head.sh_type != SHT_INIT_ARRAY &&
					head.sh_type != SHT_FINI_ARRAY))
				continue;
			if (head.sh_addralign > 1)
				base = (base + head.sh_addralign - 1) / head.sh_addralign *
					head.sh_addralign;
			bases[index] = base;
			base += head.sh_size;
		}
	}
	if (e)
		elf_end(e);
	return bases;
}

void stuck_learn_freebsd(struct stuck *k)
{
	AUTO_BUF struct buf kernel = {0};

	if (path_read(k->t->target->kernel, KERNEL_MAX, &kernel) || !kernel.len)
		return;
	addresses_add_elf(&k->addresses, kernel.data, kernel.len, NULL, NULL, 0);
	for (size_t i = 0; i < k->t->modules.n; i++) {
		const struct module_file *m = &k->t->modules.items[i];
		AUTO_FREE char *file = xasprintf("%s.ko", m->name);
		uint64_t base = stuck_file_freebsd(k, file);
		size_t n = 0;
		AUTO_FREE uint64_t *bases = base ? section_bases(m, base, &n) : NULL;

		if (bases)
			addresses_add_elf(&k->addresses, m->bytes, m->len, m->name, bases, n);
	}
}

/* One of the agent's lines: see stuck-freebsd.c of src/guest. */
struct thread {
	unsigned tid, pid, state;
	int cpu;
	uint64_t thread, pcb, kstack;
	char comm[24], name[24], wmesg[16], lock[16];
	bool caller;
};

struct threads {
	struct thread *items;
	size_t n;
};

/* "task 18 (init/thread)" */
static void add_name(const struct thread *t, struct buf *out)
{
	buf_addf(out, "task %u (%s", t->pid, t->comm);
	if (strcmp(t->comm, t->name) && *t->name)
		buf_addf(out, "/%s", t->name);
	buf_adds(out, ")");
}

static void take_field(const char **at, const char *end, char *to, size_t room)
{
	size_t n = 0;

	for (; *at < end && **at != '|'; (*at)++)
		if (n + 1 < room)
			to[n++] = isprint((unsigned char)**at) ? **at : '?';
	to[n] = 0;
	*at += *at < end;
}

static bool parse_thread(const char *line, const char *end, struct thread *t)
{
	char head[160], caller[16];
	unsigned long long thread, pcb, kstack;
	unsigned cpu;
	const char *at = line;

	*t = (struct thread){0};
	take_field(&at, end, head, sizeof head);
	if (sscanf(head, "thread %9u %9u %3u %10u %16llx %16llx %16llx", &t->tid, &t->pid,
		    &t->state, &cpu, &thread, &pcb, &kstack) != 7)
		return false;
	t->cpu = cpu < STUCK_CPUS ? (int)cpu : -1;
	t->thread = thread;
	t->pcb = pcb;
	t->kstack = kstack;
	take_field(&at, end, t->comm, sizeof t->comm);
	take_field(&at, end, t->name, sizeof t->name);
	take_field(&at, end, t->wmesg, sizeof t->wmesg);
	take_field(&at, end, t->lock, sizeof t->lock);
	take_field(&at, end, caller, sizeof caller);
	t->caller = !strcmp(caller, "caller");
	return true;
}

/* ---- locks ---- */

/* sys/sys/_lock.h, struct lock_object; behind it comes the word that says who has it. */
enum { LO_NAME = 0, LO_FLAGS = 8, LO_SIZE = 24, LOCK_SIZE = 32 };
#define LO_INITIALIZED	0x10000u
#define LO_CLASS(flags) ((flags) >> 24 & 15)
#define OWNER_MASK	(~(uint64_t)31)

/* Their order in lock_classes (sys/kern/subr_lock.c), and what waits for them begins with. */
static const struct lock_class {
	const char *kind, *waits;
	bool shared; /* the word's first bit: it is held by readers */
} classes[] = {
	{"spin mutex", "_mtx_lock_spin", false},
	{"mutex", "__mtx_lock", false},
	{"sx lock", "_sx_", true},
	{"rm lock", "_rm_", false},
	{"rm lock", "_rm_", false},
	{"rw lock", "__rw_", true},
	{"lockmgr lock", "lockmgr_", true},
};

struct lock {
	char name[64];
	const struct lock_class *class;
	uint64_t owner; /* a struct thread, or 0 */
};

static bool peek_lock(const struct stuck *k, uint64_t at, struct lock *l)
{
	uint8_t bytes[LOCK_SIZE];
	uint64_t word;
	uint32_t flags;

	if (at < KERNEL_LOW || at % 8 ||
		machine_peek(k->m, k->cpu, at, bytes, sizeof bytes) != sizeof bytes)
		return false;
	memcpy(&flags, bytes + LO_FLAGS, sizeof flags);
	if (!(flags & LO_INITIALIZED) || LO_CLASS(flags) >= sizeof classes / sizeof *classes ||
		!peek_text(k, word_in(bytes, LO_NAME), l->name, sizeof l->name))
		return false;
	l->class = &classes[LO_CLASS(flags)];
	word = word_in(bytes, LO_SIZE);
	l->owner = l->class->shared && (word & 1) ? 0 : word & OWNER_MASK;
	return true;
}

/* The lock that the word is the address of, or of whose word that says who has it. Name and class must be
 * those that are waited for. */
static bool is_wanted(
	const struct stuck *k, uint64_t word, const char *name, const char *frames, struct lock *l)
{
	for (int i = 0; i < 2; i++)
		if (peek_lock(k, word - (i ? LO_SIZE : 0), l) &&
			!strncmp(l->name, name, strlen(name)) && strstr(frames, l->class->waits) &&
			(*name || l->owner))
			return true;
	return false;
}

static void tell_lock(
	const struct lock *l, uint64_t self, const struct threads *all, struct buf *out)
{
	buf_addf(out, "lock %s (%s)", l->name, l->class->kind);
	if (l->owner && l->owner == self)
		buf_adds(out, ": held by itself");
	for (size_t i = 0; i < all->n && l->owner && l->owner != self; i++)
		if (all->items[i].thread == l->owner) {
			buf_adds(out, ": held by ");
			add_name(&all->items[i], out);
			break;
		}
	buf_adds(out, "\n");
}

/* Looks for the lock in the first words of the stack of somebody who waits. `name`: what it begins with. */
static bool find_lock(struct stuck *k, const struct stuck_stack *s, const char *name,
	const char *frames, struct lock *l)
{
	uint64_t word;

	for (uint64_t at = s->at; at < s->at + LOCK_REACH && stuck_word(s, at, &word); at += 8)
		if (is_wanted(k, word, name, frames, l))
			return true;
	return false;
}

/* A processor that waits for a lock whose owner runs. */
static void tell_spinning(struct stuck *k, const struct stuck_sample *s, size_t i,
	const struct threads *all, struct buf *out)
{
	const struct cpu_state *c = &s->cpus[i];
	AUTO_BUF struct buf frames = {0};
	uint64_t self = s->own[i]; /* struct pcpu: pc_curthread comes first */
	bool found = false;
	struct lock l;

	stuck_add_frame(k, &frames, "", c->rip, false);
	stuck_follow_frames(k, &s->stacks[i], c->regs[REG_RBP], &frames);
	if (!frames.data || !strstr(frames.data, " ["))
		return;
	*strstr(frames.data, " [") = 0;
	for (int r = 0; r < STUCK_REGS && !found; r++)
		found = is_wanted(k, c->regs[r], "", frames.data, &l);
	if (found || find_lock(k, &s->stacks[i], "", frames.data, &l))
		tell_lock(&l, self, all, out);
}

/* A thread that does not run: its frames, from where it was switched away; and the lock that it waits for. */
static void thread_frames(struct stuck *k, const struct thread *t, const struct threads *all,
	struct buf *out, struct buf *locks)
{
	struct stuck_stack *s = xcalloc(1, sizeof *s);
	uint8_t pcb[PCB_SIZE];
	struct lock l;

	if (t->pcb >= KERNEL_LOW &&
		machine_peek(k->m, k->cpu, t->pcb, pcb, sizeof pcb) == sizeof pcb) {
		s->at = word_in(pcb, PCB_RSP);
		s->len = machine_peek(k->m, k->cpu, s->at, s->bytes, sizeof s->bytes);
		stuck_add_frame(k, out, "", word_in(pcb, PCB_RIP), true);
		stuck_follow_frames(k, s, word_in(pcb, PCB_RBP), out);
	}
	/* An sx lock has its waiters sleep: its name is then the message. */
	if (t->caller && out->data && find_lock(k, s, *t->lock ? t->lock : t->wmesg, out->data, &l))
		tell_lock(&l, t->thread, all, locks);
	free(s);
}

static const char *state_name(const struct thread *t)
{
	/* sys/sys/proc.h: SIDL, SRUN, SSLEEP, SSTOP, SZOMB, SWAIT, SLOCK */
	static const char *const names[] = {
		"new", "ready", "sleeps", "stopped", "ended", "waits", "locked"};

	if (t->cpu >= 0 && t->state == 2)
		return "runs";
	return t->state >= 1 && t->state <= 7 ? names[t->state - 1] : "?";
}

void stuck_tell_freebsd(struct stuck *k, const char *told, struct buf *out)
{
	AUTO_BUF struct buf locks = {0};
	struct threads all = {0};

	for (const char *line = told, *end; line && *line; line = *end ? end + 1 : end) {
		struct thread t;

		end = strchrnul(line, '\n');
		if (all.n < THREADS_MAX && parse_thread(line, end, &t))
			*ARRAY_ADD(all.items, all.n) = t;
	}
	for (size_t i = 0; i < all.n; i++) {
		const struct thread *t = &all.items[i];
		AUTO_BUF struct buf frames = {0};

		if (t->cpu < 0)
			thread_frames(k, t, &all, &frames, &locks);
		if (!t->caller && (!frames.data || !strstr(frames.data, " [")))
			continue;
		add_name(t, out);
		buf_addf(out, ": %s, %s", state_name(t), *t->wmesg ? t->wmesg : "-");
		if (*t->lock)
			buf_addf(out, ", lock %s", t->lock);
		buf_addf(
			out, "%s\n%s", t->caller ? ", caller" : "", frames.data ? frames.data : "");
	}
	for (size_t i = 0; i < k->samples[0].n; i++)
		if (!k->samples[0].cpus[i].user && !k->samples[0].cpus[i].halted)
			tell_spinning(k, &k->samples[0], i, &all, &locks);
	buf_addf(out, "%s", locks.data ? locks.data : "");
	free(all.items);
}
