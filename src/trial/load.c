/* SPDX-License-Identifier: BSD-2-Clause */
#include "trial/load.h"

#include "base/clock.h"
#include "base/interrupt.h"
#include "base/path.h"
#include "judge/system.h"
#include "machine/ahead.h"
#include "judge/kmsg.h"
#include "machine/machine.h"
#include "trial/exercise.h"
#include "trial/lent.h"
#include "trial/stuck.h"
#include "trial/watch.h"

#include <errno.h>
#include <string.h>

#define LOG_MAX	   2000000    /* records kept of one trial */
#define OUTPUT_MAX (1u << 20) /* bytes of what one program says */
#define ASKED_MAX  64	      /* names of modules that it asked for */

enum proto_os machine_os(const struct target *target)
{
	return target->os == TARGET_FREEBSD ? PROTO_FREEBSD : PROTO_LINUX;
}

static bool has_param(const struct ko *ko, const char *name, size_t len)
{
	for (size_t i = 0; i < ko->nparams; i++)
		if (strlen(ko->params[i].name) == len && !memcmp(ko->params[i].name, name, len))
			return true;
	return false;
}

/* Whether the word, whose name is the first `len` bytes, is meant for module `index`; moves *word past
 * a "module." before the name. */
static bool param_is_for(const struct trial *t, size_t index, const char **word, size_t *len)
{
	const char *dot = memchr(*word, '.', *len);
	bool wanted = false;

	if (dot) {
		AUTO_FREE char *module = xstrndup(*word, (size_t)(dot - *word));
		AUTO_FREE char *name = ko_module_name(module);

		*len -= (size_t)(dot + 1 - *word);
		*word = dot + 1;
		return !strcmp(name, t->kos[index].name);
	}
	for (size_t i = t->nsupporting; i < t->modules.n; i++)
		wanted = wanted || has_param(&t->kos[i], *word, *len);
	return wanted ? has_param(&t->kos[index], *word, *len) : index == t->modules.n - 1;
}

/* FreeBSD's tunables are the kernel's, not a module's: all are set before the first of ours is loaded. */
static char *tunables(const struct trial *t, size_t index, char *const *words, struct error *err)
{
	struct buf out = {0};

	for (; index == t->nsupporting && words && *words; words++) {
		if (strcspn(*words, "=") == 0 || strchr(*words, '\n')) {
			error_set(err, EINVAL,
				"'%s' is no tunable: give it as name=value, say hw.hello.count=3",
				*words);
			buf_free(&out);
			return NULL;
		}
		/* A name alone switches something on, as it does on Linux. */
		buf_addf(&out, "%s%s%s", out.len ? "\n" : "", *words,
			strchr(*words, '=') ? "" : "=1");
	}
	return buf_take(&out);
}

char *load_params(const struct trial *t, size_t index, char *const *words, struct error *err)
{
	struct buf out = {0};

	if (t->target && t->target->os == TARGET_FREEBSD)
		return tunables(t, index, words, err);

	for (; words && *words; words++) {
		const char *word = *words, *value;
		size_t len = strcspn(word, "=");

		if (!len || strchr(word, '"') || strchr(word, '\n')) {
			error_set(err, EINVAL,
				"the parameter '%s' cannot be passed to a kernel: it is to be name=value, "
				"without double quotes or newlines",
				word);
			buf_free(&out);
			return NULL;
		}
		if (!param_is_for(t, index, &word, &len))
			continue;
		value = word + len;
		if (out.len)
			buf_add(&out, " ", 1);
		if (strchr(value, ' '))
			buf_addf(&out, "%.*s=\"%s\"", (int)len, word, value + 1);
		else
			buf_adds(&out, word);
	}
	return buf_take(&out);
}

/* Notes what code in the kernel asked for, each once. */
static bool take_asked(struct run *r, const struct record *new)
{
	size_t len = strlen(PROTO_ASKED);

	if (new->facility != 1 || strncmp(new->text, PROTO_ASKED, len))
		return false;
	for (size_t i = 0; i < r->asked.n; i++)
		if (!strcmp(r->asked.v[i], new->text + len))
			return true;
	if (r->asked.n < ASKED_MAX)
		strv_add(&r->asked, new->text + len);
	return true;
}

