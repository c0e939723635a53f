/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Would the target's kernel load it? The kernels' own checks, as far as they can be done on files, with the
 * rules and nearly the words that a trial has when the kernel refuses the module (judge/linux-refusal.c,
 * judge/freebsd-refusal.c).
 */
#include "check/loads.h"

#include "check/exports.h"

#include <pthread.h>
#include <string.h>

/* A module for another kernel may lack hundreds of symbols: so many get a finding of their own, and of so few
 * it is guessed what was meant. */
#define SINGLE_MAX  5
#define GUESSES_MAX 2
#define LISTED_MAX  6

void loads_error(struct findings *out, const char *rule, char *message, char *advice)
{
	finding_add(out, rule, SEVERITY_ERROR, CLASS_LOAD, message, advice);
}

void loads_warning(struct findings *out, const char *rule, char *message, char *advice)
{
	finding_add(out, rule, SEVERITY_WARNING, CLASS_PASS, message, advice);
}

char *loads_list(const struct strv *names)
{
	struct buf b = {0};
	size_t shown = names->n > LISTED_MAX + 1 ? LISTED_MAX : names->n;

	for (size_t i = 0; i < shown; i++)
		buf_addf(&b, "%s%s", !i ? "" : i + 1 == names->n ? " and " : ", ", names->v[i]);
	if (shown < names->n)
		buf_addf(&b, " and %zu more", names->n - shown);
	return buf_take(&b);
}

/* ---- the other targets ---- */

static struct targets others;

static void load_others(void)
{
	struct error err;

	/* If that fails there are none: they would only have been a help. */
	if (targets_load(&others, &err))
		others = (struct targets){0};
}

static bool has(const struct target *t, const char *symbol)
{
	const struct exports *exports = exports_of(t);
	struct symbol_info info;
	bool yes;

	if (t->os == TARGET_LINUX) {
		struct exported e;

		return exports && exports_find(exports, symbol, &e);
	}
	symbol_look_up_exactly(t, symbol, &info);
	yes = info.owner != NULL;
	symbol_info_free(&info);
	return yes;
}

/* The other targets that have the symbol, in words; NULL if none has. Caller frees. */
static char *others_with(const struct target *target, const char *symbol)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	AUTO_STRV struct strv names = {0};

	pthread_once(&once, load_others);
	for (size_t i = 0; i < others.n; i++) {
		const struct target *t = &others.items[i];

		if (t->os == target->os && strcmp(t->name, target->name) && has(t, symbol))
			strv_add(&names, t->name);
	}
	return names.n ? loads_list(&names) : NULL;
}

/* ---- symbols ---- */

/* Another target's kernel has it: so it is no slip of the pen, and no function of the module's own. */
static void add_elsewhere(const struct symbol_info *info, const char *symbol, const char *elsewhere,
	char **message, char **advice)
{
	AUTO_FREE char *told = *message, *vague = NULL;
	bool several = strstr(elsewhere, " and ") != NULL;

	*message = xasprintf("%s The target%s %s %s it.", told, several ? "s" : "", elsewhere,
		several ? "have" : "has");
	if (info->state != SYMBOL_ABSENT || symbol_hint(info->os, symbol))
		return;
	vague = *advice;
	*advice = xasprintf("Kernels differ in what they have: find out what this one has in its "
			    "place, and choose by %s.",
		info->os == TARGET_FREEBSD ? "__FreeBSD_version" : "LINUX_VERSION_CODE");
}

static void add_unknown(struct check *c, const char *symbol, bool guess,
	bool (*owner)(struct check *c, const char *symbol, struct symbol_info *info),
	struct findings *out)
{
	AUTO_FREE char *elsewhere = others_with(c->q->target, symbol);
	struct symbol_info info = {.os = c->q->target->os};
	char *message, *advice;

	if (owner && owner(c, symbol, &info))
		guess = false;
	else if (guess && !elsewhere)
		symbol_look_up(c->q->target, symbol, &info);
	else
		symbol_look_up_exactly(c->q->target, symbol, &info);
	symbol_explain(c->q->ko->name, symbol, &info, &message, &advice);
	if (elsewhere && !info.owner)
		add_elsewhere(&info, symbol, elsewhere, &message, &advice);
	symbol_info_free(&info);
	loads_error(out, "symbol-unknown", message, advice);
}

static void note_unknown(
	struct check *c, const struct strv *symbols, const char *advice, struct findings *out)
{
	AUTO_FREE char *list = loads_list(symbols);

	finding_add(out, "symbol-unknown", SEVERITY_NOTE, CLASS_PASS,
		symbols->n == 1
			? xasprintf("%s uses %s, which this kernel does not give to modules",
				  c->q->ko->name, list)
			: xasprintf("%s uses %zu symbols that this kernel does not give to "
				    "modules: %s",
				  c->q->ko->name, symbols->n, list),
		xstrdup(advice));
}

void loads_unknown(struct check *c, const struct strv *symbols,
	bool (*owner)(struct check *c, const char *symbol, struct symbol_info *info),
	const char *consequence, struct findings *out)
{
	size_t single = symbols->n > SINGLE_MAX + 1 ? SINGLE_MAX : symbols->n;
	struct strv rest = {.n = symbols->n - single};
	AUTO_FREE char *list = NULL;

	if (!symbols->n)
		return;
	rest.v = symbols->v + single;
	if (consequence) {
		note_unknown(c, symbols, consequence, out);
		return;
	}
	for (size_t i = 0; i < single; i++)
		add_unknown(c, symbols->v[i], i < GUESSES_MAX, owner, out);
	if (!rest.n)
		return;
	list = loads_list(&rest);
	loads_error(out, "symbol-unknown",
		xasprintf("%s uses %zu more symbols that it cannot have of this kernel: %s.",
			c->q->ko->name, rest.n, list),
		xstrdup("With so many, it was made for another kernel, or a part of it is missing."));
}

void check_loads(struct check *c, struct findings *out)
{
	if (c->q->target->os == TARGET_FREEBSD)
		loads_freebsd(c, out);
	else
		loads_linux(c, out);
}
