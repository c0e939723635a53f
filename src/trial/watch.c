/* SPDX-License-Identifier: BSD-2-Clause */
#include "trial/watch.h"

#include "judge/kmsg.h"

#include <string.h>

/* The string at *at, harmless; NULL when it has no end. */
static char *take_text(const struct message *msg, size_t *at)
{
	const char *start = (const char *)msg->body + *at;
	const char *end = *at < msg->length ? memchr(start, 0, msg->length - *at) : NULL;

	if (!end)
		return NULL;
	*at += (size_t)(end - start) + 1;
	return record_text(start, (size_t)(end - start));
}

static void take_thing(struct things *to, const struct message *msg)
{
	struct proto_thing p;
	size_t at = sizeof p;
	char *name, *more;

	if (msg->length < sizeof p)
		return;
	memcpy(&p, msg->body, sizeof p);
	if (!p.kind || p.kind >= PROTO_KINDS)
		return;
	name = take_text(msg, &at);
	more = name ? take_text(msg, &at) : NULL;
	if (!more) {
		free(name);
		return;
	}
	thing_add(to,
		(struct thing){.kind = (enum proto_kind)p.kind,
			.name = name,
			.more = more,
			.site = p.site,
			.bytes = p.bytes,
			.count = p.count});
}

static void take_section(struct run *r, const struct message *msg)
{
	uint64_t address;
	size_t at = sizeof address;
	AUTO_FREE char *module = NULL, *section = NULL;

	if (msg->length < sizeof address || !r->code)
		return;
	memcpy(&address, msg->body, sizeof address);
	module = take_text(msg, &at);
	section = module ? take_text(msg, &at) : NULL;
	if (section)
		code_put(r->code, module, section, address);
}

void watch_take(struct trial *t, const struct message *msg, bool loaded)
{
	if (msg->type == PROTO_THING)
		take_thing(loaded ? &t->run.appeared : &t->run.left, msg);
	else
		take_section(&t->run, msg);
}
