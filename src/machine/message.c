/* SPDX-License-Identifier: BSD-2-Clause */
#include "machine/message.h"

#include <errno.h>
#include <string.h>

int message_parse(const void *bytes, size_t len, struct message *m, size_t *used)
{
	struct proto_header h;

	if (len < sizeof h)
		return 0;
	memcpy(&h, bytes, sizeof h);
	if (h.magic != PROTO_MAGIC || h.version != PROTO_VERSION || h.length > PROTO_BODY_MAX)
		return -EPROTO;
	if (h.type < PROTO_HELLO || h.type > PROTO_GIVE)
		return -EPROTO;
	if (len - sizeof h < h.length)
		return 0;
	*m = (struct message){h.type, h.serial, (const uint8_t *)bytes + sizeof h, h.length};
	*used = sizeof h + h.length;
	return 1;
}

/* The string at *at, printable ASCII only (what is not becomes '?'); NULL when it has no end. */
static char *take_string(const struct message *m, size_t *at)
{
	const uint8_t *start = m->body + *at;
	const uint8_t *end = memchr(start, 0, m->length - *at);
	char *text;

	if (!end)
		return NULL;
	text = xstrndup((const char *)start, (size_t)(end - start));
	for (char *p = text; *p; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
	*at += (size_t)(end - start) + 1;
	return text;
}

int message_hello(const struct message *m, struct hello *out)
{
	struct proto_hello h;
	size_t at = sizeof h;

	*out = (struct hello){0};
	if (m->type != PROTO_HELLO || m->length < sizeof h)
		return -EPROTO;
	memcpy(&h, m->body, sizeof h);
	out->os = h.os == PROTO_FREEBSD ? PROTO_FREEBSD : PROTO_LINUX;
	out->cpus = h.cpus;
	out->release = take_string(m, &at);
	out->version = out->release ? take_string(m, &at) : NULL;
	out->machine = out->version ? take_string(m, &at) : NULL;
	if (out->machine && (h.os == PROTO_LINUX || h.os == PROTO_FREEBSD))
		return 0;
	hello_free(out);
	return -EPROTO;
}

int message_done(const struct message *m, struct proto_done *out)
{
	if (m->type != PROTO_DONE || m->length != sizeof *out)
		return -EPROTO;
	memcpy(out, m->body, sizeof *out);
	if (out->error < 0 || out->error > 4095 || out->signal < 0 || out->signal > 128)
		return -EPROTO;
	return 0;
}

void hello_free(struct hello *h)
{
	free(h->release);
	free(h->version);
	free(h->machine);
	*h = (struct hello){0};
}
