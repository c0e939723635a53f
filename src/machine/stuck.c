/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * QEMU's monitor tells the registers as text. Memory is written into a file of ours: the descriptor of a
 * memfd is handed over with add-fd, and memsave opens it by QEMU's own name for it.
 */
#include "machine/stuck.h"

#include "base/clock.h"
#include "base/path.h"
#include "machine/own.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ASK_MS 5000
#define PAGE   4096

static int ask(
	struct machine *m, const char *command, const char *arguments, int fd, struct error *err)
{
	if (machine_is_lent(m))
		return error_set(err, ENOTSUP, "a real machine cannot be looked into");
	return qmp_ask(&m->qmp, command, arguments, fd, clock_us() + (int64_t)ASK_MS * 1000, err);
}

int machine_freeze(struct machine *m, struct error *err)
{
	return ask(m, "stop", NULL, -1, err);
}

int machine_thaw(struct machine *m, struct error *err)
{
	return ask(m, "cont", NULL, -1, err);
}

/* The hexadecimal number behind `key` in the text before `end`; false when it is not there. */
static bool number_after(const char *text, const char *end, const char *key, uint64_t *out)
{
	const char *at = memmem(text, (size_t)(end - text), key, strlen(key));
	uint64_t n = 0;
	int digits = 0;

	if (!at)
		return false;
	for (at += strlen(key); at < end && digits < 16; at++, digits++) {
		char c = *at;

		if (c >= '0' && c <= '9')
			n = n << 4 | (uint64_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			n = n << 4 | (uint64_t)(c - 'a' + 10);
		else
			break;
	}
	*out = n;
	return digits > 0;
}

/* One processor's part of the text. */
static bool parse_one(const char *text, const char *end, struct cpu_state *out)
{
	static const char *const names[STUCK_REGS] = {
		"RAX=", "RBX=", "RCX=", "RDX=", "RSI=", "RDI=", "RBP=", "RSP=", "R8 =", "R9 =",
		"R10=", "R11=", "R12=", "R13=", "R14=", "R15="};
	uint64_t flags, cpl, hlt;
	const char *gs;

	for (size_t i = 0; i < STUCK_REGS; i++)
		if (!number_after(text, end, names[i], &out->regs[i]))
			return false;
	if (!number_after(text, end, "RIP=", &out->rip) ||
		!number_after(text, end, "RFL=", &flags) ||
		!number_after(text, end, "CPL=", &cpl) || !number_after(text, end, "HLT=", &hlt))
		return false;
	/* "GS =0000 ffff88800f400000 ffffffff 00c00000" */
	gs = memmem(text, (size_t)(end - text), "GS =", 4);
	gs = gs ? memchr(gs, ' ', (size_t)(end - gs)) : NULL; /* the one before '=' */
	gs = gs ? memchr(gs + 1, ' ', (size_t)(end - gs - 1)) : NULL;
	if (!gs || !number_after(gs, end, " ", &out->gs))
		out->gs = 0;
	out->interrupts = flags & 0x200;
	out->user = cpl != 0;
	out->halted = hlt != 0;
	return true;
}

size_t cpu_states_parse(const char *text, struct cpu_state out[STUCK_CPUS])
{
	size_t n = 0;

	for (const char *at = strstr(text, "CPU#"), *next; at && n < STUCK_CPUS; at = next) {
		next = strstr(at + 4, "CPU#");
		out[n] = (struct cpu_state){.index = (unsigned)strtoul(at + 4, NULL, 10)};
		if (parse_one(at, next ? next : at + strlen(at), &out[n]))
			n++;
	}
	return n;
}

int machine_cpus(struct machine *m, struct cpu_state out[STUCK_CPUS], struct error *err)
{
	int r = ask(
		m, "human-monitor-command", "{\"command-line\":\"info registers -a\"}", -1, err);

	if (r)
		return r;
	return (int)cpu_states_parse(m->qmp.returned.data ? m->qmp.returned.data : "", out);
}

/* Hands the file that memory is written to over to QEMU, once. */
static bool have_window(struct machine *m)
{
	const char *at;
	struct error err;

	if (m->window >= 0)
		return true;
	m->window = memfd_create("window", MFD_CLOEXEC);
	if (m->window < 0 || ask(m, "add-fd", NULL, m->window, &err))
		goto fail;
	/* { "fd": 23, "fdset-id": 1 } */
	at = m->qmp.returned.data ? strstr(m->qmp.returned.data, "\"fd\":") : NULL;
	m->window_there = at ? atoi(at + 5) : 0;
	if (m->window_there > 0)
		return true;
fail:
	close_fd(&m->window);
	return false;
}

static size_t peek(struct machine *m, unsigned cpu, uint64_t address, void *to, size_t len)
{
	AUTO_FREE char *arguments = NULL;
	struct error err;
	ssize_t n;

	/* The address is a signed number there, and the kernel's half of them negative. */
	arguments = xasprintf("{\"val\":%lld,\"size\":%zu,\"cpu-index\":%u,"
			      "\"filename\":\"/proc/self/fd/%d\"}",
		(long long)address, len, cpu, m->window_there);
	/* Refused: a page of it is not there. */
	(void)ask(m, "memsave", arguments, -1, &err);
	n = pread(m->window, to, len, 0);
	return n > 0 ? (size_t)n : 0;
}

size_t machine_peek(struct machine *m, unsigned cpu, uint64_t address, void *to, size_t len)
{
	size_t have;

	if (!len || !have_window(m))
		return 0;
	have = peek(m, cpu, address, to, len);
	/* memsave writes whole pieces of 1 KiB only: what stands before the page that is not there is asked
	 * for page by page. */
	while (have < len) {
		uint64_t at = address + have;
		size_t left = len - have, page = PAGE - at % PAGE;
		size_t n, part = left < page ? left : page;

		n = peek(m, cpu, at, (char *)to + have, part);
		have += n;
		if (n < part)
			break;
	}
	return have;
}
