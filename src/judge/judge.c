/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The order of questions: did the kernel crash (the log and the console say so); if not, did something
 * fail to come back; if not, was a call refused; and then what deserves a word though nothing
 * failed. The first one that holds is the leading finding.
 */
#include "judge/judge.h"

#include "judge/kmsg.h"
#include "judge/msgbuf.h"
#include "judge/report.h"
#include "judge/system.h"

#include <string.h>

static const struct judge_system linux_system = {
	.parse = kmsg_parse,
	.add_console = kmsg_add_console,
	.find_report = report_find_linux,
	.refusal = judge_refusal_linux,
	.load_word = "init",
	.unload_word = "exit",
	.lookup =
		"The function after \"in\" is where it happened; the call trace shows how it came there.",
};

static const struct judge_system freebsd_system = {
	.parse = msgbuf_parse,
	.add_console = msgbuf_add_console,
	.find_report = report_find_freebsd,
	.refusal = judge_refusal_freebsd,
	.load_word = "MOD_LOAD",
	.unload_word = "MOD_UNLOAD",
	.lookup =
		"The function after \"in\" is where it happened, or what called that; the backtrace shows how it came there.",
};

const struct judge_system *judge_system(enum target_os os)
{
	return os == TARGET_FREEBSD ? &freebsd_system : &linux_system;
}

static const char *half(const struct run *r, const struct call *c)
{
	const struct judge_system *s = judge_system(r->os);

	return c->kind == CALL_LOAD ? s->load_word : s->unload_word;
}

char *judge_when(const struct run *r, size_t call, bool after)
{
	const struct call *c = call < r->ncalls ? &r->calls[call] : NULL;

	if (!c)
		return xstrdup("before anything was loaded");
	if (c->kind == CALL_EXERCISE)
		return xasprintf("%s %s was exercised (%s)", after ? "after" : "while", c->ko->name,
			c->what);
	if (after)
		return xasprintf("after %s had %s", c->ko->name,
			c->kind == CALL_LOAD ? "been loaded" : "been unloaded");
	return xasprintf("while %s's %s ran", c->ko->name, half(r, c));
}

/* A real machine went, and nothing of it was left to say why. */
static void judge_lost(const struct run *r, const char *during, struct findings *out)
{
	finding_add(out, "machine-lost", SEVERITY_ERROR, CLASS_CRASH,
		r->restarted
			? xasprintf("%s restarted %s, without a word", r->lent, during)
			: xasprintf("%s was lost %s: it does not answer any more", r->lent, during),
		xasprintf(
			"%s Its console, if it has one, shows the kernel's last words; a target that is a virtual machine keeps them.",
			r->restarted ? "The kernel panicked, or a watchdog went off."
				     : "Switch it off and on."));
}

/* Ended, silent, or talking nonsense, with nothing in the log that explains it. */
static void judge_end(const struct run *r, struct findings *out)
{
	size_t last = r->ncalls ? r->ncalls - 1 : 0;
	const struct call *c = r->ncalls ? &r->calls[last] : NULL;
	AUTO_FREE char *during = judge_when(r, last, c && c->returned);

	switch (r->end) {
	case RUN_DONE:
		return;
	case RUN_ENDED:
		if (r->lent) {
			judge_lost(r, during, out);
			return;
		}
		finding_add(out, "triple-fault", SEVERITY_ERROR, CLASS_CRASH,
			xasprintf("the machine reset itself %s, without a word from the kernel",
				during),
			xstrdup("A triple fault does that (a fault while the kernel was dealing with a fault that came of a fault): the stack or the page tables were overwritten. So does code that asks for a reboot."));
		return;
	case RUN_NONSENSE:
		finding_add(out, "gone-mad", SEVERITY_ERROR, CLASS_CRASH,
			xasprintf(
				"the agent in the machine made no sense any more %s: memory that is not the module's was overwritten",
				during),
			xstrdup("Look for writes past the end of a buffer or through a wild pointer."));
		return;
	case RUN_SILENT:
		judge_hang(r, out);
	}
}

static void judge_signal(const struct run *r, size_t call, struct findings *out)
{
	const struct call *c = &r->calls[call];

	if (c->kind == CALL_EXERCISE) {
		finding_add(out, "crash", SEVERITY_ERROR, CLASS_CRASH,
			xasprintf(
				"a process that used %s (%s) was killed in the kernel by signal %d",
				c->ko->name, c->what, c->signal),
			judge_again(r, call, NULL));
		return;
	}
	finding_add(out, "crash", SEVERITY_ERROR, CLASS_CRASH,
		xasprintf("the process that called %s's %s was killed in the kernel by signal %d",
			c->ko->name, half(r, c), c->signal),
		xstrdup("The kernel's log does not say why; kmodlab run --console shows what else its console has."));
}

void judge_run(const struct run *r, const struct target *target, struct findings *out)
{
	bool crashed = judge_reports(r, out);

	if (!crashed)
		judge_end(r, out);
	for (size_t i = 0; i < r->ncalls; i++) {
		if (!crashed && r->calls[i].signal)
			judge_signal(r, i, out);
		else if (r->calls[i].kind == CALL_EXERCISE)
			judge_exercise(r, i, out);
		else if (r->calls[i].returned && !r->calls[i].signal && !r->calls[i].optional)
			judge_system(r->os)->refusal(r, i, target, out);
	}
	judge_left(r, out);
	if (r->dropped)
		finding_add(out, "log-dropped", SEVERITY_WARNING, CLASS_PASS,
			xasprintf(
				"the kernel's log buffer overflowed: %llu lines%s were lost before they "
				"could be read",
				r->dropped, r->dropped_more ? " or more" : ""),
			xstrdup("Log less, or limit the rate (Linux: pr_info_ratelimited; FreeBSD: ppsratecheck)."));
}
