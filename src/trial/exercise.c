/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between load and unload: the tests that lie beside the module are run in the machine, and with --exercise=auto every
 * file that appeared with the module is used in all ways. Each is a call of its own, with its output.
 */
#include "trial/exercise.h"

#include "build/replay.h"
#include "judge/judge.h"

#include <errno.h>
#include <string.h>

#define ROUNDS	  300 /* things that each thread of an automatic exercise does */
#define FILES_MAX 64
#define RESCUE	  "/rescue/" /* a writable place in FreeBSD's machine */

/* A call that is about to be made; its index. */
static size_t begin(struct trial *t, char *what)
{
	struct call *c = ARRAY_ADD(t->run.calls, t->run.ncalls);

	c->kind = CALL_EXERCISE;
	c->ko = &t->kos[t->modules.n - 1];
	c->what = what;
	return t->run.ncalls - 1;
}

/* What came of it; as exercise(). */
static int end(struct trial *t, const struct trial_options *o, load_step_fn *step, size_t at,
	const struct proto_done *done, int r, int64_t took_us)
{
	struct call *c = &t->run.calls[at];

	c->returned = !r;
	if (!r) {
		c->error = done->error;
		c->signal = done->signal;
		/* A program's end, unless the kernel says that it was killed in there. */
		if (c->error > PROTO_BY_SIGNAL && judge_killed(&t->run, at)) {
			c->signal = c->error - PROTO_BY_SIGNAL;
			c->error = 0;
		}
		took_us = (int64_t)done->usec;
	}
	c->took_us = took_us;
	step(t, o, STAGE_EXERCISE, !r && !c->error && !c->signal, took_us, xstrdup(c->what), at);
	return r ? r : c->signal != 0;
}

static void add_word(struct buf *b, const char *word)
{
	buf_add(b, word, strlen(word) + 1);
}

/* The names by which FreeBSD's shell is other programs. */
static int name_shell(struct trial *t, const struct trial_options *o, struct machine *m, size_t at,
	struct error *err)
{
	const struct strv *names = &t->tests.shell_names;
	AUTO_BUF struct buf body = {0};
	struct proto_load none = {0};
	struct proto_done done;

	buf_add(&body, &none, sizeof none);
	add_word(&body, RESCUE "sh");
	for (size_t i = 0; i < names->n; i++) {
		AUTO_FREE char *name = xasprintf(RESCUE "%s", names->v[i]);

		if (body.len + strlen(name) + 1 > PROTO_BODY_MAX)
			break;
		add_word(&body, name);
	}
	return load_ask(t, m, PROTO_PLACE, body.data, body.len, o->call_timeout_ms, at, &done, err);
}

int exercise_place_shell(struct trial *t, const struct trial_options *o, struct machine *m,
	size_t at, struct buf *body, struct error *err)
{
	bool freebsd = machine_os(o->target) == PROTO_FREEBSD;
	AUTO_FREE char *name =
		freebsd ? xstrdup(RESCUE "sh") : xasprintf("%s/busybox", machine_dir(m));
	int r = 0;

	add_word(body, name);
	if (!freebsd)
		add_word(body, "sh");
	/* What a cycle before has laid down is still there, and more would be appended to it. A FreeBSD that somebody
	 * uses has this one of its own. */
	if (t->cycle || (freebsd && machine_is_lent(m)))
		return 0;
	r = load_place(t, m, t->tests.shell, t->tests.shell_len, name, o->call_timeout_ms, at, err);
	return r || !freebsd ? r : name_shell(t, o, m, at, err);
}

static int run_program(struct trial *t, const struct trial_options *o, struct machine *m,
	const struct test_program *p, load_step_fn *step, struct error *err)
{
	struct proto_run run = {(uint32_t)o->exercise_timeout_ms, 1};
	AUTO_FREE char *module = xasprintf("KMODLAB_MODULE=%s", t->kos[t->modules.n - 1].name);
	AUTO_FREE char *name =
		xasprintf("%s/kmodlab-%s", machine_dir(m), p->script ? "test.sh" : "test");
	size_t at = begin(t, xstrdup(p->what));
	AUTO_BUF struct buf body = {0};
	struct proto_done done = {0};
	int r = 0;

	buf_add(&body, &run, sizeof run);
	add_word(&body, module);
	if (p->script)
		r = exercise_place_shell(t, o, m, at, &body, err);
	if (!r && !t->cycle)
		r = load_place(t, m, p->bytes, p->len, name, o->call_timeout_ms, at, err);
	add_word(&body, name);
	if (!r)
		r = load_ask(t, m, PROTO_RUN, body.data, body.len, o->exercise_timeout_ms, at,
			&done, err);
	return r < 0 ? r : end(t, o, step, at, &done, r, (int64_t)o->exercise_timeout_ms * 1000);
}

