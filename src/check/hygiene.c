/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What stops no module from working today, and makes it worse to live with: said for information, but for what
 * is a mistake wherever it stands (code that can be written to, a call to code that is gone by then).
 */
#include "check/check.h"

#include "base/path.h"
#include "check/kernel-facts.h"

#include <string.h>

static const struct object_section *section_of(
	const struct object *o, const struct object_symbol *s)
{
	return s->section == OBJECT_NONE ? NULL : &o->sections[s->section];
}

static struct finding *note(
	struct findings *out, const char *rule, char *message, const char *advice)
{
	return finding_add(out, rule, SEVERITY_NOTE, CLASS_PASS, message, xstrdup(advice));
}

static bool begins(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

static void set_place(struct check *c, struct finding *f, uint32_t section, uint64_t offset)
{
	const struct flow_function *in = flow_function_at(c->flow, section, offset);

	if (in && *in->name)
		f->function = xstrdup(in->name);
	check_place(c, f, section, offset);
}

/* ---- what it says of itself ---- */

static void check_words(const struct check *c, struct findings *out)
{
	const struct ko *ko = c->q->ko;

	if (c->q->target->os != TARGET_LINUX)
		return;
	if (!ko->description)
		note(out, "description-missing",
			xasprintf("%s does not say what it is for", ko->name),
			"Add MODULE_DESCRIPTION(\"…\"), which modinfo shows.");
	if (!ko->author)
		note(out, "author-missing", xasprintf("%s does not say whose it is", ko->name),
			"Add MODULE_AUTHOR(\"Name <address>\"), which modinfo shows.");
}

static void check_debug(const struct check *c, struct findings *out)
{
	if (c->q->debug || object_section(c->object, ".debug_info") != OBJECT_NONE ||
		object_section(c->object, ".zdebug_info") != OBJECT_NONE)
		return;
	note(out, "debug-missing",
		xasprintf("%s has no debug information: nothing can be said by line of source",
			c->q->ko->name),
		c->q->target->os == TARGET_LINUX
			? "Build it with ccflags-y += -g, and do not strip it; or give its source "
			  "directory."
			: "Build it with DEBUG_FLAGS=-g, and keep the .ko.debug beside it; or give its "
			  "source directory.");
}

/* ---- how it was built ---- */

static bool has_tag(const struct check *c, const char *tag)
{
	uint32_t index = object_section(c->object, ".modinfo");
	const struct object_section *s = &c->object->sections[index == OBJECT_NONE ? 0 : index];
	size_t len = strlen(tag) + 1;

	/* Each ends with a NUL, and the first begins the section. */
	if (!s->bytes || s->size < len)
		return false;
	if (!memcmp(s->bytes, tag, len))
		return true;
	for (const unsigned char *p = s->bytes, *end = p + s->size;
		(p = memchr(p, 0, (size_t)(end - p))) && (size_t)(end - p) > len; p++)
		if (!memcmp(p + 1, tag, len))
			return true;
	return false;
}

/* The first function that somebody may call through a pointer and that does not begin with endbr64. */
static const struct flow_function *lacks_endbr(const struct check *c)
{
	static const unsigned char endbr[] = {0xf3, 0x0f, 0x1e, 0xfa};

	for (size_t i = 0; i < c->flow->nfunctions; i++) {
		const struct flow_function *f = &c->flow->functions[i];
		const struct object_section *s = &c->object->sections[f->section];

		/* The trampolines of static calls are jumped to directly. */
		if ((f->taken || f->passed) && !f->cold && strcmp(s->name, ".static_call.text") &&
			*f->name && f->size >= sizeof endbr && s->size - f->start >= sizeof endbr &&
			memcmp(s->bytes + f->start, endbr, sizeof endbr))
			return f;
	}
	return NULL;
}

static void check_build(struct check *c, struct findings *out)
{
	const struct target *t = c->q->target;
	const struct flow_function *f;

	/* Whatever it was built for, it is not this kernel: that was said. */
	for (size_t i = 0; i < out->n; i++)
		if (!strcmp(out->items[i].rule, "vermagic"))
			return;
	if (t->os != TARGET_LINUX || c->object->machine != EM_X86_64)
		return;
	if (kernel_has_retpolines(t) && !has_tag(c, "retpoline=Y"))
		finding_add(out, "build-flags", SEVERITY_WARNING, CLASS_PASS,
			xasprintf(
				"%s was built without retpolines, and the kernel with them: what it "
				"calls through pointers can be steered (Spectre v2)",
				c->q->ko->name),
			xstrdup("Build it with the target's own build tree and compiler: give its "
				"source directory."));
	f = kernel_configured(t, "X86_KERNEL_IBT") ? lacks_endbr(c) : NULL;
	if (f) {
		struct finding *found = finding_add(out, "build-flags", SEVERITY_WARNING,
			CLASS_PASS,
			xasprintf(
				"%s does not begin with endbr64, which a kernel with indirect branch "
				"tracking wants of whatever is called through a pointer",
				f->name),
			xstrdup("Build it with the target's own build tree and compiler: give its "
				"source directory."));

		found->function = xstrdup(f->name);
		check_place(c, found, f->section, f->start);
	}
}

/* ---- sections ---- */

static void check_writable_code(const struct check *c, struct findings *out)
{
	const uint64_t both = SHF_ALLOC | SHF_WRITE | SHF_EXECINSTR;
	bool refused = c->q->target->os == TARGET_LINUX;

	for (uint32_t i = 1; i < c->object->nsections; i++) {
		const struct object_section *s = &c->object->sections[i];

		if ((s->flags & both) != both || !s->size)
			continue;
		finding_add(out, "writable-code", refused ? SEVERITY_ERROR : SEVERITY_WARNING,
			refused ? CLASS_LOAD : CLASS_PASS,
			xasprintf("the section %s of %s can be both written and executed%s",
				s->name, c->q->ko->name, refused ? ", which kernels refuse" : ""),
			xstrdup("Put code and data into sections of their own: an attribute or a "
				".section directive in the source names this one."));
	}
}

/* ---- init code that something else reaches ---- */

static bool is_init(const struct object_section *s)
{
	return begins(s->name, ".init.");
}

/* Code that stays, but for what its author marked as knowing better (__ref). */
static bool is_lasting_code(const struct object *o, uint32_t i)
{
	const char *name = o->sections[i].name;

	return object_is_code(o, i) && begins(name, ".text") && !strstr(name, ".ref");
}

static void tell_init(struct check *c, uint32_t section, const struct object_relocation *r,
	const char *name, bool code, struct findings *out)
{
	struct finding *f = finding_add(out, "init-reached", SEVERITY_WARNING, CLASS_PASS,
		xasprintf("%s %s, which is %s init alone and gone when init has returned",
			c->q->ko->name, name, code ? "code for" : "data of"),
		xstrdup("Take the __init (__initdata) off, or call it from init only."));
	char *message;

	set_place(c, f, section, r->offset);
	message = xasprintf(
		"%s uses %s, which is there for init alone and gone when init has returned",
		f->function ? f->function : c->q->ko->name, name);
	free(f->message);
	f->message = message;
}

/* The name of what a relocation refers to: a section's symbol says nothing by itself. */
static const char *referred(const struct check *c, const struct object_relocation *r, bool code)
{
	const struct object_symbol *s = &c->object->symbols[r->symbol];
	uint64_t at = s->value + (uint64_t)r->addend;
	const struct flow_function *f;

	if (s->type != STT_SECTION && *s->name)
		return s->name;
	if (code && r->type != R_X86_64_64)
		at += 4;
	f = code ? flow_function_at(c->flow, s->section, at) : NULL;
	return f && *f->name ? f->name : s->name;
}

static void check_init(struct check *c, struct findings *out)
{
	const struct object *o = c->object;

	if (c->q->target->os != TARGET_LINUX)
		return;
	for (uint32_t i = 1; i < o->nsections; i++) {
		const struct object_section *s = &o->sections[i];

		if (!is_lasting_code(o, i))
			continue;
		for (size_t k = 0; k < s->nrelocations; k++) {
			const struct object_relocation *r = &s->relocations[k];
			const struct object_section *to = section_of(o, &o->symbols[r->symbol]);
			bool code = to && (to->flags & SHF_EXECINSTR);

			if (!to || !is_init(to))
				continue;
			tell_init(c, i, r, referred(c, r, code), code, out);
			return; /* one is enough to look at the rest with modpost */
		}
	}
}

/* ---- printk without a level ---- */

/* The string that is put into the first argument's register by the instruction whose relocation this is: mov $string,%rdi
 * or lea string(%rip),%rdi. NULL if it does no such thing. */
static const char *first_argument(const struct object *o, const struct object_section *code,
	const struct object_relocation *r)
{
	const struct object_symbol *s = &o->symbols[r->symbol];
	const struct object_section *strings = section_of(o, s);
	uint64_t at = s->value + (uint64_t)r->addend;
	const unsigned char *p = code->bytes + r->offset;

	if (!strings || !(strings->flags & SHF_STRINGS) || !strings->bytes)
		return NULL;
	if (r->offset >= 3 && p[-3] == 0x48 && p[-2] == 0x8d && p[-1] == 0x3d)
		at += 4;
	else if (!(r->offset >= 3 && p[-3] == 0x48 && p[-2] == 0xc7 && p[-1] == 0xc7))
		return NULL;
	if (at >= strings->size || !memchr(strings->bytes + at, 0, strings->size - at))
		return NULL;
	return (const char *)strings->bytes + at;
}

/* The format that the call at `call` gets: the nearest one before it in its function. */
static const char *format_of(
	const struct object *o, const struct flow_function *f, const struct flow_call *call)
{
	const struct object_section *code = &o->sections[call->section];
	size_t at = object_relocation_at(code, call->offset);
	uint64_t least = call->section == f->section ? f->start : 0;

	while (at-- > 0 && code->relocations[at].offset >= least &&
		code->relocations[at].offset + 64 > call->offset) {
		const struct object_relocation *r = &code->relocations[at];
		const char *format = first_argument(o, code, r);

		if (format)
			return format;
		/* Another call before it: its arguments are not this one's. */
		if (code->bytes[r->offset ? r->offset - 1 : 0] == 0xe8)
			return NULL;
	}
	return NULL;
}

static char *quoted(const char *format)
{
	size_t len = strcspn(format, "\n");
	AUTO_FREE char *clean = NULL;

	if (len > 40)
		len = 40;
	clean = xstrndup(format, len);
	for (char *p = clean; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
	return xasprintf("\"%s%s\"", clean, format[len] && format[len] != '\n' ? "…" : "");
}

static bool is_printk(const struct object *o, const struct flow_call *call)
{
	const char *name = call->symbol ? o->symbols[call->symbol].name : "";

	return !strcmp(name, "_printk") || !strcmp(name, "printk");
}

static void check_printk(struct check *c, struct findings *out)
{
	if (c->q->target->os != TARGET_LINUX)
		return;
	for (size_t i = 0; i < c->flow->nfunctions; i++) {
		const struct flow_function *f = &c->flow->functions[i];

		for (size_t k = 0; k < f->ncalls; k++) {
			const struct flow_call *call = &f->calls[k];
			const char *format;
			struct finding *found;
			AUTO_FREE char *text = NULL;

			if (!is_printk(c->object, call))
				continue;
			format = format_of(c->object, f, call);
			if (!format || *format == '\001' || !*format)
				continue;
			text = quoted(format);
			found = note(out, "printk-level",
				xasprintf("%s logs %s without a level", f->name, text),
				"Use pr_info(), pr_err() and their like, or dev_info() where there is a "
				"device; pr_cont() goes on with a line.");
			found->function = xstrdup(f->name);
			check_place(c, found, call->section, call->offset);
		}
	}
}

/* ---- names that are the kernel's ---- */

static void check_names(struct check *c, struct findings *out)
{
	static const char *const own[] = {"init_module", "cleanup_module", "__this_module",
		"_note_", "__ksymtab", "__kstrtab", "__crc_", "__cfi_", "__pfx_", "__kcfi_",
		"__mod_"};
	struct text kernel = kernel_names(c->q->target);

	for (uint32_t i = 1; i < c->object->nsymbols; i++) {
		const struct object_symbol *s = &c->object->symbols[i];
		bool skip = false;
		struct finding *f;

		if (s->bind != STB_GLOBAL || s->section == OBJECT_NONE || !*s->name ||
			(s->type != STT_FUNC && s->type != STT_OBJECT))
			continue;
		for (size_t n = 0; n < sizeof own / sizeof *own; n++)
			skip |= begins(s->name, own[n]);
		if (skip || !names_have(kernel, s->name))
			continue;
		f = note(out, "name-shadowed",
			xasprintf("%s has a %s %s that other files see, and so has the kernel",
				c->q->ko->name, s->type == STT_FUNC ? "function" : "variable",
				s->name),
			"Make it static, or begin its name with the module's: in a call trace nobody "
			"can tell the two.");
		f->function = s->type == STT_FUNC ? xstrdup(s->name) : NULL;
		if (object_is_code(c->object, s->section))
			check_place(c, f, s->section, s->value);
	}
}

void check_hygiene(struct check *c, struct findings *out)
{
	check_writable_code(c, out);
	check_build(c, out);
	check_init(c, out);
	check_printk(c, out);
	check_names(c, out);
	check_words(c, out);
	check_debug(c, out);
}
