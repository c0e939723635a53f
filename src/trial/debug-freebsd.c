/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * linker_file_sysinit() of sys/kern/kern_linker.c asks the file's linker (link_elf_lookup_set() of link_elf_obj.c; there is another
 * one in link_elf.c) for its set of struct sysinit and calls what is in it. At that moment the file is linked and in memory, so the set can be read there: a SYSINIT's function that lies in
 * the file is one to stop at; for a module's declaration (module_register_init(), struct moduledata) it is the event handler. The
 * first of them that is called is where the module begins.
 */
#include "trial/debug-own.h"

#include "base/path.h"
#include "trial/kernel-elf.h"
#include "trial/kernel-frames.h"
#include "trial/stuck-own.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define KERNEL_MAX ((size_t)256 << 20)
#define SET	   "sysinit_set"
#define PLACES	   256 /* functions to stop at, at most */

/* struct linker_file (sys/sys/linker.h): where its name is. */
#define LF_FILENAME 40

/* sys/sys/kernel.h. From 15 on, and in later 14s, there is a link to the next one before the function, which is NULL as long as
 * nobody has linked it. */
struct sysinit {
	uint32_t subsystem, order;
	uint64_t rest[3];
};

/* sys/sys/module.h */
struct moduledata {
	uint64_t name, evhand, priv;
};

/* A trap's frame is one that gdb cannot follow: nothing in the kernel's file describes it. */
static int write_frames(struct session *s, struct error *err)
{
	const struct address *trap = addresses_named(&s->kernel, "calltrap", NULL);
	AUTO_BUF struct buf frames = {0}, elf = {0};
	uint64_t end = 0;

	/* Sorted by now, or not: the next one is the least above. */
	for (size_t i = 0; trap && i < s->kernel.n; i++)
		if (s->kernel.items[i].at > trap->at && (!end || s->kernel.items[i].at < end))
			end = s->kernel.items[i].at;
	if (!end)
		return 0;
	trap_frames(trap->at, end, &frames);
	kernel_elf(NULL, &frames, &elf);
	s->frames_file = xasprintf("%s/frames", s->dir.path);
	return path_write(s->frames_file, elf.data, elf.len, err);
}

int debug_learn_freebsd(struct session *s, struct error *err)
{
	const char *path = s->t->target->kernel;
	AUTO_BUF struct buf kernel = {0};
	int r = path_read(path, KERNEL_MAX, &kernel);

	if (r)
		return error_sys(err, -r, "cannot read %s", path);
	addresses_add_elf(&s->kernel, kernel.data, kernel.len, NULL, NULL, 0);
	for (size_t i = 0; i < s->kernel.n && s->ngates < DEBUG_GATES; i++)
		if (!strcmp(s->kernel.items[i].name, "link_elf_lookup_set"))
			s->gates[s->ngates++] = s->kernel.items[i].at;
	if (!s->ngates)
		return error_set(err, EIO,
			"%s has no symbols, which debug needs; remove the target and add it again",
			path);
	s->kernel_file = xstrdup(path);
	return write_frames(s, err);
}

/* Whether the string at an address is `text`. */
static bool is_text(struct session *s, uint64_t at, const char *text)
{
	AUTO_FREE char *there = xcalloc(1, strlen(text) + 1);
	struct error err;

	return !stub_read(&s->stub, at, there, strlen(text) + 1, &err) && !strcmp(there, text) &&
		!there[strlen(text)];
}

/* Where the sections of module number `index` are; `*set` gets which of it is its set. */
static void place_module(struct session *s, const struct stuck *k, size_t index,
	struct layout_section *set, uint64_t *base, uint64_t *end)
{
	const struct module_file *file = &s->t->modules.items[index];
	AUTO_FREE char *name = xasprintf("%s.ko", file->name);
	struct debug_module *m = debug_add_module(s, index);
	struct layout l;

	*base = stuck_file_freebsd(k, name);
	*end = *base;
	if (!*base || !layout_read(file->bytes, file->len, &l))
		return;
	for (size_t i = 1; i < l.nsections; i++) {
		const struct layout_section *section = &l.sections[i];

		if (section->in_freebsd == UINT64_MAX)
			continue;
		debug_add_place(m, section->name, *base + section->in_freebsd);
		if (*base + section->in_freebsd + section->size > *end)
			*end = *base + section->in_freebsd + section->size;
		if (!strcmp(section->name, "set_" SET))
			*set = (struct layout_section){
				.size = section->size, .in_freebsd = section->in_freebsd};
	}
	layout_free(&l);
}

/* The functions that the set of the module at `base` to `end` has for us. How many, or -errno. */
static int functions_of(struct session *s, const struct layout_section *set, uint64_t base,
	uint64_t end, uint64_t out[PLACES], struct error *err)
{
	const struct address *declare = addresses_named(&s->kernel, "module_register_init", NULL);
	size_t n = 0;

	for (uint64_t i = 0; i + 8 <= set->size && n < PLACES; i += 8) {
		struct sysinit init;
		struct moduledata data;
		uint64_t at, function, argument;
		int r = stub_read(&s->stub, base + set->in_freebsd + i, &at, sizeof at, err);

		r = r ?: stub_read(&s->stub, at, &init, sizeof init, err);
		if (r)
			return r;
		function = init.rest[!init.rest[0]];
		argument = init.rest[1 + !init.rest[0]];
		if (declare && function == declare->at) {
			r = stub_read(&s->stub, argument, &data, sizeof data, err);
			if (r)
				return r;
			function = data.evhand;
		} else if (function < base || function >= end) {
			continue;
		}
		for (size_t j = 0; j < n && function; j++)
			if (out[j] == function)
				function = 0;
		if (function)
			out[n++] = function;
	}
	return (int)n;
}

/* What is known of all of them that are loaded; of the one to stop in also its set. */
static void place_all(struct session *s, struct layout_section *set, uint64_t *base, uint64_t *end)
{
	struct stuck *k = xcalloc(1, sizeof *k);

	*set = (struct layout_section){0};
	k->t = s->t;
	k->m = s->m;
	k->cpu = s->cpu;
	k->addresses = s->kernel;
	for (size_t i = 0; i <= s->index; i++) {
		struct layout_section other = {0};

		place_module(s, k, i, i == s->index ? set : &other, base, end);
	}
	free(k);
}

int debug_place_freebsd(struct session *s, struct error *err)
{
	struct layout_section set;
	uint64_t base, end;

	(void)err;
	place_all(s, &set, &base, &end);
	return 0;
}

int debug_pass_freebsd(struct session *s, struct error *err)
{
	AUTO_FREE char *name = xasprintf("%s.ko", s->t->modules.items[s->index].name);
	uint64_t regs[STUB_REGS], file, base, end, functions[PLACES];
	struct layout_section set;
	int r = stub_registers(&s->stub, s->cpu, regs, err), n;

	r = r ?: stub_read(&s->stub, regs[STUB_RDI] + LF_FILENAME, &file, sizeof file, err);
	if (r)
		return r;
	if (!is_text(s, regs[STUB_RSI], SET) || !is_text(s, file, name))
		return 0;
	place_all(s, &set, &base, &end);
	n = functions_of(s, &set, base, end, functions, err);
	if (n < 0)
		return n;
	r = debug_gates(s, false, err);
	/* With nothing of its own that is called, this is as far as it goes. */
	if (r || !n)
		return r ?: 1;
	r = debug_run_to(s, functions, (size_t)n, err);
	return r ?: -ECHILD;
}
