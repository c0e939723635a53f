/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The script that does what make would do, in make's order and in its words:
 *
 *	each object whose source or headers changed is compiled, with fixdep's record of it made anew,
 *	and exported symbols get their versions; modules of several objects are linked from them
 *	modpost looks at all modules
 *	each module with a new object, or of which modpost now says something else, is linked
 *
 * What make finds there afterwards is what it would have left, so that it can go on from that at any time.
 * Every command is Kbuild's own, out of its records or its makefiles; none is made up here.
 */
#include "build/kbuild-replay.h"

#include "build/kbuild-live.h"
#include "build/kbuild-rules.h"

#include <ctype.h>
#include <string.h>

/* Above these, make is not what takes the time. */
#define MOST_COMPILED 200
#define MOST_SCRIPT   (8u << 20)

struct writer {
	const struct replay *r;
	const struct live *live;
	const struct kbuild_rules *rules;
	struct exports exports;
	struct buf *to;
	struct strv *made;
	struct buf depends; /* files that the compiler wrote dependencies to */
};

/* ---- the environment ---- */

/* What is make's own, or another directory's. */
static bool is_exported(const char *name, size_t len)
{
	static const char *const not [] = {"MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES",
		"MAKE_TERMOUT", "MAKE_TERMERR", "M", "PWD", "OLDPWD", "SHLVL", "_", "HOME", "PATH",
		"TERM", "USER", "LC_ALL", "KBUILD_EXTMOD", "MODORDER", "MODULES_NSDEPS",
		"extmod_prefix", "KCFLAGS", "KBUILD_BUILD_USER", "KBUILD_BUILD_HOST",
		"KBUILD_BUILD_TIMESTAMP", NULL};

	if (!len || isdigit((unsigned char)*name))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)name[i]) && name[i] != '_')
			return false;
	for (size_t i = 0; not [i]; i++)
		if (strlen(not [i]) == len && !memcmp(not [i], name, len))
			return false;
	return true;
}

static void write_environment(struct writer *w)
{
	const char *p = w->exports.bytes, *end = p + w->exports.len;

	while (p < end) {
		const char *stop = memchr(p, 0, (size_t)(end - p));
		const char *assign = stop ? memchr(p, '=', (size_t)(stop - p)) : NULL;

		if (!stop)
			break;
		if (assign && is_exported(p, (size_t)(assign - p))) {
			buf_adds(w->to, "export ");
			replay_quote(w->to, p);
			buf_adds(w->to, "\n");
		}
		p = stop + 1;
	}
	/* Kbuild takes this one away, and says what it wants instead. */
	buf_adds(w->to, "unset LC_ALL\n");
}

/* ---- one file ---- */

static void say(struct writer *w, const char *what, const char *target)
{
	buf_addf(w->to, "echo '  %s %s'\n", what, target);
}

static void will_make(struct writer *w, const char *stem, const char *end)
{
	strv_addf(w->made, "%s%s", stem, end);
}

/* As gen_symversions has it. What an assembler file exports takes flags that are not in its record. */
static void write_versions(struct writer *w, const struct object *o, const char *record, bool is_c)
{
	buf_addf(w->to, "if $NM %s 2>/dev/null | grep -q %s; then\n", o->record.target,
		w->rules->exporting);
	if (is_c)
		buf_addf(w->to,
			"%s -E -D__GENKSYMS__ %s %s | \"$objtree\"/scripts/genksyms/%s >>%s\n",
			o->call.compiler, o->call.flags, o->record.source, w->rules->genksyms,
			record);
	else
		buf_adds(w->to, "exit 1\n");
	buf_adds(w->to, "fi\n");
}

static void write_compile(struct writer *w, const struct object *o, const struct object_rule *rule)
{
	const struct record *c = &o->record;
	AUTO_FREE char *record = kbuild_record_of(c->target);
	bool is_c = c->source[strlen(c->source) - 1] == 'c';

	say(w, is_c ? "CC [M] " : "AS [M] ", c->target);
	buf_addf(w->to, "%s\n\"$objtree\"/scripts/basic/fixdep %s %s ", c->command, o->call.depend,
		c->target);
	replay_quote(w->to, c->saved);
	buf_addf(w->to, " >%s\n", record);
	if (rule->checks_exports)
		buf_addf(w->to, "\"$srctree\"/scripts/check-local-export %s\n", c->target);
	if (*c->tail) {
		buf_adds(w->to, "printf %s ");
		replay_quote(w->to, c->tail);
		buf_addf(w->to, " >>%s\n", record);
	}
	if (rule->versions)
		write_versions(w, o, record, is_c);
	buf_addf(&w->depends, " %s", o->call.depend);
	will_make(w, o->path, "");
}

static const struct object_rule *rule_for(const struct writer *w, const struct object *o)
{
	const char *source = o->record.source;

	return source[strlen(source) - 1] == 'c' ? &w->rules->c : &w->rules->assembler;
}

/* ---- the modules ---- */

