/* SPDX-License-Identifier: BSD-2-Clause */
#include "check/check.h"

#include "base/path.h"
#include "source/lines.h"

#include <string.h>

#define DEBUG_MAX ((size_t)512 << 20)

static struct lines *open_lines(const struct check_request *q)
{
	AUTO_BUF struct buf file = {0};

	if (q->debug && !path_read(q->debug, DEBUG_MAX, &file) && file.len)
		return lines_open(file.data, file.len);
	return lines_open(q->bytes, q->len);
}

void check_place(struct check *c, struct finding *f, uint32_t section, uint64_t offset)
{
	struct line_place place;

	if (!c->lines_tried) {
		c->lines_tried = true;
		c->lines = open_lines(c->q);
	}
	if (!c->lines || section >= c->object->nsections ||
		!lines_find(c->lines, c->object->sections[section].name, offset, &place))
		return;
	free(f->file);
	f->file = place.file;
	f->line = place.line;
	place.file = NULL;
	if (!f->function) {
		f->function = place.function;
		place.function = NULL;
	}
	line_place_free(&place);
}

void check_module(const struct check_request *q, struct stack_use *stack, struct findings *out)
{
	struct object object;
	struct flow flow;
	struct check c = {.q = q, .object = &object, .flow = &flow};

	if (stack)
		*stack = (struct stack_use){0};
	if (!object_read(q->bytes, q->len, &object))
		return;
	flow_read(&object, &flow);
	if (q->thorough)
		check_loads(&c, out);
	check_float(&c, out);
	check_stack(&c, stack, out);
	if (q->thorough) {
		check_interfaces(&c, out);
		check_hygiene(&c, out);
	}
	lines_close(c.lines);
	flow_free(&flow);
	object_free(&object);
}
