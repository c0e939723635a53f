/* SPDX-License-Identifier: BSD-2-Clause */
#include "trial/wanted.h"

#include "base/path.h"
#include "rules/rules.h"
#include "trial/expect.h"

#include <string.h>

/* Whether a kernel like the target's can see such a thing at all. */
static bool can_see(const struct target *target, const char *id)
{
	const struct rule *r = rule_find(id);
	enum target_kind kind = expect_kind(target);

	switch (!r ? SIGHT_STOCK : target->os == TARGET_FREEBSD ? r->on_freebsd : r->on_linux) {
	case SIGHT_NONE:
		return false;
	case SIGHT_DEBUG:
		return kind != KIND_STOCK;
	case SIGHT_KASAN:
		return kind == KIND_DEBUG;
	case SIGHT_RACE:
		return kind == KIND_RACE;
	default:
		return true;
	}
}

/* Whether `file`, however it was named, is the one that ends in `wanted`. */
static bool is_file(const char *file, const char *wanted)
{
	size_t n = strlen(file), len = strlen(wanted);

	return n >= len && !strcmp(file + n - len, wanted) &&
		(n == len || file[n - len - 1] == '/');
}

static bool is_there(const struct finding *f, const struct config_place *p)
{
	return !strcmp(f->rule, p->rule) && (!p->line || f->line == p->line) &&
		(!p->file || (f->file && is_file(f->file, p->file)));
}

static struct finding *add(const struct config *c, const struct config_entry *e, const char *rule,
	char *message, const char *advice, struct findings *all)
{
	struct finding *f =
		finding_add(all, rule, SEVERITY_ERROR, CLASS_TEST, message, xstrdup(advice));

	f->file = xstrdup(c->path);
	f->line = e->line;
	return f;
}

/* ---- findings ---- */

static void miss(const struct config *c, const struct config_entry *e, const struct config_place *p,
	struct findings *all)
{
	const struct finding *elsewhere = NULL;
	AUTO_FREE char *base = NULL;
	AUTO_BUF struct buf text = {0};

	for (size_t i = 0; i < all->n && !elsewhere; i++)
		if (!strcmp(all->items[i].rule, p->rule) && all->items[i].line)
			elsewhere = &all->items[i];
	base = elsewhere && elsewhere->file ? path_base(elsewhere->file) : NULL;
	buf_addf(&text, "%s is expected and was not found", e->text);
	if (base)
		buf_addf(&text, " there, but at %s:%u", base, elsewhere->line);
	add(c, e, "finding-missing", buf_take(&text),
		base ? "If that is the one, correct the line here."
		     : "If it is mended, take this line away; if not, see whether the module still comes "
		       "to that place.",
		all);
}

static void judge_finding(const struct config *c, const struct config_entry *e,
	const struct target *target, bool ran, struct findings *all)
{
	struct config_place p;
	struct error ignored;
	bool found = false;

	if (config_take_place(e->text, &p, &ignored))
		goto out;
	for (size_t i = 0; i < all->n; i++)
		if (is_there(&all->items[i], &p)) {
			all->items[i].silenced = all->items[i].expected = true;
			found = true;
		}
	if (!found && ran && can_see(target, p.rule))
		miss(c, e, &p, all);
out:
	free(p.rule);
	free(p.file);
}

static void silence(const struct config_entry *e, struct findings *all)
{
	AUTO_STRV struct strv rules = {0};
	AUTO_FREE char *copy = xstrdup(e->text);
	char *rest = NULL;

	for (char *w = strtok_r(copy, ", \t", &rest); w; w = strtok_r(NULL, ", \t", &rest))
		strv_add(&rules, w);
	findings_silence(all, &rules);
}

/* ---- the log ---- */

static const struct record *logged(const struct run *run, const char *text)
{
	for (size_t i = 0; i < run->nlog; i++)
		if (strstr(run->log[i].text, text))
			return &run->log[i];
	return NULL;
}

static void judge_log(const struct config *c, const struct config_entry *e, const struct run *run,
	struct findings *all)
{
	const struct record *line = logged(run, e->text);
	bool wanted = !strcmp(e->key->name, "log");

	if (wanted && !line)
		add(c, e, "log-missing",
			xasprintf("the kernel's log has no line with \"%s\"", e->text),
			"See which way the module went instead, by the lines that are there.", all);
	if (!wanted && line)
		add(c, e, "log-unwanted",
			xasprintf("the kernel's log has a line with \"%s\"", e->text),
			"Find out why it was logged.", all)
			->excerpt = xstrdup(line->text);
}

void wanted_judge(const struct config *c, const struct target *target, const struct run *run,
	struct findings *all)
{
	bool ran = run->ncalls > 0;

	for (size_t i = 0; i < c->n; i++) {
		const struct config_entry *e = &c->entries[i];

		if (e->os != CONFIG_EVERY_OS && e->os != (int)target->os)
			continue;
		if (e->key->kind == CONFIG_RULES)
			silence(e, all);
		if (e->key->kind == CONFIG_FINDING)
			judge_finding(c, e, target, ran, all);
		if (e->key->kind == CONFIG_TEXT && ran)
			judge_log(c, e, run, all);
	}
}
