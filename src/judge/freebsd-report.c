/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Recognising FreeBSD's reports in a log: what sys/amd64/amd64/trap.c (trap_fatal, dblfault_handler),
 * sys/kern/kern_shutdown.c (vpanic), sys/kern/subr_kdb.c (the backtrace), subr_asan.c and subr_csan.c print; what
 * comes from WITNESS and the allocators is in freebsd-witness.c. A panic is the end of the machine, so it is the
 * last report, and it goes to the end of the log; what the kernel says just before it, of why, belongs to it.
 *
 * Without DDB, a backtrace begins with the caller of what trapped; the trap itself has the address alone.
 */
#include "judge/freebsd-text.h"

#include <string.h>

#define PAGE	   0x1000
#define USER_END   UINT64_C(0x0000800000000000)
#define KERNBASE   UINT64_C(0xffffffff80000000) /* its code, and modules', is above */
#define WORDS_MOST 400
#define SOON	   100 /* lines, within which what belongs to a panic follows */
#define FREED	   UINT64_C(0xdeadc0dedeadc0de) /* vm/uma_dbg.c fills freed memory with it */

/* ---- where it begins ---- */

static bool is_fatal(const char *text)
{
	return text_after(text, "panic: ") || text_after(text, "Fatal trap ") ||
		text_after(text, "Fatal double fault");
}

/* Records from `from` to before `to` that have nothing of what follows in earnest. */
struct barren {
	size_t from, to;
};

/* A module may print these words; the processor's number and the uptime follow only in earnest. A log may be full of
 * them, and each record is to be looked at only once for all. */
static bool is_earnest(const struct record *log, size_t n, size_t i, struct barren *ahead)
{
	size_t end = n - i > SOON ? i + SOON : n;

	if (i + 1 < ahead->from || i + 1 > ahead->to)
		*ahead = (struct barren){i + 1, i + 1};
	for (; ahead->to < end; ahead->to++) {
		const char *text = log[ahead->to].text;

		if (text_after(text, "cpuid = ") || text_after(text, "KDB: stack backtrace") ||
			text_after(text, "Uptime: "))
			return true;
	}
	return false;
}

/* What is said before some panics, of the same thing. */
static bool is_foreword(const char *text)
{
	return text_after(text, "Memory modified after free ") ||
		(text_after(text, "Sleeping thread (") &&
			strstr(text, "owns a non-sleepable lock")) ||
		(text_after(text, "spin lock ") && strstr(text, " too long")) ||
		(text_after(text, "kernel trap ") && strstr(text, " with interrupts disabled")) ||
		(strstr(text, " with the following ") && strstr(text, "locks held:"));
}

/* Lines that a foreword goes on with. */
static bool goes_on(const char *text)
{
	struct lock lock;
	bool held = lock_held(text, &lock);

	lock_free(&lock);
	return held || !*text || text_is_frame(text) || is_foreword(text) ||
		text_after(text, "stack backtrace:") || text_after(text, "KDB: stack backtrace of");
}

/* The panic or trap that record `i` begins, itself or as its foreword. False: none. */
static bool begins_fatal(
	const struct record *log, size_t n, size_t i, struct barren *ahead, size_t *fatal)
{
	size_t k = i;

	if (is_foreword(log[i].text))
		while (++k < n && k - i < SOON && goes_on(log[k].text))
			;
	*fatal = k;
	return k < n && is_fatal(log[k].text) && is_earnest(log, n, k, ahead);
}

/* ---- traps ---- */

struct trap {
	unsigned number;
	const char *name; /* "page fault while in kernel mode" */
	uint64_t fault;	  /* the address that was used */
	uint64_t at;	  /* the instruction */
	bool write, execute, present;
	bool freed; /* a register has what freed memory is filled with */
};

static bool register_is_freed(const char *text)
{
	for (const char *p = text; (p = strstr(p, ": ")); p++) {
		uint64_t value = strtoull(p + 2, NULL, 16);

		if (value - FREED + PAGE < 2 * PAGE)
			return true;
	}
	return false;
}

static void read_detail(const char *text, struct trap *t)
{
	const char *value = strchr(text, '='), *p;

	if (!strncmp(text, "r", 1) && text[3] == ':') {
		t->freed = t->freed || register_is_freed(text);
	} else if (text_after(text, "fault virtual address") && value) {
		text_number(value + 1 + strspn(value + 1, " "), 16, &t->fault, NULL);
	} else if (text_after(text, "fault code") && value) {
		t->write = strstr(value, " write ") != NULL;
		t->execute = strstr(value, " instruction") != NULL;
		t->present = strstr(value, "protection violation") != NULL;
	} else if (text_after(text, "instruction pointer")) {
		p = strrchr(text, ':');
		if (p)
			text_number(p + 1, 16, &t->at, NULL);
	} else if ((p = text_after(text, "rip ")) && !t->at) {
		text_number(p, 16, &t->at, NULL);
	}
}

