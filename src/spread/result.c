/* SPDX-License-Identifier: BSD-2-Clause */
#include "spread/result.h"

#include "rules/rules.h"
#include "spread/carry.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

static void carry_step(struct carry *c, struct step *s)
{
	CARRY(c, "stage", s->stage, STAGE_UNLOAD);
	carry_bool(c, "ok", &s->ok);
	carry_int(c, "us", &s->took_us);
	carry_words(c, "what", &s->what);
	CARRY_ANY(c, "call", s->call);
}

static void carry_call(struct carry *c, struct call *call)
{
	CARRY(c, "kind", call->kind, CALL_EXERCISE);
	carry_bool(c, "supporting", &call->supporting);
	carry_bool(c, "optional", &call->optional);
	carry_bool(c, "returned", &call->returned);
	CARRY_ANY(c, "error", call->error);
	CARRY_ANY(c, "signal", call->signal);
	carry_int(c, "us", &call->took_us);
	carry_text(c, "what", &call->what);
	carry_text(c, "again", &call->again);
	carry_text(c, "output", &call->output);
}

static void carry_record(struct carry *c, struct record *r)
{
	CARRY_ANY(c, "seq", r->seq);
	CARRY_ANY(c, "us", r->usec);
	CARRY(c, "level", r->level, LEVEL_NONE);
	CARRY_ANY(c, "facility", r->facility);
	carry_words(c, "text", &r->text);
	CARRY(c, "origin", r->origin, ORIGIN_KERNEL);
	CARRY_ANY(c, "call", r->call);
	carry_bool(c, "after", &r->after);
}

static void carry_finding(struct carry *c, struct finding *f)
{
	AUTO_FREE char *rule = c->reading ? NULL : xstrdup(f->rule);
	const struct rule *known;

	carry_words(c, "rule", &rule);
	if (c->reading) {
		/* The text has to outlive the finding: it is the table's. */
		known = rule ? rule_find(rule) : NULL;
		f->rule = known ? known->id : "";
		*c->bad = *c->bad || !known;
	}
	CARRY(c, "severity", f->severity, SEVERITY_ERROR);
	CARRY(c, "class", f->class, CLASS_CRASH);
	carry_text(c, "file", &f->file);
	CARRY(c, "line", f->line, UINT_MAX);
	CARRY(c, "column", f->column, UINT_MAX);
	carry_text(c, "function", &f->function);
	carry_words(c, "message", &f->message);
	carry_text(c, "advice", &f->advice);
	carry_text(c, "trace", &f->trace);
	carry_text(c, "excerpt", &f->excerpt);
	carry_bool(c, "silenced", &f->silenced);
	carry_bool(c, "expected", &f->expected);
}

static void carry_frame(struct carry *c, struct stack_frame *f)
{
	carry_words(c, "function", &f->function);
	carry_text(c, "file", &f->file);
	CARRY(c, "line", f->line, UINT_MAX);
	CARRY_ANY(c, "bytes", f->bytes);
	CARRY_ANY(c, "deepest", f->deepest);
	carry_bool(c, "dynamic", &f->dynamic);
	carry_bool(c, "recursive", &f->recursive);
	carry_bool(c, "indirect", &f->indirect);
}

/* Carries an array {items, n}, each element by a function of its own. */
#define CARRY_ARRAY(c, key, items, n, each)                                                        \
	do {                                                                                       \
		struct json_object *list_ = carry_list(c, key, &(n));                              \
		if ((c)->reading)                                                                  \
			(items) = xcalloc((n) + 1, sizeof *(items));                               \
		for (size_t i_ = 0; i_ < (n); i_++) {                                              \
			struct carry one_ = carry_item(c, list_, i_);                              \
			each(&one_, &(items)[i_]);                                                 \
		}                                                                                  \
	} while (0)

static void carry_stack(struct carry *c, struct stack_use *s)
{
	CARRY_ANY(c, "size", s->size);
	CARRY_ANY(c, "deepest", s->deepest);
	carry_text(c, "chain", &s->chain);
	carry_bool(c, "unknown", &s->unknown);
	CARRY_ARRAY(c, "frames", s->frames, s->nframes, carry_frame);
}