static void take_record(struct run *r, const struct message *msg, size_t call, bool after)
{
	struct record new;

	if (judge_system(r->os)->parse(msg->body, msg->length, &new))
		return;
	new.call = call;
	new.after = after;
	if (r->seq && new.seq > r->seq + 1)
		r->dropped += new.seq - r->seq - 1;
	r->seq = new.seq;
	if (take_asked(r, &new)) {
		free(new.text);
		return;
	}
	if (r->nlog >= LOG_MAX) {
		r->dropped++;
		free(new.text);
		return;
	}
	/* Grown by doubling: a flood has hundreds of thousands. */
	if ((r->nlog & (r->nlog - 1)) == 0)
		r->log = xreallocarray(r->log, r->nlog ? 2 * r->nlog : 1, sizeof *r->log);
	r->log[r->nlog++] = new;
}

static void take_lost(struct run *r, const struct message *msg)
{
	uint64_t lost;

	if (msg->length != sizeof lost)
		return;
	memcpy(&lost, msg->body, sizeof lost);
	r->dropped += lost < 1000000000 ? lost : 1000000000;
	r->dropped_more = true;
}

/* What a program said, harmless, as much as OUTPUT_MAX of it. */
static void take_output(struct call *c, const struct message *msg)
{
	AUTO_FREE char *text = record_text((const char *)msg->body, msg->length);
	size_t have = c->output ? strlen(c->output) : 0;
	char *all;

	if (have >= OUTPUT_MAX)
		return;
	/* record_text leaves the last newline out. */
	all = xasprintf("%s%s%s", c->output ? c->output : "", text,
		msg->length && msg->body[msg->length - 1] == '\n' ? "\n" : "");
	free(c->output);
	c->output = all;
}

void load_take(struct trial *t, const struct message *msg, size_t call)
{
	bool known = call < t->run.ncalls;

	if (msg->type == PROTO_LOG)
		take_record(&t->run, msg, call, known && t->run.calls[call].returned);
	if (msg->type == PROTO_LOST)
		take_lost(&t->run, msg);
	if (msg->type == PROTO_THING || msg->type == PROTO_SECTION)
		watch_take(t, msg, t->loaded);
	if (msg->type == PROTO_OUTPUT && known)
		take_output(&t->run.calls[call], msg);
}

/* Waits for the answer to `serial`, taking the log. 0 with `done` filled in; 1 when the machine did not
 * answer, with run.end set; -errno with the sentence set. */
static int await(struct trial *t, struct machine *m, uint32_t serial, int timeout_ms, size_t call,
	struct proto_done *done, struct error *err)
{
	int64_t deadline = clock_us() + (int64_t)timeout_ms * 1000;
	struct message msg;

	for (;;) {
		switch (machine_next(m, deadline, &msg, err)) {
		case MACHINE_MESSAGE:
			load_take(t, &msg, call);
			if (msg.type != PROTO_DONE || msg.serial != serial)
				break;
			if (!message_done(&msg, done))
				return 0;
			/* fall through */
		case MACHINE_NONSENSE:
			t->run.end = RUN_NONSENSE;
			return 1;
		case MACHINE_TIMEOUT:
			t->run.end = RUN_SILENT;
			return 1;
		case MACHINE_ENDED:
			t->run.end = RUN_ENDED;
			return 1;
		case MACHINE_FAILED:
			return interrupt_pending() ? -EINTR : -EIO;
		case MACHINE_OTHER:
			return error_set(err, ECANCELED, "nobody needs the machine any more");
		}
	}
}

int load_ask(struct trial *t, struct machine *m, enum proto_type request, const void *body,
	size_t len, int timeout_ms, size_t call, struct proto_done *done, struct error *err)
{
	uint32_t serial;
	int r = machine_send(m, request, body, len, &serial, err);

	return r ?: await(t, m, serial, timeout_ms, call, done, err);
}

/* The agent did not even take the request: no module has done that. */
static int never_heard(struct machine *m, struct error *err)
{
	if (!machine_restored(m))
		return error_set(err, EIO,
			"the machine came up, but took no request; try again, and if it stays so, see kmodlab doctor");
	machine_drop_snapshot(m);
	return error_set(err, EIO,
		"the machine's snapshot did not come to life, and was removed; the next run makes a new one");
}

int load_place(struct trial *t, struct machine *m, const void *bytes, size_t len, const char *name,
	int timeout_ms, size_t call, struct error *err)
{
	for (size_t at = 0; at < len; at += PROTO_AREA) {
		struct proto_load part = {0, len - at < PROTO_AREA ? len - at : PROTO_AREA};
		AUTO_BUF struct buf body = {0};
		struct proto_done done;
		uint32_t serial;
		int r;

		machine_lay(m, (const char *)bytes + at, part.length);
		buf_add(&body, &part, sizeof part);
		buf_add(&body, name, strlen(name) + 1);
		r = machine_send(m, PROTO_PLACE, body.data, body.len, &serial, err);
		r = r ?: await(t, m, serial, timeout_ms, call, &done, err);
		if (r)
			return r;
		if (done.error)
			return error_set(err, done.error,
				"%s does not fit into the machine (%s): give it more with --memory",
				name, strerror(done.error));
	}
	return 0;
}

