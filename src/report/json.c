/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/json.h"

#include "judge/kmsg.h"
#include "trial/expect.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>
#include <sys/resource.h>

static void put(struct json_object *o, const char *key, const char *text)
{
	json_object_object_add(o, key, text ? json_object_new_string(text) : NULL);
}

static void put_int(struct json_object *o, const char *key, int64_t value)
{
	json_object_object_add(o, key, json_object_new_int64(value));
}

static void put_ms(struct json_object *o, const char *key, int64_t us)
{
	char text[32];

	snprintf(text, sizeof text, "%.3f", (double)us / 1e3);
	json_object_object_add(o, key, json_object_new_double_s((double)us / 1e3, text));
}

static struct json_object *target_json(const struct target *t)
{
	struct json_object *o = json_object_new_object();

	put(o, "name", t->name);
	put(o, "os", target_os_name(t->os));
	put(o, "release", t->release);
	put(o, "arch", t->arch);
	return o;
}

static struct json_object *step_json(const struct trial *t, const struct step *s)
{
	struct json_object *o = json_object_new_object();
	bool call = s->stage >= STAGE_LOAD;

	put(o, "stage", stage_name(s->stage));
	json_object_object_add(o, "ok", json_object_new_boolean(s->ok));
	put_ms(o, "ms", s->took_us);
	put(o, "what", s->what);
	if (call && s->call < t->run.ncalls && t->run.calls[s->call].returned) {
		int error = t->run.calls[s->call].error;

		if (s->stage == STAGE_EXERCISE && error > PROTO_BY_SIGNAL)
			put_int(o, "signal", error - PROTO_BY_SIGNAL);
		else
			put_int(o, s->stage == STAGE_EXERCISE ? "status" : "errno", error);
	}
	if (call && s->call < t->run.ncalls && t->run.calls[s->call].output)
		put(o, "output", t->run.calls[s->call].output);
	if (s->stage == STAGE_BUILD) {
		json_object_object_add(o, "rebuilt", json_object_new_boolean(t->rebuilt));
		json_object_object_add(o, "replayed", json_object_new_boolean(t->replayed));
	}
	return o;
}

static struct json_object *record_json(const struct trial *t, const struct record *r)
{
	static const char *const origins[] = {"module", "taint", "kernel"};
	static const char *const kinds[] = {"load", "unload", "exercise"};
	struct json_object *o = json_object_new_object();

	put_int(o, "us", (int64_t)r->usec);
	put(o, "level", r->level >= LEVEL_UNKNOWN ? NULL : kmsg_level_name(r->level));
	put(o, "origin", origins[r->origin]);
	if (r->call < t->run.ncalls)
		put(o, "stage", kinds[t->run.calls[r->call].kind]);
	put(o, "text", r->text);
	return o;
}

static struct json_object *finding_json(const struct finding *f)
{
	struct json_object *o = json_object_new_object();

	put(o, "rule", f->rule);
	put(o, "severity", severity_name(f->severity));
	put(o, "class", class_name(f->class));
	put(o, "file", f->file);
	json_object_object_add(o, "line", f->line ? json_object_new_int64(f->line) : NULL);
	json_object_object_add(o, "column", f->column ? json_object_new_int64(f->column) : NULL);
	put(o, "message", f->message);
	put(o, "advice", f->advice);
	put(o, "function", f->function);
	put(o, "trace", f->trace);
	put(o, "excerpt", f->excerpt);
	if (f->silenced)
		json_object_object_add(o, "silenced", json_object_new_boolean(true));
	if (f->expected)
		json_object_object_add(o, "expected", json_object_new_boolean(true));
	return o;
}

static struct json_object *stack_json(const struct stack_use *s)
{
	struct json_object *o = json_object_new_object(), *frames = json_object_new_array();

	put_int(o, "size", (int64_t)s->size);
	put_int(o, "deepest", (int64_t)s->deepest);
	put(o, "chain", s->chain);
	json_object_object_add(o, "at_least", json_object_new_boolean(s->unknown));
	for (size_t i = 0; i < s->nframes; i++) {
		const struct stack_frame *f = &s->frames[i];
		struct json_object *one = json_object_new_object();

		put(one, "function", f->function);
		put(one, "file", f->file);
		json_object_object_add(
			one, "line", f->line ? json_object_new_int64(f->line) : NULL);
		put_int(one, "bytes", (int64_t)f->bytes);
		put_int(one, "deepest", (int64_t)f->deepest);
		json_object_object_add(one, "dynamic", json_object_new_boolean(f->dynamic));
		json_object_object_add(one, "recursive", json_object_new_boolean(f->recursive));
		json_object_object_add(one, "indirect", json_object_new_boolean(f->indirect));
		json_object_array_add(frames, one);
	}
	json_object_object_add(o, "frames", frames);
	return o;
}

static struct json_object *trial_json(const struct trial *t)
{
	struct json_object *o = json_object_new_object();
	struct json_object *steps = json_object_new_array(), *log = json_object_new_array(),
			   *findings = json_object_new_array(), *stacks = json_object_new_array();

