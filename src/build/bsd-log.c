/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The log of bmake: "--- TARGET ---" before what a target's commands say. Those of several targets that
 * are made at once come in pieces, and a piece may end in the middle of a line; so all of a target's
 * are put together first.
 */
#include "build/bsd-record.h"

#include <ctype.h>
#include <string.h>

struct said {
	char *target;
	struct buf text;
};

struct sayings {
	struct buf top, end; /* make's own words */
	struct said *items;
	size_t n;
};

static void sayings_free(struct sayings *s)
{
	for (size_t i = 0; i < s->n; i++) {
		free(s->items[i].target);
		buf_free(&s->items[i].text);
	}
	free(s->items);
	buf_free(&s->top);
	buf_free(&s->end);
}

static struct said *find(const struct sayings *s, const char *target)
{
	for (size_t i = 0; i < s->n; i++)
		if (!strcmp(s->items[i].target, target))
			return &s->items[i];
	return NULL;
}

static struct said *get(struct sayings *s, const char *target)
{
	struct said *said = find(s, target);

	if (said)
		return said;
	said = ARRAY_ADD(s->items, s->n);
	said->target = xstrdup(target);
	buf_adds(&said->text, "");
	return said;
}

/* Where in a line of `n` bytes its heading "--- TARGET ---" begins; NULL without one. */
static const char *heading(const char *line, size_t n, char **target)
{
	const char *end = line + n, *from;

	if (n < 9 || memcmp(end - 4, " ---", 4))
		return NULL;
	end -= 4;
	from = end;
	while (from > line && (isalnum((unsigned char)from[-1]) || strchr("._+-/", from[-1])))
		from--;
	if (from == end || from - line < 4 || memcmp(from - 4, "--- ", 4))
		return NULL;
	*target = xstrndup(from, (size_t)(end - from));
	return from - 4;
}

static void gather(const char *log, struct sayings *out)
{
	struct said *now = NULL;

	buf_adds(&out->top, "");
	buf_adds(&out->end, "");
	while (*log) {
		size_t n = strcspn(log, "\n"), whole = n + (log[n] == '\n');
		AUTO_FREE char *target = NULL;
		const char *head = heading(log, n, &target);
		struct buf *to = now ? &now->text : &out->top;

		if (head) {
			buf_add(to, log, (size_t)(head - log));
			now = get(out, target);
		} else if (now && !strncmp(log, "bmake: Leaving", 14)) {
			buf_add(&out->end, log, whole);
		} else {
			buf_add(to, log, whole);
		}
		log += whole;
	}
}

static void add(struct buf *to, const struct said *said)
{
	buf_addf(to, "--- %s ---\n%s", said->target, said->text.data);
	if (to->data[to->len - 1] != '\n')
		buf_adds(to, "\n");
}

char *bsd_merge_log(const char *last, const char *fresh, const char *inside)
{
	struct sayings before = {0}, after = {0};
	struct buf out = {0};

	(void)inside;
	gather(last, &before);
	gather(fresh, &after);
	buf_adds(&out, before.top.data);
	buf_adds(&out, after.top.data);
	for (size_t i = 0; i < before.n; i++) {
		const struct said *again = find(&after, before.items[i].target);

		add(&out, again ? again : &before.items[i]);
	}
	for (size_t i = 0; i < after.n; i++)
		if (!find(&before, after.items[i].target))
			add(&out, &after.items[i]);
	buf_adds(&out, before.end.data);
	sayings_free(&before);
	sayings_free(&after);
	return buf_take(&out);
}