static struct trap read_trap(const struct record *log, size_t n, size_t i)
{
	const char *p = text_after(log[i].text, "Fatal trap ");
	struct trap t = {0};
	uint64_t number = 23; /* T_DOUBLEFLT */

	t.name = "double fault";
	if (p && text_number(p, 10, &number, &p) && (p = text_after(p, ": ")))
		t.name = p;
	t.number = number < 256 ? (unsigned)number : 0;
	while (++i < n && !is_fatal(log[i].text))
		read_detail(log[i].text, &t);
	return t;
}

static void say_execution(const struct trap *t, struct report *r)
{
	unsigned long long at = t->fault;

	if (t->fault < PAGE) {
		r->rule = "null-call";
		r->title = xstrdup("a NULL function pointer was called");
	} else if (t->fault < USER_END) {
		r->rule = "wild-pointer";
		r->title = xasprintf(
			"a wild function pointer was called: the kernel was to go on in user memory, at 0x%llx",
			at);
	} else if (t->present) {
		r->rule = "execute-data";
		r->title = xasprintf(
			"data was executed: the kernel was to go on at 0x%llx, where there is no code",
			at);
	} else if (t->fault >= KERNBASE) {
		r->rule = "code-gone";
		r->title = xasprintf(
			"the kernel was to go on at 0x%llx, where no code is any more: that of a module that is unloaded",
			at);
	} else {
		r->rule = "wild-pointer";
		r->title = xasprintf("a wild function pointer was called (0x%llx)", at);
	}
}

static void say_access(const struct trap *t, struct report *r)
{
	const char *through = t->write ? "written" : "read";
	unsigned long long at = t->fault;

	if (t->fault < PAGE) {
		r->rule = "null-dereference";
		r->title = xasprintf("a NULL pointer was %s through (address 0x%llx)", through, at);
	} else if (t->fault - FREED + PAGE < 2 * PAGE ||
		(t->fault >> 8) == (FREED & 0xffffff00) >> 8) {
		r->rule = "use-after-free";
		r->title = xasprintf(
			"a pointer was %s through that was taken from freed memory (address 0x%llx)",
			through, at);
	} else if (t->fault < USER_END) {
		r->rule = "user-access";
		r->title = xasprintf("user memory (address 0x%llx) was %s without %s", at, through,
			t->write ? "copyout()" : "copyin()");
	} else {
		r->rule = "wild-pointer";
		r->title = xasprintf("memory was %s at 0x%llx, %s", through, at,
			t->present ? "which does not allow it" : "where there is none");
	}
}

static void say_trap(const struct trap *t, struct report *r)
{
	switch (t->number) {
	case 12: /* T_PAGEFLT; see sys/x86/include/trap.h */
		if (t->execute)
			say_execution(t, r);
		else
			say_access(t, r);
		return;
	case 9: /* T_PROTFLT */
		r->rule = t->freed ? "use-after-free" : "general-protection";
		r->title = xstrdup(t->freed
				? "a pointer was used that was taken from freed memory (0xdeadc0dedeadc0de)"
				: "an address was used that no memory can have (general protection fault)");
		return;
	case 18: /* T_DIVIDE */
		r->rule = "divide-error";
		r->title = xstrdup("something was divided by zero, or the result is too large");
		return;
	case 1: /* T_PRIVINFLT */
		r->rule = "invalid-opcode";
		r->title = xstrdup("an instruction was executed that does not exist");
		return;
	case 23: /* T_DOUBLEFLT */
		r->rule = "stack-overflow";
		r->title = xstrdup("the kernel's stack is used up (double fault)");
		return;
	case 22: /* T_DNA */
	case 29: /* T_XMMFLT */
		r->rule = "crash";
		r->title = xasprintf(
			"floating point was used in the kernel (%.*s)", WORDS_MOST, t->name);
		return;
	default:
		r->rule = "crash";
		r->title = xasprintf("fatal trap %u: %.*s", t->number, WORDS_MOST, t->name);
	}
}

static void take_trap(const struct record *log, size_t n, size_t i, struct report *r)
{
	struct trap t = read_trap(log, n, i);
	struct report_frame *f;

	say_trap(&t, r);
	/* What was jumped to is no place in the source. */
	if (!t.at || (t.execute && t.at == t.fault))
		return;
	f = report_frame(r, STACK_HERE);
	f->address = t.at;
	f->exact = true;
}

/* ---- panics ---- */