/* Where a module is for the agent: in the area, in a file laid down there, or in one that it was booted
 * with. */
static int offer(struct trial *t, struct machine *m, size_t index, int timeout_ms, size_t call,
	struct buf *body, struct error *err)
{
	const struct module_file *file = &t->modules.items[index];
	struct proto_load part = {0, file->len};
	AUTO_FREE char *name = NULL;
	int r = 0;

	if (machine_without_ring(m)) {
		part.length = 0;
		name = xasprintf("/m/%s.ko", file->name);
	} else if (file->len > PROTO_AREA) {
		part.length = 0;
		name = xasprintf("%s/%s.ko", machine_dir(m), file->name);
		r = load_place(t, m, file->bytes, file->len, name, timeout_ms, call, err);
	} else {
		machine_lay(m, file->bytes, file->len);
		name = xasprintf("%s.ko", file->name);
	}
	buf_add(body, &part, sizeof part);
	buf_add(body, name, strlen(name) + 1);
	return r;
}

static struct machine_options machine_options(
	const struct target *target, const struct trial_options *o, char *name)
{
	return (struct machine_options){.os = machine_os(target),
		.kernel = target->kernel,
		.append = target->append,
		.lent = target->ssh,
		.name = name,
		.memory_mib =
			o->memory_mib > target->memory_mib ? o->memory_mib : target->memory_mib,
		.cpus = o->cpus,
		.unwatched = o->no_watch,
		.accel = o->accel,
		.boot_timeout_ms = o->boot_timeout_ms};
}

void load_prepare(const struct trial_options *o)
{
	AUTO_FREE char *flat = target_flat_name(o->target->name);
	struct machine_options mo = machine_options(o->target, o, flat);

	if (o->ahead && !o->cold && !ahead_has(o->ahead, &mo))
		ahead_start(o->ahead, &mo);
}

/* While this machine works, the one for the next trial gets ready. */
static void start_next(const struct trial_options *o)
{
	AUTO_FREE char *flat = NULL;
	struct machine_options mo;

	if (!o->ahead || !o->next_target || o->cold)
		return;
	flat = target_flat_name(o->next_target->name);
	mo = machine_options(o->next_target, o, flat);
	ahead_start(o->ahead, &mo);
}

/* Makes one call and waits for its end. 0: it succeeded; 1: it did not; -errno: our failure. */
static int make_call(struct trial *t, const struct trial_options *o, struct machine *m,
	enum call_kind kind, size_t index, const char *params, struct error *err)
{
	int timeout_ms = o->call_timeout_ms;
	size_t at = t->run.ncalls;
	struct call *c = ARRAY_ADD(t->run.calls, t->run.ncalls);
	bool freebsd = t->target->os == TARGET_FREEBSD;
	const struct load_hook *hook = kind == CALL_LOAD ? o->hook : NULL;
	AUTO_BUF struct buf body = {0};
	struct proto_done done = {0};
	int64_t began;
	uint32_t serial;
	int r = 0;

	c->kind = kind;
	c->ko = &t->kos[index];
	c->supporting = index < t->nsupporting;
	c->optional = t->modules.items[index].optional;
	if (hook && (r = hook->before(hook->arg, t, m, index, err)))
		return r;
	if (kind == CALL_LOAD) {
		r = offer(t, m, index, timeout_ms, at, &body, err);
		buf_add(&body, params, strlen(params) + 1);
	}
	/* Linux unloads a module by its name, FreeBSD a file by its own. */
	buf_addf(&body, "%s%s", freebsd ? t->modules.items[index].name : c->ko->name,
		freebsd ? ".ko" : "");
	buf_add(&body, "", 1);
	began = clock_us();
	if (!r)
		r = machine_send(m, kind == CALL_LOAD ? PROTO_LOAD : PROTO_UNLOAD, body.data,
			body.len, &serial, err);
	if (at == 0)
		start_next(o);
	if (!r && hook)
		r = hook->sent(hook->arg, t, m, index, serial, &done, err);
	/* Above 0: it has come back already. */
	r = r ? (r > 0 ? 0 : r) : await(t, m, serial, timeout_ms, at, &done, err);
	c = &t->run.calls[at];
	c->took_us = r ? clock_us() - began : (int64_t)done.usec;
	if (r > 0 && t->run.end == RUN_SILENT && !machine_heard(m))
		return never_heard(m, err);
	if (r)
		return r;
	c->returned = true;
	c->signal = done.signal;
	c->error = lent_error(m, c, done.error);
	return c->error || c->signal;
}

