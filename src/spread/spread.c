/* SPDX-License-Identifier: BSD-2-Clause */
#include "spread/own.h"

#include "base/clock.h"
#include "base/interrupt.h"
#include "base/path.h"
#include "spread/program.h"
#include "spread/result.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TICK_MS 100
/* How often the executor is asked: at first, and when a run takes longer than a minute. */
#define LOOK_US	     INT64_C(1000000)
#define LOOK_LATE_US INT64_C(5000000)
#define LATE_US	     INT64_C(60000000)
/* A result may show up so much later than its task has ended: file systems that are shared look for new files only now
 * and then. A task that says that its results are there is waited for longer. */
#define GRACE_US       INT64_C(2000000)
#define GRACE_WHOLE_US INT64_C(70000000)
/* For so long the executor need not answer. */
#define SILENCE_US INT64_C(600000000)
/* Progress without a terminal. */
#define REPORT_US INT64_C(30000000)
/* The last tasks end after their results are there. */
#define LEAVING_US INT64_C(15000000)
#define TAIL_MOST  400

/* ---- words for who waits ---- */

static void clear(struct spread *s)
{
	if (s->showing)
		fputs("\r\033[K", stderr);
	s->showing = false;
}

void spread_note(struct spread *s, const char *format, ...)
{
	AUTO_BUF struct buf text = {0};
	va_list args;

	va_start(args, format);
	buf_vaddf(&text, format, args);
	va_end(args);
	if (s->o.drawing) {
		strv_add(&s->notes, text.data);
		return;
	}
	fflush(stdout);
	clear(s);
	fprintf(stderr, "kmodlab: %s\n", text.data);
}

/* Why none of the tasks has begun, or NULL. */
static const char *why_waiting(const struct spread *s)
{
	const char *why = NULL;

	if (s->arrived)
		return NULL;
	for (size_t i = 0; i < s->crew.n; i++) {
		const struct task *t = &s->crew.tasks[i];

		if (t->running)
			return NULL;
		if (t->out && t->state && strchr(t->state, '('))
			why = t->state;
	}
	return why;
}

static void show_progress(struct spread *s)
{
	int64_t now = clock_us();
	const char *why;

	if (now - s->told_us < (isatty(2) ? 200000 : REPORT_US))
		return;
	why = now - s->began_us > 5000000 ? why_waiting(s) : NULL;
	if (why && !s->waiting) {
		s->waiting = true;
		spread_note(s, "nothing runs yet, %s says: %s", s->o.executor->title, why);
	}
	s->told_us = now;
	if (s->o.drawing)
		return;
	if (isatty(2)) {
		fprintf(stderr, "\r\033[Kkmodlab: %zu of %zu trials done, %.0f s", s->arrived,
			s->d.n, (double)(now - s->began_us) / 1e6);
		s->showing = true;
	} else if (s->arrived != s->told) {
		s->told = s->arrived;
		spread_note(s, "%zu of %zu trials done", s->arrived, s->d.n);
	}
}

/* ---- results ---- */

static void keep(struct spread *s, size_t i, struct trial *t)
{
	const struct many_options *o = s->many;

	s->slots[i].trial = t;
	s->slots[i].place = HERE;
	if (o->over)
		o->over(o->arg, i, t);
	clear(s);
	if (o->ended)
		o->ended(o->arg, i, t);
}

/* A trial of the list that is not run, or has come to nothing. */
static void keep_without(struct spread *s, size_t i, enum verdict verdict, const char *why)
{
	const struct many_item *item = &s->many->items[i];
	struct trial_options options = {.path = item->path};
	struct trial *t = xcalloc(1, sizeof *t);

	trial_skip(&options, item->os, why, t);
	t->verdict = verdict;
	t->target = item->target;
	t->expected = item->expected;
	keep(s, i, t);
}

/* Reads the result of a trial of the description. */
static void read_result(struct spread *s, size_t k)
{
	size_t i = s->items[k];
	const struct many_item *item = &s->many->items[i];
	AUTO_FREE char *path = folder_result(s->folder.path, k);
	AUTO_FREE char *node = NULL, *why = NULL;
	AUTO_BUF struct buf text = {0};
	struct trial *t = xcalloc(1, sizeof *t);
	struct error err;
	int r = path_read(path, RESULT_MOST, &text);

	if (r)
		error_sys(&err, -r, "cannot read %s", path);
	else
		r = result_parse(text.data ? text.data : "", text.len, t, &node, &err);
	if (!r && t->os != item->os)
		r = error_set(&err, EINVAL, "it is another trial's");
	if (r) {
		why = xasprintf("the result that came from %.64s is of no use: %s",
			node ? node : "a machine", err.text);
		trial_free(t);
		free(t);
		keep_without(s, i, VERDICT_INFRASTRUCTURE, why);
		return;
	}
	t->target = item->target;
	t->expected = item->expected;
	keep(s, i, t);
}

