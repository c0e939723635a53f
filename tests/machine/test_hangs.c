/* SPDX-License-Identifier: BSD-2-Clause */
/* What does not come back: which kind of hang it is, in which function, on which lock and held by whom. */
#include "lab.h"

#include "base/path.h"

#include <stdio.h>

#define OUT  "static void __exit x(void) { }\n"
#define BOTH "module_init(i); module_exit(x);\n"

/* Whether it is at a line of `dir`/bad.c that is marked. */
static void expect_marked_line(const char *dir, struct json_object *f)
{
	AUTO_FREE char *file = xasprintf("%s/bad.c", dir);
	AUTO_BUF struct buf text = {0};
	unsigned long line = strtoul(lab_string(f, "line"), NULL, 10);
	const char *at;

	assert_string_equal(lab_string(f, "file"), file);
	assert_int_equal(path_read(file, 1 << 20, &text), 0);
	at = text.data;
	for (unsigned long i = 1; i < line && *at; i++)
		at = strchrnul(at, '\n') + 1;
	if (!line || !memmem(at, strcspn(at, "\n"), "/* here */", 10))
		fail_msg("line %lu is not marked: %.*s", line, (int)strcspn(at, "\n"), at);
}

static void check(const char *target, const char *dir, const char *rule, const char *function,
	const char *words)
{
	struct outcome o = lab_run("run", "--json", "--timeout", "3", "-t", target, dir, NULL);
	struct json_object *f;

	lab_expect(&o, 1, "hang");
	lab_expect_finding(&o, rule, words);
	f = lab_finding(&o, rule);
	assert_string_equal(lab_string(f, "function"), function);
	assert_non_null(strstr(lab_string(f, "trace"), function));
	expect_marked_line(dir, f);
	lab_free(&o);
}

static void try(const char *target, const char *source, const char *rule, const char *function,
	const char *words)
{
	AUTO_FREE char *whole = xasprintf("#include <linux/module.h>\n#include <linux/kthread.h>\n"
					  "#include <linux/delay.h>\n#include <linux/mutex.h>\n"
					  "#include <linux/completion.h>\n#include <linux/smp.h>\n"
					  "MODULE_LICENSE(\"GPL\");\n%s" BOTH,
		source);
	AUTO_FREE char *dir = lab_module("bad", whole);

	check(target, dir, rule, function, words);
}

static void an_endless_loop_is_found_in_its_function(void **state)
{
	(void)state;
	try(BOOKWORM,
		"static noinline void turn(void) {\n\tfor (;;) cpu_relax(); /* here */\n}\n"
		"static int __init i(void) { turn(); return 0; }\n" OUT,
		"endless-loop", "turn",
		"bad's init does not come back: it loops with interrupts on, in turn");
}

static void a_loop_with_interrupts_off_is_told_from_one_with_them_on(void **state)
{
	(void)state;
	try(TRIXIE,
		"static int __init i(void) {\n\tlocal_irq_disable();\n\tfor (;;) cpu_relax(); /* here */\n\treturn 0;\n}\n" OUT,
		"endless-loop-irqs-off", "i", "it loops with interrupts off, in i");
}

/* Nobody in the machine can answer any more. */
static void every_processor_may_be_wedged(void **state)
{
	(void)state;
	try(BOOKWORM,
		"static void all(void *arg) {\n\tlocal_irq_disable();\n\tfor (;;) cpu_relax(); /* here */\n}\n"
		"static int __init i(void) { on_each_cpu(all, NULL, 1); return 0; }\n" OUT,
		"endless-loop-irqs-off", "all", "meanwhile cpu");
}

static void a_spin_lock_that_is_taken_twice_is_named(void **state)
{
	(void)state;
	try(BOOKWORM,
		"static DEFINE_SPINLOCK(my_spin);\n"
		"static int __init i(void) {\n\tspin_lock(&my_spin);\n\tspin_lock(&my_spin); /* here */\n\treturn 0;\n}\n" OUT,
		"lock-wait", "i", "waits for ever for the spin lock my_spin");
}

static void a_mutex_that_is_taken_twice_is_held_by_who_waits(void **state)
{
	(void)state;
	try(BOOKWORM,
		"static DEFINE_MUTEX(my_lock);\n"
		"static int __init i(void) {\n\tmutex_lock(&my_lock);\n\tmutex_lock(&my_lock); /* here */\n\treturn 0;\n}\n" OUT,
		"lock-wait", "i", "the mutex my_lock, which it holds itself");
}

static void the_thread_that_holds_a_mutex_is_named(void **state)
{
	(void)state;
	try(TRIXIE,
		"static DEFINE_MUTEX(my_lock);\n"
		"static int holder(void *a) { mutex_lock(&my_lock); for (;;) msleep(1000); return 0; }\n"
		"static int __init i(void) { kthread_run(holder, NULL, \"holder\"); msleep(50);\n"
		"\tmutex_lock(&my_lock); /* here */\n\treturn 0;\n}\n" OUT,
		"lock-wait", "i", "(holder)");
}

/* There the mutex itself is laid out in another way, but the kernel lists who has what. */
static void a_kernel_with_lockdep_tells_where_the_lock_was_taken(void **state)
{
	const char *target = getenv("KMODLAB_DEBUG");

	(void)state;
	if (!target || !*target)
		skip();
	try(target,
		"static DEFINE_MUTEX(my_lock);\n"
		"static noinline int holder(void *a) { mutex_lock(&my_lock); for (;;) msleep(1000); return 0; }\n"
		"static int __init i(void) { kthread_run(holder, NULL, \"keeper\"); msleep(50);\n"
		"\tmutex_lock(&my_lock); /* here */\n\treturn 0;\n}\n" OUT,
		"lock-wait", "i", "(keeper) (taken in holder at ");
}