/* One more question after the last call, so that what the kernel logged meanwhile has arrived. */
static int settle(struct trial *t, struct machine *m, int timeout_ms, struct error *err)
{
	struct proto_done done;

	return load_ask(t, m, PROTO_SYNC, NULL, 0, timeout_ms, t->run.ncalls - 1, &done, err);
}

/* What is there now is not the module's: needed where the baseline of a snapshot is not the right one. */
static int take_baseline(
	struct trial *t, const struct trial_options *o, struct machine *m, struct error *err)
{
	struct proto_done done;

	return load_ask(
		t, m, PROTO_BASELINE, NULL, 0, o->call_timeout_ms, t->run.ncalls, &done, err);
}

/* What the module left behind. 0; 1 when the machine died of looking; -errno. */
static int look_for_leftovers(
	struct trial *t, const struct trial_options *o, struct machine *m, struct error *err)
{
	struct proto_survey s = {.what = PROTO_FILES | PROTO_OTHERS | PROTO_TRACKED};
	struct proto_done done;
	int r = load_ask(t, m, PROTO_SURVEY, &s, sizeof s, o->call_timeout_ms, t->run.ncalls - 1,
		&done, err);

	t->run.surveyed = !r && !done.error && !done.signal;
	return r;
}

/* Whether the last call came back, whatever it said. */
static bool returned(const struct trial *t)
{
	const struct call *c = &t->run.calls[t->run.ncalls - 1];

	return c->returned && !c->signal;
}

/* Loads what is to be loaded: all at first, later only the trial's own. `*loaded` gets how many there are. As make_call. */
static int load_all(struct trial *t, const struct trial_options *o, struct machine *m, size_t from,
	size_t *loaded, load_step_fn *step, struct error *err)
{
	int r = 0;

	*loaded = from;
	for (size_t i = from; i < t->modules.n && !r; i++) {
		bool ours = i >= t->nsupporting;
		AUTO_FREE char *params = load_params(t, i, ours ? o->params : NULL, err);

		if (!params)
			return -EINVAL;
		if (ours && o->watch)
			o->watch(o->arg, t, STAGE_LOAD, NULL);
		if (!o->no_watch && i == t->nsupporting && !t->run.surveyed &&
			(t->nsupporting || !machine_restored(m)))
			r = take_baseline(t, o, m, err);
		r = r ?: make_call(t, o, m, CALL_LOAD, i, params, err);
		if (t->run.ncalls == 1 && machine_restored(m))
			step(t, o, STAGE_BOOT, true, machine_start_us(m), xstrdup(""), 0);
		if (r < 0)
			return r;
		if (r && t->modules.items[i].optional && returned(t))
			r = 0;
		if (!r)
			*loaded = i + 1;
		if (ours || r)
			step(t, o, STAGE_LOAD, !r, t->run.calls[t->run.ncalls - 1].took_us,
				xstrdup(t->kos[i].name), t->run.ncalls - 1);
	}
	return r;
}

/* Unloads the trial's own modules. As make_call. */
static int unload_all(struct trial *t, const struct trial_options *o, struct machine *m,
	size_t loaded, load_step_fn *step, struct error *err)
{
	int r = 0;

	for (; loaded > t->nsupporting && !r; loaded--) {
		if (o->watch)
			o->watch(o->arg, t, STAGE_UNLOAD, NULL);
		r = make_call(t, o, m, CALL_UNLOAD, loaded - 1, "", err);
		if (r < 0)
			return r;
		step(t, o, STAGE_UNLOAD, !r, t->run.calls[t->run.ncalls - 1].took_us,
			xstrdup(t->kos[loaded - 1].name), t->run.ncalls - 1);
	}
	return r;
}

