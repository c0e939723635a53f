/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two ways to look. From outside, the machine is stopped a few times and its processors' registers and
 * stacks are read: that needs nobody in it. From inside, the agent's watcher says where the tasks stand
 * that do not run, and has the kernel say where the processors are; it can as long as one of
 * them still works for it. What both saw is put into one text.
 */
#include "trial/stuck.h"

#include "base/clock.h"
#include "judge/kmsg.h"
#include "judge/system.h"
#include "machine/stuck.h"
#include "trial/addresses.h"
#include "trial/load.h"
#include "trial/stuck-own.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SAMPLE_US      20000
#define ASK_MS	       10000
#define DOUBT_MS       3000 /* when it is doubtful whether anybody will answer */
#define KALLSYMS_MAX   ((size_t)64 << 20)
#define TOLD_MAX       ((size_t)1 << 20) /* bytes of what the watcher says */
#define FRAMES	       40
#define STACK_BYTES    8192
#define STACK_BOUNDARY 16384 /* Linux: a stack ends at such a multiple */

/* Asks the watcher and waits for its answer: DATA goes to `data`, log records that come meanwhile to `log`, or
 * to the run when that is NULL. Whether it answered. */
static bool ask(struct trial *t, struct machine *m, enum proto_type type, const char *what,
	size_t data_max, int timeout_ms, struct buf *data, struct buf *log)
{
	int64_t deadline = clock_us() + (int64_t)timeout_ms * 1000;
	size_t call = t->run.ncalls ? t->run.ncalls - 1 : 0;
	struct message msg;
	struct error err;
	uint32_t serial;

	if (machine_send(m, type, what, what ? strlen(what) + 1 : 0, &serial, &err))
		return false;
	while (machine_next(m, deadline, &msg, &err) == MACHINE_MESSAGE) {
		struct proto_done done;
		struct record r;

		if (msg.type == PROTO_DATA && msg.serial == serial &&
			data->len + msg.length <= data_max)
			buf_add(data, msg.body, msg.length);
		if (msg.type == PROTO_DONE && msg.serial == serial)
			return !message_done(&msg, &done) && !done.error;
		if (!log || msg.type != PROTO_LOG) {
			load_take(t, &msg, call);
		} else if (!judge_system(t->run.os)->parse(msg.body, msg.length, &r)) {
			if (log->len < TOLD_MAX)
				buf_addf(log, "log: %s\n", r.text);
			free(r.text);
		}
	}
	return false;
}

/* ---- from outside ---- */

static void take_sample(struct stuck *k, struct stuck_sample *s, struct error *err)
{
	struct machine *m = k->m;
	int n;

	if (machine_freeze(m, err))
		return;
	n = machine_cpus(m, s->cpus, err);
	s->n = n > 0 ? (size_t)n : 0;
	s->stacks = xcalloc(s->n + 1, sizeof *s->stacks);
	for (size_t i = 0; i < s->n; i++) {
		const struct cpu_state *c = &s->cpus[i];
		uint64_t sp = c->regs[REG_RSP];
		size_t len = STACK_BYTES;

		if (c->user || c->halted)
			continue;
		if (machine_peek(m, c->index, c->gs, &s->own[i], sizeof s->own[i]) !=
			sizeof s->own[i])
			s->own[i] = 0;
		if (k->t->run.os == TARGET_LINUX && STACK_BOUNDARY - sp % STACK_BOUNDARY < len)
			len = STACK_BOUNDARY - sp % STACK_BOUNDARY;
		s->stacks[i].at = sp;
		s->stacks[i].len = machine_peek(m, c->index, sp, s->stacks[i].bytes, len);
	}
}

static void take_samples(struct stuck *k)
{
	struct error err;

	for (size_t i = 0; i < STUCK_SAMPLES; i++) {
		take_sample(k, &k->samples[i], &err);
		k->nsamples = i + 1;
		machine_thaw(k->m, &err);
		nanosleep(&(struct timespec){.tv_nsec = SAMPLE_US * 1000}, NULL);
	}
}

