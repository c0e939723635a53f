/* SPDX-License-Identifier: BSD-2-Clause */
#include "machine/qmp.h"

#include "base/clock.h"
#include "base/interrupt.h"
#include "base/path.h"

#include <errno.h>
#include <json-c/json.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define RETURNED_MAX ((size_t)1 << 20)

/* Sends a line, and a descriptor with it. QEMU reads what we say at once, so the socket is never full. */
static void say(struct qmp *q, const char *line, int fd)
{
	char control[CMSG_SPACE(sizeof fd)] = {0};
	struct iovec part = {(void *)line, strlen(line)};
	struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1};

	if (fd >= 0) {
		struct cmsghdr *c;

		m.msg_control = control;
		m.msg_controllen = sizeof control;
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof fd);
		memcpy(CMSG_DATA(c), &fd, sizeof fd);
	}
	(void)!sendmsg(q->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void say_command(struct qmp *q, const char *command, const char *arguments, int fd)
{
	AUTO_FREE char *line = xasprintf("{\"execute\":\"%s\",\"id\":%u%s%s}\n", command,
		++q->asked, arguments ? ",\"arguments\":" : "", arguments ? arguments : "");

	say(q, line, fd);
}

void qmp_say(struct qmp *q, const char *command, const char *arguments)
{
	say_command(q, command, arguments, -1);
}

void qmp_start(struct qmp *q, int fd)
{
	*q = (struct qmp){.fd = fd};
	qmp_say(q, "qmp_capabilities", NULL);
}

static const char *string_in(struct json_object *o, const char *key)
{
	struct json_object *value;

	return json_object_object_get_ex(o, key, &value) ? json_object_get_string(value) : "";
}

static void take_event(struct qmp *q, struct json_object *o, const char *event)
{
	struct json_object *data, *guest;

	if (!strcmp(event, "SHUTDOWN") && json_object_object_get_ex(o, "data", &data)) {
		q->shutdown = true;
		q->by_guest = json_object_object_get_ex(data, "guest", &guest) &&
			json_object_get_boolean(guest);
		snprintf(q->reason, sizeof q->reason, "%s", string_in(data, "reason"));
	} else if (!strcmp(event, "RESUME")) {
		q->resumed = true;
	} else if (!strcmp(event, "STOP")) {
		/* Either we stopped it, or QEMU did: find out why. */
		qmp_say(q, "query-status", NULL);
	}
}

/* Keeps what was returned, at most RETURNED_MAX bytes of it. */
static void keep_returned(struct qmp *q, struct json_object *value)
{
	const char *text = json_object_get_string(value);

	buf_consume(&q->returned, q->returned.len);
	if (text)
		buf_add(&q->returned, text, strnlen(text, RETURNED_MAX));
}

static void take_answer(struct qmp *q, struct json_object *o)
{
	struct json_object *id, *part;
	const char *detail = "";

	q->refused = json_object_object_get_ex(o, "error", &part);
	if (q->refused)
		detail = string_in(part, "desc");
	else if (json_object_object_get_ex(o, "return", &part) &&
		json_object_is_type(part, json_type_object))
		detail = string_in(part, "status");
	q->failed = q->failed || (!q->refused && !strcmp(detail, "internal-error"));
	snprintf(q->detail, sizeof q->detail, "%s", detail);
	if (!q->refused && json_object_object_get_ex(o, "return", &part))
		keep_returned(q, part);
	if (json_object_object_get_ex(o, "id", &id))
		q->answered = (unsigned)json_object_get_int(id);
}

static void take(struct qmp *q, const char *line)
{
	struct json_object *o = json_tokener_parse(line);
	const char *event;

	if (!o)
		return;
	event = string_in(o, "event");
	if (*event)
		take_event(q, o, event);
	else
		take_answer(q, o);
	json_object_put(o);
}

/* Takes the lines that have arrived, up to the answer to question `until` (0: all). */
static void take_lines(struct qmp *q, unsigned until)
{
	char *end;

	while (q->in.len && (end = memchr(q->in.data, '\n', q->in.len))) {
		*end = 0;
		take(q, q->in.data);
		buf_consume(&q->in, (size_t)(end - q->in.data) + 1);
		if (until && q->answered == until)
			return;
	}
}

static bool receive(struct qmp *q)
{
	char bytes[4096];
	ssize_t n;

	while ((n = recv(q->fd, bytes, sizeof bytes, MSG_DONTWAIT)) > 0 ||
		(n < 0 && errno == EINTR))
		if (n > 0)
			buf_add(&q->in, bytes, (size_t)n);
	return n < 0 && errno == EAGAIN;
}

bool qmp_pull(struct qmp *q)
{
	bool open = receive(q);

	take_lines(q, 0);
	return open;
}

int qmp_ask(struct qmp *q, const char *command, const char *arguments, int fd, int64_t deadline_us,
	struct error *err)
{
	unsigned number;

	say_command(q, command, arguments, fd);
	number = q->asked;
	for (bool open = true;;) {
		take_lines(q, number);
		if (q->answered == number)
			return q->refused
				? error_set(err, EIO,
					  "QEMU refused %s: %s; another version of QEMU may do it",
					  command, q->detail)
				: 0;
		if (!open || q->failed)
			return error_set(err, EIO,
				"QEMU ended when asked for %s; try again, and if it stays so, see kmodlab doctor",
				command);
		if (interrupt_pending())
			return error_set(err, EINTR, "interrupted");
		if (!clock_left_ms(deadline_us))
			return error_set(err, ETIMEDOUT,
				"QEMU did not answer %s; try again, and if it stays so, see kmodlab doctor",
				command);
		clock_poll(
			(struct pollfd[]){
				{.fd = q->fd, .events = POLLIN},
				{.fd = interrupt_fd(), .events = POLLIN},
			},
			2, deadline_us);
		open = receive(q);
	}
}

void qmp_close(struct qmp *q)
{
	close_fd(&q->fd);
	buf_free(&q->in);
	buf_free(&q->returned);
}
