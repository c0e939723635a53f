/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The processor's exceptions, BUG, WARN and panic, as Linux reports them: arch/x86/kernel/traps.c, dumpstack.c and
 * arch/x86/mm/fault.c, arch/arm64/mm/fault.c, lib/bug.c, kernel/panic.c.
 */
#include "judge/linux-report.h"

#include <ctype.h>
#include <string.h>

/* Where x86-64 loads modules, and where arm64 and others do not matter. */
#define MODULES_FROM UINT64_C(0xffffffffa0000000)
#define MODULES_TO   UINT64_C(0xffffffffff000000)
#define KERNEL_FROM  UINT64_C(0x8000000000000000)
#define FIRST_PAGE   4096

/* An address as people read it: without the zeros before it. */
static char *show_address(uint64_t address)
{
	return xasprintf("0x%llx", (unsigned long long)address);
}

/* What wrote such a value into memory: kernels mark with them what is not to be used. */
static const char *poison(uint64_t address)
{
	uint64_t page = address & ~UINT64_C(0xfff);

	if (address >> 16 == UINT64_C(0x6b6b6b6b6b6b))
		return "its value is 0x6b…, with which freed memory is filled: the pointer was read from memory that had been freed";
	if (address >> 16 == UINT64_C(0x5a5a5a5a5a5a))
		return "its value is 0x5a…, with which new memory is filled: the pointer was never set";
	if (page == UINT64_C(0xdead000000000000))
		return "its value is LIST_POISON: what it was read from had been taken off its list";
	if (address >> 48 == 0xdead)
		return "its value, 0xdead…, marks what is not to be used any more";
	return NULL;
}

/* The address that was used: behind "address: ", "virtual address " or "address 0x". */
static uint64_t fault_address(const struct reading *r)
{
	const char *at = after(r->text, "address: ");

	at = at ? at : after(r->text, "virtual address ");
	at = at ? at : after(r->text, "dereference at ");
	at = at ? at : after(r->text, "paging request at ");
	at = at ? at : after(r->text, "address ");
	return at ? hex_number(at) : 0;
}

static bool in_report(const struct reading *r, const char *word)
{
	return line_with(r->w, r->begin, r->end, word) != NULL;
}

/* "read through", "written through" */
static const char *access_of(const struct reading *r, bool *write, bool *fetch)
{
	const char *line = line_with(r->w, r->at, r->end, "#PF: supervisor ");

	line = line ? line : line_with(r->w, r->at, r->end, "#PF: user ");
	*write = line && strstr(line, "write access");
	*fetch = line && strstr(line, "instruction fetch");
	if (!line) {
		const char *esr = line_with(r->w, r->at, r->end, "WnR = 1");

		*write = esr != NULL;
	}
	return *fetch ? "executed" : *write ? "written" : "read";
}

/* Whether it is where a module's code had been: an address there with no name. */
static bool was_module(const struct reading *r, uint64_t address)
{
	const struct report_frame *f = report_innermost(r->out);
	uint64_t at = f && !f->function ? f->address : 0;

	return address >= MODULES_FROM && address < MODULES_TO && at >= MODULES_FROM &&
		at < MODULES_TO;
}

static void code_gone(struct reading *r, uint64_t address)
{
	AUTO_FREE char *at = show_address(address);
	const char *gone =
		after(line_with(r->w, r->begin, r->end, "[last unloaded: "), "[last unloaded: ");

	r->out->rule = "code-gone";
	if (gone)
		report_title(r->out,
			xasprintf(
				"code was to be executed at %s, where none is any more: probably that of %.*s, which had been unloaded",
				at, (int)strcspn(gone, " (]"), gone));
	else
		report_title(r->out,
			xasprintf(
				"code was to be executed at %s, where none is any more: probably that of a module that had been unloaded",
				at));
}

static void null_call(struct reading *r, uint64_t address)
{
	r->out->rule = "null-call";
	if (address)
		report_title(r->out,
			xasprintf("a function pointer that is no pointer (0x%llx) was called",
				(unsigned long long)address));
	else
		report_title(r->out, xstrdup("a NULL function pointer was called"));
}

static void null_pointer(struct reading *r, uint64_t address, const char *what)
{
	r->out->rule = "null-dereference";
	report_title(r->out,
		xasprintf("a NULL pointer was dereferenced (address 0x%llx was %s)",
			(unsigned long long)address, what));
	if (address)
		r->out->advice = xasprintf(
			"The pointer was NULL and what was used stands 0x%llx (%llu) bytes behind it, which often is a member's offset in its structure. Find out where the pointer comes from, and check it there.",
			(unsigned long long)address, (unsigned long long)address);
}

static void user_access(struct reading *r, uint64_t address, const char *what)
{
	r->out->rule = "user-access";
	report_title(r->out,
		xasprintf("memory of a user's process (0x%llx) was %s directly",
			(unsigned long long)address, what));
}

