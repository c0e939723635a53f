/* SPDX-License-Identifier: BSD-2-Clause */
#include "guest/watch.h"

#include "guest/agent.h"
#include "guest/bare.h"
#include "guest/os.h"

/* A survey that is under way. A list's entry may lie in memory that went with its module, so that reading it kills
 * the worker; the next one then goes on. NULL: nothing is watched in this machine. */
static struct under_way {
	uint32_t serial; /* 0: none */
	uint32_t what;
	uint32_t listing; /* it is past what was followed */
} * under_way;

static void tell_thing(const struct proto_thing *thing, const char *name, const char *more)
{
	static uint8_t body[sizeof *thing + 2048];
	size_t at = sizeof *thing, n = length(name), m = length(more);

	n = n < 1000 ? n : 1000;
	m = m < 1000 ? m : 1000;
	memcpy(body, thing, sizeof *thing);
	memcpy(body + at, name, n);
	at += n;
	body[at++] = 0;
	memcpy(body + at, more, m);
	at += m;
	body[at++] = 0;
	agent_tell(PROTO_THING, 0, body, at, 0, 0);
}

static void tell_section(uint64_t address, const char *module, const char *section)
{
	uint8_t body[sizeof address + 256];
	size_t m = length(module) + 1, s = length(section) + 1;

	if (sizeof address + m + s > sizeof body)
		return;
	memcpy(body, &address, sizeof address);
	memcpy(body + sizeof address, module, m);
	memcpy(body + sizeof address + m, section, s);
	agent_tell(PROTO_SECTION, 0, body, sizeof address + m + s, 0, 0);
}

void watch_setup(void)
{
	under_way = os_common_memory(sizeof *under_way);
	list_setup();
	track_setup();
}

void watch_baseline(uint32_t serial)
{
	if (under_way) {
		list_baseline();
		track_baseline();
	}
	if (serial)
		agent_done(serial, 0, 0, 0);
}

static void go_on(void)
{
	uint32_t serial = under_way->serial, what = under_way->what;
	uint64_t began = os_now_us();

	if (what & PROTO_TRACKED && !under_way->listing)
		track_survey(tell_thing);
	under_way->listing = 1;
	if (what & (PROTO_FILES | PROTO_OTHERS))
		list_survey(what, tell_thing);
	under_way->serial = 0;
	agent_tell_log();
	agent_done(serial, 0, 0, os_now_us() - began);
}

void watch_survey(uint32_t serial, const uint8_t *at, const uint8_t *end)
{
	struct proto_survey s;

	if ((size_t)(end - at) < sizeof s || !under_way) {
		agent_done(serial, 22 /* EINVAL */, 0, 0);
		return;
	}
	memcpy(&s, at, sizeof s);
	*under_way = (struct under_way){serial, s.what, 0};
	go_on();
}

void watch_resume(void)
{
	if (!under_way || !under_way->serial)
		return;
	if (under_way->listing)
		list_died();
	under_way->listing = 1;
	go_on();
}

void watch_loaded(const char *module)
{
	if (under_way)
		list_loaded();
	track_loaded(module, tell_section);
}
