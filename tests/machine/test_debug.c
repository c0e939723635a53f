/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the kernels see that were compiled to watch themselves: debian:…/debug, debian:…/race, and a
 * FreeBSD kernel with INVARIANTS and WITNESS. scripts/test takes those that the person who runs it has
 * added; what needs one that is not there is skipped.
 */
#include "lab.h"

#include "base/path.h"

#include <stdio.h>

/* The target that the variable names, or the test is skipped. */
static const char *target(const char *variable)
{
	const char *name = getenv(variable);

	if (!name || !*name)
		skip();
	return name;
}

/* Runs a module with this source; what the kernel then says contains `words`. */
static void kernel_says(const char *on, const char *source, const char *words)
{
	/* Not beginning with '#', so that the usual includes come before it. */
	AUTO_FREE char *text = xasprintf("\n%s", source);
	AUTO_FREE char *dir = lab_module("trial", text);
	struct outcome o = lab_run("run", "--json", "--timeout", "20", "-t", on, dir, NULL);

	if (!o.out.data || !strstr(o.out.data, words))
		fail_msg("nothing says \"%s\": %s%s", words, o.out.data ? o.out.data : "",
			o.err.data ? o.err.data : "");
	lab_free(&o);
	assert_int_equal(lab_machines_left(), 0);
}

static void a_module_without_a_mistake_passes_on_a_kernel_that_watches(void **state)
{
	AUTO_FREE char *hello = xasprintf("%s/examples/hello/linux", lab_source());
	struct outcome o;

	(void)state;
	if (!path_is_dir(hello)) {
		free(hello);
		hello = xasprintf("%s/examples/hello", lab_source());
	}
	o = lab_run("run", "--json", "-t", target("KMODLAB_DEBUG"), hello, NULL);
	lab_expect(&o, 0, "pass");
	assert_null(strstr(o.out.data, "\"rule\""));
	lab_free(&o);
}

static void memory_used_after_it_was_freed_is_seen(void **state)
{
	(void)state;
	kernel_says(target("KMODLAB_DEBUG"),
		"#include <linux/slab.h>\n"
		"static noinline char use(volatile char *p) { return p[3]; }\n"
		"static int __init i(void) { char *p = kmalloc(64, GFP_KERNEL); kfree(p);"
		" return use(p) == 1 ? -EIO : 0; }\n"
		"static void __exit x(void) { }\nmodule_init(i); module_exit(x);\n",
		"KASAN: use-after-free in use+");
}

static void locks_taken_in_two_orders_are_seen_though_nothing_stands_still(void **state)
{
	(void)state;
	kernel_says(target("KMODLAB_DEBUG"),
		"#include <linux/mutex.h>\n"
		"static DEFINE_MUTEX(fork); static DEFINE_MUTEX(knife);\n"
		"static int __init i(void) { mutex_lock(&fork); mutex_lock(&knife);"
		" mutex_unlock(&knife); mutex_unlock(&fork); mutex_lock(&knife); mutex_lock(&fork);"
		" mutex_unlock(&fork); mutex_unlock(&knife); return 0; }\n"
		"static void __exit x(void) { }\nmodule_init(i); module_exit(x);\n",
		"possible circular locking dependency detected");
}

static void a_shift_that_is_too_wide_is_seen_at_its_line(void **state)
{
	(void)state;
	kernel_says(target("KMODLAB_DEBUG"),
		"static volatile int by = 40;\n"
		"static int __init i(void) { pr_info(\"%d\\n\", 1 << by); return 0; }\n"
		"static void __exit x(void) { }\nmodule_init(i); module_exit(x);\n",
		"UBSAN: shift-out-of-bounds in ");
}

static void a_timer_in_freed_memory_is_seen(void **state)
{
	(void)state;
	kernel_says(target("KMODLAB_DEBUG"),
		"#include <linux/slab.h>\n#include <linux/timer.h>\n"
		"struct box { struct timer_list t; };\nstatic void tick(struct timer_list *t) { }\n"
		"static int __init i(void) { struct box *b = kmalloc(sizeof *b, GFP_KERNEL);"
		" timer_setup(&b->t, tick, 0); mod_timer(&b->t, jiffies + 60 * HZ); kfree(b);"
		" return 0; }\n"
		"static void __exit x(void) { }\nmodule_init(i); module_exit(x);\n",
		"ODEBUG: free active");
}

