/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What Linux asks when it loads a module, in kernel/module/main.c and version.c (kernel/module.c before 5.19):
 * the version magic, the licence, and of each symbol whether it is exported, to whom, in which namespace and in
 * which version.
 */
#include "check/loads.h"

#include "check/kernel-facts.h"
#include "base/archive.h"
#include "check/exports.h"
#include "check/own.h"
#include "check/section.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define MODULE_MAX ((size_t)256 << 20) /* bytes in one .ko */

/* A symbol with the version that the module was built for. */
struct version {
	const char *name;
	uint32_t crc;
};

/* A namespace that was not imported, and what is used of it. */
struct space {
	struct text name;
	struct strv symbols;
};

struct linux_check {
	struct check *c;
	const struct ko *ko;
	const struct target *target;
	const struct exports *exports;
	bool compatible;	  /* its licence, with the GPL */
	bool versioned;		  /* the module has versions */
	struct version *versions; /* by name */
	size_t nversions;
	bool given_read;
	struct strv from_given; /* what modules export that it depends on and that were given */
	struct strv unknown, gpl, differing, unversioned;
	struct space *spaces;
	size_t nspaces;
};

/* ---- the licence ---- */

/* include/linux/license.h and module.h. The last one is known, but not compatible. */
static const char *const licences[] = {"GPL", "GPL v2", "GPL and additional rights", "Dual BSD/GPL",
	"Dual MIT/GPL", "Dual MPL/GPL", "Proprietary"};
#define NLICENCES (sizeof licences / sizeof *licences)

static const char *meant_licence(const char *text)
{
	bool gpl =
		strcasestr(text, "gpl") && !strcasestr(text, "lgpl") && !strcasestr(text, "agpl");

	if (strcasestr(text, "mit") && (gpl || !strcasecmp(text, "mit")))
		return "Dual MIT/GPL";
	if (strcasestr(text, "bsd"))
		return "Dual BSD/GPL";
	if (strcasestr(text, "mpl") && gpl)
		return "Dual MPL/GPL";
	return gpl ? "GPL" : NULL;
}

static void check_licence(struct linux_check *l, struct findings *out)
{
	const char *meant;

	for (size_t i = 0; l->ko->license && i < NLICENCES; i++)
		if (!strcmp(l->ko->license, licences[i])) {
			l->compatible = i + 1 < NLICENCES;
			return;
		}
	if (!l->ko->license)
		return;
	meant = meant_licence(l->ko->license);
	loads_warning(out, "license-unknown",
		xasprintf(
			"%s names the licence \"%s\", which is none of those that Linux knows: to it "
			"the module is proprietary, and it keeps its GPL-only symbols from it",
			l->ko->name, l->ko->license),
		xasprintf(
			"%s%s%sIt knows \"GPL\", \"GPL v2\", \"GPL and additional rights\", \"Dual "
			"BSD/GPL\", \"Dual MIT/GPL\", \"Dual MPL/GPL\" and \"Proprietary\".",
			meant ? "Write \"" : "", meant ? meant : "",
			meant ? "\" if that is what it is. " : ""));
}

/* ---- the versions of symbols ---- */

