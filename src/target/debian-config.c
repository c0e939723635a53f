/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The configuration of the kernels that we compile: small enough to be compiled in minutes, with what
 * kmodlab's machine has, what modules commonly call, and all that a kernel can watch over by itself.
 * It is one for all suites: an option that a suite's kernel does not have is dropped by its Kconfig, and
 * one that cannot be had with others is dropped too; what must not be dropped is looked for afterwards.
 */
#include "target/debian.h"

#include <string.h>

/* NAME is NAME=y. */

/* QEMU's pc with a serial console and an initramfs. */
static const char machine[] =
	"64BIT SMP NR_CPUS=8 PCI ACPI X86_LOCAL_APIC X86_X2APIC HYPERVISOR_GUEST PARAVIRT KVM_GUEST "
	"HPET_TIMER HIGH_RES_TIMERS NO_HZ_IDLE HZ_250 TTY UNIX98_PTYS SERIAL_8250 SERIAL_8250_CONSOLE "
	"SERIAL_8250_NR_UARTS=4 SERIAL_8250_RUNTIME_UARTS=4 EARLY_PRINTK PRINTK PRINTK_TIME BUG "
	"DEBUG_BUGVERBOSE BLK_DEV_INITRD RD_GZIP BINFMT_ELF BINFMT_SCRIPT DEVTMPFS DEVMEM DEVPORT "
	"IKCONFIG IKCONFIG_PROC";

/* What a program may ask of it: a test is one. */
static const char programs[] =
	"PROC_FS PROC_SYSCTL PROC_PAGE_MONITOR SYSFS TMPFS SHMEM CONFIGFS_FS MULTIUSER POSIX_TIMERS FUTEX "
	"EPOLL SIGNALFD TIMERFD EVENTFD AIO IO_URING ADVISE_SYSCALLS MEMBARRIER FHANDLE FILE_LOCKING SYSVIPC "
	"POSIX_MQUEUE CROSS_MEMORY_ATTACH INOTIFY_USER SECCOMP NAMESPACES CGROUPS";

/* What a module may ask of it. */
static const char modules[] =
	"MODULES MODULE_UNLOAD KALLSYMS KALLSYMS_ALL EXPERT PREEMPT BLOCK NET INET UNIX PACKET NETDEVICES "
	"NET_CORE NETFILTER CRYPTO CRYPTO_MANAGER CRYPTO_HASH CRYPTO_SKCIPHER CRYPTO_AES CRYPTO_CBC "
	"CRYPTO_SHA256 CRYPTO_CRC32C CRC32 CRC16 INPUT KEYS FW_LOADER UIO DMADEVICES HW_RANDOM I2C GPIOLIB "
	"NEW_LEDS LEDS_CLASS RTC_CLASS";

/* What others than the kernel itself watch it with, and its own eyes for what stands still. */
static const char watching[] =
	"DEBUG_KERNEL DEBUG_FS STACKTRACE KPROBES KPROBE_EVENTS UPROBE_EVENTS FTRACE FUNCTION_TRACER "
	"DYNAMIC_FTRACE PERF_EVENTS BPF_SYSCALL BPF_JIT BPF_EVENTS MAGIC_SYSRQ DETECT_HUNG_TASK "
	"LOCKUP_DETECTOR SOFTLOCKUP_DETECTOR HARDLOCKUP_DETECTOR WQ_WATCHDOG RCU_CPU_STALL_TIMEOUT=21";

/* Its eyes for memory, locks, objects and arithmetic that do not exclude each other. */
static const char checks[] =
	"SLUB SLUB_DEBUG VMAP_STACK DEBUG_VM PAGE_POISONING PAGE_OWNER HARDENED_USERCOPY FORTIFY_SOURCE "
	"SCHED_STACK_END_CHECK STACKPROTECTOR STACKPROTECTOR_STRONG STRICT_KERNEL_RWX STRICT_MODULE_RWX "
	"PROVE_LOCKING PROVE_RCU DEBUG_ATOMIC_SLEEP DEBUG_SPINLOCK DEBUG_MUTEXES DEBUG_RWSEMS "
	"DEBUG_LOCK_ALLOC DEBUG_IRQFLAGS DEBUG_PREEMPT DEBUG_OBJECTS DEBUG_OBJECTS_FREE "
	"DEBUG_OBJECTS_TIMERS DEBUG_OBJECTS_WORK DEBUG_OBJECTS_RCU_HEAD DEBUG_OBJECTS_PERCPU_COUNTER "
	"DEBUG_OBJECTS_ENABLE_DEFAULT=1 DEBUG_LIST LIST_HARDENED DEBUG_PLIST DEBUG_SG DEBUG_NOTIFIERS "
	"DEBUG_CREDENTIALS UBSAN UBSAN_BOUNDS UBSAN_SHIFT UBSAN_DIV_ZERO UBSAN_BOOL UBSAN_ENUM "
	"UBSAN_SANITIZE_ALL";