/* What they come to. The first whose words are in the text; `says` is NULL where the text does for itself. */
static const struct known {
	const char *words, *rule, *says;
	enum class class;
} known[] = {
	{"recurs", "lock-twice", "a lock was taken a second time by who had it", CLASS_CRASH},
	{"locking against myself", "lock-twice", "a lock was taken a second time by who had it",
		CLASS_CRASH},
	{"sleeping thread", "atomic-sleep",
		"a thread sleeps while it has a lock that others wait for", CLASS_CRASH},
	{"with sleeping prohibited", "atomic-sleep", "it slept where that is forbidden",
		CLASS_CRASH},
	{"switch in a critical section", "atomic-sleep", "it slept in a critical section",
		CLASS_CRASH},
	{"acquiring blockable sleep lock", "atomic-sleep",
		"a lock that one may have to sleep for was taken with a spin lock held or in a critical section",
		CLASS_CRASH},
	{"called with spinlock or critical section", "atomic-sleep",
		"memory was asked for with a spin lock held or in a critical section", CLASS_CRASH},
	{"cannot exit while holding", "lock-held", "a thread ended with a lock held", CLASS_CRASH},
	{"witness_warn", "lock-held", "a lock was still held at the end of the call", CLASS_CRASH},
	{"Memory modified after free", "use-after-free", "memory was written after it was freed",
		CLASS_CRASH},
	{"Most recently used by", "use-after-free", "memory was written after it was freed",
		CLASS_CRASH},
	{"Duplicate free", "double-free", "memory was freed a second time", CLASS_CRASH},
	{"Invalid free", "memory-access", "something was freed that was never allocated",
		CLASS_CRASH},
	{"Unaligned free", "memory-access", "something was freed that was never allocated",
		CLASS_CRASH},
	{"did not belong to zone", "memory-access", "something was freed that was never allocated",
		CLASS_CRASH},
	{"has not been allocated", "memory-access", "something was freed that was never allocated",
		CLASS_CRASH},
	{"spin lock held too long", "lock-wait", "a spin lock was held for too long", CLASS_HANG},
	{"deadlres_td_on_lock: possible deadlock", "lock-wait",
		"a thread waits for a lock and does not get it", CLASS_HANG},
	{"possible deadlock detected", "sleeps-forever", "a thread sleeps and is not woken",
		CLASS_HANG},
	{"of destroyed", "lock-misuse", "a lock was used after it was destroyed", CLASS_CRASH},
	{"of spin mutex (null)", "lock-misuse", "a lock was used that is not initialised",
		CLASS_CRASH},
	{"of uninitialized", "lock-misuse", "a lock was used that is not initialised", CLASS_CRASH},
	{" not locked", "lock-misuse", "a lock was not held where it has to be", CLASS_CRASH},
	{" not owned", "lock-misuse", "a lock was not held where it has to be", CLASS_CRASH},
	{"of unlocked lock", "lock-misuse", "a lock was not held where it has to be", CLASS_CRASH},
	{"already initialized", "lock-misuse", "a lock was initialised that is in use",
		CLASS_CRASH},
	{"excl->share", "lock-misuse", "a lock was taken or left in the wrong way", CLASS_CRASH},
	{"share->excl", "lock-misuse", "a lock was taken or left in the wrong way", CLASS_CRASH},
	{"fault on nofault entry", "wild-pointer", "memory was used that is not there",
		CLASS_CRASH},
	{"stack overflow detected", "out-of-bounds",
		"more was written to an array on the stack than it has room for", CLASS_CRASH},
	{"Bad tailq", "list-corruption", "a list's links do not fit together", CLASS_CRASH},
	{"Bad list", "list-corruption", "a list's links do not fit together", CLASS_CRASH},
	{"Bad link elm", "list-corruption", "a list's links do not fit together", CLASS_CRASH},
	{"refcount", "refcount", "a reference count is wrong", CLASS_CRASH},
	{"UseAfterFree", "use-after-free", "memory was used after it was freed", CLASS_CRASH},
	{"UseAfterScope", "use-after-free", "a variable was used after its block had ended",
		CLASS_CRASH},
	{"UseAfterRet", "use-after-free", "a variable was used after its function had returned",
		CLASS_CRASH},
	{"ASan: Invalid access", "out-of-bounds", "memory was used past its end", CLASS_CRASH},
	{"CSan: Racy Access", "data-race", "two processors use the same memory at the same time",
		CLASS_CRASH},
	{"double fault", "stack-overflow", "the kernel's stack is used up", CLASS_CRASH},
	{"Assertion ", "bug-assertion", "what the code asserts does not hold", CLASS_CRASH},
};

static const struct known *recognise(const char *text)
{
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (strstr(text, known[i].words))
			return &known[i];
	return NULL;
}

/* "… while the sleep mutex mine was held", if the foreword has the lock. */
static void say_lock(const struct record *log, size_t from, size_t to, struct report *r)
{
	struct lock lock;

	for (size_t i = from; i < to; i++) {
		if (!lock_held(log[i].text, &lock))
			continue;
		free(r->title);
		r->title = xasprintf(
			"the %s %s was still held at the end of the call", lock.class, lock.name);
		text_place(log[i].text, r);
		lock_free(&lock);
		return;
	}
}