bool stuck_word(const struct stuck_stack *s, uint64_t at, uint64_t *out)
{
	if (at < s->at || at - s->at > s->len || s->len - (at - s->at) < sizeof *out)
		return false;
	memcpy(out, s->bytes + (at - s->at), sizeof *out);
	return true;
}

bool stuck_peek_word(const struct stuck *k, uint64_t at, uint64_t *out)
{
	return machine_peek(k->m, k->cpu, at, out, sizeof *out) == sizeof *out;
}

/* Whether the instruction before `at` is a call. */
static bool behind_call(const struct stuck *k, uint64_t at)
{
	uint8_t b[7];

	if (machine_peek(k->m, k->cpu, at - sizeof b, b, sizeof b) != sizeof b)
		return false;
	return b[2] == 0xe8 || (b[5] == 0xff && (b[6] & 0x38) == 0x10) ||
		(b[4] == 0xff && (b[5] & 0x38) == 0x10) || (b[1] == 0xff && (b[2] & 0x38) == 0x10);
}

bool stuck_add_frame(
	struct stuck *k, struct buf *out, const char *mark, uint64_t at, bool is_return)
{
	const struct address *a = addresses_find(&k->addresses, is_return ? at - 1 : at, true);

	if (!a)
		return false;
	buf_addf(out, "  %s%s+0x%llx", mark, a->name, (unsigned long long)(at - a->at));
	if (a->module)
		buf_addf(out, " [%s]", a->module);
	buf_adds(out, "\n");
	return true;
}

/* Whether what an interrupt leaves on the stack begins at `at`: instruction, code segment, flags, stack, stack
 * segment, of the kernel's own (Linux: 0x10 and 0x18, FreeBSD: 0x20 and 0x28). No return address leads to
 * the instruction, which is the one thing that tells where an interrupted loop is. */
static bool interrupted_at(struct stuck *k, const struct stuck_stack *s, uint64_t at)
{
	uint64_t cs = k->t->run.os == TARGET_FREEBSD ? 0x20 : 0x10, word[5];

	for (size_t i = 0; i < 5; i++)
		if (!stuck_word(s, at + i * sizeof *word, &word[i]))
			return false;
	return word[1] == cs && (word[2] & 2) && word[2] < 0x400000 && word[4] == cs + 8 &&
		word[3] >> 47 == 0x1ffff && addresses_find(&k->addresses, word[0], true);
}

/* Every word of the stack that is a return address. Some may be left from earlier calls. */
static void scan_stack(struct stuck *k, const struct stuck_stack *s, struct buf *out)
{
	uint64_t word;
	size_t n = 0;

	for (uint64_t at = s->at; stuck_word(s, at, &word) && n < FRAMES; at += sizeof word)
		if (interrupted_at(k, s, at))
			n += stuck_add_frame(k, out, "", word, false);
		else if (addresses_find(&k->addresses, word - 1, true) && behind_call(k, word))
			n += stuck_add_frame(k, out, "", word, true);
}

void stuck_follow_frames(
	struct stuck *k, const struct stuck_stack *s, uint64_t frame, struct buf *out)
{
	uint64_t next, back;

	for (size_t n = 0; n < FRAMES && stuck_word(s, frame, &next) &&
		stuck_word(s, frame + sizeof next, &back);
		n++) {
		if (!stuck_add_frame(k, out, "", back, true))
			return;
		if (next <= frame)
			return;
		for (uint64_t at = frame; at < next && stuck_word(s, at, &back); at += sizeof back)
			if (interrupted_at(k, s, at))
				stuck_add_frame(k, out, "", back, false);
		frame = next;
	}
}

static bool has_module(const char *frames)
{
	return frames && strstr(frames, " [");
}

static void frames_of(struct stuck *k, const struct stuck_sample *s, size_t i, struct buf *out)
{
	const struct cpu_state *c = &s->cpus[i];

	stuck_add_frame(k, out, "", c->rip, false);
	if (k->t->run.os == TARGET_FREEBSD)
		stuck_follow_frames(k, &s->stacks[i], c->regs[REG_RBP], out);
	else
		scan_stack(k, &s->stacks[i], out);
}

