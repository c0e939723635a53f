/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What FreeBSD asks when it loads a module, in sys/kern/kern_linker.c and link_elf_obj.c: whether there is each
 * module that it depends on, in a version that it takes, and then of every symbol that a relocation needs
 * whether the kernel or one of those modules has it.
 */
#include "check/loads.h"

#include "base/archive.h"
#include "check/names.h"
#include "check/own.h"

#include <string.h>

#define MODULE_MAX ((size_t)256 << 20) /* bytes in one .ko */

/* A file with a module that is depended on. */
struct needed {
	char *path;
	struct buf bytes;
	struct ko ko;
};

struct freebsd_check {
	struct check *c;
	const struct ko *ko;
	const struct target *target;
	struct needed *needed;
	size_t nneeded;
};

static size_t nneeds(const struct freebsd_check *f)
{
	return f->ko->nneeds < LOADS_NEEDS_MAX ? f->ko->nneeds : LOADS_NEEDS_MAX;
}

/* ---- modules ---- */

/* Whether they have the module in a version that fits; `*version` becomes one that they have (0: none is
 * said), `*any` true if they have it at all. */
static bool fits(const struct ko *ko, const struct ko_need *need, bool *any, int *version)
{
	for (size_t i = 0; i < ko->ndeclares; i++) {
		const struct ko_module *m = &ko->declares[i];

		if (strcmp(m->name, need->name))
			continue;
		*any = true;
		*version = m->version;
		if (m->version && m->version >= need->least && m->version <= need->most)
			return true;
		if (m->version && m->version == need->preferred)
			return true;
	}
	return false;
}

static const struct needed *read_needed(struct freebsd_check *f, const char *name)
{
	AUTO_FREE char *path = own_or_given_file(f->target, f->c->q->given, f->c->q->path, name);
	struct needed *n;
	struct error err;

	for (size_t i = 0; path && i < f->nneeded; i++)
		if (!strcmp(f->needed[i].path, path))
			return &f->needed[i];
	if (!path)
		return NULL;
	n = ARRAY_ADD(f->needed, f->nneeded);
	n->path = xstrdup(path);
	if (!archive_read_plain(path, MODULE_MAX, &n->bytes, &err))
		ko_read_declared(n->bytes.data, n->bytes.len, path, &n->ko);
	return n;
}

static void wrong_kernel(const struct freebsd_check *f, const struct ko_need *need, int version,
	struct findings *out)
{
	loads_error(out, "kernel-version",
		xasprintf(
			"%s was built for another kernel version than this one (%s): it takes %d to "
			"%d, and this is %d",
			f->ko->name, f->target->release, need->least, need->most, version),
		xstrdup("Build it against this target's sources: give the source directory."));
}

static void wrong_module(const struct freebsd_check *f, const struct ko_need *need, bool any,
	int version, struct findings *out)
{
	char *message, *advice;

	if (!any) {
		message = xasprintf("%s depends on the module %s, which is not available",
			f->ko->name, need->name);
		advice = xasprintf("See MODULE_DEPEND in the source: %s must be in this kernel, "
				   "among its modules, or named on the command line too.",
			need->name);
	} else if (!version) {
		message = xasprintf("%s depends on the module %s, which has no version, so that "
				    "nothing can depend on it",
			f->ko->name, need->name);
		advice = xasprintf(
			"Add MODULE_VERSION(%s, %d) to its source.", need->name, need->preferred);
	} else {
		message =
			xasprintf("%s depends on the module %s in the versions %d to %d, and it is "
				  "there in version %d",
				f->ko->name, need->name, need->least, need->most, version);
		advice = xasprintf(
			"Give a range of versions in MODULE_DEPEND that has this one in it, or test on a kernel that has the other.");
	}
	loads_error(out, "dependency-missing", message, advice);
}

static void check_need(struct freebsd_check *f, const struct ko_need *need, struct findings *out)
{
	const struct ko *kernel = own_kernel(f->target);
	const struct needed *n;
	bool any = false, is_kernel = !strcmp(need->name, "kernel");
	int version = 0;

	if (ko_declares(f->ko, need->name) || fits(kernel, need, &any, &version))
		return;
	/* A kernel that cannot be read says nothing. */
	if (is_kernel) {
		if (version)
			wrong_kernel(f, need, version, out);
		return;
	}
	for (size_t i = 0; i < f->c->q->nbeside; i++)
		if (fits(&f->c->q->beside[i], need, &any, &version))
			return;
	n = any ? NULL : read_needed(f, need->name);
	if (n && fits(&n->ko, need, &any, &version))
		return;
	if (kernel->ndeclares)
		wrong_module(f, need, any, version, out);
}

/* ---- symbols ---- */

static bool among(const struct strv *names, const char *name)
{
	for (size_t i = 0; i < names->n; i++)
		if (!strcmp(names->v[i], name))
			return true;
	return false;
}