static void page_fault(struct reading *r)
{
	uint64_t address = fault_address(r);
	bool write, fetch;
	const char *what = access_of(r, &write, &fetch), *marks = poison(address);
	bool nx = in_report(r, "tried to execute NX-protected") ||
		in_report(r, "execute from non-executable");
	bool protected = in_report(r, "permissions violation");

	if (strstr(r->text, "execute from non-executable memory"))
		fetch = nx = true;
	if (fetch && address < FIRST_PAGE) {
		null_call(r, address);
	} else if (fetch && address < KERNEL_FROM) {
		r->out->rule = "execute-data";
		report_title(r->out,
			xasprintf(
				"code of a user's process (0x%llx) was to be executed by the kernel",
				(unsigned long long)address));
	} else if (fetch &&
		(was_module(r, address) ||
			(!nx && !protected && address >= MODULES_FROM && address < MODULES_TO))) {
		code_gone(r, address);
	} else if (fetch && (nx || protected)) {
		r->out->rule = "execute-data";
		report_title(r->out,
			xasprintf("data was to be executed as code (at 0x%llx)",
				(unsigned long long)address));
	} else if (address < FIRST_PAGE) {
		null_pointer(r, address, what);
	} else if (strstr(r->text, "user memory outside uaccess") || address < KERNEL_FROM >> 16) {
		user_access(r, address, what);
	} else if (write && protected) {
		report_title(r->out,
			xasprintf("memory that may only be read was written to (0x%llx)",
				(unsigned long long)address));
		r->out->advice = xstrdup(
			"What is const, a string literal or marked __ro_after_init must not be written to, not even through a cast.");
	} else if (address >= UINT64_C(0xfffffffffffff000)) {
		report_title(r->out,
			xasprintf(
				"an error was used as a pointer (0x%llx is ERR_PTR(-%llu); it was %s)",
				(unsigned long long)address, (unsigned long long)-address, what));
		r->out->advice = xstrdup(
			"The function that gave the pointer fails with an ERR_PTR: check it with IS_ERR() before it is used.");
	} else {
		report_title(r->out,
			xasprintf("a wild pointer was used (0x%llx was %s, and there is no memory)",
				(unsigned long long)address, what));
		if (marks)
			r->out->advice = xasprintf("Of the pointer, %s.", marks);
	}
}

/* "KASAN: null-ptr-deref in range [0x…-0x…]": inline checks made the address that the processor refused. */
static bool from_kasan(struct reading *r)
{
	const char *line = line_with(r->w, r->at, r->end, "KASAN: "), *at;

	if (!line)
		return false;
	at = after(line, "in range [");
	if (strstr(line, "null-ptr-deref"))
		null_pointer(r, at ? hex_number(at) : 0, "used");
	else if (strstr(line, "user-memory-access"))
		user_access(r, at ? hex_number(at) : 0, "used");
	else
		return false;
	return true;
}

static void general_protection(struct reading *r)
{
	const char *at = after(r->text, "non-canonical address ");
	uint64_t address = at ? hex_number(at) : 0;
	const char *marks = poison(address);

	if (from_kasan(r))
		return;
	if (!at) {
		report_title(r->out,
			xstrdup("the processor refused an instruction (general protection fault)"));
		return;
	}
	report_title(r->out,
		xasprintf(
			"an address was used that cannot exist (0x%llx, general protection fault)",
			(unsigned long long)address));
	if (marks)
		r->out->advice = xasprintf("Of the pointer, %s.", marks);
	else
		r->out->advice = xstrdup(
			"No pointer has such a value: it was never set, was overwritten, or was read from memory that holds something else by now.");
}

/* "kernel BUG at /home/u/mod.c:6!" */
static void bug(struct reading *r)
{
	const char *at = after(r->text, "kernel BUG at "), *colon = strrchr(at, ':');
	const struct report_frame *place = report_innermost(r->out);

	if (colon && decimal(colon + 1)) {
		r->out->file = xstrndup(at, (size_t)(colon - at));
		r->out->line = (unsigned)decimal(colon + 1);
	}
	if (place && place->function && starts(at, "mm/sl") &&
		(strstr(place->function, "free") || starts(place->function, "set_freepointer"))) {
		r->out->rule = "double-free";
		report_title(r->out,
			xasprintf(
				"memory was freed twice, or never came from where it was freed to (BUG at %.*s)",
				(int)strcspn(at, "!"), at));
		return;
	}
	report_title(
		r->out, xasprintf("an assertion failed (BUG at %.*s)", (int)strcspn(at, "!"), at));
}