/* One processor: the whole chain at the moment that shows most, and where it was at the others. */
static void tell_cpu(struct stuck *k, size_t i, struct buf *out)
{
	const struct stuck_sample *best = NULL;
	AUTO_BUF struct buf frames = {0};
	bool interrupts = false, idle = false, user = false;

	for (size_t n = 0; n < k->nsamples; n++) {
		const struct stuck_sample *s = &k->samples[n];
		AUTO_BUF struct buf these = {0};

		if (i >= s->n)
			continue;
		interrupts = interrupts || s->cpus[i].interrupts || s->cpus[i].user;
		idle = idle || s->cpus[i].halted;
		user = user || s->cpus[i].user;
		if (s->cpus[i].halted || s->cpus[i].user)
			continue;
		frames_of(k, s, i, &these);
		if (best && (has_module(frames.data) || !has_module(these.data)))
			continue;
		best = s;
		buf_consume(&frames, frames.len);
		buf_addf(&frames, "%s", these.data ? these.data : "");
	}
	/* A processor that rests or runs a program now and then is not the one that hangs. */
	buf_addf(out, "cpu %u: %s, interrupts %s\n", k->samples[0].cpus[i].index,
		idle	       ? "idle"
			: user ? "user"
			       : "kernel",
		interrupts ? "on" : "off");
	if (idle || user || !best)
		return;
	buf_addf(out, "%s", frames.data ? frames.data : "");
	for (size_t n = 0; n < k->nsamples; n++)
		if (&k->samples[n] != best && i < k->samples[n].n)
			stuck_add_frame(k, out, "~ ", k->samples[n].cpus[i].rip, false);
}

/* ---- names ---- */

/* The symbols of a machine like this one that is well: they are at the same places in all. */
static void ask_twin(struct stuck *k, const struct trial_options *o)
{
	AUTO_BUF struct buf text = {0};
	struct machine *twin;
	struct error err;
	struct trial other = {.target = k->t->target};

	other.run.os = k->t->run.os;
	if (load_twin(k->t, o, &twin, &err))
		return;
	if (ask(&other, twin, PROTO_READ, "/proc/kallsyms", KALLSYMS_MAX, ASK_MS, &text, NULL))
		addresses_add_kallsyms(&k->addresses, text.data, text.len);
	machine_close(twin);
	run_free(&other.run);
}

static void learn_linux(struct stuck *k, const struct trial_options *o, bool answers)
{
	AUTO_BUF struct buf text = {0};

	if (answers &&
		ask(k->t, k->m, PROTO_READ, "/proc/kallsyms", KALLSYMS_MAX, ASK_MS, &text, NULL)) {
		addresses_add_kallsyms(&k->addresses, text.data, text.len);
		return;
	}
	ask_twin(k, o);
	stuck_place_linux(k);
}

/* ---- */

/* How many processors have had their interrupts off all the time. With all of them so, nobody in the machine can
 * answer; with one, it may be the one to which the line's interrupt goes. */
static size_t deaf_cpus(const struct stuck *k)
{
	size_t deaf = 0;

	for (size_t i = 0; i < k->samples[0].n; i++) {
		bool hears = false;

		for (size_t n = 0; n < k->nsamples; n++)
			hears = hears || i >= k->samples[n].n || k->samples[n].cpus[i].interrupts;
		deaf += !hears;
	}
	return deaf;
}

/* A processor through whose eyes kernel memory is read. */
static unsigned seeing_cpu(const struct stuck *k)
{
	for (size_t i = 0; i < k->samples[0].n; i++)
		if (!k->samples[0].cpus[i].user)
			return k->samples[0].cpus[i].index;
	return 0;
}

/* Linux's /proc leaves out the scheduler's own functions, which are the ones that say what a task waits for. So
 * for a chain that begins in a module, the call there is looked at: "  mutex_lock" goes before it. */
