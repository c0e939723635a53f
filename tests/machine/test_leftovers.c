/* SPDX-License-Identifier: BSD-2-Clause */
/* What a module leaves behind in a kernel's lists is named, whatever it is; and a module that undoes all it did has
 * left nothing. */
#include "lab.h"

#include "base/error.h"
#include "base/path.h"

#include <stdio.h>

/* Everything that can be listed without harm after the module is gone; `undo` says whether exit does its work. */
static char *linux_module(const char *name, bool undo)
{
	AUTO_FREE char *source = xasprintf(
		"#include <linux/module.h>\n#include <linux/fs.h>\n#include <linux/cdev.h>\n"
		"#include <linux/device.h>\n#include <linux/version.h>\n#include <linux/proc_fs.h>\n"
		"#include <linux/debugfs.h>\n#include <linux/kthread.h>\n#include <linux/interrupt.h>\n"
		"#include <linux/sysctl.h>\n#include <linux/etherdevice.h>\n#include <linux/ioport.h>\n"
		"#include <linux/delay.h>\n"
		"MODULE_LICENSE(\"GPL\");\nMODULE_DESCRIPTION(\"test\");\n"
		"static dev_t number; static struct cdev cdev; static struct class *cls;\n"
		"static const struct file_operations fops = {.owner = THIS_MODULE};\n"
		"static struct kobject *kobj; static struct dentry *dbg; static struct net_device *net;\n"
		"static struct ctl_table_header *ctl; static struct task_struct *task; static int v;\n"
		"static struct ctl_table table[] = {{.procname = \"lo_value\", .data = &v, .maxlen = 4,\n"
		"	.mode = 0644, .proc_handler = proc_dointvec}, {}};\n"
		"static irqreturn_t on(int irq, void *p) { return IRQ_NONE; }\n"
		"static int sleep(void *p) {\n"
		"	set_current_state(TASK_INTERRUPTIBLE);\n"
		"	while (!kthread_should_stop()) { schedule(); set_current_state(TASK_INTERRUPTIBLE); }\n"
		"	__set_current_state(TASK_RUNNING);\n"
		"	return 0; }\n"
		"static netdev_tx_t xmit(struct sk_buff *s, struct net_device *d)\n"
		"{ dev_kfree_skb(s); return NETDEV_TX_OK; }\n"
		"static const struct net_device_ops nops = {.ndo_start_xmit = xmit};\n"
		"static void setup(struct net_device *d) { ether_setup(d); d->netdev_ops = &nops; }\n"
		"static int __init i(void) {\n"
		"	alloc_chrdev_region(&number, 0, 1, \"lo_chr\");\n"
		"	cdev_init(&cdev, &fops); cdev_add(&cdev, number, 1);\n"
		"#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)\n"
		"	cls = class_create(\"lo_chr\");\n"
		"#else\n"
		"	cls = class_create(THIS_MODULE, \"lo_chr\");\n"
		"#endif\n"
		"	device_create(cls, NULL, number, NULL, \"lo_chr0\");\n"
		"	proc_mkdir(\"lo_proc\", NULL);\n"
		"	kobj = kobject_create_and_add(\"lo_kobj\", kernel_kobj);\n"
		"	dbg = debugfs_create_dir(\"lo_dbg\", NULL);\n"
		"#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0)\n"
		"	ctl = register_sysctl_sz(\"dev/lo_sysctl\", table, 1);\n"
		"#else\n"
		"	ctl = register_sysctl(\"dev/lo_sysctl\", table);\n"
		"#endif\n"
		"	task = kthread_run(sleep, NULL, \"lo_thread\");\n"
		"	msleep(20);\n"
		"	net = alloc_netdev(0, \"lonet%%d\", NET_NAME_ENUM, setup);\n"
		"	return register_netdev(net) ?: request_irq(7, on, IRQF_SHARED, \"lo_irq\", &v);\n}\n"
		"static void __exit e(void) {\n"
		"	if (!%d) return;\n"
		"	free_irq(7, &v); unregister_netdev(net); free_netdev(net); kthread_stop(task);\n"
		"	unregister_sysctl_table(ctl); debugfs_remove(dbg); kobject_put(kobj);\n"
		"	remove_proc_entry(\"lo_proc\", NULL); device_destroy(cls, number);\n"
		"	class_destroy(cls); cdev_del(&cdev); unregister_chrdev_region(number, 1);\n}\n"
		"module_init(i);\nmodule_exit(e);\n",
		undo);

	return lab_module(name, source);
}