static void a_completion_that_nobody_completes_is_named(void **state)
{
	(void)state;
	try(BOOKWORM,
		"static DECLARE_COMPLETION(done);\n"
		"static int __init i(void) {\n\twait_for_completion(&done); /* here */\n\treturn 0;\n}\n" OUT,
		"sleeps-forever", "i", "the completion done that nobody completes");
}

static void an_exit_that_waits_for_a_thread_tells_where_the_thread_is(void **state)
{
	(void)state;
	try(BOOKWORM,
		"static struct task_struct *t;\n"
		"static int fn(void *a)\n{\n\tfor (;;)\n\t\tmsleep(1000); /* here */\n\treturn 0;\n}\n"
		"static int __init i(void) { t = kthread_run(fn, NULL, \"forever\"); return 0; }\n"
		"static void __exit x(void) { kthread_stop(t); }\n",
		"sleeps-forever", "fn", "a kernel thread to end (kthread_stop)");
}

static void try_freebsd(const char *outside, const char *load, const char *unload, const char *rule,
	const char *words)
{
	const char *target = getenv("KMODLAB_FREEBSD");
	AUTO_FREE char *dir = NULL;

	if (!target || !*target)
		skip();
	dir = lab_dir();
	lab_write(dir, "Makefile", "KMOD=\tbad\nSRCS=\tbad.c\n\n.include <bsd.kmod.mk>\n");
	lab_write(dir, "bad.c",
		"#include <sys/param.h>\n#include <sys/systm.h>\n#include <sys/kernel.h>\n"
		"#include <sys/module.h>\n#include <sys/proc.h>\n#include <sys/lock.h>\n"
		"#include <sys/mutex.h>\n#include <sys/rwlock.h>\n#include <machine/cpufunc.h>\n"
		"%s\nstatic int\nhandler(module_t mod, int what, void *arg)\n{\n"
		"\tswitch (what) {\n\tcase MOD_LOAD:\n\t\t%s\n\t\treturn (0);\n"
		"\tcase MOD_UNLOAD:\n\t\t%s\n\t\treturn (0);\n"
		"\tdefault:\n\t\treturn (EOPNOTSUPP);\n\t}\n}\n"
		"static moduledata_t data = { \"bad\", handler, NULL };\n"
		"DECLARE_MODULE(bad, data, SI_SUB_DRIVERS, SI_ORDER_MIDDLE);\n",
		outside, load, unload);
	check(target, dir, rule, "handler", words);
}

static void freebsds_loop_is_found(void **state)
{
	(void)state;
	try_freebsd("", "for (;;) cpu_spinwait(); /* here */", "", "endless-loop",
		"bad's MOD_LOAD does not come back: it loops with interrupts on, in handler");
}

/* The other processor's interrupt threads wait for Giant, which the loader holds: nobody answers. */
static void freebsds_loop_in_a_critical_section_is_found(void **state)
{
	(void)state;
	try_freebsd("", "critical_enter();\n\t\tfor (;;) cpu_spinwait(); /* here */", "",
		"endless-loop", "it loops with interrupts on, in handler");
}

static void freebsds_rw_lock_that_is_taken_twice_is_named(void **state)
{
	(void)state;
	try_freebsd("static struct rwlock l;",
		"rw_init(&l, \"my rwlock\"); rw_wlock(&l);\n\t\trw_rlock(&l); /* here */", "",
		"lock-wait", "the rw lock my rwlock, which it holds itself");
}

static void freebsds_sleep_for_ever_at_unload_is_named(void **state)
{
	(void)state;
	try_freebsd("static struct mtx mx;", "mtx_init(&mx, \"my mutex\", NULL, MTX_DEF);",
		"mtx_lock(&mx);\n\t\tmsleep(&mx, &mx, 0, \"never\", 0); /* here */",
		"sleeps-forever",
		"bad's MOD_UNLOAD does not come back: it waits for somebody to wake it");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_endless_loop_is_found_in_its_function),
		cmocka_unit_test(a_loop_with_interrupts_off_is_told_from_one_with_them_on),
		cmocka_unit_test(every_processor_may_be_wedged),
		cmocka_unit_test(a_spin_lock_that_is_taken_twice_is_named),
		cmocka_unit_test(a_mutex_that_is_taken_twice_is_held_by_who_waits),
		cmocka_unit_test(the_thread_that_holds_a_mutex_is_named),
		cmocka_unit_test(a_kernel_with_lockdep_tells_where_the_lock_was_taken),
		cmocka_unit_test(a_completion_that_nobody_completes_is_named),
		cmocka_unit_test(an_exit_that_waits_for_a_thread_tells_where_the_thread_is),
		cmocka_unit_test(freebsds_loop_is_found),
		cmocka_unit_test(freebsds_loop_in_a_critical_section_is_found),
		cmocka_unit_test(freebsds_rw_lock_that_is_taken_twice_is_named),
		cmocka_unit_test(freebsds_sleep_for_ever_at_unload_is_named),
	};

	return cmocka_run_group_tests_name("hangs", tests, NULL, NULL);
}