static bool write_objects(struct writer *w)
{
	size_t n = 0;

	for (size_t i = 0; i < w->live->nobjects; i++) {
		const struct object *o = &w->live->objects[i];

		if (!o->is_stale)
			continue;
		buf_addf(w->to, "o%zu() {\n", n++);
		write_compile(w, o, rule_for(w, o));
		buf_adds(w->to, "}\n");
	}
	if (!n || n > MOST_COMPILED)
		return false;
	replay_calls(w->to, 'o', n);
	return true;
}

/* "LD [M]": modules of several objects. */
static void write_composites(struct writer *w)
{
	for (size_t i = 0; i < w->live->nmodules; i++) {
		const struct linked *m = &w->live->modules[i];

		if (!m->is_composite || !m->is_stale)
			continue;
		say(w, "LD [M] ", m->whole.target);
		buf_addf(w->to, "%s\n", m->whole.command);
		will_make(w, m->stem, ".o");
	}
}

/* The lists of modules stay what they are, but make wants them no older than the objects. */
static void write_modpost(struct writer *w)
{
	buf_adds(w->to, "touch");
	for (size_t i = 0; i < w->live->orders.n; i++) {
		AUTO_FREE char *path = xasprintf("%s/%s", w->r->inside, w->live->orders.v[i]);

		buf_adds(w->to, " ");
		replay_quote(w->to, path);
	}
	buf_adds(w->to, "\n");
	say(w, "MODPOST", w->live->modpost.target);
	buf_addf(w->to, "%s\n", w->live->modpost.command);
	strv_add(w->made, "Module.symvers");
}

static bool write_final(struct writer *w, const struct linked *m)
{
	const char *ko = m->final.target;

	buf_addf(w->to, "link=%s\nif [ %s -nt %s ]; then\n", m->is_stale ? "yes" : "",
		m->mod.record.source, m->mod.record.target);
	write_compile(w, &m->mod, &w->rules->mod);
	buf_adds(w->to, "link=yes\nfi\nif [ \"$link\" ]; then\n");
	say(w, "LD [M] ", ko);
	buf_addf(w->to, "%s\n", m->final.command);
	if (w->rules->types) {
		say(w, "BTF [M]", ko);
		if (!kbuild_expand(w->rules->types, ko, &w->exports, w->to))
			return false;
		buf_adds(w->to, "\n");
	}
	buf_adds(w->to, "fi\n");
	will_make(w, m->stem, ".ko");
	return true;
}

static bool write_finals(struct writer *w)
{
	for (size_t i = 0; i < w->live->nmodules; i++) {
		buf_addf(w->to, "f%zu() {\n", i);
		if (!write_final(w, &w->live->modules[i]))
			return false;
		buf_adds(w->to, "}\n");
	}
	replay_calls(w->to, 'f', w->live->nmodules);
	return true;
}

static bool write_script(struct writer *w)
{
	buf_adds(w->to, "set -e\n");
	write_environment(w);
	buf_adds(w->to, "cd ");
	replay_quote(w->to, w->live->cwd);
	buf_adds(w->to, "\n");
	if (!write_objects(w))
		return false;
	write_composites(w);
	write_modpost(w);
	if (!write_finals(w))
		return false;
	buf_addf(w->to, "rm -f%s\n", w->depends.data);
	return w->to->len < MOST_SCRIPT;
}

/* ---- the whole ---- */

static bool read_rules(
	const struct replay *r, const struct exports *exports, struct kbuild_rules *rules)
{
	const char *srctree = exports_get(exports, "srctree", strlen("srctree"));
	const char *root = strcmp(r->target->root, "/") ? r->target->root : "";
	AUTO_FREE char *source = NULL, *scripts = NULL, *config = NULL;

	if (!srctree || !exports_get(exports, "objtree", strlen("objtree")) ||
		!exports_get(exports, "NM", strlen("NM")))
		return false;
	source = record_resolve(r->build, srctree);
	scripts = xasprintf("%s%s/scripts", root, source);
	config = xasprintf("%s%s/include/config/auto.conf", root, r->build);
	return kbuild_rules_read(scripts, config, rules);
}

bool kbuild_replay(struct replay *r)
{
	struct exports exports = {r->exports, r->exports_len};
	struct kbuild_rules rules;
	struct live live;
	bool good;

	if (!read_rules(r, &exports, &rules))
		return false;
	good = kbuild_live_read(r, &live);
	if (good) {
		struct writer w = {r, &live, &rules, exports, &r->script, &r->made, {0}};

		good = write_script(&w);
		buf_free(&w.depends);
		kbuild_live_free(&live);
	}
	kbuild_rules_free(&rules);
	return good;
}

/* make is asked what it exports, by a rule that is added to the top makefile's; the directory that it is
 * given as a module's is an empty one, and takes the answer. */
void kbuild_ask(struct sandbox *s, const struct target *target)
{
	(void)target;
	strv_adds(&s->argv, "make", "-C", s->build, NULL);
	strv_addf(&s->argv, "M=%s", s->inside);
	strv_addf(&s->argv, "--eval=kmodlab-exports: ; @env -0 >%s/exports", s->inside);
	strv_add(&s->argv, "kmodlab-exports");
}