static const struct {
	const char *rule, *words;
} linux_finds[] = {
	{"leftover-device", "'lo_chr'"},
	{"leftover-device", "/dev/lo_chr0"},
	{"leftover-proc", "/proc/lo_proc"},
	{"leftover-sysfs", "/sys/kernel/lo_kobj"},
	{"leftover-debugfs", "/sys/kernel/debug/lo_dbg"},
	{"leftover-sysctl", "/proc/sys/dev/lo_sysctl"},
	{"leftover-thread", "kernel thread 'lo_thread'"},
	{"leftover-netdev", "network interface lonet0"},
	{"leftover-irq", "interrupt 7 'lo_irq'"},
};

static void linux_names_each(const char *target)
{
	AUTO_FREE char *dir = linux_module("lo_left", false);
	struct outcome o = lab_run("run", "--json", "-t", target, dir, NULL);

	lab_expect(&o, 1, "leak");
	for (size_t i = 0; i < sizeof linux_finds / sizeof *linux_finds; i++)
		lab_expect_finding(&o, linux_finds[i].rule, linux_finds[i].words);
	lab_free(&o);
}

static void what_is_left_on_bookworm_is_named(void **state)
{
	(void)state;
	linux_names_each(BOOKWORM);
}

static void what_is_left_on_trixie_is_named(void **state)
{
	(void)state;
	linux_names_each(TRIXIE);
}

static void a_linux_module_that_undoes_all_of_it_has_left_nothing(void **state)
{
	AUTO_FREE char *dir = linux_module("lo_good", true);
	struct outcome o = lab_run("run", "--json", "-t", BOOKWORM, "-t", TRIXIE, dir, NULL);

	(void)state;
	assert_int_equal(lab_trials(&o), 2);
	assert_string_equal(lab_trial_field(&o, 0, "verdict"), "pass");
	assert_string_equal(lab_trial_field(&o, 1, "verdict"), "pass");
	assert_null(strstr(o.out.data, "leftover"));
	lab_free(&o);
}

/* The kernel keeps the name in the module's memory: listing it is the end of whoever lists. */
static void deadly(const char *name, const char *source, const char *rule, const char *list)
{
	AUTO_FREE char *dir = lab_module(name, source);
	AUTO_FREE char *words = xasprintf("while %s was read", list);
	struct outcome o = lab_run("run", "--json", "-t", BOOKWORM, dir, NULL);

	lab_expect(&o, 1, "leak");
	lab_expect_finding(&o, rule, words);
	/* Where it was made: the only line that calls such a function. */
	assert_non_null(strstr(lab_string(lab_finding(&o, rule), "file"), name));
	assert_true(atoi(lab_string(lab_finding(&o, rule), "line")) > 0);
	assert_null(lab_finding(&o, "crash"));
	lab_free(&o);
}

static void a_misc_device_left_is_told_though_its_list_kills_the_reader(void **state)
{
	(void)state;
	deadly("lo_misc",
		"\n#include <linux/miscdevice.h>\n#include <linux/fs.h>\n"
		"static const struct file_operations f = {.owner = THIS_MODULE};\n"
		"static struct miscdevice m = {.minor = MISC_DYNAMIC_MINOR, .name = \"lo_misc\", .fops = &f};\n"
		"static int __init i(void) { return misc_register(&m); }\n"
		"static void __exit e(void) { }\nmodule_init(i);\nmodule_exit(e);\n",
		"leftover-device", "/proc/misc");
}

static void a_file_system_left_is_told_though_its_list_kills_the_reader(void **state)
{
	(void)state;
	deadly("lo_fs",
		"\n#include <linux/fs.h>\n#include <linux/fs_context.h>\n"
		"static int c(struct fs_context *x) { return -EINVAL; }\n"
		"static struct file_system_type t = {.owner = THIS_MODULE, .name = \"lo_fs\", .init_fs_context = c};\n"
		"static int __init i(void) { return register_filesystem(&t); }\n"
		"static void __exit e(void) { }\nmodule_init(i);\nmodule_exit(e);\n",
		"leftover-filesystem", "/proc/filesystems");
}

static void a_region_left_is_told_though_its_list_kills_the_reader(void **state)
{
	(void)state;
	deadly("lo_region",
		"\n#include <linux/ioport.h>\n"
		"static int __init i(void) { return request_region(0x300, 8, \"lo_region\") ? 0 : -EBUSY; }\n"
		"static void __exit e(void) { }\nmodule_init(i);\nmodule_exit(e);\n",
		"leftover-region", "/proc/ioports");
}

static void an_init_that_fails_halfway_is_told_what_it_did_not_undo(void **state)
{
	AUTO_FREE char *dir = lab_module("lo_half",
		"\n#include <linux/proc_fs.h>\n"
		"static int __init i(void) { proc_mkdir(\"lo_half\", NULL); return -ENOMEM; }\n"
		"static void __exit e(void) { }\nmodule_init(i);\nmodule_exit(e);\n");
	struct outcome o = lab_run("run", "--json", "-t", BOOKWORM, dir, NULL);

	(void)state;
	lab_expect(&o, 1, "load");
	lab_expect_finding(
		&o, "leftover-proc", "lo_half's init failed, but left behind: /proc/lo_half");
	lab_free(&o);
}