static void add_called(struct stuck *k, const char *line, const char *end, struct buf *out)
{
	const char *name = memmem(line, (size_t)(end - line), "] ", 2), *plus, *bracket;
	AUTO_FREE char *function = NULL, *module = NULL;
	const struct address *a;
	uint8_t b[5];
	int32_t far;
	uint64_t at;

	plus = name ? memchr(name, '+', (size_t)(end - name)) : NULL;
	bracket = plus ? memchr(plus, '[', (size_t)(end - plus)) : NULL;
	if (!bracket)
		return;
	function = xstrndup(name + 2, (size_t)(plus - name - 2));
	module = xstrndup(bracket + 1, strcspn(bracket + 1, "] \n"));
	a = addresses_named(&k->addresses, function, module);
	if (!a)
		return;
	at = a->at + strtoull(plus + 1, NULL, 16);
	if (machine_peek(k->m, k->cpu, at - sizeof b, b, sizeof b) != sizeof b || b[0] != 0xe8)
		return;
	memcpy(&far, b + 1, sizeof far);
	a = addresses_find(&k->addresses, at + (uint64_t)(int64_t)far, true);
	if (a)
		buf_addf(out, "  %s\n", a->name);
}

/* What the watcher said of the tasks, made harmless. */
static void add_tasks(struct stuck *k, const struct buf *told, struct buf *out)
{
	AUTO_FREE char *text = record_text(told->data ? told->data : "", told->len);
	bool first = false;

	for (char *line = text, *end; *line; line = *end ? end + 1 : end) {
		bool heading = !strncmp(line, "task ", 5);

		end = strchrnul(line, '\n');
		if (first && !heading)
			add_called(k, line, end, out);
		first = heading;
		buf_addf(out, "%s%.*s\n", heading ? "" : "  ", (int)(end - line), line);
	}
}

/* The kernel's words; not the trace of the watcher itself, which asked for them. */
static void add_log(const char *log, struct buf *out)
{
	static const char heading[] = "log: NMI backtrace for cpu ";

	while (*log) {
		const char *next = strstr(log + 1, heading);
		size_t len = next ? (size_t)(next - log) : strlen(log);

		if (strncmp(log, heading, sizeof heading - 1) ||
			!memmem(log, len, "__handle_sysrq", 14))
			buf_add(out, log, len);
		log += len;
	}
}

void stuck_look(struct trial *t, const struct trial_options *o, struct machine *m)
{
	struct stuck *k = xcalloc(1, sizeof *k);
	AUTO_BUF struct buf told = {0}, log = {0};
	struct buf out = {0};
	bool answers = false;
	size_t deaf;

	k->t = t;
	k->m = m;
	take_samples(k);
	k->cpu = seeing_cpu(k);
	deaf = deaf_cpus(k);
	/* Into a real machine nobody can look from outside. */
	if ((deaf < k->samples[0].n || machine_is_lent(m)) && !machine_without_ring(m)) {
		answers = ask(t, m, PROTO_SYNC, NULL, 0, deaf ? DOUBT_MS : ASK_MS, &told, NULL);
		answers = answers && ask(t, m, PROTO_STUCK, NULL, TOLD_MAX, ASK_MS, &told, &log);
	}
	if (t->run.os == TARGET_LINUX)
		learn_linux(k, o, answers);
	else
		stuck_learn_freebsd(k);
	for (size_t i = 0; i < k->samples[0].n; i++)
		tell_cpu(k, i, &out);
	if (t->run.os == TARGET_LINUX) {
		add_tasks(k, &told, &out);
		stuck_locks_linux(k, out.data ? out.data : "", &out);
	} else
		stuck_tell_freebsd(k, told.data, &out);
	add_log(log.data ? log.data : "", &out);
	free(t->run.stuck);
	t->run.stuck = buf_take(&out);
	for (size_t i = 0; i < k->nsamples; i++)
		free(k->samples[i].stacks);
	addresses_free(&k->addresses);
	free(k);
}
