/* SPDX-License-Identifier: BSD-2-Clause */
/* What a module forgets to free, to stop and to unregister is told, with its bytes and its line; and nothing else is. */
#include "lab.h"

#include <stdio.h>

static const char *const targets[] = {BOOKWORM, TRIXIE};

#define INCLUDES                                                                                   \
	"#include <linux/module.h>\n#include <linux/slab.h>\n#include <linux/vmalloc.h>\n"         \
	"#include <linux/percpu.h>\n#include <linux/timer.h>\n#include <linux/workqueue.h>\n"      \
	"#include <linux/notifier.h>\n#include <linux/reboot.h>\nMODULE_LICENSE(\"GPL\");\n"       \
	"static void *volatile keep;\n"
#define FIRST 11 /* the line behind these */
#define ENDS  "static void __exit x(void) { }\nmodule_init(i); module_exit(x);\n"

/* There must be a finding at `line` with this rule, whose message contains `words`. */
static void expect_at(const struct outcome *o, const char *rule, unsigned line, const char *words)
{
	struct json_object *trials, *findings;

	json_object_object_get_ex(o->json, "trials", &trials);
	json_object_object_get_ex(json_object_array_get_idx(trials, 0), "findings", &findings);
	for (size_t i = 0; i < json_object_array_length(findings); i++) {
		struct json_object *f = json_object_array_get_idx(findings, i);

		if (!strcmp(lab_string(f, "rule"), rule) &&
			strtoul(lab_string(f, "line"), NULL, 10) == line &&
			strstr(lab_string(f, "message"), words))
			return;
	}
	fail_msg("no %s at line %u that says '%s' in:\n%.6000s", rule, line, words, o->out.data);
}

static size_t findings(const struct outcome *o)
{
	struct json_object *trials, *all;

	json_object_object_get_ex(o->json, "trials", &trials);
	json_object_object_get_ex(json_object_array_get_idx(trials, 0), "findings", &all);
	return json_object_array_length(all);
}

static void memory_of_every_sort_is_missed_where_it_was_allocated(void **state)
{
	AUTO_FREE char *dir = lab_module("leaky",
		INCLUDES "static struct kmem_cache *cache;\n"
			 "static int __init i(void)\n"
			 "{\n"
			 "	int n;\n"
			 "	for (n = 0; n < 3; n++)\n"
			 "		keep = kmalloc(64, GFP_KERNEL);\n"
			 "	keep = kmalloc(100000, GFP_KERNEL);\n"
			 "	keep = vmalloc(10000);\n"
			 "	keep = kvmalloc(5000, GFP_KERNEL);\n"
			 "	keep = (void *)__get_free_pages(GFP_KERNEL, 2);\n"
			 "	keep = alloc_pages(GFP_KERNEL, 0);\n"
			 "	keep = (void __force *)__alloc_percpu(24, 8);\n"
			 "	cache = kmem_cache_create(\"leaky_things\", 200, 0, 0, NULL);\n"
			 "	keep = kmem_cache_alloc(cache, GFP_KERNEL);\n"
			 "	keep = kstrdup(\"twelve bytes\", GFP_KERNEL);\n"
			 "	keep = kasprintf(GFP_KERNEL, \"nine %d\", 1234);\n"
			 "	keep = kmemdup(\"seven..\", 7, GFP_KERNEL);\n"
			 "	keep = bitmap_zalloc(1000, GFP_KERNEL);\n"
			 "	return 0;\n"
			 "}\n" ENDS);

	(void)state;
	for (size_t t = 0; t < 2; t++) {
		struct outcome o = lab_run("run", "--json", "-t", targets[t], dir, NULL);

		lab_expect(&o, 1, "leak");
		expect_at(&o, "memory-leak", FIRST + 5,
			"3 allocations behind when it is unloaded, 192 bytes");
		expect_at(&o, "memory-leak", FIRST + 6, "100000 bytes in all (kmalloc)");
		expect_at(&o, "memory-leak", FIRST + 7, "10000 bytes in all (vmalloc)");
		expect_at(&o, "memory-leak", FIRST + 8, "5000 bytes in all (kvmalloc)");
		expect_at(&o, "memory-leak", FIRST + 9, "16384 bytes in all (pages)");
		expect_at(&o, "memory-leak", FIRST + 10, "4096 bytes in all (pages)");
		expect_at(&o, "memory-leak", FIRST + 11, "24 bytes in all (alloc_percpu)");
		expect_at(&o, "leftover-zone", FIRST + 12, "'leaky_things'");
		expect_at(&o, "memory-leak", FIRST + 13, "200 bytes in all (kmem_cache_alloc)");
		expect_at(&o, "memory-leak", FIRST + 14, "13 bytes in all (kmalloc)");
		expect_at(&o, "memory-leak", FIRST + 15, "10 bytes in all (kmalloc)");
		expect_at(&o, "memory-leak", FIRST + 16, "7 bytes in all (kmalloc)");
		expect_at(&o, "memory-leak", FIRST + 17, "128 bytes in all (kmalloc)");
		assert_int_equal(findings(&o), 13);
		lab_free(&o);
	}
}

