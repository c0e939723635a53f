/* SPDX-License-Identifier: BSD-2-Clause */
#include "source/code.h"

#include "base/buf.h"

struct code {
	size_t n;
};

struct code *code_new(void)
{
	return xcalloc(1, sizeof(struct code));
}

void code_add(struct code *c, const char *name, const void *elf, size_t len, const char *debug)
{
	(void)c, (void)name, (void)elf, (void)len, (void)debug;
}

void code_put(struct code *c, const char *module, const char *section, uint64_t address)
{
	(void)c, (void)module, (void)section, (void)address;
}

bool code_function(const struct code *c, const char *module, const char *function, uint64_t offset,
	bool is_return, struct code_place *out)
{
	(void)c, (void)module, (void)function, (void)offset, (void)is_return, (void)out;
	return false;
}

bool code_address(const struct code *c, uint64_t address, bool is_return, struct code_place *out)
{
	(void)c, (void)address, (void)is_return, (void)out;
	return false;
}

void code_place_free(struct code_place *p)
{
	free(p->module);
	free(p->function);
	free(p->file);
	*p = (struct code_place){0};
}

void code_free(struct code *c)
{
	free(c);
}
