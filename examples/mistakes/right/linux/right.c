/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * /dev/note keeps what was written to it last, for ten seconds: a device, memory, a lock and a timer, and all of
 * it undone.
 */
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/timer.h>
#include <linux/uaccess.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
#define stop_timer del_timer_sync
#else
#define stop_timer timer_delete_sync
#endif

#define NOTE_MAX 4096

/* The timer takes it too, in an interrupt: so it is never taken without "_bh" by a thread. */
static DEFINE_SPINLOCK(lock);
static char *note; /* under the lock; NULL: there is none */

/* Puts another note (or none) in the place of the one there is, and frees that. */
static void put_note(char *new)
{
	char *old;

	spin_lock_bh(&lock);
	old = note;
	note = new;
	spin_unlock_bh(&lock);
	kfree(old);
}

static void forget(struct timer_list *timer)
{
	put_note(NULL);
}

static DEFINE_TIMER(forget_timer, forget);

static ssize_t note_write(struct file *file, const char __user *from, size_t size, loff_t *at)
{
	char *new;

	if (size > NOTE_MAX)
		return -EMSGSIZE;
	/* Copied before the lock is taken: a program's memory may have to be fetched from a disk. */
	new = memdup_user_nul(from, size);
	if (IS_ERR(new))
		return PTR_ERR(new);
	put_note(new);
	mod_timer(&forget_timer, jiffies + 10 * HZ);
	return size;
}

static ssize_t note_read(struct file *file, char __user *to, size_t size, loff_t *at)
{
	char *copy = NULL;
	bool empty;
	ssize_t n;

	/* Under the lock nothing may sleep, so neither GFP_KERNEL nor copy_to_user(). */
	spin_lock_bh(&lock);
	empty = !note;
	if (note)
		copy = kstrdup(note, GFP_ATOMIC);
	spin_unlock_bh(&lock);
	if (!copy)
		return empty ? 0 : -ENOMEM;
	n = simple_read_from_buffer(to, size, at, copy, strlen(copy));
	kfree(copy);
	return n;
}

static const struct file_operations note_fops = {
	.owner = THIS_MODULE, /* an open file keeps the module here */
	.read = note_read,
	.write = note_write,
};

static struct miscdevice note_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "note",
	.fops = &note_fops,
};

static int __init right_init(void)
{
	int error;

	note = kstrdup("nothing yet", GFP_KERNEL);
	if (!note)
		return -ENOMEM;
	error = misc_register(&note_device);
	if (error)
		kfree(note);
	return error;
}

/* The reverse of all that: first nobody comes any more, then nothing is under way any more, then the memory. */
static void __exit right_exit(void)
{
	misc_deregister(&note_device);
	stop_timer(&forget_timer);
	kfree(note);
}

module_init(right_init);
module_exit(right_exit);

MODULE_LICENSE("Dual BSD/GPL");
MODULE_AUTHOR("the kmodlab authors");
MODULE_DESCRIPTION("Makes none of the mistakes");