static void die(struct reading *r)
{
	static const struct {
		const char *words, *rule, *title;
	} kinds[] = {{"divide error", "divide-error", "a number was divided by zero"},
		{"int3", "crash", "a breakpoint was hit"},
		{"stack segment", "general-protection",
			"an address that cannot exist was used through the stack pointer"},
		{"invalid opcode", "invalid-opcode",
			"what was executed is no instruction of this processor"},
		{"double fault", "double-fault", "a fault happened while a fault was handled"},
		{"stack guard page", "stack-overflow", "the kernel's stack overflowed"},
		{"kernel stack overflow", "stack-overflow", "the kernel's stack overflowed"}};

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (starts(r->text, kinds[i].words)) {
			r->out->rule = kinds[i].rule;
			report_title(r->out, xstrdup(kinds[i].title));
		}
}

/* A double fault whose stack pointer lies below its stack is an overflow that jumped over the guard page. */
static void double_fault(struct reading *r)
{
	const char *stack = line_with(r->w, r->at, r->end, "stack is ");
	const char *line = line_with(r->w, r->at, r->end, "RSP: 0018:");
	uint64_t sp = line ? hex_number(after(line, "RSP: 0018:")) : 0;
	uint64_t address = 0;
	const char *cr2 = NULL;

	for (size_t i = r->at; i < r->end && !cr2; i++)
		if (starts(r->w->lines[i].text, "CR2: "))
			cr2 = r->w->lines[i].text;
	address = cr2 ? hex_number(cr2 + 5) : 0;
	/* The stacks of tasks are in the area of vmalloc; an access just below the stack pointer that fails
	 * there twice is one below the stack. */
	if (stack ||
		(sp >> 44 == 0xffffc && address >> 44 == 0xffffc && address < sp + 65536 &&
			address + 65536 > sp)) {
		r->out->rule = "stack-overflow";
		report_title(r->out, xstrdup("the kernel's stack overflowed"));
		return;
	}
	report_title(r->out, xstrdup("a fault happened while a fault was handled (double fault)"));
}

static void warn_flag(const struct reading *r, const char *line)
{
	const char *at = after(line, " at "), *colon;
	size_t len;

	/* "WARNING: CPU: 0 PID: 84 at FILE:LINE function", or since 6.17 "WARNING: FILE:LINE at function". */
	if (!starts(line, "WARNING: CPU: "))
		at = line + strlen("WARNING: ");
	if (!at)
		return;
	len = strcspn(at, " ");
	colon = memrchr(at, ':', len);
	if (colon && decimal(colon + 1)) {
		r->out->file = xstrndup(at, (size_t)(colon - at));
		r->out->line = (unsigned)decimal(colon + 1);
	}
}

/* What was to be said is between "cut here" and the WARNING, in some kernels after it. */
static void warn(struct reading *r)
{
	const char *said = NULL;
	struct report *out = r->out;

	for (size_t i = r->begin; i < r->at; i++) {
		const char *line = r->w->lines[i].text;

		if (*line && !strstr(line, "[ cut here ]") && *line != '=')
			said = line;
	}
	warn_flag(r, r->text);
	if (said && strstr(said, "returned with")) {
		const char *name = after(said, "initcall ");

		out->rule = "lock-held";
		out->class = CLASS_BUG;
		out->severity = SEVERITY_ERROR;
		report_title(out,
			strstr(said, "disabled interrupts")
				? xstrdup("init left with interrupts disabled")
				: xstrdup("init left with a spinlock held, or preemption disabled"));
		if (name)
			frame_take(out, STACK_LOCK, name, true);
		return;
	}
	if (said && starts(said, "timer: ") && strstr(said, "preempt leak")) {
		out->rule = "lock-held";
		out->class = CLASS_BUG;
		out->severity = SEVERITY_ERROR;
		frame_take(out, STACK_LOCK, said + strlen("timer: "), true);
		report_title(out,
			xstrdup("a timer's function left with a spinlock held, or preemption disabled"));
		return;
	}
	report_title(out,
		said ? xasprintf("the kernel warned: %s", said)
		     : xasprintf("the kernel warned (WARN%s%s)", out->file ? " at " : "",
			       out->file ? out->file : ""));
	if (!said && out->file)
		report_title(
			out, xasprintf("the kernel warned (WARN at %s:%u)", out->file, out->line));
}

static void panic(struct reading *r)
{
	const char *why = after(r->text, "not syncing: ");
	const char *smashed = after(r->text, "Kernel stack is corrupted in: ");

	why = why ? why : r->text;
	if (smashed) {
		r->out->rule = "out-of-bounds";
		report_title(r->out,
			xstrdup("a function wrote past the end of an array on its stack (stack protector)"));
		/* The function that found its guard overwritten is the one. */
		frame_take(r->out, STACK_HERE, smashed, false);
		return;
	}
	if (starts(why, "kernel stack overflow"))
		r->out->rule = "stack-overflow";
	report_title(r->out, xasprintf("the kernel panicked: %s", why));
}