/* What of all that appeared can be used: files, and devices that have no node. */
static size_t add_files(const struct things *appeared, struct buf *body)
{
	size_t n = 0;

	for (size_t i = 0; i < appeared->n && n < FILES_MAX; i++) {
		const struct thing *x = &appeared->items[i];
		bool node = x->kind == PROTO_NODE || x->kind == PROTO_PROC ||
			x->kind == PROTO_SYSFS || x->kind == PROTO_DEBUGFS ||
			x->kind == PROTO_SYSCTL;

		if (!node && (x->kind != PROTO_DEVICE || strncmp(x->name, "char ", 5)))
			continue;
		if (body->len + strlen(x->name) + 1 > PROTO_BODY_MAX)
			break;
		add_word(body, x->name);
		n++;
	}
	return n;
}

#define PLAIN "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=:,./@%"

/* As the shell takes it; plain where that is the same. */
static void add_quoted(struct buf *out, const char *word)
{
	if (*word && strspn(word, PLAIN) == strlen(word))
		buf_adds(out, word);
	else
		replay_quote(out, word);
}

/* The command that does the same once more, for whoever wants to see it again. Caller frees. */
static char *again(const struct trial *t, const struct trial_options *o)
{
	struct buf out = {0};

	buf_adds(&out, "kmodlab run ");
	add_quoted(&out, o->path);
	buf_addf(&out, " --exercise=auto --seed %llu -t %s", (unsigned long long)o->seed,
		t->target->name);
	if (o->cpus != 2)
		buf_addf(&out, " --cpus %u", o->cpus);
	if (o->cycles > 1)
		buf_addf(&out, " --cycles %u", o->cycles);
	for (char *const *word = o->params; word && *word; word++) {
		buf_adds(&out, word == o->params ? " -- " : " ");
		add_quoted(&out, *word);
	}
	return buf_take(&out);
}

static int use_files(struct trial *t, const struct trial_options *o, struct machine *m,
	load_step_fn *step, struct error *err)
{
	struct proto_exercise x = {.seed = o->seed, .rounds = ROUNDS};
	struct proto_survey survey = {.what = PROTO_FILES};
	size_t at = begin(t, xasprintf("auto, seed %llu", (unsigned long long)o->seed));
	AUTO_BUF struct buf body = {0};
	struct proto_done done = {0};
	int r;

	t->run.calls[at].again = again(t, o);
	/* What appeared in the cycle before has gone. */
	things_free(&t->run.appeared);
	r = load_ask(
		t, m, PROTO_SURVEY, &survey, sizeof survey, o->call_timeout_ms, at, &done, err);

	/* It is to be over, those that hang killed, before we call it a hang. */
	x.timeout_ms = (uint32_t)o->exercise_timeout_ms / 2;
	buf_add(&body, &x, sizeof x);
	if (!r && !add_files(&t->run.appeared, &body)) {
		t->run.calls[at].output = xstrdup("the module made no file that could be used\n");
		done = (struct proto_done){0};
	} else if (!r) {
		r = load_ask(t, m, PROTO_EXERCISE, body.data, body.len, o->exercise_timeout_ms, at,
			&done, err);
	}
	return r < 0 ? r : end(t, o, step, at, &done, r, (int64_t)o->exercise_timeout_ms * 1000);
}

int exercise(struct trial *t, const struct trial_options *o, struct machine *m, load_step_fn *step,
	struct error *err)
{
	int r = 0;

	if (o->watch && (t->tests.n || o->exercise == EXERCISE_AUTO))
		o->watch(o->arg, t, STAGE_EXERCISE, NULL);
	for (size_t i = 0; i < t->tests.n && !r; i++)
		r = run_program(t, o, m, &t->tests.items[i], step, err);
	if (!r && o->exercise == EXERCISE_AUTO)
		r = use_files(t, o, m, step, err);
	return r;
}
