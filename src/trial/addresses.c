/* SPDX-License-Identifier: BSD-2-Clause */
#include "trial/addresses.h"

#include <ctype.h>
#include <gelf.h>
#include <libelf.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_BYTES 256
#define MOST	       2000000 /* symbols of one kernel */
#define FAR	       65536   /* bytes: whatever has no size does not reach farther */

static const char *module_name(struct addresses *a, const char *name, size_t len)
{
	for (size_t i = a->modules.n; i-- > 0;)
		if (strlen(a->modules.v[i]) == len && !memcmp(a->modules.v[i], name, len))
			return a->modules.v[i];
	strv_addf(&a->modules, "%.*s", (int)len, name);
	return a->modules.v[a->modules.n - 1];
}

static void add(struct addresses *a, struct address new, const char *name, size_t len)
{
	if (a->n >= MOST || !len || len > NAME_MAX_BYTES || !new.at)
		return;
	for (size_t i = 0; i < len; i++)
		if (!isgraph((unsigned char)name[i]))
			return;
	if (a->n == a->room)
		a->items = xreallocarray(
			a->items, a->room = a->room ? 2 * a->room : 65536, sizeof *a->items);
	new.name = xstrndup(name, len);
	a->items[a->n++] = new;
	a->sorted = false;
}

/* One line, which ends at `end`. */
static void add_line(struct addresses *a, const char *line, const char *end)
{
	struct address new = {0};
	const char *name, *stop, *bracket, *close;
	int digits = 0;

	for (; line < end && isxdigit((unsigned char)*line) && digits < 16; line++, digits++)
		new.at = new.at << 4 |
			(uint64_t)(*line <= '9' ? *line - '0' : (*line | 32) - 'a' + 10);
	if (!digits || end - line < 4 || line[0] != ' ' || line[2] != ' ')
		return;
	new.code = strchr("tTwW", line[1]) != NULL &&line[1];
	name = line + 3;
	stop = memchr(name, '\t', (size_t)(end - name));
	bracket = stop ? memchr(stop, '[', (size_t)(end - stop)) : NULL;
	close = bracket ? memchr(bracket, ']', (size_t)(end - bracket)) : NULL;
	if (close && close - bracket < 64)
		new.module = module_name(a, bracket + 1, (size_t)(close - bracket - 1));
	add(a, new, name, (size_t)((stop ? stop : end) - name));
}

void addresses_add_kallsyms(struct addresses *a, const char *text, size_t len)
{
	for (const char *end = text + len, *stop; text < end; text = stop + 1) {
		stop = memchr(text, '\n', (size_t)(end - text));
		if (!stop)
			stop = end;
		add_line(a, text, stop);
	}
}

static void add_symbols(struct addresses *a, Elf *e, Elf_Scn *table, const char *module,
	const uint64_t *bases, size_t nbases)
{
	Elf_Data *data = elf_getdata(table, NULL);
	GElf_Shdr head;
	GElf_Sym sym;

	if (!data || !gelf_getshdr(table, &head))
		return;
	for (int i = 0; gelf_getsym(data, i, &sym); i++) {
		int type = GELF_ST_TYPE(sym.st_info);
		const char *name = elf_strptr(e, head.sh_link, sym.st_name);
		struct address new = {.at = sym.st_value,
			.size = sym.st_size,
			.module = module,
			.code = type == STT_FUNC};

		if (!name || !*name || sym.st_shndx == SHN_UNDEF ||
			(type != STT_FUNC && type != STT_OBJECT))
			continue;
		if (module) {
			if (sym.st_shndx >= nbases || !bases[sym.st_shndx])
				continue;
			new.at += bases[sym.st_shndx];
		}
		add(a, new, name, strlen(name));
	}
}

bool addresses_add_elf(struct addresses *a, const void *elf, size_t len, const char *module,
	const uint64_t *bases, size_t nbases)
{
	const char *owner = module ? module_name(a, module, strlen(module)) : NULL;
	size_t before = a->n;
	Elf_Scn *scn = NULL;
	GElf_Shdr head;
	Elf *e;

	elf_version(EV_CURRENT);
	e = elf_memory((char *)elf, len);
	while (e && (scn = elf_nextscn(e, scn)))
		if (gelf_getshdr(scn, &head) && head.sh_type == SHT_SYMTAB)
			add_symbols(a, e, scn, owner, bases, nbases);
	if (e)
		elf_end(e);
	return a->n > before;
}

static int by_address(const void *x, const void *y)
{
	const struct address *a = x, *b = y;

	return a->at < b->at ? -1 : a->at > b->at;
}

static void sort(struct addresses *a)
{
	if (!a->sorted && a->n)
		qsort(a->items, a->n, sizeof *a->items, by_address);
	a->sorted = true;
}

static bool is_general(const char *name)
{
	return !strcmp(name, "init_module") || !strcmp(name, "cleanup_module");
}

const struct address *addresses_find(struct addresses *a, uint64_t at, bool code)
{
	const struct address *best = NULL;
	size_t low = 0, high;

	sort(a);
	high = a->n;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (a->items[middle].at <= at)
			low = middle + 1;
		else
			high = middle;
	}
	/* Several names at one address: the one that knows its size, and of a module's init and exit the
	 * one in its source. */
	for (size_t i = low; i-- > 0 && (!best || a->items[i].at == best->at);) {
		const struct address *s = &a->items[i];

		if (at - s->at >= (s->size ? s->size : FAR))
			return best;
		if (s->code == code &&
			(!best || (s->size && !best->size) || is_general(best->name)))
			best = s;
		else if (!best && s->code != code && at != s->at)
			return NULL;
	}
	return best;
}

const struct address *addresses_named(
	const struct addresses *a, const char *name, const char *module)
{
	for (size_t i = 0; i < a->n; i++)
		if (!strcmp(a->items[i].name, name) &&
			(module ? a->items[i].module && !strcmp(a->items[i].module, module)
				: !a->items[i].module))
			return &a->items[i];
	return NULL;
}

void addresses_free(struct addresses *a)
{
	for (size_t i = 0; i < a->n; i++)
		free(a->items[i].name);
	free(a->items);
	strv_free(&a->modules);
	*a = (struct addresses){0};
}
