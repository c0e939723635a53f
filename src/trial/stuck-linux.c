/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a module lies in a Linux machine that cannot be asked. Its code is laid out section by section, from
 * the start of a page, what ".init" begins with apart from the rest (kernel/module/main.c, layout_sections).
 * The kernel's list of modules leads to its struct module, and in that stand, at places that change from
 * kernel to kernel, the addresses of its parts: of all that could be one, the one whose code is most
 * like ours is it. The kernel itself changes code when it loads it, so it is never all the same.
 */
#include "trial/stuck-own.h"

#include <gelf.h>
#include <libelf.h>
#include <string.h>

#define AREA_FIRST    0xffffffff90000000ull /* behind the kernel's image */
#define AREA_LAST     0xffffffffff000000ull
#define PAGE	      4096u
#define PROBE	      256u /* bytes of code that are compared */
#define LIKE_LEAST    30   /* percent */
#define MODULES_MAX   500
#define VARIABLES_MAX 5000
#define MODULE_BYTES  1024 /* of struct module, in which the addresses stand */

/* One of a module's two parts. */
struct part {
	Elf_Scn *first; /* its first section with code */
	uint64_t size;
	uint64_t at; /* once it is known where it is; else 0 */
};

static bool is_init(const char *name)
{
	return name && !strncmp(name, ".init", 5);
}

/* Where each section is in its part. */
static void lay_out(Elf *e, struct part parts[2], uint64_t *offsets, size_t n)
{
	size_t strings;
	Elf_Scn *scn = NULL;
	GElf_Shdr head;

	if (elf_getshdrstrndx(e, &strings))
		return;
	while ((scn = elf_nextscn(e, scn))) {
		struct part *p;
		size_t index = elf_ndxscn(scn);

		if (!gelf_getshdr(scn, &head) || index >= n || !head.sh_size ||
			(head.sh_flags & (SHF_ALLOC | SHF_EXECINSTR)) !=
				(SHF_ALLOC | SHF_EXECINSTR))
			continue;
		p = &parts[is_init(elf_strptr(e, strings, head.sh_name))];
		if (head.sh_addralign > 1)
			p->size = (p->size + head.sh_addralign - 1) / head.sh_addralign *
				head.sh_addralign;
		offsets[index] = p->size;
		p->size += head.sh_size;
		if (!p->first)
			p->first = scn;
	}
}

/* Which bytes of the section's code the kernel changes when it loads it. */
static void mark_changed(Elf *e, Elf_Scn *section, bool changed[PROBE])
{
	Elf_Scn *scn = NULL;
	GElf_Shdr head;
	GElf_Rela rela;

	while ((scn = elf_nextscn(e, scn))) {
		Elf_Data *data;

		if (!gelf_getshdr(scn, &head) || head.sh_type != SHT_RELA ||
			head.sh_info != elf_ndxscn(section) || !(data = elf_getdata(scn, NULL)))
			continue;
		for (int i = 0; gelf_getrela(data, i, &rela); i++)
			for (uint64_t k = 0; k < 4; k++)
				if (rela.r_offset < PROBE && rela.r_offset + k < PROBE)
					changed[rela.r_offset + k] = true;
	}
}

/* How much of the part's first bytes are at `at`, in percent. */
static unsigned likeness(const struct stuck *k, Elf *e, const struct part *p, uint64_t at)
{
	Elf_Data *data = p->first ? elf_getdata(p->first, NULL) : NULL;
	bool changed[PROBE] = {false};
	size_t len = data ? data->d_size : 0;
	const uint8_t *ours = data ? data->d_buf : NULL;
	unsigned same = 0, compared = 0;
	uint8_t there[PROBE];

	if (!len || !ours)
		return 0;
	len = len < PROBE ? len : PROBE;
	mark_changed(e, p->first, changed);
	if (machine_peek(k->m, k->cpu, at, there, len) != len)
		return 0;
	for (size_t i = 0; i < len; i++) {
		compared += !changed[i];
		same += !changed[i] && ours[i] == there[i];
	}
	return compared ? same * 100 / compared : 0;
}

/* The address of the struct module with that name, or 0. */
static uint64_t find_module(const struct stuck *k, const char *wanted)
{
	const struct address *list = addresses_named(&k->addresses, "modules", NULL);
	uint64_t at;

	if (!list || !stuck_peek_word(k, list->at, &at))
		return 0;
	for (int i = 0; i < MODULES_MAX && at != list->at; i++) {
		char name[56];

		if (machine_peek(k->m, k->cpu, at + 16, name, sizeof name) != sizeof name)
			return 0;
		if (!strncmp(name, wanted, sizeof name))
			return at - 8;
		if (!stuck_peek_word(k, at, &at))
			return 0;
	}
	return 0;
}

