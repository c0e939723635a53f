/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What Linux says of what does not get on: kernel/watchdog.c, kernel/hung_task.c, kernel/rcu/tree_stall.h,
 * kernel/workqueue.c.
 */
#include "judge/linux-report.h"

#include <string.h>

/* "watchdog: BUG: soft lockup - CPU#0 stuck for 26s! [init:84]" */
static void soft(struct reading *r)
{
	const char *s = after(r->text, "stuck for ");

	report_title(r->out,
		xasprintf("a processor did nothing else for %lu s, and let nobody else in",
			s ? decimal(s) : 0));
}

/* "INFO: task init:84 blocked for more than 120 seconds." */
static void hung(struct reading *r)
{
	const char *s = after(r->text, "for more than ");

	report_title(r->out,
		xasprintf(
			"a process waited in the kernel for more than %lu s", s ? decimal(s) : 0));
}

/* "BUG: workqueue lockup - pool cpus=0 node=0 flags=0x0 nice=0 stuck for 34s!" */
static void workqueue(struct reading *r)
{
	const char *s = after(r->text, "stuck for ");

	report_title(
		r->out, xasprintf("a workqueue made no progress for %lu s", s ? decimal(s) : 0));
}

const struct kind linux_stall_kinds[] = {
	{"BUG: soft lockup", NULL, SHAPE_STALL, "soft-lockup", CLASS_HANG, NULL, soft},
	{"*Watchdog detected hard LOCKUP", NULL, SHAPE_STALL, "hard-lockup", CLASS_HANG,
		"a processor did nothing else for a long time, with interrupts off", NULL},
	{"INFO: rcu_", "stall", SHAPE_STALL, "rcu-stall", CLASS_HANG,
		"a processor or a task kept RCU waiting for far too long", NULL},
	{"INFO: task ", " blocked for more than ", SHAPE_STALL, "hung-task", CLASS_HANG, NULL,
		hung},
	{"BUG: workqueue lockup", NULL, SHAPE_LINE, "workqueue-lockup", CLASS_HANG, NULL,
		workqueue},
	{NULL}};