/* "7.json" */
static bool result_number(const char *name, size_t *k)
{
	char *end;

	if (*name < '0' || *name > '9')
		return false;
	errno = 0;
	*k = strtoull(name, &end, 10);
	return !errno && !strcmp(end, ".json");
}

/* Looks which results are there. */
static void look_for_results(struct spread *s)
{
	AUTO_FREE char *path = xasprintf("%s/results", s->folder.path);
	DIR *dir = opendir(path);
	struct dirent *e;
	size_t k;

	while (dir && (e = readdir(dir))) {
		if (!result_number(e->d_name, &k) || k >= s->d.n ||
			s->slots[s->items[k]].place != AWAITED)
			continue;
		s->slots[s->items[k]].place = ARRIVED;
		s->fates[k / s->d.chunk].left--;
		s->arrived++;
		/* The whole of it is kept in memory only when it is wanted at once. */
		if (s->many->ended)
			read_result(s, k);
	}
	if (dir)
		closedir(dir);
}

/* Hands over those whose turn it is; with `all`, those that have not come are left out. */
static void hand_over(struct spread *s, bool all)
{
	const struct many_options *o = s->many;

	for (; s->handed < o->n; s->handed++) {
		size_t i = s->handed;
		struct slot *slot = &s->slots[i];

		if (!o->items[i].target && slot->place == AWAITED)
			keep_without(s, i, VERDICT_SKIPPED, o->items[i].why);
		if (slot->place == ARRIVED)
			read_result(s, s->described);
		if (slot->place == AWAITED && !all)
			return;
		s->described += o->items[i].target != NULL;
		if (slot->place == AWAITED)
			continue;
		clear(s);
		o->done(o->arg, i, slot->trial);
		trial_free(slot->trial);
		free(slot->trial);
		slot->trial = NULL;
		slot->place = OVER;
	}
}

/* ---- tasks that end without a result ---- */

/* The last words of a task. Caller frees. */
static char *last_words(const struct spread *s, const struct task *t)
{
	AUTO_FREE char *path = folder_output(s->folder.path, t->number);
	AUTO_FREE char *beside = xasprintf("%s.err", path); /* parallel's */
	AUTO_FREE char *general = xasprintf("%s/parallel", s->folder.path);
	const char *const paths[] = {beside, path, general};

	for (size_t i = 0; i < 3; i++) {
		AUTO_BUF struct buf text = {0};
		char *tail;

		if (path_read(paths[i], 16 << 20, &text) || !text.len)
			continue;
		tail = program_tail(text.data, text.len, TAIL_MOST);
		if (*tail)
			return tail;
		free(tail);
	}
	return NULL;
}

/* A task was tried often enough. */
static void give_up(struct spread *s, size_t task)
{
	const struct task *t = &s->crew.tasks[task];
	struct fate *f = &s->fates[task];
	AUTO_FREE char *words = last_words(s, t), *why = NULL, *tries = NULL;

	if (f->tries > 1)
		tries = xasprintf(", %u times, the last time", f->tries);
	why = xasprintf("it was not finished on %.80s%s: %s says %.80s; %s%s%s",
		t->node ? t->node : "any machine", tries ? tries : "", s->o.executor->title,
		t->state ? t->state : "nothing",
		words ? "the last words from there: "
		      : "it left no words: does that machine see the folder ",
		words ? words : s->folder.path, words ? "" : "?");
	for (size_t k = f->first; k < f->first + f->n; k++)
		if (s->slots[s->items[k]].place == AWAITED) {
			s->arrived++;
			keep_without(s, s->items[k], VERDICT_INFRASTRUCTURE, why);
		}
	f->left = 0;
}

/* The task has ended, and its results have had their time to come. */
static bool is_lost(struct spread *s, size_t i, int64_t now)
{
	const struct task *t = &s->crew.tasks[i];
	struct fate *f = &s->fates[i];

	if (!f->left || t->out)
		return false;
	if (!f->ended_us)
		f->ended_us = now;
	return now - f->ended_us >= (t->whole ? GRACE_WHOLE_US : GRACE_US);
}