static void the_good_examples_have_left_nothing(void **state)
{
	AUTO_FREE char *hello = xasprintf("%s/examples/hello", lab_source());
	AUTO_FREE char *params = xasprintf("%s/examples/params", lab_source());
	AUTO_FREE char *current = xasprintf("%s/examples/current", lab_source());
	struct outcome o = lab_run(
		"run", "--json", "-t", BOOKWORM, "-t", TRIXIE, hello, params, current, NULL);

	(void)state;
	assert_int_equal(o.status, 0);
	assert_null(strstr(o.out.data, "leftover"));
	assert_null(strstr(o.out.data, "memory-leak"));
	lab_free(&o);
}

/* ---- FreeBSD ---- */

static const char *freebsd(void)
{
	const char *name = getenv("KMODLAB_FREEBSD");

	if (!name || !*name)
		skip();
	return name;
}

static char *freebsd_module(const char *name, bool undo)
{
	AUTO_FREE char *top = lab_dir(), *file = xasprintf("%s.c", name);
	char *dir = xasprintf("%s/%s", top, name);
	struct error err;

	assert_int_equal(path_make_dirs(dir, &err), 0);
	lab_write(dir, "Makefile", "KMOD=\t%s\nSRCS=\t%s\n\n.include <bsd.kmod.mk>\n", name, file);
	lab_write(dir, file,
		"#include <sys/param.h>\n#include <sys/systm.h>\n#include <sys/kernel.h>\n"
		"#include <sys/module.h>\n#include <sys/malloc.h>\n#include <sys/conf.h>\n"
		"#include <sys/proc.h>\n#include <sys/kthread.h>\n#include <sys/sysctl.h>\n"
		"#include <sys/callout.h>\n#include <sys/eventhandler.h>\n#include <vm/uma.h>\n"
		"static struct cdevsw sw = { .d_version = D_VERSION, .d_name = \"lo_dev\" };\n"
		"static struct cdev *dev; static struct sysctl_ctx_list ctx; static int value, stop;\n"
		"static struct proc *proc; static struct callout callout; static eventhandler_tag tag;\n"
		"static uma_zone_t zone; static void *item, *bytes;\n"
		"static void sleep_on(void *p)\n{ while (!stop) tsleep(&stop, 0, \"lo\", 0); kproc_exit(0); }\n"
		"static void expired(void *p) { }\n"
		"static void down(void *p, int how) { }\n"
		"static void load(void)\n{\n"
		"	dev = make_dev(&sw, 0, 0, 0, 0600, \"lo_dev\");\n"
		"	sysctl_ctx_init(&ctx);\n"
		"	SYSCTL_ADD_INT(&ctx, SYSCTL_STATIC_CHILDREN(_hw), OID_AUTO, \"lo_value\", CTLFLAG_RW,\n"
		"	    &value, 0, \"a value\");\n"
		"	kproc_create(sleep_on, NULL, &proc, 0, 0, \"lo_proc\");\n"
		"	callout_init(&callout, 1);\n"
		"	callout_reset(&callout, 1000 * hz, expired, NULL);\n"
		"	tag = EVENTHANDLER_REGISTER(shutdown_final, down, NULL, 0);\n"
		"	zone = uma_zcreate(\"lo_zone\", 100, NULL, NULL, NULL, NULL, 0, 0);\n"
		"	item = uma_zalloc(zone, M_WAITOK);\n"
		"	bytes = malloc(1000, M_DEVBUF, M_WAITOK);\n"
		"	pause(\"lo\", hz / 20);\n}\n"
		"static void unload(void)\n{\n"
		"	if (!%d) return;\n"
		"	free(bytes, M_DEVBUF); uma_zfree(zone, item); uma_zdestroy(zone);\n"
		"	EVENTHANDLER_DEREGISTER(shutdown_final, tag); callout_drain(&callout);\n"
		"	stop = 1; wakeup(&stop); tsleep(proc, 0, \"lo\", hz);\n"
		"	sysctl_ctx_free(&ctx); destroy_dev(dev);\n}\n"
		"static int\nhandler(module_t mod, int what, void *arg)\n{\n"
		"	if (what == MOD_LOAD) load();\n"
		"	else if (what == MOD_UNLOAD) unload();\n"
		"	else return (EOPNOTSUPP);\n	return (0);\n}\n"
		"static moduledata_t data = { \"%s\", handler, NULL };\n"
		"DECLARE_MODULE(%s, data, SI_SUB_DRIVERS, SI_ORDER_MIDDLE);\nMODULE_VERSION(%s, 1);\n",
		undo, name, name, name);
	return dir;
}