static const char debug[] =
	"LOCALVERSION=\"-debug\" KASAN KASAN_GENERIC KASAN_OUTLINE KASAN_STACK KASAN_VMALLOC "
	"DEBUG_KMEMLEAK DEBUG_KMEMLEAK_MEM_POOL_SIZE=16000 DEBUG_KMEMLEAK_AUTO_SCAN=n KCOV "
	"KCOV_ENABLE_COMPARISONS KCOV_INSTRUMENT_ALL=n";

/* A watchpoint every so many accesses: so many that a race of two threads is found within a second
 * or two, and that the machine still comes up in seconds. What only looks like one (a write of the value that
 * is there already) is told too; what is not our module's is for whoever reads the log to tell. */
static const char race[] =
	"LOCALVERSION=\"-race\" KCSAN KCSAN_EARLY_ENABLE KCSAN_SELFTEST=n KCSAN_REPORT_ONCE_IN_MS=0 "
	"KCSAN_REPORT_VALUE_CHANGE_ONLY=n KCSAN_ASSUME_PLAIN_WRITES_ATOMIC=n "
	"KCSAN_REPORT_RACE_UNKNOWN_ORIGIN=n KCSAN_INTERRUPT_WATCHER=n KCSAN_SKIP_WATCH=4000";

/* What the flavours are there for, and what the machine cannot be without. */
static const struct {
	const char *flavour; /* NULL: both */
	bool vital;
	const char *option, *sense;
} wanted[] = {
	{NULL, true, "MODULE_UNLOAD", "modules"},
	{NULL, true, "SMP", "several processors"},
	{NULL, true, "SERIAL_8250_CONSOLE", "the console"},
	{NULL, true, "BLK_DEV_INITRD", "the initramfs"},
	{NULL, true, "DEVTMPFS", "device nodes"},
	{NULL, true, "PCI", "the machine's memory"},
	{NULL, true, "KALLSYMS_ALL", "the names of symbols"},
	{"debug", true, "KASAN", "memory used after it was freed, or beyond its ends"},
	{"race", true, "KCSAN", "data races"},
	{NULL, false, "PROVE_LOCKING", "the order of locks"},
	{NULL, false, "DEBUG_ATOMIC_SLEEP", "sleeping where that is not allowed"},
	{NULL, false, "DEBUG_OBJECTS_TIMERS", "timers freed while they are armed"},
	{NULL, false, "DEBUG_OBJECTS_WORK", "work freed while it is queued"},
	{NULL, false, "DEBUG_LIST", "broken lists"},
	{NULL, false, "UBSAN_SHIFT", "shifts that are too wide"},
	{NULL, false, "UBSAN_BOUNDS", "indices beyond an array"},
	{NULL, false, "VMAP_STACK", "the end of the stack"},
	{NULL, false, "DETECT_HUNG_TASK", "tasks that wait for ever"},
	{NULL, false, "SOFTLOCKUP_DETECTOR", "processors that never come back"},
	{NULL, false, "KPROBES", "probes"},
	{NULL, false, "BPF_EVENTS", "programs on events"},
	{"debug", false, "DEBUG_KMEMLEAK", "memory that nothing points to"},
	{"debug", false, "KCOV", "which code was run"},
};

static void add_words(const char *words, struct buf *out)
{
	while (*words) {
		size_t len = strcspn(words, " ");
		const char *value = memchr(words, '=', len);

		buf_addf(out, "CONFIG_%.*s%s\n", (int)len, words, value ? "" : "=y");
		words += len + strspn(words + len, " ");
	}
}

void debian_config(const char *flavour, struct buf *out)
{
	add_words(machine, out);
	add_words(programs, out);
	add_words(modules, out);
	add_words(watching, out);
	add_words(checks, out);
	add_words(strcmp(flavour, "race") ? debug : race, out);
}

static bool has_line(const char *text, const char *line)
{
	size_t len = strlen(line);

	for (const char *at = text; (at = strstr(at, line)); at += len)
		if ((at == text || at[-1] == '\n') && (!at[len] || at[len] == '\n'))
			return true;
	return false;
}

size_t debian_config_lost(const char *flavour, const char *text, struct buf *out)
{
	size_t vital = 0;

	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
			AUTO_FREE char *line = xasprintf("CONFIG_%s=y", wanted[i].option);

			if (wanted[i].vital != !pass || has_line(text, line) ||
				(wanted[i].flavour && strcmp(wanted[i].flavour, flavour)))
				continue;
			vital += wanted[i].vital;
			buf_addf(out, "%s%s (%s)", out->len ? ", " : "", wanted[i].option,
				wanted[i].sense);
		}
	return vital;
}