#define ALARMS                                                                                     \
	INCLUDES                                                                                   \
	"static void tick(struct timer_list *t) { }\n"                                             \
	"static struct timer_list timer;\n"                                                        \
	"static void later(struct work_struct *w) { }\n"                                           \
	"static DECLARE_DELAYED_WORK(work, later);\n"                                              \
	"static int note(struct notifier_block *b, unsigned long e, void *d) { return 0; }\n"      \
	"static struct notifier_block block = {.notifier_call = note};\n"                          \
	"static struct workqueue_struct *queue;\n"                                                 \
	"static int __init i(void)\n"                                                              \
	"{\n"                                                                                      \
	"	timer_setup(&timer, tick, 0);\n"                                                         \
	"	mod_timer(&timer, jiffies + 100 * HZ);\n"                                                \
	"	queue = create_singlethread_workqueue(\"alarms_wq\");\n"                                 \
	"	queue_delayed_work(queue, &work, 100 * HZ);\n"                                           \
	"	return register_reboot_notifier(&block);\n"                                              \
	"}\n"

static void what_will_still_call_the_module_is_named(void **state)
{
	AUTO_FREE char *dir = lab_module("alarms", ALARMS ENDS);

	(void)state;
	for (size_t t = 0; t < 2; t++) {
		struct outcome o = lab_run("run", "--json", "-t", targets[t], dir, NULL);

		lab_expect(&o, 1, "leak");
		expect_at(&o, "leftover-timer", FIRST, "it calls tick");
		expect_at(&o, "leftover-work", FIRST + 2, "it calls later");
		expect_at(&o, "leftover-notifier", FIRST + 4, "it calls note");
		expect_at(&o, "leftover-workqueue", FIRST + 11, "'alarms_wq'");
		lab_free(&o);
	}
}

static void what_is_undone_is_not_missed(void **state)
{
	AUTO_FREE char *alarms = lab_module("alarms",
		ALARMS "#include <linux/version.h>\n"
		       "#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)\n"
		       "#define timer_delete_sync del_timer_sync\n"
		       "#endif\n"
		       "static void __exit x(void)\n"
		       "{\n"
		       "	unregister_reboot_notifier(&block);\n"
		       "	cancel_delayed_work_sync(&work);\n"
		       "	destroy_workqueue(queue);\n"
		       "	timer_delete_sync(&timer);\n"
		       "}\n"
		       "module_init(i); module_exit(x);\n");
	AUTO_FREE char *memory = lab_module("tidy",
		INCLUDES
		"struct late { struct rcu_head rcu; char room[40]; };\n"
		"static struct kmem_cache *cache;\n"
		"static void *a, *b, *c, *d, *e, *many[2][300], *text;\n"
		"static int __percpu *f;\n"
		"static int __init i(void)\n"
		"{\n"
		"	struct late *late = kmalloc(sizeof(*late), GFP_KERNEL);\n"
		"	int n;\n"
		"	kfree_rcu(late, rcu);\n"
		"	a = krealloc(kmalloc(10, GFP_KERNEL), 300, GFP_KERNEL);\n"
		"	b = vmalloc(10000);\n"
		"	c = kvmalloc(9000000, GFP_KERNEL);\n"
		"	d = (void *)__get_free_pages(GFP_KERNEL, 2);\n"
		"	cache = kmem_cache_create(\"tidy_things\", 200, 0, 0, NULL);\n"
		"	e = kmem_cache_alloc(cache, GFP_KERNEL);\n"
		"	f = alloc_percpu(int);\n"
		"	for (n = 0; n < 300; n++) {\n"
		"		many[0][n] = kmem_cache_alloc(cache, GFP_KERNEL);\n"
		"		many[1][n] = kmalloc(n + 1, GFP_KERNEL);\n"
		"	}\n"
		"	text = kasprintf(GFP_KERNEL, \"%d\", n);\n"
		"	return 0;\n"
		"}\n"
		"static void __exit x(void)\n"
		"{\n"
		"	kfree(a); vfree(b); kvfree(c); free_pages((unsigned long)d, 2);\n"
		"	kmem_cache_free_bulk(cache, 300, many[0]); kfree_bulk(300, many[1]);\n"
		"	kmem_cache_free(cache, e); kmem_cache_destroy(cache); free_percpu(f);\n"
		"	kfree(text);\n"
		"}\n"
		"module_init(i); module_exit(x);\n");

	(void)state;
	for (size_t t = 0; t < 2; t++) {
		struct outcome o = lab_run("run", "--json", "-t", targets[t], alarms, NULL);

		lab_expect(&o, 0, "pass");
		assert_int_equal(findings(&o), 0);
		lab_free(&o);
		o = lab_run("run", "--json", "-t", targets[t], memory, NULL);
		lab_expect(&o, 0, "pass");
		assert_int_equal(findings(&o), 0);
		lab_free(&o);
	}
}

