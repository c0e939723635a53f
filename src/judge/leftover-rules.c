/* SPDX-License-Identifier: BSD-2-Clause */
/* The rule of each sort of leftover, what undoes it on either system, and its things in words. */
#include "judge/leftovers.h"

#include "judge/report.h"

#include <string.h>

static const struct {
	enum proto_kind kind;
	struct leftover_rule rule;
} rules[] = {
	{PROTO_DEVICE,
		{"leftover-device",
			"Undo in exit, in reverse, all that init did for it: device_destroy, class_destroy, "
			"cdev_del, unregister_chrdev_region (or unregister_chrdev, misc_deregister, "
			"unregister_blkdev). Who opens it now calls code that is gone.",
			"Undo it in MOD_UNLOAD: destroy_dev. Who opens it now calls code that is gone.",
			"misc_register cdev_add __register_chrdev alloc_chrdev_region register_chrdev_region __register_blkdev device_create device_add_disk",
			"make_dev make_dev_s make_dev_credf make_dev_cred make_dev_p make_dev_alias"}},
	{PROTO_PROC,
		{"leftover-proc",
			"Undo it in exit: remove_proc_entry or proc_remove (a whole tree: "
			"remove_proc_subtree). Who opens it now calls code that is gone.",
			"",
			"proc_create proc_create_data proc_create_single_data proc_create_seq_private proc_mkdir proc_mkdir_data proc_symlink",
			""}},
	{PROTO_SYSFS,
		{"leftover-sysfs",
			"Undo it in exit: kobject_put or device_unregister for a directory, sysfs_remove_group or "
			"sysfs_remove_file for a file, class_destroy for a class, driver_unregister for a "
			"driver.",
			"",
			"kobject_create_and_add kobject_init_and_add sysfs_create_group sysfs_create_file_ns device_register __root_device_register platform_device_register platform_device_register_full class_create __class_create __class_register class_register driver_register __platform_driver_register bus_register",
			""}},
	{PROTO_DEBUGFS,
		{"leftover-debugfs",
			"Undo it in exit: debugfs_remove_recursive on the directory takes all that is in it.",
			"",
			"debugfs_create_dir debugfs_create_file debugfs_create_file_unsafe debugfs_create_u32 debugfs_create_bool",
			""}},
	{PROTO_SYSCTL,
		{"leftover-sysctl",
			"Undo it in exit: unregister_sysctl_table on what register_sysctl returned. Who "
			"lists the directory now reads a table that may be gone.",
			"Undo it in MOD_UNLOAD: sysctl_ctx_free on the context of the nodes that were added, or "
			"sysctl_remove_oid for each. Who reads it now uses memory that is gone.",
			"register_sysctl register_sysctl_sz register_sysctl_table register_net_sysctl register_net_sysctl_sz",
			"sysctl_add_oid"}},
	{PROTO_IRQ,
		{"leftover-irq",
			"Undo it in exit: free_irq with the same dev_id (devm_request_irq only ends with a "
			"device's driver). The next interrupt calls code that is gone.",
			"Undo it: bus_teardown_intr, then bus_release_resource. The next interrupt calls "
			"code that is gone.",
			"request_threaded_irq request_any_context_irq", "bus_setup_intr"}},
	{PROTO_REGION,
		{"leftover-region",
			"Undo it in exit: release_region, or release_mem_region. Nobody else can have those "
			"addresses until the machine boots again.",
			"Undo it: bus_release_resource, or rman_release_resource.",
			"__request_region request_resource insert_resource",
			"bus_alloc_resource rman_reserve_resource"}},
	{PROTO_THREAD,
		{"leftover-thread",
			"Stop it in exit: kthread_stop, which waits for its end, and let its function return when "
			"kthread_should_stop says so. As soon as it runs again it runs in memory that is gone.",
			"Let it end before MOD_UNLOAD returns: tell it to, wait for its kproc_exit or "
			"kthread_exit with tsleep on its struct proc (or thread); taskqueue_free for a "
			"taskqueue's. As soon as it runs again it runs in memory that is gone.",
			"kthread_create_on_node kthread_create_on_cpu kernel_thread",
			"kproc_create kthread_add kproc_kthread_add taskqueue_start_threads"}},
	{PROTO_NETDEV,
		{"leftover-netdev",
			"Undo it in exit: unregister_netdev, then free_netdev. Who uses it now calls code that is "
			"gone.",
			"Undo it in MOD_UNLOAD: ether_ifdetach or if_detach, then if_free. Who uses it now "
			"calls code that is gone.",
			"register_netdev register_netdevice", "ether_ifattach if_attach"}},
	{PROTO_FILESYSTEM,
		{"leftover-filesystem",
			"Undo it in exit: unregister_filesystem. Who mounts anything or reads /proc/filesystems "
			"now reads memory that is gone.",
			"Undo it in MOD_UNLOAD: vfs_modevent with MOD_UNLOAD (VFS_SET does all of it).",
			"register_filesystem", "vfs_modevent"}},
	{PROTO_EVENTHANDLER,
		{"leftover-eventhandler", "",
			"Undo it in MOD_UNLOAD: EVENTHANDLER_DEREGISTER with the tag that "
			"EVENTHANDLER_REGISTER returned. The next such event calls code that is gone.",
			"", "eventhandler_register"}},
	{PROTO_TIMER,
		{"leftover-timer", "",
			"Stop it in MOD_UNLOAD: callout_drain, which waits for a handler that runs. When it expires it "
			"calls code that is gone.",
			"", "callout_reset_sbt_on callout_schedule_on callout_schedule"}},
	{PROTO_MEMORY,
		{"memory-leak", "",
			"In MOD_UNLOAD, call free(9) with the same type (M_DEVBUF, M_TEMP) for each pointer that "
			"malloc(9) returned, and contigfree(9) for contigmalloc(9).",
			"", FREEBSD_MALLOC}},
	{PROTO_ZONE,
		{"leftover-zone", "",
			"Undo it in MOD_UNLOAD: uma_zfree for each item, then uma_zdestroy.", "",
			"uma_zcreate"}},
};

