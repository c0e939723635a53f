/* SPDX-License-Identifier: BSD-2-Clause */
/* What is still there when a module has gone. */
#include "rules/rules.h"

const struct rule rules_leak[] = {
	{
		.id = "memory-leak",
		.severity = SEVERITY_ERROR,
		.class = CLASS_LEAK,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "memory was not given back",
		.meaning =
			"The module allocated memory and went without freeing it. Nobody can free it "
			"any more, until the machine is switched off. The place is where it was "
			"allocated.",
		.linux_example =
			"static int __init a(void) { buffer = kmalloc(100, GFP_KERNEL); return 0; }\n"
			"static void __exit b(void) { }    /* kfree(buffer) is missing */\n",
		.freebsd_example =
			"case MOD_LOAD: buffer = malloc(100, M_MINE, M_WAITOK); return (0);\n"
			"case MOD_UNLOAD: return (0);    /* free(buffer, M_MINE) is missing */\n",
		.remedy =
			"Free in exit what init and the rest have allocated; in an init that fails, "
			"what was allocated before. The devm_ family frees by itself what belongs to a "
			"device.",
	},
	{
		.id = "leftover-device",
		.severity = SEVERITY_ERROR,
		.class = CLASS_LEAK,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "a device is still registered",
		.meaning =
			"A device number or a file in /dev is still there, and what answers for it is "
			"gone. Who opens it makes the kernel jump into memory that holds something else "
			"by now.",
		.linux_example =
			"major = register_chrdev(0, \"mine\", &fops);    /* no unregister_chrdev() in exit */\n",
		.freebsd_example =
			"make_dev(&mine_cdevsw, 0, 0, 0, 0600, \"mine\");    /* no destroy_dev() */\n",
		.remedy =
			"Each registration has its counterpart: register_chrdev and unregister_chrdev, "
			"misc_register and misc_deregister, cdev_add and cdev_del, make_dev and "
			"destroy_dev.",
	},
	{
		.id = "leftover-proc",
		.severity = SEVERITY_ERROR,
		.class = CLASS_LEAK,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_NONE,
		.title = "a file in /proc is still there",
		.meaning = "Its functions were the module's, which is gone: who reads it crashes.",
		.linux_example =
			"proc_create(\"mine\", 0444, NULL, &ops);    /* no remove_proc_entry(\"mine\", NULL) */\n",
		.remedy = "Keep what proc_create() returned and give it to proc_remove() in exit.",
	},
	{
		.id = "leftover-sysfs",
		.severity = SEVERITY_ERROR,
		.class = CLASS_LEAK,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_NONE,
		.title = "a file or directory in /sys is still there",
		.meaning =
			"A kobject, a class, a driver or an attribute was registered and not taken "
			"back.",
		.linux_example =
			"kobj = kobject_create_and_add(\"mine\", kernel_kobj);    /* no kobject_put(kobj) */\n",
		.remedy =
			"kobject_put(), class_destroy(), device_destroy(), driver_unregister(): what "
			"made it says which.",
	},
	{
		.id = "leftover-debugfs",
		.severity = SEVERITY_ERROR,
		.class = CLASS_LEAK,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_NONE,
		.title = "a file in debugfs is still there",
		.meaning = "Its functions were the module's, which is gone.",
		.linux_example =
			"dir = debugfs_create_dir(\"mine\", NULL);    /* no debugfs_remove(dir) */\n",
		.remedy = "debugfs_remove() of the topmost directory takes all that is below it.",
	},
	{
		.id = "leftover-sysctl",
		.severity = SEVERITY_ERROR,
		.class = CLASS_LEAK,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "a sysctl is still there",
		.meaning = "What it reads and writes was the module's memory, which is gone.",
		.linux_example =
			"header = register_sysctl(\"kernel/mine\", table);    /* no unregister_sysctl_table() */\n",
		.freebsd_example =
			"SYSCTL_ADD_INT(NULL, ...);    /* with no context nobody frees it */\n",
		.remedy =
			"Linux: unregister_sysctl_table(). FreeBSD: a context, sysctl_ctx_init() and "
			"sysctl_ctx_free(); what the SYSCTL_ macros without ADD declare, the kernel "
			"removes.",
	},
	{
		.id = "leftover-irq",
		.severity = SEVERITY_ERROR,
		.class = CLASS_LEAK,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "an interrupt handler is still registered",
		.meaning = "The next interrupt calls code that is gone.",
		.linux_example =
			"request_irq(9, handler, IRQF_SHARED, \"mine\", &me);    /* no free_irq(9, &me) */\n",
		.freebsd_example =
			"bus_setup_intr(dev, res, ...);    /* no bus_teardown_intr() */\n",
		.remedy =
			"free_irq() with the same cookie; first make the device stop interrupting.",
	},
	{
		.id = "leftover-region",
		.severity = SEVERITY_ERROR,
		.class = CLASS_LEAK,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "a range of ports or memory is still reserved",
		.meaning = "Nobody else can have it now, this module's next load included.",
		.linux_example =
			"request_region(0x378, 8, \"mine\");    /* no release_region(0x378, 8) */\n",
		.freebsd_example =
			"res = rman_reserve_resource(...);    /* no rman_release_resource(res) */\n",
		.remedy =
			"Give back what was reserved, also on the ways out of an init that fails: release_region(), release_mem_region(); FreeBSD: bus_release_resource(9).",
	},
	{
		.id = "leftover-thread",
		.severity = SEVERITY_ERROR,
		.class = CLASS_LEAK,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "a kernel thread is still running",
		.meaning =
			"The module started a thread and went. What the thread runs is gone, or it "
			"waits somewhere and will return there.",
		.linux_example =
			"task = kthread_run(work, NULL, \"mine\");    /* no kthread_stop(task) */\n",
		.freebsd_example =
			"kproc_create(work, NULL, &p, 0, 0, \"mine\");    /* nobody waits for its end */\n",
		.remedy =
			"Linux: kthread_stop(), which waits until it has ended. FreeBSD: tell it, then "
			"sleep on the process until kproc_exit() wakes you.",
	},
	{
		.id = "leftover-timer",
		.severity = SEVERITY_ERROR,
		.class = CLASS_LEAK,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "a timer is still armed",
		.meaning =
			"When its time has come, the kernel calls a function that is gone. On FreeBSD "
			"it is a callout(9).",
		.linux_example =
			"mod_timer(&timer, jiffies + HZ);    /* no timer_delete_sync(&timer) in exit */\n",
		.freebsd_example =
			"callout_reset(&timer, hz, tick, NULL);    /* no callout_drain(&timer) */\n",
		.remedy =
			"timer_delete_sync() (del_timer_sync() before Linux 6.2), hrtimer_cancel(), "
			"callout_drain(): those wait until the function has returned, which del_timer() "
			"and callout_stop() do not.",
	},
	{
		.id = "leftover-work",
		.severity = SEVERITY_ERROR,
		.class = CLASS_LEAK,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "work is still queued",
		.meaning =
			"A work item (FreeBSD: a task) waits in a queue of the kernel's. When its turn "
			"comes, its function is gone.",
		.linux_example =
			"schedule_delayed_work(&work, HZ);    /* no cancel_delayed_work_sync(&work) */\n",
		.freebsd_example =
			"taskqueue_enqueue(taskqueue_thread, &task);    /* no taskqueue_drain() */\n",
		.remedy = "cancel_work_sync(), cancel_delayed_work_sync(), taskqueue_drain().",
	},
	{
		.id = "leftover-workqueue",
		.severity = SEVERITY_ERROR,
		.class = CLASS_LEAK,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "a workqueue is still there",
		.meaning =
			"The module made a queue of its own, with threads, and did not destroy it.",
		.linux_example =
			"queue = alloc_workqueue(\"mine\", 0, 0);    /* no destroy_workqueue(queue) */\n",
		.freebsd_example =
			"queue = taskqueue_create(...);    /* no taskqueue_free(queue) */\n",
		.remedy = "destroy_workqueue(), taskqueue_free(): both wait for what is queued.",
	},
	{
		.id = "leftover-notifier",
		.severity = SEVERITY_ERROR,
		.class = CLASS_LEAK,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_NONE,
		.title = "a notifier is still registered",
		.meaning =
			"The next event of its kind makes the kernel call a function that is gone.",
		.linux_example =
			"register_reboot_notifier(&block);    /* no unregister_reboot_notifier(&block) */\n",
		.remedy = "Each register_..._notifier() has its unregister_..._notifier().",
	},
	{
		.id = "leftover-eventhandler",
		.severity = SEVERITY_ERROR,
		.class = CLASS_LEAK,
		.on_linux = SIGHT_NONE,
		.on_freebsd = SIGHT_STOCK,
		.title = "an event handler is still registered",
		.meaning =
			"The next event of its kind makes the kernel call a function that is gone.",
		.freebsd_example =
			"tag = EVENTHANDLER_REGISTER(process_fork, f, NULL, 0);    /* no EVENTHANDLER_DEREGISTER */\n",
		.remedy =
			"EVENTHANDLER_DEREGISTER(process_fork, tag) at MOD_UNLOAD; or declare it with "
			"EVENTHANDLER_DEFINE(), which the kernel undoes.",
	},
	{
		.id = "leftover-netdev",
		.severity = SEVERITY_ERROR,
		.class = CLASS_LEAK,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "a network interface is still there",
		.meaning =
			"Its functions were the module's. The kernel calls some of them by itself, "
			"before long.",
		.linux_example =
			"register_netdev(dev);    /* no unregister_netdev(dev), free_netdev(dev) */\n",
		.freebsd_example = "if_attach(ifp);    /* no if_detach(ifp), if_free(ifp) */\n",
		.remedy =
			"unregister_netdev(), then free_netdev(); FreeBSD: ether_ifdetach() or if_detach(), then if_free().",
	},
	{
		.id = "leftover-filesystem",
		.severity = SEVERITY_ERROR,
		.class = CLASS_LEAK,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "a file system is still registered",
		.meaning = "Who lists or mounts file systems comes to a structure that is gone.",
		.linux_example =
			"register_filesystem(&mine);    /* no unregister_filesystem(&mine) */\n",
		.freebsd_example = "vfs_register(&mine_conf);    /* by hand, without VFS_SET */\n",
		.remedy = "unregister_filesystem() in exit. FreeBSD: VFS_SET() does both.",
	},
	{
		.id = "leftover-zone",
		.severity = SEVERITY_ERROR,
		.class = CLASS_LEAK,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "a cache of objects is still there",
		.meaning =
			"The module made a cache (FreeBSD: a UMA zone) and went without destroying it, "
			"or with objects in it that were not freed.",
		.linux_example =
			"cache = kmem_cache_create(\"mine\", 100, 0, 0, NULL);    /* no kmem_cache_destroy(cache) */\n",
		.freebsd_example =
			"zone = uma_zcreate(\"mine\", 100, ...);    /* no uma_zdestroy(zone) */\n",
		.remedy = "Free the objects, then destroy the cache: kmem_cache_destroy(), "
			  "uma_zdestroy().",
	},
	{
		.id = "leaks-unseen",
		.severity = SEVERITY_NOTE,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_NONE,
		.title = "memory, timers and work could not be followed on this kernel",
		.meaning =
			"What a module allocates, arms and registers is followed by small BPF programs, which the kernel runs at such events. "
			"This kernel has no BPF, or not enough of it, so nobody can say whether "
			"something was left behind; what is listed somewhere was looked at all the "
			"same.",
		.linux_example = "# CONFIG_BPF_SYSCALL is not set\n",
		.remedy = "Test on a distribution's kernel, or configure yours with BPF_SYSCALL, "
			  "BPF_EVENTS, KPROBES and FTRACE.",
	},
	{.id = NULL},
};
