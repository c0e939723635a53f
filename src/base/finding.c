/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/finding.h"

#include "base/buf.h"

#include <string.h>

struct finding *finding_add(struct findings *all, const char *rule, enum severity severity,
	enum class class, char *message, char *advice)
{
	struct finding *f = ARRAY_ADD(all->items, all->n);

	f->rule = rule;
	f->severity = severity;
	f->class = severity == SEVERITY_ERROR ? class : CLASS_PASS;
	f->message = message;
	f->advice = advice;
	return f;
}

enum class findings_worst(const struct findings *all) {
	enum class worst = CLASS_PASS;

	for (size_t i = 0; i < all->n; i++) if (!all->items[i].silenced &&
		all->items[i].class > worst) worst = all->items[i].class;
	return worst;
}

const struct finding *findings_leading(const struct findings *all)
{
	const struct finding *leading = NULL;

	for (size_t i = 0; i < all->n; i++) {
		const struct finding *f = &all->items[i];

		if (!f->silenced && (!leading || f->severity > leading->severity))
			leading = f;
	}
	return leading;
}

size_t findings_silence(struct findings *all, const struct strv *rules)
{
	size_t n = 0;

	for (size_t i = 0; i < all->n; i++)
		for (size_t k = 0; k < rules->n && !all->items[i].silenced; k++)
			if (!strcmp(all->items[i].rule, rules->v[k])) {
				all->items[i].silenced = true;
				n++;
			}
	return n;
}

size_t findings_count(const struct findings *all, enum severity severity)
{
	size_t n = 0;

	for (size_t i = 0; i < all->n; i++)
		n += !all->items[i].silenced && all->items[i].severity == severity;
	return n;
}

void findings_move(struct findings *to, struct findings *from)
{
	to->items = xreallocarray(to->items, to->n + from->n, sizeof *to->items);
	if (from->n)
		memcpy(to->items + to->n, from->items, from->n * sizeof *from->items);
	to->n += from->n;
	free(from->items);
	*from = (struct findings){0};
}

void findings_free(struct findings *all)
{
	for (size_t i = 0; i < all->n; i++) {
		free(all->items[i].file);
		free(all->items[i].function);
		free(all->items[i].trace);
		free(all->items[i].message);
		free(all->items[i].advice);
		free(all->items[i].excerpt);
	}
	free(all->items);
	*all = (struct findings){0};
}

const char *class_name(enum class class)
{
	static const char *const names[] = {
		"pass", "leak", "build", "load", "test", "unload", "bug", "hang", "crash"};

	return names[class];
}

const char *severity_name(enum severity severity)
{
	static const char *const names[] = {"note", "warning", "error"};

	return names[severity];
}