static void run_again(struct spread *s)
{
	AUTO_FREE size_t *again = xcalloc(s->crew.n + 1, sizeof *again);
	int64_t now = clock_us();
	struct error err;
	size_t n = 0;

	for (size_t i = 0; i < s->crew.n; i++) {
		const struct task *t = &s->crew.tasks[i];
		AUTO_FREE char *words = NULL;

		if (!is_lost(s, i, now))
			continue;
		if (s->fates[i].tries >= s->o.executor->tries) {
			give_up(s, i);
			continue;
		}
		words = last_words(s, t);
		spread_note(s,
			"task %zu of %zu ended without a result on %s (%s%s%s); it is run again",
			t->number, s->crew.n, t->node ? t->node : "no machine",
			t->state ? t->state : "no state", words ? "): (" : "", words ? words : "");
		again[n++] = i;
	}
	if (!n || !spread_submit(s, again, n, &err))
		return;
	spread_note(s, "%s", err.text);
	for (size_t i = 0; i < n; i++)
		task_says(&s->crew.tasks[again[i]], err.text, NULL);
}

/* Asks the executor, if it is time to. */
static void look(struct spread *s)
{
	int64_t now = clock_us();
	struct error err;
	int r;

	if (now - s->looked_us < (now - s->began_us < LATE_US ? LOOK_US : LOOK_LATE_US))
		return;
	r = s->o.executor->look(&s->crew, &err);
	s->looked_us = clock_us();
	if (!r)
		s->answered_us = s->looked_us;
	/* Its tasks are as good as lost; what they have brought so far counts. */
	for (size_t i = 0; r && s->looked_us - s->answered_us > SILENCE_US && i < s->crew.n; i++)
		if (s->crew.tasks[i].out) {
			s->fates[i].tries = s->o.executor->tries;
			s->crew.tasks[i].out = false;
			s->leaves = true;
			task_says(&s->crew.tasks[i], err.text, NULL);
		}
	look_for_results(s);
	run_again(s);
}

/* ---- all ---- */

static void wait_a_tick(void)
{
	struct pollfd fd = {.fd = interrupt_fd(), .events = POLLIN};

	if (!interrupt_pending())
		poll(&fd, 1, TICK_MS);
}

void spread_gather(struct spread *s)
{
	const struct many_options *o = s->many;

	while (!interrupt_pending()) {
		look_for_results(s);
		hand_over(s, false);
		if (s->handed == o->n)
			return;
		look(s);
		if (o->tick)
			o->tick(o->arg);
		show_progress(s);
		wait_a_tick();
	}
	clear(s);
	s->leaves |= !s->o.executor->cancel(&s->crew);
	look_for_results(s);
	hand_over(s, true);
}

/* The last tasks have brought their results, and are on their way out. */
static void let_leave(struct spread *s)
{
	int64_t deadline = clock_us() + LEAVING_US;
	struct error err;
	bool out = true;

	while (out && !interrupt_pending() && clock_us() < deadline) {
		out = false;
		/* Those who run a cluster do not like to be asked all the time. */
		if (clock_us() - s->looked_us >= LOOK_US) {
			s->o.executor->look(&s->crew, &err);
			s->looked_us = clock_us();
		}
		for (size_t i = 0; i < s->crew.n; i++)
			out |= s->crew.tasks[i].out;
		if (out)
			wait_a_tick();
	}
}

void spread_close(struct spread *s)
{
	AUTO_FREE char *what = NULL;

	if (!s)
		return;
	clear(s);
	if (s->crew.own) {
		if (s->handed == s->many->n)
			let_leave(s);
		s->leaves |= !s->o.executor->cancel(&s->crew);
		what = s->o.executor->what(&s->crew);
		s->o.executor->end(&s->crew);
	}
	s->o.drawing = false;
	if (s->leaves)
		spread_note(s,
			"%s has not said that all has ended; what still runs ends when it sees that the folder is gone",
			what);
	for (size_t i = 0; i < s->notes.n; i++)
		spread_note(s, "%s", s->notes.v[i]);
	scratch_close(&s->folder);
	for (size_t i = 0; i < s->crew.n; i++) {
		free(s->crew.tasks[i].state);
		free(s->crew.tasks[i].node);
	}
	for (size_t i = 0; i < s->many->n; i++) {
		if (s->slots[i].trial)
			trial_free(s->slots[i].trial);
		free(s->slots[i].trial);
	}
	free(s->crew.tasks);
	free(s->fates);
	free(s->slots);
	free(s->items);
	free(s->d.trials);
	free(s->d.cwd);
	strv_free(&s->d.environment);
	strv_free(&s->notes);
	free(s->program);
	free(s);
}
