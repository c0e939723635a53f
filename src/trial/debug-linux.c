/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every module's init is called by do_one_initcall(), with its address as the argument; by then the module's sections stand
 * in /sys/module/NAME/sections. The agent's watcher can read them there while its worker is on its way into init, and so that it
 * surely gets a processor (a kernel without preemption gives none away) the worker is sent to sleep: it is made to call
 * msleep() as a debugger calls a function, and comes back to where it was.
 */
#include "trial/debug-own.h"

#include "base/clock.h"
#include "base/path.h"
#include "machine/stuck.h"
#include "trial/kernel-elf.h"
#include "trial/kernel-frames.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KALLSYMS_MAX ((size_t)64 << 20)
#define TABLE_MAX    ((size_t)64 << 20)
#define NAP_MS	     50

/* A worker that sleeps at the gate, and is to wake up there. */
struct nap {
	uint64_t regs[STUB_REGS], msleep;
};

static int send_to_sleep(struct session *s, const struct nap *n, struct error *err)
{
	uint64_t top = n->regs[STUB_RSP] - sizeof top;
	int r = stub_write(&s->stub, top, &s->gates[0], sizeof s->gates[0], err);

	r = r ?: stub_set_register(&s->stub, s->cpu, STUB_RSP, top, err);
	r = r ?: stub_set_register(&s->stub, s->cpu, STUB_RDI, NAP_MS, err);
	r = r ?: stub_set_register(&s->stub, s->cpu, STUB_RIP, n->msleep, err);
	return r ?: stub_go(&s->stub, err);
}

/* Reads a file in the machine. While the worker is in the call it is the watcher that answers, and `n` (or NULL) says how
 * to keep the worker asleep. 0; 1: there is no such file; -errno with the sentence set. */
static int read_file(struct session *s, const struct nap *n, const char *path, struct buf *out,
	struct error *err)
{
	int64_t deadline = clock_us() + (int64_t)DEBUG_WAIT_MS * 1000;
	struct message msg;
	uint32_t serial;
	int r = machine_send(s->m, PROTO_READ, path, strlen(path) + 1, &serial, err);

	if (!r && n)
		machine_nudge(s->m);
	while (!r) {
		enum machine_event e = machine_next(s->m, deadline, &msg, err);
		struct proto_done done;

		if (e == MACHINE_OTHER) {
			r = stub_stopped(&s->stub, &s->cpu, err);
			if (r > 0 && n)
				r = send_to_sleep(s, n, err);
			continue;
		}
		if (e == MACHINE_FAILED)
			return -EIO;
		if (e != MACHINE_MESSAGE)
			return error_set(err, EIO,
				"the machine did not answer when asked for %s; try again, and if it stays so, see kmodlab doctor",
				path);
		if (msg.serial != serial) {
			load_take(s->t, &msg, s->t->run.ncalls - 1);
			continue;
		}
		if (msg.type == PROTO_DATA && out->len + msg.length <= KALLSYMS_MAX)
			buf_add(out, msg.body, msg.length);
		if (msg.type == PROTO_DONE)
			return message_done(&msg, &done) || done.error;
	}
	return r;
}

int debug_learn_linux(struct session *s, struct error *err)
{
	AUTO_BUF struct buf text = {0};
	const struct address *gate;
	int r = read_file(s, NULL, "/proc/kallsyms", &text, err);

	if (r < 0)
		return r;
	addresses_add_kallsyms(&s->kernel, text.data ? text.data : "", text.len);
	gate = addresses_named(&s->kernel, "do_one_initcall", NULL);
	if (!gate)
		return error_set(err, EIO,
			"this kernel does not tell its symbols' addresses, which debug needs (CONFIG_KALLSYMS); take another target");
	s->gates[s->ngates++] = gate->at;
	return 0;
}

/* The memory between two symbols; false when there is none, or nobody knows where. */
static bool read_table(
	struct session *s, const char *from, const char *to, struct buf *out, uint64_t *at)
{
	const struct address *a = addresses_named(&s->kernel, from, NULL);
	const struct address *b = addresses_named(&s->kernel, to, NULL);

