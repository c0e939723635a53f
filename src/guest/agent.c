/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The agent: the only program in the machine, as two processes. The worker takes the requests and carries
 * them out, a module's init and exit included, which run in its context: an oops kills it. When a call
 * comes back it sends what the kernel has logged, and then PROTO_DONE. The watcher (pid 1) sleeps
 * until the worker has died or until the outside asks why there is no answer; then it sends the log as it
 * appears, and answers what the worker cannot.
 *
 * In the usual case, a call that comes back soon, only the worker ever runs: under an emulator, each
 * kernel path that is not taken is time won. For the same reason the worker looks at its ring instead
 * of sleeping on it as long as a request may be near; and in a parked machine it does nothing else.
 */
#include "guest/agent.h"
#include "guest/exercise.h"
#include "guest/lend.h"
#include "guest/os.h"
#include "guest/protocol.h"
#include "guest/shell.h"
#include "guest/stuck.h"
#include "guest/watch.h"
#include "guest/wire.h"

/* The console shows every record, because it is what remains when the kernel dies; but a serial line
 * takes a millisecond for each. Once a call has logged this many, it is a flood, and the console is
 * hushed until the call is over: the records go their own way all the same. */
#define FLOOD 200

/* A kernel that has just booted has some work left, and says so. It is at rest when it has been there for a
 * while (in milliseconds), and silent for some time. */
#define REST_LEAST  1500
#define REST_SILENT 500
#define REST_MOST   6000
#define REST_STEP   100

/* What the two processes share. */
struct common {
	uint32_t lock;	  /* over the rings, the line and the log */
	uint32_t busy;	  /* the worker is in a call; then… */
	uint32_t serial;  /* … this is its request */
	uint32_t records; /* … so many records have been sent */
	uint64_t began;	  /* … and it began then */
	int worker;	  /* its process's number */
	uint32_t shell;	  /* the SHELL that goes on; 0: none */
};

static struct common *common;
static uint8_t record[8192 + 1];

static void copy(void *to, const void *from, size_t len)
{
	__builtin_memcpy(to, from, len);
}

void agent_shell(uint32_t serial)
{
	common->shell = serial;
}

/* The other one may be on the same processor, so waiting is sleeping. */
static void lock(void)
{
	while (__atomic_exchange_n(&common->lock, 1, __ATOMIC_ACQUIRE))
		os_sleep_us(100);
}

static void unlock(void)
{
	__atomic_store_n(&common->lock, 0, __ATOMIC_RELEASE);
}

/* ---- answering; all of it under the lock ---- */

static void send_done(uint32_t serial, int32_t error, int32_t signal, uint64_t usec)
{
	struct proto_done done = {error, signal, usec};

	wire_send(PROTO_DONE, serial, &done, sizeof done, 0, 0);
}

/* Sends all that the kernel has logged so far, at most `limit` records. */
static void send_log(unsigned limit)
{
	while (limit--) {
		long n = os_log_read(record, sizeof record - 1);

		/* EPIPE: overtaken. */
		if (n == -32) {
			uint64_t lost = os_log_lost();

			if (lost)
				wire_send(PROTO_LOST, 0, &lost, sizeof lost, 0, 0);
			continue;
		}
		if (n <= 0)
			return;
		if (++common->records == FLOOD)
			os_console_loud(0);
		wire_send(PROTO_LOG, 0, record, (size_t)n, 0, 0);
	}
}

void agent_tell(
	uint16_t type, uint32_t serial, const void *a, size_t alen, const void *b, size_t blen)
{
	lock();
	wire_send(type, serial, a, alen, b, blen);
	unlock();
}

void agent_tell_log(void)
{
	lock();
	send_log(~0u);
	unlock();
}

const uint8_t *agent_take(struct proto_header *h)
{
	const uint8_t *body;

	lock();
	body = wire_take(h);
	unlock();
	return body;
}

void agent_calm(void)
{
	if (common->records >= FLOOD)
		os_console_loud(1);
	common->records = 0;
}

void agent_done(uint32_t serial, int32_t error, int32_t signal, uint64_t usec)
{
	lock();
	send_done(serial, error, signal, usec);
	unlock();
}

static void hello(void)
{
	struct proto_hello h = {os_number(), os_cpus()};
	char names[512];
	size_t len = os_names(names, sizeof names);

	wire_send(PROTO_HELLO, 0, &h, sizeof h, names, len);
}

/* ---- the requests ---- */

/* The string at *at in the body, which ends at `end`; moves *at past it. 0 when there is none. */
const char *agent_string(const uint8_t **at, const uint8_t *end)
{
	const uint8_t *start = *at;

	for (const uint8_t *p = start; p < end; p++) {
		if (*p)
			continue;
		*at = p + 1;
		return (const char *)start;
	}
	return 0;
}