static void user_copy(struct reading *r)
{
	bool reads = strstr(r->text, "exposure") != NULL;
	const char *what = after(r->text, reads ? " from " : " to ");

	report_title(r->out,
		xasprintf(
			"a user's process was to %s more than the kernel's memory there holds (%s%s)",
			reads ? "be given" : "fill", reads ? "from " : "to ",
			what ? what : "unknown"));
}

static void msr(struct reading *r)
{
	report_title(r->out, xstrdup("a register of the processor was used that it does not have"));
}

const struct kind linux_fault_kinds[] = {
	{"Kernel panic - not syncing", NULL, SHAPE_DEATH, "panic", CLASS_CRASH, NULL, panic},
	{"BUG: kernel NULL pointer dereference", NULL, SHAPE_DEATH, "null-dereference", CLASS_CRASH,
		NULL, page_fault},
	{"BUG: unable to handle ", NULL, SHAPE_DEATH, "wild-pointer", CLASS_CRASH, NULL,
		page_fault},
	{"Unable to handle kernel ", NULL, SHAPE_DEATH, "wild-pointer", CLASS_CRASH, NULL,
		page_fault},
	{"kernel tried to execute NX-protected page", NULL, SHAPE_DEATH, "execute-data",
		CLASS_CRASH, "data was to be executed as code", NULL},
	{"unable to execute userspace code", NULL, SHAPE_DEATH, "execute-data", CLASS_CRASH,
		"code of a user's process was to be executed by the kernel", NULL},
	{"general protection fault", NULL, SHAPE_DEATH, "general-protection", CLASS_CRASH, NULL,
		general_protection},
	{"usercopy: Kernel memory ", NULL, SHAPE_DEATH, "out-of-bounds", CLASS_CRASH, NULL,
		user_copy},
	{"kernel BUG at ", NULL, SHAPE_DEATH, "bug-assertion", CLASS_CRASH, NULL, bug},
	{"divide error: ", NULL, SHAPE_DEATH, "divide-error", CLASS_CRASH, NULL, die},
	{"invalid opcode: ", NULL, SHAPE_DEATH, "invalid-opcode", CLASS_CRASH, NULL, die},
	{"int3: ", NULL, SHAPE_DEATH, "crash", CLASS_CRASH, NULL, die},
	{"stack segment: ", NULL, SHAPE_DEATH, "general-protection", CLASS_CRASH, NULL, die},
	{"*stack guard page was hit", NULL, SHAPE_DEATH, "stack-overflow", CLASS_CRASH,
		"the kernel's stack overflowed", NULL},
	{"kernel stack overflow (", NULL, SHAPE_DEATH, "stack-overflow", CLASS_CRASH, NULL, die},
	{"Insufficient stack space to handle exception", NULL, SHAPE_DEATH, "stack-overflow",
		CLASS_CRASH, "the kernel's stack overflowed", NULL},
	{"PANIC: double fault", NULL, SHAPE_DEATH, "double-fault", CLASS_CRASH, NULL, double_fault},
	{"double fault: ", NULL, SHAPE_DEATH, "double-fault", CLASS_CRASH, NULL, double_fault},
	{"Thread overran stack", NULL, SHAPE_DEATH, "stack-overflow", CLASS_CRASH,
		"the kernel's stack overflowed", NULL},
	{"Oops", NULL, SHAPE_DEATH, "crash", CLASS_CRASH, NULL, NULL},
	{"unchecked MSR access error: ", NULL, SHAPE_TRACE, "kernel-warning", CLASS_PASS, NULL,
		msr},
	/* Names that others begin with come before what is left of them. */
	{NULL}};

const struct kind linux_warn_kinds[] = {
	{"WARNING: CPU: ", " at ", SHAPE_WARN, "kernel-warning", CLASS_PASS, NULL, warn},
	{"WARNING: ", "+0x", SHAPE_WARN, "kernel-warning", CLASS_PASS, NULL, warn},
	{"sysfs: cannot create duplicate filename", NULL, SHAPE_TRACE, "kernel-warning", CLASS_PASS,
		NULL, NULL},
	{"kobject_add_internal failed", NULL, SHAPE_TRACE, "kernel-warning", CLASS_PASS, NULL,
		NULL},
	{"kobject: ", "tried to init an initialized object", SHAPE_TRACE, "kernel-warning",
		CLASS_PASS, NULL, NULL},
	{"genirq: Flags mismatch irq", NULL, SHAPE_TRACE, "kernel-warning", CLASS_PASS, NULL, NULL},
	{"BUG: ", NULL, SHAPE_TRACE, "crash", CLASS_CRASH, NULL, NULL}, {NULL}};