/* There are limits to what is followed, and it says so. */
static void freeing_too_many_at_once_is_no_leak(void **state)
{
	AUTO_FREE char *dir = lab_module("heaps",
		INCLUDES "static void *many[2000];\n"
			 "static int __init i(void)\n"
			 "{\n"
			 "	int n;\n"
			 "	for (n = 0; n < 2000; n++)\n"
			 "		many[n] = kmalloc(64, GFP_KERNEL);\n"
			 "	return 0;\n"
			 "}\n"
			 "static void __exit x(void) { kfree_bulk(2000, many); }\n"
			 "module_init(i); module_exit(x);\n");
	struct outcome o = lab_run("run", "--json", "-t", BOOKWORM, dir, NULL);

	(void)state;
	lab_expect(&o, 0, "pass");
	expect_at(&o, "leaks-unseen", 0, "more pointers than are followed");
	assert_int_equal(findings(&o), 1);
	lab_free(&o);
}

static void an_init_that_fails_is_to_free_what_it_has(void **state)
{
	AUTO_FREE char *dir = lab_module("halfway",
		INCLUDES "static int __init i(void)\n"
			 "{\n"
			 "	keep = kmalloc(64, GFP_KERNEL);\n"
			 "	return -ENODEV;\n"
			 "}\n" ENDS);
	struct outcome o = lab_run("run", "--json", "-t", BOOKWORM, dir, NULL);

	(void)state;
	lab_expect(&o, 1, "load");
	expect_at(&o, "memory-leak", FIRST + 2, "though its init failed, 64 bytes in all");
	lab_free(&o);
}

static void what_is_lost_in_each_cycle_is_one_finding_that_counts_them(void **state)
{
	AUTO_FREE char *dir = lab_module("drip",
		INCLUDES "static int __init i(void)\n"
			 "{\n"
			 "	keep = kmalloc(64, GFP_KERNEL);\n"
			 "	return 0;\n"
			 "}\n" ENDS);
	struct outcome o = lab_run("run", "--json", "--cycles", "20", "-t", BOOKWORM, dir, NULL);

	(void)state;
	lab_expect(&o, 1, "leak");
	expect_at(&o, "memory-leak", FIRST + 2, "drip leaves 20 allocations behind");
	expect_at(&o, "memory-leak", FIRST + 2, "1280 bytes in all (kmalloc)");
	assert_int_equal(findings(&o), 1);
	lab_free(&o);
}

static void nobody_looks_when_that_is_asked_for(void **state)
{
	AUTO_FREE char *dir = lab_module("leaky",
		INCLUDES
		"static int __init i(void) { keep = kmalloc(64, GFP_KERNEL); return 0; }\n" ENDS);
	struct outcome o = lab_run("run", "--json", "--no-watch", "-t", BOOKWORM, dir, NULL);

	(void)state;
	lab_expect(&o, 0, "pass");
	lab_free(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_of_every_sort_is_missed_where_it_was_allocated),
		cmocka_unit_test(what_will_still_call_the_module_is_named),
		cmocka_unit_test(what_is_undone_is_not_missed),
		cmocka_unit_test(freeing_too_many_at_once_is_no_leak),
		cmocka_unit_test(an_init_that_fails_is_to_free_what_it_has),
		cmocka_unit_test(what_is_lost_in_each_cycle_is_one_finding_that_counts_them),
		cmocka_unit_test(nobody_looks_when_that_is_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