static void find_parts(const struct stuck *k, Elf *e, const char *name, struct part parts[2])
{
	uint64_t module = find_module(k, name), words[MODULE_BYTES / 8];
	unsigned best[2] = {LIKE_LEAST - 1, LIKE_LEAST - 1};
	size_t n = module ? machine_peek(k->m, k->cpu, module, words, sizeof words) : 0;

	for (size_t i = 0; i < n / 8; i++) {
		if (words[i] < AREA_FIRST || words[i] >= AREA_LAST || words[i] % PAGE)
			continue;
		for (int p = 0; p < 2; p++) {
			unsigned like = likeness(k, e, &parts[p], words[i]);

			if (like <= best[p])
				continue;
			best[p] = like;
			parts[p].at = words[i];
		}
	}
}

static void place(struct stuck *k, const struct module_file *file)
{
	struct part parts[2] = {0};
	uint64_t *bases = NULL;
	size_t n = 0;
	Elf *e;

	elf_version(EV_CURRENT);
	e = elf_memory(file->bytes, file->len);
	if (e && !elf_getshdrnum(e, &n) && n && n < 65536) {
		bases = xcalloc(n, sizeof *bases);
		lay_out(e, parts, bases, n);
		find_parts(k, e, file->name, parts);
		for (size_t i = 0; i < n; i++) {
			Elf_Scn *scn = elf_getscn(e, i);
			GElf_Shdr head;
			size_t strings;

			if (!scn || !gelf_getshdr(scn, &head) || elf_getshdrstrndx(e, &strings) ||
				!(head.sh_flags & SHF_EXECINSTR)) {
				bases[i] = 0;
				continue;
			}
			head.sh_offset = is_init(elf_strptr(e, strings, head.sh_name));
			bases[i] =
				parts[head.sh_offset].at ? bases[i] + parts[head.sh_offset].at : 0;
		}
	}
	if (e)
		elf_end(e);
	if (bases)
		addresses_add_elf(&k->addresses, file->bytes, file->len, file->name, bases, n);
	free(bases);
}

void stuck_place_linux(struct stuck *k)
{
	for (size_t i = k->t->nsupporting; i < k->t->modules.n; i++)
		place(k, &k->t->modules.items[i]);
}

/* ---- locks ---- */

/*
 * A lock for which somebody waits has a list of who does, and its first entry, which lies on that task's
 * stack, points back. Without lock debugging these are the places of things (include/linux/mutex.h,
 * rwsem.h, semaphore.h, completion.h and the waiters in kernel/locking).
 */
static const struct kind {
	const char *name;
	int list, owner; /* bytes into the lock; owner -1: it has none */
	int task;	 /* … from a waiter's list entry to its task */
} kinds[] = {
	{"mutex", 16, 0, 16},
	{"read-write semaphore", 24, 8, 16},
	{"semaphore", 8, -1, 16},
	{"completion", 16, -1, -8},
};

#define LOCK_BYTES 48
#define TASK_BYTES 8192 /* of struct task_struct, in which the name stands */
#define TASK_NAME  16	/* TASK_COMM_LEN */
#define KERNEL_LOW 0xffff800000000000ull

static uint64_t word_in(const uint8_t *bytes, int at)
{
	uint64_t word;

	memcpy(&word, bytes + at, sizeof word);
	return word;
}

/* The task that waits first, if the bytes at `at` are such a lock; else 0. */
static uint64_t waiter_of(
	const struct stuck *k, const struct kind *kind, uint64_t at, const uint8_t *bytes)
{
	uint64_t list = at + (uint64_t)kind->list, first = word_in(bytes, kind->list), back, task;

	if (first < KERNEL_LOW || first == list || word_in(bytes, kind->list + 8) < KERNEL_LOW ||
		!stuck_peek_word(k, first + 8, &back) || back != list ||
		!stuck_peek_word(k, first + (uint64_t)(int64_t)kind->task, &task) ||
		task < KERNEL_LOW)
		return 0;
	if (kind->owner >= 0 && word_in(bytes, kind->owner) < KERNEL_LOW)
		return 0;
	/* A completion's first word is a count that is 0, a semaphore's its inner lock. */
	if (kind->owner < 0 && (uint32_t)word_in(bytes, 0))
		return 0;
	return task;
}

/* The heading "task 43 (init)" of a task with the name at `bytes`, from `tasks` on; its length in `*len`. NULL
 * when there is none. */