	put(o, "module", t->name);
	put(o, "source", t->source);
	put(o, "os", target_os_name(t->os));
	json_object_object_add(o, "target", t->target ? target_json(t->target) : NULL);
	put(o, "verdict", trial_verdict_name(t));
	json_object_object_add(o, "passed", json_object_new_boolean(t->verdict == VERDICT_PASS));
	put(o, "error",
		t->verdict == VERDICT_INFRASTRUCTURE || t->verdict == VERDICT_SKIPPED
			? t->error.text
			: NULL);
	put_ms(o, "ms", t->took_us);
	put(o, "accelerator", t->machine_release ? accel_name(t->accel) : NULL);
	put(o, "machine_release", t->machine_release);
	json_object_object_add(
		o, "real_machine", json_object_new_boolean(t->target && t->target->ssh));
	json_object_object_add(o, "restored", json_object_new_boolean(t->restored));
	put(o, "note", t->note);
	put(o, "asked_for", t->asked);
	if (t->expected && t->verdict <= VERDICT_FAIL) {
		AUTO_FREE char *wanted = expect_text(t->expected, t->source);

		put(o, "expected", wanted);
		json_object_object_add(o, "as_expected", json_object_new_boolean(!t->unexpected));
	}
	json_object_object_add(o, "retried", json_object_new_boolean(t->retried != NULL));
	if (t->retried)
		put(o, "retried_because", t->retried);
	for (size_t i = 0; i < t->nsteps; i++)
		json_object_array_add(steps, step_json(t, &t->steps[i]));
	json_object_object_add(o, "steps", steps);
	for (size_t i = 0; i < t->run.nlog; i++)
		json_object_array_add(log, record_json(t, &t->run.log[i]));
	json_object_object_add(o, "log", log);
	put_int(o, "log_dropped", (int64_t)t->run.dropped);
	for (size_t i = 0; i < t->findings.n; i++)
		json_object_array_add(findings, finding_json(&t->findings.items[i]));
	json_object_object_add(o, "findings", findings);
	for (size_t i = 0; i < t->nstacks; i++)
		if (t->stacks[i].size)
			json_object_array_add(stacks, stack_json(&t->stacks[i]));
	json_object_object_add(o, "stacks", stacks);
	put(o, "console", t->run.console);
	return o;
}

/* CPU time of this process alone: what QEMU, make and the sandbox use is not ours. */
static int64_t own_cpu_us(void)
{
	struct rusage use;

	if (getrusage(RUSAGE_SELF, &use))
		return 0;
	return (use.ru_utime.tv_sec + use.ru_stime.tv_sec) * INT64_C(1000000) +
		use.ru_utime.tv_usec + use.ru_stime.tv_usec;
}

/* `text`, which has no newline inside a string, a level deeper than it was made. */
static void put_deeper(FILE *out, const char *text)
{
	while (*text) {
		size_t len = strcspn(text, "\n");

		fprintf(out, "    %.*s", (int)len, text);
		text += len;
		if (*text)
			fputc(*text++, out);
	}
}

static const char *text_of(struct json_object *o)
{
	return json_object_to_json_string_ext(o,
		JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE);
}

void json_begin(struct json *j, FILE *out)
{
	*j = (struct json){.out = out};
	fprintf(out, "{\n  \"kmodlab\": \"%s\",\n  \"trials\": [", KMODLAB_VERSION);
}

void json_trial(struct json *j, const struct trial *t)
{
	struct json_object *o = trial_json(t);

	fputs(j->n++ ? ",\n" : "\n", j->out);
	put_deeper(j->out, text_of(o));
	json_object_put(o);
	j->counts[t->verdict]++;
}

int json_end(struct json *j, bool interrupted)
{
	struct json_object *o = json_object_new_object();
	const char *text;

	put_int(o, "passed", (int64_t)j->counts[VERDICT_PASS]);
	put_int(o, "failed", (int64_t)j->counts[VERDICT_FAIL]);
	put_int(o, "errors", (int64_t)j->counts[VERDICT_INFRASTRUCTURE]);
	put_int(o, "skipped", (int64_t)j->counts[VERDICT_SKIPPED]);
	put_ms(o, "own_cpu_ms", own_cpu_us());
	if (j->shards) {
		put_int(o, "shard", j->shard);
		put_int(o, "shards", j->shards);
	}
	if (interrupted)
		json_object_object_add(o, "interrupted", json_object_new_boolean(true));
	text = text_of(o);
	/* What stands after its opening brace ends the object that json_begin began. */
	fprintf(j->out, "%s],%s\n", j->n ? "\n  " : "", text + 1);
	json_object_put(o);
	return fflush(j->out) || ferror(j->out) ? -EIO : 0;
}

int json_log(FILE *out, const char *path, enum target_os os, size_t boots, const struct findings *f)
{
	struct json_object *o = json_object_new_object(), *list = json_object_new_array();

	put(o, "kmodlab", KMODLAB_VERSION);
	put(o, "log", path);
	put(o, "os", target_os_name(os));
	put_int(o, "boots", (int64_t)boots);
	for (size_t i = 0; i < f->n; i++)
		json_object_array_add(list, finding_json(&f->items[i]));
	json_object_object_add(o, "findings", list);
	fprintf(out, "%s\n", text_of(o));
	json_object_put(o);
	return fflush(out) || ferror(out) ? -EIO : 0;
}