static void carry_run(struct carry *c, struct run *r)
{
	CARRY(c, "os", r->os, TARGET_FREEBSD);
	CARRY_ARRAY(c, "calls", r->calls, r->ncalls, carry_call);
	CARRY_ARRAY(c, "log", r->log, r->nlog, carry_record);
	CARRY_ANY(c, "dropped", r->dropped);
	carry_bool(c, "dropped_more", &r->dropped_more);
	CARRY(c, "end", r->end, RUN_NONSENSE);
	CARRY_ANY(c, "timeout_ms", r->timeout_ms);
	carry_bool(c, "surveyed", &r->surveyed);
	carry_text(c, "stuck", &r->stuck);
	carry_text(c, "params", &r->params);
	carry_text(c, "console", &r->console);
	carry_bool(c, "restored", &r->restored);
}

static void carry_trial(struct carry *c, struct trial *t)
{
	char *error = t->error.text;
	struct carry run;

	carry_words(c, "module", &t->name);
	carry_words(c, "source", &t->source);
	CARRY(c, "os", t->os, TARGET_FREEBSD);
	CARRY(c, "verdict", t->verdict, VERDICT_SKIPPED);
	CARRY(c, "class", t->class, CLASS_CRASH);
	carry_words(c, "error", &error);
	if (c->reading) {
		error_set(&t->error, EIO, "%s", error ? error : "");
		free(error);
	}
	carry_int(c, "us", &t->took_us);
	carry_bool(c, "rebuilt", &t->rebuilt);
	carry_bool(c, "replayed", &t->replayed);
	CARRY(c, "accel", t->accel, ACCEL_TCG);
	carry_bool(c, "restored", &t->restored);
	carry_text(c, "note", &t->note);
	carry_text(c, "machine_release", &t->machine_release);
	carry_text(c, "retried", &t->retried);
	carry_text(c, "asked", &t->asked);
	carry_text(c, "unexpected", &t->unexpected);
	CARRY_ARRAY(c, "steps", t->steps, t->nsteps, carry_step);
	CARRY_ARRAY(c, "findings", t->findings.items, t->findings.n, carry_finding);
	CARRY_ARRAY(c, "stacks", t->stacks, t->nstacks, carry_stack);
	run = carry_inside(c, "run");
	carry_run(&run, &t->run);
}

char *result_print(const struct trial *t, const char *node)
{
	struct json_object *o = json_object_new_object();
	/* A writer only reads what it is given. */
	struct trial copy = *t;
	struct carry top = {.o = o, .bad = &(bool){false}}, inside;
	char *version = (char *)KMODLAB_VERSION, *name = (char *)node, *text;

	carry_words(&top, "kmodlab", &version);
	carry_words(&top, "node", &name);
	inside = carry_inside(&top, "trial");
	carry_trial(&inside, &copy);
	text = carry_print(o);
	json_object_put(o);
	return text;
}

int result_parse(const char *text, size_t len, struct trial *t, char **node, struct error *err)
{
	struct json_object *o = carry_parse(text, len);
	bool bad = false;
	struct carry top = {.o = o, .reading = true, .bad = &bad}, inside;
	AUTO_FREE char *version = NULL;
	int r = 0;

	*t = (struct trial){0};
	*node = NULL;
	if (!o)
		return error_set(err, EINVAL, "it is damaged");
	carry_words(&top, "kmodlab", &version);
	carry_words(&top, "node", node);
	if (version && strcmp(version, KMODLAB_VERSION)) {
		r = error_set(err, EINVAL,
			"kmodlab is of version %.40s there, and here of " KMODLAB_VERSION
			"; install the same on all machines",
			version);
		goto out;
	}
	inside = carry_inside(&top, "trial");
	carry_trial(&inside, t);
	if (bad)
		r = error_set(err, EINVAL, "it is damaged");
out:
	json_object_put(o);
	return r;
}