static const char *task_named(const char *tasks, const uint8_t *bytes, size_t *len)
{
	for (const char *line = tasks; (line = strstr(line, "task ")); line++) {
		const char *open = line + strcspn(line, "(\n");
		size_t n = *open ? strcspn(open + 1, ")\n") : 0;

		if (*open != '(' || open[1 + n] != ')' || n < 2 || n >= TASK_NAME ||
			(line > tasks && line[-1] != '\n') || memcmp(open + 1, bytes, n) ||
			bytes[n])
			continue;
		*len = (size_t)(open + n + 2 - line);
		return line;
	}
	return NULL;
}

/* Where in a struct task_struct its name stands changes from kernel to kernel: it is where both tasks have the
 * name of one that was told of. */
static void add_owner(
	const struct stuck *k, uint64_t owner, uint64_t waiter, const char *tasks, struct buf *out)
{
	AUTO_FREE uint8_t *has = xcalloc(2, TASK_BYTES);
	uint8_t *waits = has + TASK_BYTES;
	size_t n, m, len;

	if (owner == waiter) {
		buf_adds(out, ": held by itself");
		return;
	}
	n = machine_peek(k->m, k->cpu, owner, has, TASK_BYTES);
	m = machine_peek(k->m, k->cpu, waiter, waits, TASK_BYTES);
	n = n < m ? n : m;
	for (size_t at = 0; at + TASK_NAME <= n; at += 8) {
		const char *task;

		if (!task_named(tasks, waits + at, &len))
			continue;
		task = task_named(tasks, has + at, &len);
		/* The caller is the one that waits, more likely than not. */
		if (task && strstr(task, ", caller\n") &&
			strstr(task, ", caller\n") < strchr(task, '\n'))
			task = task_named(strchr(task, '\n') + 1, has + at, &len);
		if (!task)
			continue;
		buf_addf(out, ": held by %.*s", (int)len, task);
		return;
	}
}

static void try_variable(
	const struct stuck *k, const struct address *a, const char *tasks, struct buf *out)
{
	uint8_t bytes[LOCK_BYTES];

	if (machine_peek(k->m, k->cpu, a->at, bytes, sizeof bytes) != sizeof bytes)
		return;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		uint64_t waiter = waiter_of(k, &kinds[i], a->at, bytes);

		if (!waiter)
			continue;
		buf_addf(out, "lock %s [%s] (%s)", a->name, a->module, kinds[i].name);
		if (kinds[i].owner >= 0)
			add_owner(k, word_in(bytes, kinds[i].owner) & ~7ull, waiter, tasks, out);
		buf_adds(out, "\n");
		return;
	}
}

/* A processor that spins has the lock's address in a register, or on top of its stack. False if it does not spin at
 * that moment: there may be an interrupt. */
static bool tell_spin_lock(struct stuck *k, const struct stuck_sample *s, size_t i, struct buf *out)
{
	const struct cpu_state *c = &s->cpus[i];
	const struct address *in = addresses_find(&k->addresses, c->rip, true), *found = NULL;
	bool rw = in && (strstr(in->name, "read_lock") || strstr(in->name, "write_lock"));
	uint64_t word;

	if (!in || in->module || (!rw && !strstr(in->name, "spin_lock")))
		return false;
	for (int r = 0; r < STUCK_REGS && !found; r++)
		found = addresses_find(&k->addresses, c->regs[(REG_RDI + r) % STUCK_REGS], false);
	for (uint64_t at = c->regs[REG_RSP]; (!found || !found->module) &&
		at < c->regs[REG_RSP] + 128 && stuck_word(&s->stacks[i], at, &word);
		at += sizeof word)
		found = addresses_find(&k->addresses, word, false);
	if (!found || !found->module)
		return false;
	buf_addf(out, "lock %s [%s] (%s)\n", found->name, found->module,
		rw ? "rwlock" : "spin lock");
	return true;
}

void stuck_locks_linux(struct stuck *k, const char *tasks, struct buf *out)
{
	uint64_t last = 0;
	size_t n = 0;

	for (size_t i = 0; i < k->samples[0].n; i++)
		for (size_t at = 0; at < k->nsamples; at++) {
			const struct stuck_sample *s = &k->samples[at];

			if (i < s->n && !s->cpus[i].user && !s->cpus[i].halted &&
				tell_spin_lock(k, s, i, out))
				break;
		}
	for (size_t i = 0; i < k->addresses.n && n < VARIABLES_MAX; i++) {
		const struct address *a = &k->addresses.items[i];

		/* What begins with underscores is mostly a mark of the linker's at a variable's address. */
		if (!a->module || a->code || a->at == last || !strncmp(a->name, "__st", 4))
			continue;
		try_variable(k, a, tasks, out);
		last = a->at;
		n++;
	}
}