static void two_threads_that_count_without_a_lock_are_seen(void **state)
{
	(void)state;
	kernel_says(target("KMODLAB_RACE"),
		"#include <linux/delay.h>\n#include <linux/kthread.h>\n"
		"static unsigned long n; static struct task_struct *a, *b;\n"
		"static noinline void count(void) { n++; }\n"
		"static int work(void *p) { while (!kthread_should_stop()) {"
		" for (int i = 0; i < 1000; i++) count(); cond_resched(); } return 0; }\n"
		"static int __init i(void) { a = kthread_run(work, NULL, \"one\");"
		" b = kthread_run(work, NULL, \"two\"); msleep(2000); return 0; }\n"
		"static void __exit x(void) { kthread_stop(a); kthread_stop(b); }\n"
		"module_init(i); module_exit(x);\n",
		"KCSAN: data-race in count");
}

static void a_module_for_a_freebsd_kernel_with_witness_is_watched_in_its_own_locks(void **state)
{
	const char *on = target("KMODLAB_FREEBSD_DEBUG");
	AUTO_FREE char *dir = xasprintf("%s/lor", lab_dir());
	struct outcome o;
	struct error err;

	(void)state;
	assert_int_equal(path_make_dirs(dir, &err), 0);
	lab_write(dir, "Makefile", "KMOD=\tlor\nSRCS=\tlor.c\n\n.include <bsd.kmod.mk>\n");
	lab_write(dir, "lor.c",
		"#include <sys/param.h>\n#include <sys/systm.h>\n#include <sys/kernel.h>\n"
		"#include <sys/module.h>\n#include <sys/lock.h>\n#include <sys/mutex.h>\n"
		"#ifndef INVARIANTS\n#error not compiled as that kernel is\n#endif\n"
		"static struct mtx a, b;\n"
		"static int handler(module_t mod, int what, void *arg)\n{\n"
		"\tif (what == MOD_LOAD) {\n"
		"\t\tmtx_init(&a, \"fork\", NULL, MTX_DEF);\n"
		"\t\tmtx_init(&b, \"knife\", NULL, MTX_DEF);\n"
		"\t\tmtx_lock(&a); mtx_lock(&b); mtx_unlock(&b); mtx_unlock(&a);\n"
		"\t\tmtx_lock(&b); mtx_lock(&a); mtx_unlock(&a); mtx_unlock(&b);\n"
		"\t} else if (what == MOD_UNLOAD) {\n"
		"\t\tmtx_destroy(&a); mtx_destroy(&b);\n\t}\n\treturn (0);\n}\n"
		"static moduledata_t data = { \"lor\", handler, NULL };\n"
		"DECLARE_MODULE(lor, data, SI_SUB_DRIVERS, SI_ORDER_MIDDLE);\n");
	o = lab_run("run", "--json", "-t", on, dir, NULL);
	if (!o.out.data || !strstr(o.out.data, "lock order reversal") ||
		!strstr(o.out.data, "fork (fork, sleep mutex) @ lor.c:17"))
		fail_msg("%s%s", o.out.data ? o.out.data : "", o.err.data ? o.err.data : "");
	lab_free(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_module_without_a_mistake_passes_on_a_kernel_that_watches),
		cmocka_unit_test(memory_used_after_it_was_freed_is_seen),
		cmocka_unit_test(locks_taken_in_two_orders_are_seen_though_nothing_stands_still),
		cmocka_unit_test(a_shift_that_is_too_wide_is_seen_at_its_line),
		cmocka_unit_test(a_timer_in_freed_memory_is_seen),
		cmocka_unit_test(two_threads_that_count_without_a_lock_are_seen),
		cmocka_unit_test(
			a_module_for_a_freebsd_kernel_with_witness_is_watched_in_its_own_locks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
