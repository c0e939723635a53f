/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The modules of a trial, and what is asked about places in them. Most trials ask nothing, so all that is done
 * ahead is to keep the bytes and the addresses.
 */
#include "source/code.h"

#include "base/buf.h"
#include "base/path.h"
#include "source/layout.h"
#include "source/lines.h"

#include <string.h>

#define PAGE	  4096u
#define DEBUG_MAX ((size_t)512 << 20)

struct put {
	char *section;
	uint64_t address;
};

struct module {
	char *name;
	void *bytes;
	size_t len;
	char *debug; /* a file, or NULL */
	struct put *puts;
	size_t nputs;

	bool is_open; /* what follows is valid */
	struct layout layout;
	bool has_lines; /* `lines` was opened, though it may be NULL */
	struct lines *lines;
};

struct code {
	struct module **modules;
	size_t n;
};

struct code *code_new(void)
{
	return xcalloc(1, sizeof(struct code));
}

void code_add(struct code *c, const char *name, const void *elf, size_t len, const char *debug)
{
	struct module *m = xcalloc(1, sizeof *m);

	m->name = xstrdup(name);
	m->bytes = xcalloc(1, len + 1);
	memcpy(m->bytes, elf, len);
	m->len = len;
	m->debug = debug ? xstrdup(debug) : NULL;
	c->modules = xreallocarray(c->modules, c->n + 1, sizeof *c->modules);
	c->modules[c->n++] = m;
}

static bool same_name(const char *a, const char *b)
{
	for (; *a && *b; a++, b++)
		if ((*a == '-' ? '_' : *a) != (*b == '-' ? '_' : *b))
			return false;
	return *a == *b;
}

/* ---- opening ---- */

static void open_module(struct module *m)
{
	if (m->is_open)
		return;
	m->is_open = true;
	layout_read(m->bytes, m->len, &m->layout);
}

static void open_lines(struct module *m)
{
	AUTO_BUF struct buf debug = {0};

	if (m->has_lines)
		return;
	m->has_lines = true;
	if (m->debug && !path_read(m->debug, DEBUG_MAX, &debug) && debug.len)
		m->lines = lines_open(debug.data, debug.len);
	if (!m->lines)
		m->lines = lines_open(m->bytes, m->len);
}

/* ---- addresses ---- */

void code_put(struct code *c, const char *module, const char *section, uint64_t address)
{
	for (size_t i = 0; i < c->n; i++) {
		struct module *m = c->modules[i];
		size_t k = 0;

		if (!same_name(m->name, module))
			continue;
		while (k < m->nputs && strcmp(m->puts[k].section, section))
			k++;
		/* A module has no more than that with code in them. */
		if (k == 1000)
			return;
		if (k == m->nputs)
			ARRAY_ADD(m->puts, m->nputs)->section = xstrdup(section);
		m->puts[k].address = address;
	}
}

/* The address of a section, or 0. */
static uint64_t address_of(const struct module *m, const struct layout_section *s)
{
	for (size_t i = 0; i < m->nputs; i++) {
		if (!*m->puts[i].section && s->in_freebsd != UINT64_MAX)
			return m->puts[i].address + s->in_freebsd;
		if (*s->name && !strcmp(m->puts[i].section, s->name))
			return m->puts[i].address;
	}
	return 0;
}

void code_learn(struct code *c, const char *function, uint64_t offset, uint64_t address)
{
	for (size_t i = 0; i < c->n; i++) {
		struct module *m = c->modules[i];

		if (m->nputs)
			continue;
		open_module(m);
		for (size_t k = 0; k < m->layout.nsymbols; k++) {
			const struct layout_symbol *s = &m->layout.symbols[k];
			uint64_t base = address - offset - s->value -
				m->layout.sections[s->section].in_freebsd;

			if (strcmp(s->name, function) || base % PAGE || !m->layout.freebsd)
				continue;
			code_put(c, m->name, "", base);
			return;
		}
	}
}

/* ---- places ---- */

/* What is at `offset` of a section; `symbol` is what has it, or NULL. */
static bool place(struct module *m, size_t section, uint64_t offset, bool is_return,
	const struct layout_symbol *symbol, struct code_place *out)
{
	uint64_t at = is_return && offset ? offset - 1 : offset;
	struct line_place line = {0};

	*out = (struct code_place){0};
	open_lines(m);
	if (!symbol)
		symbol = layout_symbol_at(&m->layout, section, at);
	if (m->lines)
		lines_find(m->lines, m->layout.sections[section].name, at, &line);
	if (!symbol && !line.function) {
		line_place_free(&line);
		return false;
	}
	out->module = xstrdup(m->name);
	out->function = line.function ? line.function : xstrdup(symbol->name);
	out->offset = symbol ? offset - symbol->value : offset;
	out->inlined = line.inlined;
	out->file = line.file;
	out->line = line.line;
	return true;
}

bool code_function(const struct code *c, const char *module, const char *function, uint64_t offset,
	bool is_return, struct code_place *out)
{
	for (size_t i = 0; i < c->n; i++) {
		struct module *m = c->modules[i];
		const struct layout_symbol *s;

		if (module && !same_name(m->name, module))
			continue;
		open_module(m);
		s = layout_function(&m->layout, function, offset);
		if (s)
			return place(m, s->section, s->value + offset, is_return, s, out);
	}
	return false;
}