	if (!a || !b || b->at <= a->at || b->at - a->at > TABLE_MAX)
		return false;
	*at = a->at;
	buf_reserve(out, b->at - a->at);
	out->len = machine_peek(s->m, s->cpu, a->at, out->data, b->at - a->at);
	return out->len == b->at - a->at;
}

/* Writes the file with the kernel's symbols and, if the kernel has such tables (CONFIG_UNWINDER_ORC), the way from a
 * function to its caller. */
static int write_kernel(struct session *s, bool stands, struct error *err)
{
	AUTO_BUF struct buf ip = {0}, orc = {0}, frames = {0}, elf = {0};
	uint64_t ip_at, orc_at;
	int major = 0, minor = 0;

	sscanf(machine_hello(s->m)->release, "%d.%d", &major, &minor);
	if (stands && read_table(s, "__start_orc_unwind_ip", "__stop_orc_unwind_ip", &ip, &ip_at) &&
		read_table(s, "__start_orc_unwind", "__stop_orc_unwind", &orc, &orc_at))
		kernel_frames((const uint8_t *)ip.data, ip_at, (const uint8_t *)orc.data,
			ip.len / 4 < orc.len / 6 ? ip.len / 4 : orc.len / 6,
			major > 6 || (major == 6 && minor >= 4), &frames);
	if (!kernel_elf(&s->kernel, &frames, &elf))
		return error_set(err, EIO,
			"this kernel does not tell its symbols' addresses, which debug needs (CONFIG_KALLSYMS); take another target");
	s->kernel_file = xasprintf("%s/kernel", s->dir.path);
	return path_write(s->kernel_file, elf.data, elf.len, err);
}

static int place_module(struct session *s, const struct nap *n, size_t index, struct error *err)
{
	const struct module_file *file = &s->t->modules.items[index];
	struct debug_module *m = debug_add_module(s, index);
	struct layout l;
	int r = 0;

	if (!layout_read(file->bytes, file->len, &l))
		return 0;
	for (size_t i = 1; i < l.nsections && r >= 0; i++) {
		AUTO_FREE char *path = NULL;
		AUTO_BUF struct buf text = {0};
		uint64_t at;

		if (l.sections[i].in_freebsd == UINT64_MAX || strchr(l.sections[i].name, '/'))
			continue;
		path = xasprintf(
			"/sys/module/%s/sections/%s", s->t->kos[index].name, l.sections[i].name);
		r = read_file(s, n, path, &text, err);
		at = !r && text.data ? strtoull(text.data, NULL, 16) : 0;
		if (at)
			debug_add_place(m, l.sections[i].name, at);
	}
	layout_free(&l);
	return r < 0 ? r : 0;
}

static int place_all(struct session *s, const struct nap *n, struct error *err)
{
	int r = 0;

	for (size_t i = 0; i <= s->index && !r; i++)
		r = place_module(s, n, i, err);
	return r;
}

int debug_place_linux(struct session *s, struct error *err)
{
	return write_kernel(s, false, err) ?: place_all(s, NULL, err);
}

int debug_pass_linux(struct session *s, struct error *err)
{
	const struct address *msleep = addresses_named(&s->kernel, "msleep", NULL);
	struct nap n = {.msleep = msleep ? msleep->at : 0};
	uint64_t init;
	int r;

	if (!n.msleep)
		return error_set(err, EIO,
			"this kernel has no msleep(), where debug waits; take another target");
	r = stub_registers(&s->stub, s->cpu, n.regs, err);
	init = n.regs[STUB_RDI];
	r = r ?: write_kernel(s, true, err);
	r = r ?: send_to_sleep(s, &n, err);
	r = r ?: place_all(s, &n, err);
	if (!r)
		r = debug_await_stop(s, err);
	if (r <= 0)
		return r ?: -ECHILD;
	r = stub_set_register(&s->stub, s->cpu, STUB_RDI, init, err);
	r = r ?: debug_gates(s, false, err);
	if (!r)
		r = debug_run_to(s, &init, 1, err);
	return r ?: -ECHILD;
}