static void what_is_left_on_freebsd_is_named(void **state)
{
	const char *target = freebsd();
	AUTO_FREE char *dir = freebsd_module("lo_left", false);
	struct outcome o = lab_run("run", "--json", "-t", target, dir, NULL);

	(void)state;
	lab_expect(&o, 1, "leak");
	lab_expect_finding(&o, "leftover-device", "/dev/lo_dev");
	lab_expect_finding(&o, "leftover-sysctl", "sysctl hw.lo_value");
	lab_expect_finding(&o, "leftover-thread", "kernel thread 'lo_proc'");
	lab_expect_finding(&o, "leftover-timer", "callout");
	lab_expect_finding(&o, "leftover-eventhandler", "'shutdown_final', which calls down");
	lab_expect_finding(&o, "leftover-zone", "UMA zone 'lo_zone'");
	lab_expect_finding(&o, "memory-leak", "malloc type 'devbuf'");
	assert_string_equal(lab_string(lab_finding(&o, "memory-leak"), "function"), "load");
	lab_free(&o);
}

/* The kernel itself says so, by the type's name alone. */
static void a_freebsd_modules_own_type_of_memory_is_missed_where_it_was_allocated(void **state)
{
	const char *target = freebsd();
	AUTO_FREE char *dir = lab_dir();
	struct json_object *f;
	struct outcome o;

	(void)state;
	lab_write(dir, "Makefile", "KMOD=\tlo_type\nSRCS=\tlo_type.c\n\n.include <bsd.kmod.mk>\n");
	lab_write(dir, "lo_type.c",
		"#include <sys/param.h>\n#include <sys/systm.h>\n#include <sys/kernel.h>\n"
		"#include <sys/module.h>\n#include <sys/malloc.h>\n"
		"static MALLOC_DEFINE(M_OWN, \"lo_type\", \"its own\");\n"
		"static void *volatile keep;\n"
		"static __noinline void\ntake(int n)\n{\n"
		"	keep = malloc(n, M_OWN, M_WAITOK);\n}\n"
		"static int\nhandler(module_t mod, int what, void *arg)\n{\n"
		"	if (what == MOD_LOAD) take(100);\n	return (0);\n}\n"
		"static moduledata_t data = { \"lo_type\", handler, NULL };\n"
		"DECLARE_MODULE(lo_type, data, SI_SUB_DRIVERS, SI_ORDER_MIDDLE);\n");
	o = lab_run("run", "--json", "-t", target, dir, NULL);
	lab_expect(&o, 1, "leak");
	lab_expect_finding(&o, "memory-leak", "were never freed; allocated in take");
	f = lab_finding(&o, "memory-leak");
	assert_string_equal(lab_string(f, "line"), "11");
	assert_non_null(strstr(lab_string(f, "advice"), "MALLOC_DEFINE says \"lo_type\""));
	lab_free(&o);
}

static void a_freebsd_module_that_undoes_all_of_it_has_left_nothing(void **state)
{
	const char *target = freebsd();
	AUTO_FREE char *dir = freebsd_module("lo_good", true);
	AUTO_FREE char *hello = xasprintf("%s/examples/hello", lab_source());
	struct outcome o = lab_run("run", "--json", "-t", target, dir, hello, NULL);

	(void)state;
	assert_int_equal(o.status, 0);
	assert_null(strstr(o.out.data, "leftover"));
	assert_null(strstr(o.out.data, "memory-leak"));
	lab_free(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_left_on_bookworm_is_named),
		cmocka_unit_test(what_is_left_on_trixie_is_named),
		cmocka_unit_test(a_linux_module_that_undoes_all_of_it_has_left_nothing),
		cmocka_unit_test(a_misc_device_left_is_told_though_its_list_kills_the_reader),
		cmocka_unit_test(a_file_system_left_is_told_though_its_list_kills_the_reader),
		cmocka_unit_test(a_region_left_is_told_though_its_list_kills_the_reader),
		cmocka_unit_test(an_init_that_fails_halfway_is_told_what_it_did_not_undo),
		cmocka_unit_test(the_good_examples_have_left_nothing),
		cmocka_unit_test(what_is_left_on_freebsd_is_named),
		cmocka_unit_test(
			a_freebsd_modules_own_type_of_memory_is_missed_where_it_was_allocated),
		cmocka_unit_test(a_freebsd_module_that_undoes_all_of_it_has_left_nothing),
	};

	return cmocka_run_group_tests_name("leftovers", tests, NULL, NULL);
}