/* The part of the area that the body begins with; moves *at past it. 0 when there is no such part. */
static const uint8_t *next_part(const uint8_t **at, const uint8_t *end, struct proto_load *part)
{
	if ((size_t)(end - *at) < sizeof *part)
		return 0;
	copy(part, *at, sizeof *part);
	*at += sizeof *part;
	if (part->offset > PROTO_AREA || part->length > PROTO_AREA - part->offset)
		return 0;
	return (const uint8_t *)wire_shared + PROTO_AREA_OFFSET + part->offset;
}

static void answer_read(uint32_t serial, const char *file)
{
	int fd = os_open_read(file);
	long n = fd;

	while (fd >= 0 && (n = os_read(fd, record, sizeof record - 1)) > 0)
		wire_send(PROTO_DATA, serial, record, (size_t)n, 0, 0);
	if (fd >= 0)
		os_close(fd);
	send_done(serial, n < 0 ? (int32_t)-n : 0, 0, 0);
}

static void answer_place(uint32_t serial, const char *file, const uint8_t *bytes, size_t len,
	const uint8_t *at, const uint8_t *end)
{
	int fd = os_open_append(file);
	const char *name;
	long n = fd;

	while (fd >= 0 && len && (n = os_write(fd, bytes, len)) > 0) {
		bytes += n;
		len -= (size_t)n;
	}
	if (fd >= 0)
		os_close(fd);
	while (n >= 0 && at < end && (name = agent_string(&at, end)))
		n = os_link(file, name);
	send_done(serial, n < 0 ? (int32_t)-n : 0, 0, 0);
}

static uint32_t stuck_serial;

static void say_stuck(const char *text, size_t len)
{
	for (; len > PROTO_BODY_MAX; text += PROTO_BODY_MAX, len -= PROTO_BODY_MAX)
		wire_send(PROTO_DATA, stuck_serial, text, PROTO_BODY_MAX, 0, 0);
	wire_send(PROTO_DATA, stuck_serial, text, len, 0, 0);
}

/* Where everybody is, as lines of DATA, and then what the kernel itself logs of it. */
static void answer_stuck(uint32_t serial)
{
	stuck_serial = serial;
	stuck_tell(common->worker, say_stuck);
	/* The last of it is printed by an interrupt that comes a little later. */
	os_sleep_us(10000);
	send_log(4096);
	send_done(serial, 0, 0, 0);
}

/* What has no other answer. */
static void refuse(uint32_t serial, int32_t error)
{
	lock();
	send_done(serial, error, 0, 0);
	unlock();
}

/* Requests that are answered at once, by either process, under the lock. 0: it is none of them. */
static int answer_now(const struct proto_header *h, const uint8_t *at, const uint8_t *end)
{
	const char *file = h->type == PROTO_READ ? agent_string(&at, end) : 0;

	if (h->type == PROTO_SYNC) {
		send_log(~0u);
		send_done(h->serial, 0, 0, 0);
	} else if (h->type == PROTO_READ && file) {
		answer_read(h->serial, file);
	} else if (h->type == PROTO_STUCK) {
		answer_stuck(h->serial);
	} else {
		return 0;
	}
	return 1;
}

/* After a call: the log first, so that all that there is to say about it has been said before DONE. */
static void end_call(int32_t error, int32_t signal)
{
	uint64_t took = os_now_us() - common->began;

	send_log(~0u);
	if (common->records >= FLOOD)
		os_console_loud(1);
	send_done(common->serial, error, signal, took);
	common->records = 0;
	common->busy = 0;
}

void agent_begin(uint32_t serial)
{
	common->serial = serial;
	common->began = os_now_us();
	__atomic_store_n(&common->busy, 1, __ATOMIC_SEQ_CST);
}

void agent_end(int32_t error, int32_t signal)
{
	lock();
	end_call(error, signal);
	unlock();
}

static void call_module(const struct proto_header *h, const uint8_t *at, const uint8_t *end)
{
	struct proto_load part = {0, 0};
	const uint8_t *bytes = h->type == PROTO_LOAD ? next_part(&at, end, &part) : 0;
	const char *name = agent_string(&at, end), *params = agent_string(&at, end);
	const char *own = h->type == PROTO_LOAD ? agent_string(&at, end) : 0;
	long r;

	if (!name || (part.length && !wire_shared)) {
		refuse(h->serial, 22 /* EINVAL */);
		return;
	}
	if (own)
		lend_loading(own);
	agent_begin(h->serial);
	if (h->type == PROTO_UNLOAD)
		r = os_unload(name);
	else if (part.length)
		r = os_load_bytes(name, bytes, part.length, params ? params : "");
	else
		r = os_load_file(name, params ? params : "");
	if (h->type == PROTO_LOAD && r >= 0)
		watch_loaded(name);
	else if (h->type == PROTO_UNLOAD && r >= 0)
		lend_unloaded(name);
	else if (own && r < 0)
		lend_unloaded(own);
	lock();
	end_call(r < 0 ? (int32_t)-r : 0, 0);
	unlock();
}