static bool depends_on(const struct freebsd_check *f, const struct ko *other)
{
	for (size_t i = 0; i < f->ko->nneeds; i++)
		if (ko_declares(other, f->ko->needs[i].name))
			return true;
	return false;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Looks in a module that it depends on for symbols that the kernel does not have, and takes out of `names`, which
 * are sorted, those that are there. The linker looks at static ones too. */
static void drop_found(struct strv *names, const struct needed *n)
{
	AUTO_FREE bool *found = xcalloc(names->n, sizeof *found);
	struct object o;
	size_t kept = 0;

	if (!names->n || !object_read(n->bytes.data, n->bytes.len, &o))
		return;
	for (uint32_t i = 1; i < o.nsymbols; i++) {
		const char *name = o.symbols[i].name;
		char **at = o.symbols[i].undefined
			? NULL
			: bsearch(&name, names->v, names->n, sizeof *names->v, by_name);

		if (at)
			found[at - names->v] = true;
	}
	for (size_t i = 0; i < names->n; i++) {
		if (found[i])
			free(names->v[i]);
		else
			names->v[kept++] = names->v[i];
	}
	names->n = kept;
	names->v[kept] = NULL;
	object_free(&o);
}

/* What the kernel's linker knows by itself. */
static bool is_linkers(const char *name)
{
	return !strncmp(name, "__start_set_", 12) || !strncmp(name, "__stop_set_", 11) ||
		!strcmp(name, "_GLOBAL_OFFSET_TABLE_");
}

/* The symbols that have to come from elsewhere, and that the kernel does not have. */
static void collect(const struct freebsd_check *f, struct text kernel, struct strv *out)
{
	const struct object *o = f->c->object;
	AUTO_FREE bool *needed = xcalloc(o->nsymbols + 1, sizeof *needed);

	for (uint32_t i = 1; i < o->nsections; i++)
		for (size_t k = 0; k < o->sections[i].nrelocations; k++)
			needed[o->sections[i].relocations[k].symbol] = true;
	for (uint32_t i = 1; i < o->nsymbols; i++) {
		const struct object_symbol *s = &o->symbols[i];
		bool beside = false;

		if (!needed[i] || !s->undefined || s->bind != STB_GLOBAL ||
			names_have(kernel, s->name) || is_linkers(s->name))
			continue;
		for (size_t k = 0; k < f->c->q->nbeside && !beside; k++)
			beside = &f->c->q->beside[k] != f->ko &&
				depends_on(f, &f->c->q->beside[k]) &&
				among(&f->c->q->beside[k].exports, s->name);
		if (!beside)
			strv_add(out, s->name);
	}
}

/* Who has it, of the modules that were given, and is not depended on. */
static bool given_owner(struct check *c, const char *symbol, struct symbol_info *info)
{
	const char *path =
		c->q->given ? shelf_exporting(c->q->given, TARGET_FREEBSD, symbol) : NULL;
	const struct ko *owner = NULL;
	struct ko read = {0};

	for (size_t i = 0; i < c->q->nbeside && !owner; i++)
		if (&c->q->beside[i] != c->q->ko && among(&c->q->beside[i].exports, symbol))
			owner = &c->q->beside[i];
	if (!owner && path) {
		AUTO_BUF struct buf bytes = {0};
		struct error err;

		if (!archive_read_plain(path, MODULE_MAX, &bytes, &err)) {
			ko_read_declared(bytes.data, bytes.len, path, &read);
			owner = &read;
		}
	}
	if (!owner)
		return false;
	info->state = SYMBOL_EXPORTED;
	info->owner = xstrdup(owner->ndeclares ? owner->declares[0].name : owner->name);
	info->owner_version = owner->ndeclares ? owner->declares[0].version : 0;
	for (size_t i = 0; i < owner->ndeclares; i++)
		if (owner->declares[i].version) {
			free(info->owner);
			info->owner = xstrdup(owner->declares[i].name);
			info->owner_version = owner->declares[i].version;
			break;
		}
	ko_free(&read);
	return true;
}

/* `refused`: for what it depends on; the kernel has not come to the symbols then. */
static void check_symbols(struct freebsd_check *f, bool refused, struct findings *out)
{
	struct text kernel = names_file(f->target->symbols);
	AUTO_STRV struct strv unknown = {0};

	if (!kernel.len)
		return;
	collect(f, kernel, &unknown);
	if (unknown.n)
		qsort(unknown.v, unknown.n, sizeof *unknown.v, by_name);
	for (size_t i = 0; unknown.n && i < nneeds(f); i++)
		if (!ko_declares(own_kernel(f->target), f->ko->needs[i].name))
			read_needed(f, f->ko->needs[i].name);
	for (size_t i = 0; i < f->nneeded; i++)
		drop_found(&unknown, &f->needed[i]);
	loads_unknown(f->c, &unknown, given_owner,
		refused ? "What it depends on may have them: see what is left when that is there."
			: NULL,
		out);
}

/* ---- all ---- */

static void check_declared(const struct freebsd_check *f, struct findings *out)
{
	if (f->ko->ndeclares)
		return;
	loads_warning(out, "module-undeclared",
		xasprintf("%s declares no module: nothing in it is called when it is loaded, and "
			  "nothing can depend on it",
			f->ko->name),
		xasprintf("Add DECLARE_MODULE(%s, ...), or DEV_MODULE() and the like, and "
			  "MODULE_VERSION(%s, 1).",
			f->ko->name, f->ko->name));
}

void loads_freebsd(struct check *c, struct findings *out)
{
	struct freebsd_check f = {.c = c, .ko = c->q->ko, .target = c->q->target};
	size_t before;

	check_declared(&f, out);
	before = out->n;
	for (size_t i = 0; i < nneeds(&f); i++)
		check_need(&f, &f.ko->needs[i], out);
	check_symbols(&f, out->n > before, out);
	for (size_t i = 0; i < f.nneeded; i++) {
		free(f.needed[i].path);
		buf_free(&f.needed[i].bytes);
		ko_free(&f.needed[i].ko);
	}
	free(f.needed);
}
