/* SPDX-License-Identifier: BSD-2-Clause */
#include "machine/qmp.h"

#include "base/path.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static void say(struct qmp *q, const char *command)
{
	(void)!send(q->fd, command, strlen(command), MSG_NOSIGNAL | MSG_DONTWAIT);
}

void qmp_start(struct qmp *q, int fd)
{
	*q = (struct qmp){.fd = fd};
	say(q, "{\"execute\":\"qmp_capabilities\"}\n");
}

static const char *string_in(struct json_object *o, const char *key)
{
	struct json_object *value;

	return json_object_object_get_ex(o, key, &value) ? json_object_get_string(value) : "";
}

static void take(struct qmp *q, const char *line)
{
	struct json_object *o = json_tokener_parse(line), *part;
	const char *event;

	if (!o)
		return;
	event = string_in(o, "event");
	if (!strcmp(event, "SHUTDOWN") && json_object_object_get_ex(o, "data", &part)) {
		struct json_object *guest;

		q->shutdown = true;
		q->by_guest = json_object_object_get_ex(part, "guest", &guest) &&
			json_object_get_boolean(guest);
		snprintf(q->reason, sizeof q->reason, "%s", string_in(part, "reason"));
	} else if (!strcmp(event, "STOP")) {
		/* We never stop a machine, so QEMU did: find out why. */
		say(q, "{\"execute\":\"query-status\"}\n");
	} else if (json_object_object_get_ex(o, "return", &part) &&
		!strcmp(string_in(part, "status"), "internal-error")) {
		q->failed = true;
	}
	json_object_put(o);
}

bool qmp_pull(struct qmp *q)
{
	char bytes[4096], *end;
	ssize_t n;

	while ((n = recv(q->fd, bytes, sizeof bytes, MSG_DONTWAIT)) > 0 ||
		(n < 0 && errno == EINTR))
		if (n > 0)
			buf_add(&q->in, bytes, (size_t)n);
	while (q->in.len && (end = memchr(q->in.data, '\n', q->in.len))) {
		*end = 0;
		take(q, q->in.data);
		buf_consume(&q->in, (size_t)(end - q->in.data) + 1);
	}
	return n < 0 && errno == EAGAIN;
}

void qmp_close(struct qmp *q)
{
	close_fd(&q->fd);
	buf_free(&q->in);
}