static void come_to_rest(void)
{
	unsigned silent = 0;

	for (unsigned at = 0; at < REST_MOST && (at < REST_LEAST || silent < REST_SILENT);
		at += REST_STEP) {
		os_sleep_us(REST_STEP * 1000);
		silent = os_log_skip() ? 0 : silent + REST_STEP;
	}
}

static void park(uint32_t serial)
{
	come_to_rest();
	if (!wire_shared || !wire_shared->unwatched)
		watch_baseline(0);
	lock();
	send_done(serial, 0, 0, 0);
	unlock();
	wire_park();
}

static void answer(const struct proto_header *h, const uint8_t *at)
{
	const uint8_t *end = at + h->length;
	struct proto_load part;
	const uint8_t *bytes;
	const char *file;
	int answered;

	lock();
	answered = answer_now(h, at, end);
	unlock();
	if (answered)
		return;
	switch (h->type) {
	case PROTO_LOAD:
	case PROTO_UNLOAD:
		call_module(h, at, end);
		return;
	case PROTO_PARK:
		park(h->serial);
		return;
	case PROTO_BASELINE:
		watch_baseline(h->serial);
		return;
	case PROTO_SURVEY:
		watch_survey(h->serial, at, end);
		return;
	case PROTO_RUN:
		exercise_run(h->serial, at, end);
		return;
	case PROTO_SHELL:
		shell_run(h->serial, at, end);
		return;
	case PROTO_EXERCISE:
		exercise_auto(h->serial, at, end);
		return;
	case PROTO_PLACE:
		bytes = wire_shared ? next_part(&at, end, &part) : 0;
		file = agent_string(&at, end);
		if (bytes && file) {
			lock();
			answer_place(h->serial, file, bytes, part.length, at, end);
			unlock();
			return;
		}
		/* fall through */
	default:
		refuse(h->serial, 22 /* EINVAL */);
	}
}

static _Noreturn void work(void)
{
	struct proto_header h;
	const uint8_t *body;

	/* One that never comes back is not to hold the connection that brought it. */
	if (lend_shared)
		lend_let_go(2);
	wire_forget();
	watch_resume();
	common->worker = stuck_self();
	for (;;) {
		wire_await();
		if (wire_shared)
			lock();
		body = wire_take(&h);
		if (wire_shared)
			unlock();
		if (body)
			answer(&h, body);
	}
}

/* ---- watching ---- */

static int start_worker(void)
{
	int worker = os_fork();

	if (!worker)
		work();
	if (worker < 0) {
		os_say("kmodlab agent: no process for a worker\n");
		os_halt();
	}
	return worker;
}

/* The worker is no more: an oops, most probably. */
static int replace_worker(int worker)
{
	int signal = os_worker_end(worker);

	common->lock = 0;
	lock();
	if (common->busy)
		end_call(0, signal ? signal : 9);
	if (common->shell)
		send_done(common->shell, PROTO_NOT_STARTED + 5 /* EIO */, signal, 0);
	common->shell = 0;
	unlock();
	return start_worker();
}

/* Whether a request waits that either process can answer. One that the worker is about to take is none: it
 * may only be slow to be scheduled. */
static int somebody_asks(void)
{
	int type = wire_peek();

	return type == PROTO_STUCK || type == PROTO_READ || type == PROTO_SYNC;
}

/* The worker does not come back: says what the log says meanwhile, and answers for it. */
static void stand_in(void)
{
	struct proto_header h;
	const uint8_t *body;

	/* Not for ever, if somebody floods the log: the worker's end gets its turn. */
	send_log(256);
	body = wire_shared ? wire_take(&h) : 0;
	if (!body || answer_now(&h, body, body + h.length))
		return;
	send_done(h.serial, 16 /* EBUSY */, 0, 0);
}

static _Noreturn void watch(void)
{
	int worker = start_worker(), late = !wire_shared;
	uint8_t wakes[64];

	os_be_first();
	for (;;) {
		unsigned saw = os_wait(
			(wire_shared ? OS_LINE : 0u) | (late ? OS_LOG : 0u) | OS_WORKER, worker);

		/* A carrier that was killed. */
		if (saw & OS_LINE && os_read(os_line_fd(), wakes, sizeof wakes) == 0 && lend_shared)
			os_halt();
		if (saw & OS_WORKER)
			worker = replace_worker(worker);
		/* On the line nobody wakes us, so we always listen to the log. */
		lock();
		if (common->busy || somebody_asks())
			stand_in();
		late = common->busy || !wire_shared;
		unlock();
	}
}

void agent_main(const long *stack);
void agent_main(const long *stack)
{
	if (lend_asked(stack))
		lend(stack);
	else
		os_play(stack);
	os_setup();
	common = os_common_memory(sizeof *common);
	wire_open();
	if (!wire_shared || !wire_shared->unwatched)
		watch_setup();
	os_log_skip();
	/* The boot was quiet. */
	os_console_loud(1);
	hello();
	watch();
}