static void take_panic(const struct record *log, size_t first, size_t i, struct report *r)
{
	const char *text = text_after(log[i].text, "panic: ") ?: log[i].text;
	const struct known *k = recognise(text);

	r->rule = k ? k->rule : "panic";
	r->class = k ? k->class : CLASS_CRASH;
	r->title = k ? xasprintf("%s: %.*s", k->says, WORDS_MOST, text)
		     : xasprintf("panic: %.*s", WORDS_MOST, text);
	if (k && !strcmp(k->rule, "lock-held"))
		say_lock(log, first, i, r);
	if (strstr(text, "fault on nofault entry"))
		r->advice = xstrdup(
			"The guard behind a kernel thread's stack is such memory as well: if no pointer is "
			"wrong, look for a large array on the stack and for recursion.");
	text_place(text, r);
}

/* The backtrace of a sleeping thread's that has a lock tells more than that of who ran into it. */
static bool take_sleeper(const struct record *log, size_t first, size_t fatal, struct report *r)
{
	for (size_t i = first; i < fatal; i++)
		if (text_after(log[i].text, "KDB: stack backtrace of thread"))
			return text_frames(log, fatal, i + 1, STACK_HERE, r) > i + 1;
	return false;
}

static void take_backtrace(
	const struct record *log, size_t n, size_t i, bool other, struct report *r)
{
	while (i < n && !text_after(log[i].text, "KDB: stack backtrace"))
		i++;
	if (i < n)
		text_frames(log, n, i + 1, other ? STACK_OTHER : STACK_HERE, r);
}

/* Not one frame to be found: what the frames stand on is not there any more. */
static void say_stack(struct report *r)
{
	char *title = xasprintf("the kernel's stack was used up or overwritten: %s", r->title);

	free(r->title);
	r->title = title;
	r->rule = "stack-overflow";
}

static void take_fatal(
	const struct record *log, size_t n, size_t first, size_t fatal, struct report *r)
{
	bool sleeper;

	*r = (struct report){.severity = SEVERITY_ERROR,
		.class = CLASS_CRASH,
		.fatal = true,
		.first = first,
		.last = n - 1};
	if (text_after(log[fatal].text, "panic: "))
		take_panic(log, first, fatal, r);
	else
		take_trap(log, n, fatal, r);
	sleeper = take_sleeper(log, first, fatal, r);
	take_backtrace(log, n, fatal, sleeper, r);
	if (!r->nframes && !strcmp(r->rule, "wild-pointer"))
		say_stack(r);
}

/* ---- KASAN and KCSAN where they do not panic ---- */

/* The address after the number-th "PC=" in "CSan: Racy Access [Cpu0 Write Addr=… Size=4 PC=0x…<>] [Cpu1 …]". */
static void add_racer(const char *text, unsigned number, enum report_stack stack, struct report *r)
{
	struct report_frame *f;
	uint64_t address;

	while ((text = strstr(text, "PC=")) && number--)
		text += 3;
	if (!text || !text_number(text + 3, 16, &address, NULL) || !address)
		return;
	f = report_frame(r, stack);
	if (f)
		f->address = address;
}

static bool sanitizer_report(const struct record *log, size_t n, size_t i, struct report *r)
{
	const char *text = log[i].text;
	bool race = text_after(text, "CSan: Racy Access ") != NULL;
	const struct known *k = recognise(text);
	size_t next = i + 1;

	if (!k || (!race && !text_after(text, "ASan: Invalid access, ")))
		return false;
	*r = (struct report){
		.rule = k->rule, .severity = SEVERITY_ERROR, .class = CLASS_BUG, .first = i};
	r->title = xasprintf("%s: %.*s", k->says, WORDS_MOST, text);
	if (race)
		add_racer(text, 1, STACK_OTHER, r);
	if (next < n && text_after(log[next].text, "KDB: stack backtrace"))
		next++;
	next = text_frames(log, n, next, STACK_HERE, r);
	if (race && next == i + 1)
		add_racer(text, 0, STACK_HERE, r);
	r->last = next - 1;
	return true;
}

/* ---- */

int report_find_freebsd(const struct record *log, size_t n, size_t from, struct report *out)
{
	struct barren ahead = {0};

	for (size_t i = from; i < n; i++) {
		size_t fatal, later = witness_leads_to(log, n, i);

		if (begins_fatal(log, n, later ? later : i, &ahead, &fatal)) {
			take_fatal(log, n, i, fatal, out);
			return 1;
		}
		if (witness_report(log, n, i, out) || leak_report(log, i, out) ||
			sanitizer_report(log, n, i, out))
			return 1;
	}
	return 0;
}
