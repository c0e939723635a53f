/* SPDX-License-Identifier: BSD-2-Clause */
#include "spread/executor.h"

#include <string.h>

static const struct executor *const executors[] = {&executor_slurm, &executor_parallel};

const struct executor *executor_find(const char *name)
{
	for (size_t i = 0; i < sizeof executors / sizeof *executors; i++)
		if (!strcmp(executors[i]->name, name))
			return executors[i];
	return NULL;
}

static void set(char **where, const char *text)
{
	/* It may be a part of what is there. */
	char *copy = text && *text ? xstrdup(text) : NULL;

	free(*where);
	*where = copy;
}

void task_says(struct task *t, const char *state, const char *node)
{
	set(&t->state, state);
	if (node && *node)
		set(&t->node, node);
}

char *tasks_list(const struct crew *c, const size_t *tasks, size_t n)
{
	struct buf out = {0};

	for (size_t i = 0, end; i < n; i = end) {
		size_t first = c->tasks[tasks[i]].number;

		for (end = i + 1; end < n && c->tasks[tasks[end]].number == first + (end - i);)
			end++;
		buf_addf(&out, "%s%zu", i ? "," : "", first);
		if (end - i > 1)
			buf_addf(&out, "-%zu", first + (end - i) - 1);
	}
	return buf_take(&out);
}