static int all_calls(struct trial *t, const struct trial_options *o, struct machine *m,
	load_step_fn *step, struct error *err)
{
	unsigned cycles = o->cycles ? o->cycles : 1;
	int r = 0;

	for (unsigned i = 0; i < cycles && !r; i++) {
		size_t loaded;

		t->loaded = true;
		t->cycle = i;
		r = load_all(t, o, m, i ? t->nsupporting : 0, &loaded, step, err);
		if (!r && o->exercise != EXERCISE_NONE)
			r = exercise(t, o, m, step, err);
		/* A machine in which something crashed or never came back is of no more use; one in which a
		 * load was refused is left in order all the same. */
		if (r < 0 || (r && !returned(t)))
			return r < 0 ? r : 0;
		t->loaded = false;
		r = unload_all(t, o, m, loaded, step, err) ?: r;
		if (r < 0 || !returned(t))
			return r < 0 ? r : 0;
	}
	if (o->no_watch)
		r = settle(t, m, o->call_timeout_ms, err);
	else
		r = look_for_leftovers(t, o, m, err);
	return r < 0 ? r : 0;
}

/* What a machine needs beside what the user asked for: a large module is in it two or three times. The size
 * is part of what tells snapshots apart, so there are few sizes. */
static unsigned memory_for(const struct trial *t, unsigned asked_mib)
{
	unsigned mib = asked_mib;
	size_t bytes = 0;

	for (size_t i = 0; i < t->modules.n; i++)
		bytes += t->modules.items[i].len;
	while (bytes > ((size_t)mib << 20) / 5)
		mib *= 2;
	return mib;
}

int load_open(struct trial *t, const struct trial_options *o, struct machine **m, struct error *err)
{
	AUTO_FREE struct machine_file *files = xcalloc(t->modules.n, sizeof *files);
	AUTO_FREE char *flat = target_flat_name(t->target->name);
	struct machine_options mo = machine_options(t->target, o, flat);
	AUTO_STRV struct strv names = {0};
	int r;

	mo.memory_mib = memory_for(t, mo.memory_mib);
	if (!o->cold && o->ahead && (*m = ahead_take(o->ahead, &mo)))
		return 0;
	if (!o->cold) {
		r = machine_restore(&mo, m, err);
		if (r != -ENOTSUP)
			return r;
		free(t->note);
		t->note = xasprintf("every trial boots anew: %s", err->text);
	}
	for (size_t i = 0; i < t->modules.n; i++) {
		strv_addf(&names, "%s.ko", t->modules.items[i].name);
		files[i] = (struct machine_file){
			names.v[i], t->modules.items[i].bytes, t->modules.items[i].len};
	}
	mo.files = files;
	mo.nfiles = t->modules.n;
	return machine_boot(&mo, m, err);
}

int load_twin(
	const struct trial *t, const struct trial_options *o, struct machine **m, struct error *err)
{
	AUTO_FREE char *flat = target_flat_name(t->target->name);
	struct machine_options mo = machine_options(t->target, o, flat);
	int r;

	mo.memory_mib = memory_for(t, o->memory_mib);
	if (mo.lent)
		return error_set(
			err, ENOTSUP, "there is no other machine like %s", t->target->name);
	r = t->restored ? machine_restore(&mo, m, err) : -ENOTSUP;
	return r == -ENOTSUP ? machine_boot(&mo, m, err) : r;
}

int load_run(struct trial *t, const struct trial_options *o, load_step_fn *step, struct error *err)
{
	struct machine *m = NULL;
	int64_t began = clock_us();
	int r;

	if (o->watch)
		o->watch(o->arg, t, STAGE_BOOT, NULL);
	r = load_open(t, o, &m, err);
	if (r)
		return r;
	t->accel = machine_accel(m);
	t->restored = machine_restored(m);
	t->machine_release = xstrdup(machine_hello(m)->release);
	t->run.os = t->target->os;
	t->run.timeout_ms = o->call_timeout_ms;
	t->run.code = code_new();
	for (size_t i = t->nsupporting; i < t->modules.n; i++)
		code_add(t->run.code, t->kos[i].name, t->modules.items[i].bytes,
			t->modules.items[i].len, t->modules.items[i].debug);
	/* One that is restored begins with the first call. */
	if (!t->restored)
		step(t, o, STAGE_BOOT, true, clock_us() - began, xstrdup(""), 0);
	r = lent_begin(t, m, err) ?: all_calls(t, o, m, step, err);
	if (o->hook)
		o->hook->over(o->hook->arg, t, m);
	t->run.console = xstrdup(machine_console(m));
	if (!r && t->run.end == RUN_SILENT)
		stuck_look(t, o, m);
	if (!r)
		lent_end(t, m);
	t->run.restored = t->restored;
	machine_close(m);
	/* What was on the console but did not reach us otherwise: the last words. */
	if (!r && t->run.end != RUN_DONE)
		judge_system(t->run.os)->add_console(
			&t->run, t->run.ncalls ? t->run.ncalls - 1 : 0);
	return r;
}