bool code_address(const struct code *c, uint64_t address, bool is_return, struct code_place *out)
{
	uint64_t at = address - is_return;

	for (size_t i = 0; i < c->n; i++) {
		struct module *m = c->modules[i];

		if (!m->nputs)
			continue;
		open_module(m);
		for (size_t k = 1; k < m->layout.nsections; k++) {
			const struct layout_section *s = &m->layout.sections[k];
			uint64_t base = s->code ? address_of(m, s) : 0;

			if (base && at >= base && at - base < s->size)
				return place(m, k, address - base, is_return, NULL, out);
		}
	}
	return false;
}

/* ---- guessing ---- */

struct guess {
	struct code_place place;
	size_t n; /* different ones that fit */
};

static bool same_place(const struct code_place *a, const struct code_place *b)
{
	if (strcmp(a->function, b->function) || a->line != b->line)
		return false;
	return a->line || a->offset == b->offset;
}

static void take_guess(
	struct guess *g, struct module *m, size_t section, uint64_t offset, bool is_return)
{
	struct code_place new;

	if (!place(m, section, offset, is_return, NULL, &new))
		return;
	if (g->n && same_place(&g->place, &new)) {
		code_place_free(&new);
		return;
	}
	if (g->n++)
		code_place_free(&new);
	else
		g->place = new;
}

static bool is_among(const char *name, const char *names)
{
	size_t len = strlen(name);

	for (const char *at = names; len && (at = strstr(at, name)); at += len)
		if ((at == names || at[-1] == ' ') && (at[len] == ' ' || !at[len]))
			return true;
	return false;
}

bool code_only_call(const struct code *c, const char *functions, struct code_place *out)
{
	struct guess g = {0};

	for (size_t i = 0; i < c->n; i++) {
		struct module *m = c->modules[i];

		open_module(m);
		for (size_t k = 0; k < m->layout.ncalls && g.n < 2; k++)
			if (is_among(m->layout.calls[k].name, functions))
				take_guess(&g, m, m->layout.calls[k].section,
					m->layout.calls[k].end, true);
	}
	if (g.n == 1) {
		*out = g.place;
		return true;
	}
	code_place_free(&g.place);
	return false;
}

/* All places in the module whose address could end like that. `pointed`: only in functions to which data
 * points. */
static void guess_in(
	struct guess *g, struct module *m, uint64_t address, bool is_return, bool pointed)
{
	const struct layout *l = &m->layout;

	for (size_t i = 1; i < l->nsections && g->n < 2; i++) {
		const struct layout_section *s = &l->sections[i];
		uint64_t begin = l->freebsd ? s->in_freebsd : s->in_piece;

		if (!s->code || !s->bytes)
			continue;
		for (uint64_t at = (address - begin) % PAGE; at < s->size + is_return && g->n < 2;
			at += PAGE) {
			const struct layout_symbol *symbol =
				pointed ? layout_symbol_at(l, i, at) : NULL;

			if (is_return && !layout_returns_to(l, i, at))
				continue;
			if (!pointed || (symbol && layout_is_pointed_to(l, symbol)))
				take_guess(g, m, i, at, is_return);
		}
	}
}

bool code_guess(const struct code *c, const char *module, uint64_t address, bool is_return,
	struct code_place *out)
{
	/* What the kernel calls by itself it was given a pointer to. */
	for (int pointed = 0; pointed <= !is_return; pointed++) {
		struct guess g = {0};

		for (size_t i = 0; i < c->n; i++) {
			struct module *m = c->modules[i];

			if (m->nputs || (module && !same_name(m->name, module)))
				continue;
			open_module(m);
			guess_in(&g, m, address, is_return, pointed);
		}
		*out = g.place;
		if (g.n == 1)
			return true;
		code_place_free(out);
	}
	return false;
}

char *code_source(const struct code *c, const char *file)
{
	char *found = NULL;

	for (size_t i = 0; i < c->n; i++) {
		AUTO_FREE char *path = NULL;

		open_lines(c->modules[i]);
		path = c->modules[i]->lines ? lines_source(c->modules[i]->lines, file) : NULL;
		if (path && found && strcmp(path, found)) {
			free(found);
			return NULL;
		}
		if (path && !found)
			found = xstrdup(path);
	}
	return found;
}

/* ---- */

void code_place_free(struct code_place *p)
{
	free(p->module);
	free(p->function);
	free(p->inlined);
	free(p->file);
	*p = (struct code_place){0};
}

static void module_free(struct module *m)
{
	for (size_t i = 0; i < m->nputs; i++)
		free(m->puts[i].section);
	free(m->puts);
	if (m->is_open)
		layout_free(&m->layout);
	lines_close(m->lines);
	free(m->debug);
	free(m->bytes);
	free(m->name);
	free(m);
}

void code_free(struct code *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->n; i++)
		module_free(c->modules[i]);
	free(c->modules);
	free(c);
}