static int by_name(const void *a, const void *b)
{
	const struct version *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static const struct version *version_of(const struct linux_check *l, const char *name)
{
	const struct version key = {.name = name};

	return l->nversions ? bsearch(&key, l->versions, l->nversions, sizeof *l->versions, by_name)
			    : NULL;
}

/* struct modversion_info { unsigned long crc; char name[64 - sizeof(unsigned long)]; } */
static void read_plain_versions(struct linux_check *l, const struct object_section *s)
{
	l->versions = xcalloc(s->size / 64, sizeof *l->versions);
	for (uint64_t at = 0; s->size - at >= 64; at += 64) {
		const char *name = (const char *)s->bytes + at + 8;
		struct version *v = &l->versions[l->nversions];

		if (!memchr(name, 0, 56))
			continue;
		memcpy(&v->crc, s->bytes + at, sizeof v->crc);
		v->name = name;
		l->nversions++;
	}
}

/* Since Linux 6.14, for names that are too long for the other form: checksums in one section, names one
 * after another in the second. */
static void read_long_versions(struct linux_check *l, const struct object_section *crcs,
	const struct object_section *names)
{
	const struct span span = {names->bytes, names->size};
	uint64_t at = 0;

	l->versions = xcalloc(crcs->size / 4, sizeof *l->versions);
	for (uint64_t i = 0; i < crcs->size / 4; i++) {
		struct version *v = &l->versions[l->nversions];
		const char *name = span_string(span, at, SYMBOL_NAME_MAX);

		if (!name)
			return;
		memcpy(&v->crc, crcs->bytes + i * 4, sizeof v->crc);
		v->name = name;
		l->nversions++;
		at += strlen(name) + 1;
	}
}

static const struct object_section *section(const struct linux_check *l, const char *name)
{
	uint32_t i = object_section(l->c->object, name);

	return i == OBJECT_NONE || !l->c->object->sections[i].bytes ? NULL
								    : &l->c->object->sections[i];
}

static void read_versions(struct linux_check *l)
{
	const struct object_section *plain = section(l, "__versions");
	const struct object_section *crcs = section(l, "__version_ext_crcs");
	const struct object_section *names = section(l, "__version_ext_names");

	l->versioned = plain || (crcs && names);
	if (crcs && names)
		read_long_versions(l, crcs, names);
	else if (plain)
		read_plain_versions(l, plain);
	if (l->nversions)
		qsort(l->versions, l->nversions, sizeof *l->versions, by_name);
}

/* Whether the layout of struct module is another: what the kernel looks at first of all. */
static bool layout_differs(const struct linux_check *l)
{
	const struct version *v = l->versioned ? version_of(l, "module_layout") : NULL;
	struct exported e;

	return l->exports && exports_have_versions(l->exports) && v &&
		exports_find(l->exports, v->name, &e) && e.version != v->crc;
}

/* Whether the module that exports it is given too: that one will be loaded, not the target's own. */
static bool is_given(const struct linux_check *l, const struct exported *e)
{
	AUTO_FREE char *owner = exports_owner_name(e);

	for (size_t i = 0; i < l->c->q->nbeside; i++)
		if (ko_answers_to(&l->c->q->beside[i], owner))
			return true;
	return l->c->q->given && shelf_find(l->c->q->given, TARGET_LINUX, owner, l->c->q->path);
}

static void check_version(struct linux_check *l, const char *symbol, const struct exported *e)
{
	const struct version *v;

	if (!e->version || !l->versioned || !exports_have_versions(l->exports))
		return;
	v = version_of(l, symbol);
	if ((v && v->crc == e->version) || is_given(l, e))
		return;
	strv_add(v ? &l->differing : &l->unversioned, symbol);
}

static void tell_versions(const struct linux_check *l, struct findings *out)
{
	AUTO_FREE char *differing = loads_list(&l->differing);
	AUTO_FREE char *unversioned = loads_list(&l->unversioned);
	int major = 0, minor = 0;
	bool refused;

	if (l->differing.n)
		loads_error(out, "symbol-version",
			xasprintf("%s was built against %s of the symbol%s %s than this kernel has",
				l->ko->name,
				l->differing.n > 1 ? "other versions" : "another version",
				l->differing.n > 1 ? "s" : "", differing),
			xasprintf("Build the module against this target's own headers: give its "
				  "source directory."));
	if (!l->unversioned.n)
		return;
	/* Kernels used to say so once and to go on. */
	refused = sscanf(l->target->release, "%d.%d", &major, &minor) == 2 &&
		(major > 6 || (major == 6 && minor >= 1));
	finding_add(out, "symbol-version", refused ? SEVERITY_ERROR : SEVERITY_WARNING,
		refused ? CLASS_LOAD : CLASS_PASS,
		xasprintf("%s does not say against which version of the symbol%s %s it was built",
			l->ko->name, l->unversioned.n > 1 ? "s" : "", unversioned),
		xstrdup("Build it in a tree that has its Module.symvers: without that modpost warns "
			"that a symbol has no version."));
}

/* ---- namespaces ---- */

static bool same_module(const char *a, const char *b, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((a[i] == '-' ? '_' : a[i]) != (b[i] == '-' ? '_' : b[i]))
			return false;
	return true;
}

/* "module:kvm,kvm-*": for those modules alone. */
static bool is_for_module(struct text list, const char *module)
{
	size_t len = strlen(module);

	while (list.len) {
		const char *comma = memchr(list.p, ',', list.len);
		size_t n = comma ? (size_t)(comma - list.p) : list.len;
		bool any = n && list.p[n - 1] == '*';
		size_t fixed = n - any;

		if ((any ? fixed <= len : fixed == len) && same_module(list.p, module, fixed))
			return true;
		list.p += n + (comma != NULL);
		list.len -= n + (comma != NULL);
	}
	return false;
}

#define FOR_MODULES "module:"

static bool is_private(struct text space)
{
	return space.len > strlen(FOR_MODULES) &&
		!memcmp(space.p, FOR_MODULES, strlen(FOR_MODULES));
}

static void check_space(struct linux_check *l, const char *symbol, struct text space)
{
	const size_t skip = strlen(FOR_MODULES);
	struct space *s = NULL;

	if (is_private(space) &&
		is_for_module((struct text){space.p + skip, space.len - skip}, l->ko->name))
		return;
	for (size_t i = 0; i < l->ko->imports.n; i++)
		if (strlen(l->ko->imports.v[i]) == space.len &&
			!memcmp(l->ko->imports.v[i], space.p, space.len))
			return;
	for (size_t i = 0; i < l->nspaces && !s; i++)
		if (l->spaces[i].name.len == space.len &&
			!memcmp(l->spaces[i].name.p, space.p, space.len))
			s = &l->spaces[i];
	if (!s) {
		s = ARRAY_ADD(l->spaces, l->nspaces);
		s->name = space;
	}
	strv_add(&s->symbols, symbol);
}

static void tell_space(const struct linux_check *l, const struct space *s, struct findings *out)
{
	AUTO_FREE char *list = loads_list(&s->symbols), *name = xstrndup(s->name.p, s->name.len);
	bool allowed = kernel_configured(l->target, "MODULE_ALLOW_MISSING_NAMESPACE_IMPORTS");
	char *message, *advice;

	if (is_private(s->name)) {
		message = xasprintf("%s uses %s, which the kernel exports to %s alone", l->ko->name,
			list, name + strlen(FOR_MODULES));
		advice = xstrdup(
			"It is not for modules from elsewhere: find another function that is exported to all (Module.symvers in the build tree lists them).");
	} else {
		message = xasprintf("%s uses %s from the symbol namespace %s without importing it",
			l->ko->name, list, name);
		advice = xasprintf("Add MODULE_IMPORT_NS(%s); (from Linux 6.13 on with quotes: "
				   "\"%s\") to the source.",
			name, name);
	}
	if (allowed)
		loads_warning(out, "namespace-import", message, advice);
	else
		loads_error(out, "namespace-import", message, advice);
}

/* ---- symbols ---- */

static bool among(const struct strv *names, const char *name)
{
	for (size_t i = 0; i < names->n; i++)
		if (!strcmp(names->v[i], name))
			return true;
	return false;
}

static size_t ndepends(const struct linux_check *l)
{
	return l->ko->depends.n < LOADS_NEEDS_MAX ? l->ko->depends.n : LOADS_NEEDS_MAX;
}

/* What the given modules export that this one says it depends on. */
static void read_given(struct linux_check *l)
{
	l->given_read = true;
	for (size_t i = 0; l->c->q->given && i < ndepends(l); i++) {
		AUTO_FREE char *name = ko_module_name(l->ko->depends.v[i]);
		const char *path = shelf_find(l->c->q->given, TARGET_LINUX, name, l->c->q->path);
		AUTO_BUF struct buf bytes = {0};
		struct error err;
		struct ko ko;

		if (!path || archive_read_plain(path, MODULE_MAX, &bytes, &err))
			continue;
		ko_read(bytes.data, bytes.len, path, &ko);
		for (size_t k = 0; k < ko.exports.n; k++)
			strv_add(&l->from_given, ko.exports.v[k]);
		ko_free(&ko);
	}
}

static bool others_export(struct linux_check *l, const char *symbol)
{
	for (size_t i = 0; i < l->c->q->nbeside; i++)
		if (&l->c->q->beside[i] != l->ko && among(&l->c->q->beside[i].exports, symbol))
			return true;
	if (!l->given_read)
		read_given(l);
	return among(&l->from_given, symbol);
}

static void check_symbol(struct linux_check *l, const char *symbol)
{
	struct exported e;

	if (!exports_find(l->exports, symbol, &e)) {
		if (!others_export(l, symbol))
			strv_add(&l->unknown, symbol);
		return;
	}
	if (e.gpl && !l->compatible) {
		strv_add(&l->gpl, symbol);
		return;
	}
	check_version(l, symbol, &e);
	if (e.space.len)
		check_space(l, symbol, e.space);
}

static void tell_gpl(const struct linux_check *l, struct findings *out)
{
	AUTO_FREE char *list = loads_list(&l->gpl);

	if (l->gpl.n)
		loads_error(out, "license-gpl",
			xasprintf(
				"%s uses %s, which the kernel gives to GPL-compatible modules only, and "
				"its licence is %s%s%s",
				l->ko->name, list, l->ko->license ? "\"" : "",
				l->ko->license ? l->ko->license : "none",
				l->ko->license ? "\"" : ""),
			xstrdup("MODULE_LICENSE must name a GPL-compatible licence (\"GPL\", \"Dual "
				"MIT/GPL\", \"Dual BSD/GPL\"), and the code be under it."));
}

/* ---- modules that it needs ---- */

/* The modules of the target that its symbols come from. */
static void collect_owners(const struct linux_check *l, struct strv *owners)
{
	struct exported e;

	for (size_t i = 0; i < l->ko->undefined.n; i++) {
		AUTO_FREE char *owner = NULL;

		if (!exports_find(l->exports, l->ko->undefined.v[i], &e))
			continue;
		owner = exports_owner_name(&e);
		if (!among(owners, owner))
			strv_add(owners, owner);
	}
}

/* Only asked when symbols are missing: the kernel itself looks at nothing else. */
static bool tell_dependencies(const struct linux_check *l, struct findings *out)
{
	AUTO_STRV struct strv owners = {0};
	size_t before = out->n;

	collect_owners(l, &owners);
	for (size_t i = 0; i < ndepends(l); i++) {
		AUTO_FREE char *name = ko_module_name(l->ko->depends.v[i]), *file = NULL;
		bool there = among(&owners, name);

		for (size_t k = 0; k < l->c->q->nbeside && !there; k++)
			there = ko_answers_to(&l->c->q->beside[k], name);
		if (there)
			continue;
		file = own_or_given_file(l->target, l->c->q->given, l->c->q->path, name);
		if (!file)
			loads_error(out, "dependency-missing",
				xasprintf(
					"%s depends on the module %s, which this kernel does not have "
					"and which was not given",
					l->ko->name, name),
				xasprintf("If %s is yours, name its .ko on the command line too.",
					name));
	}
	return out->n > before;
}

/* ---- init and exit ---- */

static void check_functions(const struct linux_check *l, struct findings *out)
{
	if (l->ko->has_init && !l->ko->has_exit)
		loads_warning(out, "no-exit",
			xasprintf("%s has an init but no exit, so it can never be unloaded",
				l->ko->name),
			xstrdup("Write an exit function that undoes the init, and name it in "
				"module_exit()."));
	if (!l->ko->has_init && !l->ko->has_exit && !l->ko->exports.n)
		loads_warning(out, "no-init",
			xasprintf("%s has no init and exports nothing: the kernel loads it, and "
				  "never runs any of it",
				l->ko->name),
			xstrdup("Name the function that is to run at the load in module_init()."));
	else if (!l->ko->has_init && l->ko->has_exit)
		finding_add(out, "no-init", SEVERITY_NOTE, CLASS_PASS,
			xasprintf("%s has an exit but no init: its exit runs at the unload, and "
				  "nothing of it at the load",
				l->ko->name),
			xstrdup("If something is to run at the load, name it in module_init()."));
}

static void check_duplicates(const struct linux_check *l, struct findings *out)
{
	AUTO_STRV struct strv twice = {0};
	AUTO_FREE char *list = NULL;
	struct exported e;

	for (size_t i = 0; i < l->ko->exports.n; i++)
		if (exports_find(l->exports, l->ko->exports.v[i], &e) && e.owner.len == 7 &&
			!memcmp(e.owner.p, "vmlinux", 7))
			strv_add(&twice, l->ko->exports.v[i]);
	if (!twice.n)
		return;
	list = loads_list(&twice);
	loads_error(out, "symbol-duplicate",
		xasprintf("%s exports %s, which the kernel exports already", l->ko->name, list),
		xstrdup("Rename the symbol, or do not export it; if the kernel has the whole module "
			"built in, there is nothing to load."));
}

static void check_symbols(struct linux_check *l, bool right_kernel, struct findings *out)
{
	const char *consequence = NULL;

	for (size_t i = 0; i < l->ko->undefined.n; i++)
		check_symbol(l, l->ko->undefined.v[i]);
	/* Of a module for another kernel, that they differ is no news. */
	if (right_kernel)
		tell_versions(l, out);
	if (l->unknown.n && tell_dependencies(l, out))
		consequence =
			"The missing module may have them: give it too, and see what is left.";
	if (!right_kernel)
		consequence =
			"Built for this target it may do without some of them: give its source "
			"directory, and see what is left.";
	loads_unknown(l->c, &l->unknown, NULL, consequence, out);
	tell_gpl(l, out);
	for (size_t i = 0; i < l->nspaces; i++)
		tell_space(l, &l->spaces[i], out);
	check_duplicates(l, out);
}

void loads_linux(struct check *c, struct findings *out)
{
	struct linux_check l = {.c = c,
		.ko = c->q->ko,
		.target = c->q->target,
		.exports = exports_of(c->q->target)};
	bool right;

	read_versions(&l);
	right = loads_vermagic(c, l.versioned, layout_differs(&l), out);
	check_licence(&l, out);
	if (l.exports)
		check_symbols(&l, right, out);
	check_functions(&l, out);
	for (size_t i = 0; i < l.nspaces; i++)
		strv_free(&l.spaces[i].symbols);
	free(l.spaces);
	free(l.versions);
	strv_free(&l.from_given);
	strv_free(&l.unknown);
	strv_free(&l.gpl);
	strv_free(&l.differing);
	strv_free(&l.unversioned);
}
