/* SPDX-License-Identifier: BSD-2-Clause */
/* What does not come back. */
#include "rules/rules.h"

const struct rule rules_hang[] = {
	{
		.id = "endless-loop",
		.severity = SEVERITY_ERROR,
		.class = CLASS_HANG,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "the code runs in circles",
		.meaning =
			"A function of the module did not come back in time: a processor is in its "
			"code, again and again at the place that is shown, with interrupts on.",
		.linux_example = "while (!(readl(status) & READY))\n"
				 "\tcpu_relax();\n",
		.freebsd_example = "while ((bus_read_4(res, 0) & READY) == 0)\n"
				   "\tcpu_spinwait();\n",
		.remedy =
			"Give every loop that waits for something a limit (readl_poll_timeout(), a "
			"counter with DELAY(9)). If the work is only long, --timeout gives it longer.",
	},
	{
		.id = "endless-loop-irqs-off",
		.severity = SEVERITY_ERROR,
		.class = CLASS_HANG,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "the code runs in circles, with interrupts off",
		.meaning =
			"The same as endless-loop, and on that processor nothing else can happen at "
			"all, no timer and no sign of life.",
		.linux_example = "local_irq_disable();\n"
				 "while (!done)\n"
				 "\t;\n",
		.freebsd_example = "spinlock_enter();\n"
				   "while (!done)\n"
				   "\t;\n",
		.remedy =
			"Switch interrupts off for a few instructions only, and never around a loop "
			"whose end depends on somebody else.",
	},
	{
		.id = "lock-wait",
		.severity = SEVERITY_ERROR,
		.class = CLASS_HANG,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "the code waits for a lock",
		.meaning =
			"A function of the module did not come back in time: it waits for a lock that "
			"is not released. Where the kernel can tell, the message says who holds it.",
		.linux_example = "mutex_lock(&lock);\n"
				 "mutex_lock(&lock);    /* holds it already */\n",
		.freebsd_example = "rw_rlock(&lock);\n"
				   "rw_wlock(&lock);\n",
		.remedy =
			"Look for the one who took it last: a return without the unlock, a function "
			"that takes it and calls another one that does too, or two locks in two orders. "
			"A debug target says which (lock-twice, lock-held, lock-order).",
	},
	{
		.id = "sleeps-forever",
		.severity = SEVERITY_ERROR,
		.class = CLASS_HANG,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "the code waits for what does not come",
		.meaning =
			"A function of the module sleeps, until somebody wakes it, and nobody has.",
		.linux_example =
			"wait_for_completion(&done);    /* and nobody calls complete(&done) */\n",
		.freebsd_example =
			"tsleep(&done, 0, \"mine\", 0);    /* and nobody calls wakeup(&done) */\n",
		.remedy =
			"See that the one who is to wake it runs and cannot have been earlier; wait "
			"with a limit (wait_for_completion_timeout(), a timeout in tsleep(9)).",
	},
	{
		.id = "soft-lockup",
		.severity = SEVERITY_ERROR,
		.class = CLASS_HANG,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_NONE,
		.title = "a processor does nothing else for a long time",
		.meaning =
			"The kernel's watchdog saw that a processor ran one thing in the kernel for "
			"twenty seconds without giving others a turn.",
		.linux_example = "for (i = 0; i < 10000000000; i++)\n"
				 "\twork(i);\n",
		.remedy = "cond_resched() in long loops, limits in those that wait.",
	},
	{
		.id = "hard-lockup",
		.severity = SEVERITY_ERROR,
		.class = CLASS_HANG,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_NONE,
		.title = "a processor does not even take interrupts",
		.meaning =
			"The kernel's watchdog saw that a processor had its interrupts off for ten "
			"seconds.",
		.linux_example = "spin_lock_irqsave(&lock, flags);\n"
				 "for (;;)\n"
				 "\t;\n",
		.remedy =
			"The trace shows where: do less between local_irq_disable() or spin_lock_irqsave() and what ends it (FreeBSD: spinlock_enter(), mtx_lock_spin(9)).",
	},
	{
		.id = "rcu-stall",
		.severity = SEVERITY_ERROR,
		.class = CLASS_HANG,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_NONE,
		.title = "RCU waits for a processor in vain",
		.meaning =
			"RCU frees what was read without a lock when all readers are done. A processor, or a reader, does not come to the point where the kernel may free "
			"what was read: it loops with preemption or interrupts off, or between "
			"rcu_read_lock() and rcu_read_unlock().",
		.linux_example = "rcu_read_lock();\n"
				 "while (!done)\n"
				 "\t;\n",
		.remedy =
			"The trace shows where it is: limit that loop, or let it rest outside of the "
			"lock.",
	},
	{
		.id = "hung-task",
		.severity = SEVERITY_ERROR,
		.class = CLASS_HANG,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "a task sleeps for a long time and cannot be woken",
		.meaning =
			"The kernel's watchdog saw a task that waits, with no signal able to end that, "
			"for longer than it should.",
		.linux_example = "wait_event(queue, done);    /* and nobody sets done */\n",
		.remedy = "See lock-wait and sleeps-forever; wait so that a signal can end it "
			  "(wait_event_interruptible()).",
	},
	{
		.id = "workqueue-lockup",
		.severity = SEVERITY_ERROR,
		.class = CLASS_HANG,
		.on_linux = SIGHT_DEBUG,
		.on_freebsd = SIGHT_NONE,
		.title = "the work items of a processor do not get their turn",
		.meaning =
			"The kernel's watchdog saw work that waited for half a minute because no worker "
			"of that processor came to it: a work item runs without ever sleeping, or something "
			"else keeps the processor.",
		.linux_example = "static void work_fn(struct work_struct *w)\n"
				 "{\n"
				 "\twhile (!done)\n"
				 "\t\tcpu_relax();\n"
				 "}\n",
		.remedy =
			"The list after it (\"Showing busy workqueues\") names the functions in flight: "
			"let them sleep or end (cond_resched(), wait_event()), or give them a workqueue "
			"of their own with WQ_UNBOUND.",
	},
	{
		.id = "hang",
		.severity = SEVERITY_ERROR,
		.class = CLASS_HANG,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "it did not come back in time",
		.meaning =
			"Init, exit, the handler or a test was still not back when its time was over, "
			"and what it does could not be found out.",
		.linux_example = "static int __init hello_init(void) { for (;;) ; }\n",
		.remedy =
			"Look for a loop that does not end, a lock that is not released or a wait that "
			"nobody ends; --timeout gives it longer.",
	},
	{.id = NULL},
};
