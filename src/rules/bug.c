/* SPDX-License-Identifier: BSD-2-Clause */
/* What a kernel reports and survives. Where it does not, the finding has the same rule and the class crash. */
#include "rules/rules.h"

const struct rule rules_bug[] = {
	{
		.id = "kernel-warning",
		.severity = SEVERITY_WARNING,
		.class = CLASS_PASS,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "the kernel warned",
		.meaning =
			"A WARN marks a state that the kernel's authors hold to be impossible, or "
			"misuse of one of its functions. The kernel goes on, and what it does then is "
			"anybody's guess.",
		.linux_example = "WARN_ON(!list_empty(&mine));\n"
				 "kfree((void *)1 + (long)p);\n",
		.remedy =
			"The source of the warning, in the file that it names, says what it is about; "
			"the trace shows how the module came there.",
	},
	{
		.id = "bad-page",
		.severity = SEVERITY_ERROR,
		.class = CLASS_BUG,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_NONE,
		.title = "a page of memory was freed in a bad state",
		.meaning =
			"The kernel was given back a page that is still mapped, still referenced or not "
			"a page's beginning.",
		.linux_example = "free_pages(address, 0); free_pages(address, 0);\n",
		.remedy = "Look for a page that is freed twice, or with another order than it was "
			  "allocated with.",
	},
	{
		.id = "slab-corruption",
		.severity = SEVERITY_ERROR,
		.class = CLASS_BUG,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_NONE,
		.title = "the allocator found its own data overwritten",
		.meaning =
			"Between and inside the objects that kmalloc() gives out lie marks and pointers "
			"of its own. Something wrote there: past the end of an object, or into one "
			"after it was freed.",
		.linux_example = "p = kmalloc(8, GFP_KERNEL); memset(p, 0, 16);\n",
		.remedy = "Run it on a debug target: KASAN stops at the write itself.",
	},
	{
		.id = "refcount",
		.severity = SEVERITY_ERROR,
		.class = CLASS_BUG,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "a reference count went wrong",
		.meaning =
			"A refcount_t went below zero, came back from zero or overflowed: something is "
			"let go once too often, or used after it was let go.",
		.linux_example =
			"refcount_set(&r, 1); refcount_dec(&r);    /* hit 0: leaking memory */\n",
		.freebsd_example = "refcount_init(&r, 0); refcount_release(&r);\n",
		.remedy =
			"Count who takes a reference and who gives one back; each way out of a function "
			"has to do both equally often.",
	},
	{
		.id = "list-corruption",
		.severity = SEVERITY_ERROR,
		.class = CLASS_BUG,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_STOCK,
		.title = "a list is no longer one",
		.meaning =
			"The neighbours of a list's element do not point to it: it was removed twice, "
			"added twice, freed while in the list, or changed by two at the same time "
			"without a lock.",
		.linux_example = "list_del(&x->link); list_del(&x->link);\n",
		.freebsd_example =
			"LIST_REMOVE(x, link); LIST_REMOVE(x, link);    /* with INVARIANTS */\n",
		.remedy =
			"Use list_del_init() if it may be removed again, take it out of the list before "
			"freeing it, and hold a lock.",
	},
	{
		.id = "atomic-sleep",
		.severity = SEVERITY_ERROR,
		.class = CLASS_BUG,
		.on_linux = SIGHT_STOCK,
		.on_freebsd = SIGHT_DEBUG,
		.title = "it slept where it must not",
		.meaning =
			"Who holds a spinlock, has switched off interrupts or runs in an interrupt must "
			"not wait for anything: the others that spin for the lock would spin as long, "
			"and may be what it waits for. msleep(), mutex_lock(), kmalloc(GFP_KERNEL) and "
			"copy_from_user() may all sleep. On FreeBSD a mutex is enough to make it so.",
		.linux_example = "spin_lock(&lock);\n"
				 "msleep(10);\n",
		.freebsd_example = "mtx_lock(&lock);\n"
				   "pause(\"mine\", hz);\n",
		.remedy =
			"Do what sleeps before taking the lock or after releasing it; or take a lock "
			"that may be held while sleeping: a mutex; on FreeBSD an sx(9). For memory "
			"there is GFP_ATOMIC and M_NOWAIT. A stock Linux kernel notices only when it "
			"really comes to sleep, a debug target whenever it could.",
	},
	{
		.id = "use-after-free",
		.severity = SEVERITY_ERROR,
		.class = CLASS_BUG,
		.on_linux = SIGHT_DEBUG,
		.on_freebsd = SIGHT_DEBUG,
		.title = "memory was used after it was freed",
		.meaning =
			"By then it may be somebody else's, and what is read there is theirs, what is "
			"written there harms them. It mostly goes well, and then it does not.",
		.linux_example = "kfree(p);\n"
				 "return p->count;\n",
		.remedy =
			"Take out of it what is needed, then free it last. Set pointers to what was "
			"freed to NULL. If others may still use it, count references (kref).",
	},
	{
		.id = "out-of-bounds",
		.severity = SEVERITY_ERROR,
		.class = CLASS_BUG,
		.on_linux = SIGHT_DEBUG,
		.on_freebsd = SIGHT_KASAN,
		.title = "memory beside an object was used",
		.meaning =
			"It read or wrote before the beginning or after the end of what was allocated, "
			"or of a variable.",
		.linux_example = "int *a = kmalloc_array(10, sizeof(*a), GFP_KERNEL);\n"
				 "a[10] = 1;\n",
		.remedy =
			"Compare each index with the number of elements, with \"<\". The report says "
			"how large the object is, and how far outside it was.",
	},
	{
		.id = "double-free",
		.severity = SEVERITY_ERROR,
		.class = CLASS_BUG,
		.on_linux = SIGHT_DEBUG,
		.on_freebsd = SIGHT_DEBUG,
		.title = "memory was freed twice",
		.meaning =
			"After the first time it is somebody else's, perhaps. A stock kernel may notice "
			"if nothing came in between, and then stops.",
		.linux_example = "kfree(p);\n"
				 "kfree(p);\n",
		.freebsd_example = "free(p, M_MINE);\n"
				   "free(p, M_MINE);\n",
		.remedy =
			"Decide who owns it and let only them free it; set the pointer to NULL then, "
			"which may be freed as often as you like.",
	},
	{
		.id = "memory-access",
		.severity = SEVERITY_ERROR,
		.class = CLASS_BUG,
		.on_linux = SIGHT_DEBUG,
		.on_freebsd = SIGHT_KASAN,
		.title = "memory was used in a way that is not allowed",
		.meaning =
			"KASAN or KFENCE, with which a kernel watches its own memory, reports an access that is none of the kinds with a rule of "
			"their own: to memory that never was, or freeing what was not allocated.",
		.linux_example = "kfree(p + 4);    /* invalid-free */\n",
		.remedy =
			"The report shows the address, what was there, and who allocated and freed it: begin with the module's own lines in it.",
	},
	{
		.id = "ubsan",
		.severity = SEVERITY_ERROR,
		.class = CLASS_BUG,
		.on_linux = SIGHT_DEBUG,
		.on_freebsd = SIGHT_KASAN,
		.title = "the code does what C leaves undefined",
		.meaning =
			"An index out of an array's declared range, a shift by more bits than there "
			"are, an overflow of a signed number, a misaligned pointer. The compiler may "
			"make of it whatever it likes.",
		.linux_example = "int n = 32;\n"
				 "return 1 << n;\n",
		.remedy = "Check the value before it is used so.",
	},
	{
		.id = "data-race",
		.severity = SEVERITY_ERROR,
		.class = CLASS_BUG,
		.on_linux = SIGHT_RACE,
		.on_freebsd = SIGHT_RACE,
		.title = "two processors use the same memory without a lock",
		.meaning =
			"One writes while the other reads or writes, and nothing orders them. One of "
			"two increments is lost; half of a value is old and half of it new; the "
			"compiler has read once what is asked twice.",
		.linux_example = "count++;    /* by two threads */\n",
		.remedy =
			"A lock around all accesses, or atomic_t. Where it is meant to be so and does "
			"no harm: READ_ONCE() and WRITE_ONCE() say that.",
	},
	{
		.id = "lock-order",
		.severity = SEVERITY_ERROR,
		.class = CLASS_BUG,
		.on_linux = SIGHT_DEBUG,
		.on_freebsd = SIGHT_DEBUG,
		.title = "two locks are taken in two orders",
		.meaning =
			"One path takes A and then B, another one B and then A. If two threads do that "
			"at the same time, each has what the other waits for, for ever. Nothing needs "
			"to hang for this to be found: that both orders were seen is enough.",
		.linux_example = "mutex_lock(&a); mutex_lock(&b);\n"
				 "...\n"
				 "mutex_lock(&b); mutex_lock(&a);\n",
		.freebsd_example = "mtx_lock(&a); mtx_lock(&b);\n"
				   "...\n"
				   "mtx_lock(&b); mtx_lock(&a);\n",
		.remedy = "Decide on one order, write it down beside the locks, and keep to it "
			  "everywhere.",
	},
	{
		.id = "lock-twice",
		.severity = SEVERITY_ERROR,
		.class = CLASS_BUG,
		.on_linux = SIGHT_DEBUG,
		.on_freebsd = SIGHT_DEBUG,
		.title = "a lock is taken that is held already",
		.meaning =
			"Locks in the kernel do not count how often: who takes one that they hold waits "
			"for themselves. It is mostly two functions, of which one calls the other. A "
			"stock Linux kernel hangs there (lock-wait); a stock FreeBSD lets it pass.",
		.linux_example = "mutex_lock(&lock);\n"
				 "mutex_lock(&lock);\n",
		.freebsd_example = "mtx_lock(&lock);    /* without MTX_RECURSE */\n"
				   "mtx_lock(&lock);\n",
		.remedy =
			"Let the outer function take the lock, and the inner one say that it must be "
			"held: lockdep_assert_held(), mtx_assert(9).",
	},
	{
		.id = "lock-held",
		.severity = SEVERITY_ERROR,
		.class = CLASS_BUG,
		.on_linux = SIGHT_DEBUG,
		.on_freebsd = SIGHT_DEBUG,
		.title = "a lock was not released",
		.meaning =
			"The thread returned to user space, or ended, with a lock that it had taken. "
			"The next one who wants it waits for ever.",
		.linux_example = "mutex_lock(&lock);\n"
				 "if (bad)\n"
				 "\treturn -EINVAL;    /* with the lock */\n",
		.freebsd_example = "mtx_lock(&lock);\n"
				   "if (bad)\n"
				   "\treturn (EINVAL);\n",
		.remedy = "One way out of the function, with the unlock on it (goto out), or "
			  "guard(mutex)(&lock) in new kernels.",
	},
	{
		.id = "lock-irq",
		.severity = SEVERITY_ERROR,
		.class = CLASS_BUG,
		.on_linux = SIGHT_DEBUG,
		.on_freebsd = SIGHT_NONE,
		.title = "a lock is taken with and without interrupts",
		.meaning =
			"An interrupt takes the lock too. If it comes on the processor that holds the "
			"lock, with interrupts on, it waits for the one it interrupted.",
		.linux_example =
			"spin_lock(&lock);    /* in a thread, while a timer also takes it */\n",
		.remedy = "spin_lock_irqsave() or spin_lock_bh() wherever a thread takes it.",
	},
	{
		.id = "lock-misuse",
		.severity = SEVERITY_ERROR,
		.class = CLASS_BUG,
		.on_linux = SIGHT_DEBUG,
		.on_freebsd = SIGHT_DEBUG,
		.title = "a lock is used in a way that it cannot be",
		.meaning =
			"Unlocked by one who does not hold it, used before it was initialised, or freed "
			"while it is held.",
		.linux_example = "spinlock_t lock;    /* no spin_lock_init() */\n"
				 "spin_lock(&lock);\n",
		.freebsd_example = "mtx_unlock(&lock);    /* which nobody holds */\n",
		.remedy =
			"Initialise it before anybody can come to it, unlock where it was locked, and "
			"let nobody have it when its memory goes.",
	},
	{
		.id = "object-state",
		.severity = SEVERITY_ERROR,
		.class = CLASS_BUG,
		.on_linux = SIGHT_DEBUG,
		.on_freebsd = SIGHT_NONE,
		.title = "an object of the kernel is used out of its turn",
		.meaning =
			"A timer, a work item or another object was initialised twice, used without "
			"having been initialised, or freed while it is active.",
		.linux_example = "kfree(mine);    /* with mine->timer still armed */\n",
		.remedy =
			"Initialise it once; stop it, waiting for its end, before its memory goes.",
	},
	{
		.id = "rcu-misuse",
		.severity = SEVERITY_ERROR,
		.class = CLASS_BUG,
		.on_linux = SIGHT_DEBUG,
		.on_freebsd = SIGHT_NONE,
		.title = "RCU is used against its rules",
		.meaning =
			"RCU (read-copy-update) lets readers go without a lock; what they may still see is freed only when they are done. Here a pointer that it protects was followed outside of rcu_read_lock(), or something slept inside.",
		.linux_example = "p = rcu_dereference(shared);    /* without rcu_read_lock() */\n",
		.remedy =
			"rcu_read_lock() and rcu_read_unlock() around all uses of the pointer, nothing "
			"that sleeps between them.",
	},
	{.id = NULL},
};