static const struct leftover_rule *rule_of(enum proto_kind kind)
{
	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
		if (rules[i].kind == kind)
			return &rules[i].rule;
	return NULL;
}

/* What is in a list that is deadly to read. */
static enum proto_kind kind_of_list(const char *list)
{
	if (!strcmp(list, "/proc/misc") || !strcmp(list, "/proc/devices"))
		return PROTO_DEVICE;
	if (!strcmp(list, "/proc/filesystems"))
		return PROTO_FILESYSTEM;
	if (!strcmp(list, "/proc/ioports") || !strcmp(list, "/proc/iomem"))
		return PROTO_REGION;
	if (!strncmp(list, "/proc/sys", 9))
		return PROTO_SYSCTL;
	if (!strncmp(list, "/sys/kernel/debug", 17))
		return PROTO_DEBUGFS;
	if (!strncmp(list, "/sys", 4))
		return PROTO_SYSFS;
	if (!strncmp(list, "/dev", 4))
		return PROTO_NODE;
	return PROTO_PROC;
}

const struct leftover_rule *leftover_rule(const struct run *r, const struct thing *t)
{
	enum proto_kind kind = t->kind == PROTO_DEADLY ? kind_of_list(t->name) : t->kind;

	/* judge_leaks tells of these. */
	if (r->os != TARGET_FREEBSD &&
		(kind == PROTO_MEMORY || kind == PROTO_TIMER || kind == PROTO_ZONE))
		return NULL;
	return rule_of(kind == PROTO_NODE ? PROTO_DEVICE : kind);
}

/* "240 foo" as "240 'foo'". */
static char *number_and_name(const char *what, const char *name)
{
	const char *space = strchr(name, ' ');

	if (!space)
		return xasprintf("%s %s", what, name);
	return xasprintf("%s %.*s '%s'", what, (int)(space - name), name, space + 1);
}

char *leftover_words(const struct run *r, const struct thing *t)
{
	const char *name = t->name;

	switch (t->kind) {
	case PROTO_DEVICE:
		if (!strncmp(name, "char ", 5))
			return number_and_name("char device number", name + 5);
		if (!strncmp(name, "block ", 6))
			return number_and_name("block device number", name + 6);
		if (!strncmp(name, "misc ", 5))
			return number_and_name("misc device", name + 5);
		return xasprintf("device %s", name);
	case PROTO_IRQ:
		return number_and_name("interrupt", name);
	case PROTO_REGION:
		if (!strncmp(name, "io ", 3))
			return number_and_name("I/O region", name + 3);
		return number_and_name(
			"memory region", !strncmp(name, "memory ", 7) ? name + 7 : name);
	case PROTO_THREAD:
		if (t->count)
			return xasprintf("kernel thread '%s' (pid %llu)", name,
				(unsigned long long)t->count);
		return xasprintf("kernel thread '%s'", name);
	case PROTO_NETDEV:
		return xasprintf("network interface %s", name);
	case PROTO_FILESYSTEM:
		return xasprintf("file system type %s", name);
	case PROTO_SYSCTL:
		return r->os == TARGET_FREEBSD ? xasprintf("sysctl %s", name) : xstrdup(name);
	case PROTO_EVENTHANDLER:
		return xasprintf("an event handler for '%s'", name);
	case PROTO_TIMER:
		return xstrdup(!strcmp(name, "variable")
				? "an armed callout, which is a variable of the module"
				: "an armed callout");
	case PROTO_MEMORY:
		return xasprintf("%llu bytes in %llu allocation%s of malloc type '%s'",
			(unsigned long long)t->bytes, (unsigned long long)t->count,
			t->count == 1 ? "" : "s", name);
	case PROTO_ZONE:
		return xasprintf("UMA zone '%s'", name);
	default:
		return xstrdup(name);
	}
}
