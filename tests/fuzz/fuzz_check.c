/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as a module that is checked, against a target without files. Bytes thrown at random would seldom be
 * a module any more, so half of the changes are made by somebody who knows ELF: to section headers, symbols,
 * relocations, and to instructions in the code.
 */
#include "check/check.h"

#include <elf.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed);

static uint64_t next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* A number that somebody may have forgotten: small, near a limit, or anything. */
static uint64_t odd_number(uint64_t *state, size_t size)
{
	static const uint64_t odd[] = {0, 1, 2, 7, 8, 0x7f, 0xff, 0xffff, 0x7fffffff, 0x80000000,
		0xffffffff, INT64_MAX, (uint64_t)INT64_MIN, UINT64_MAX, UINT64_MAX - 7};

	switch (next(state) % 3) {
	case 0:
		return odd[next(state) % (sizeof odd / sizeof *odd)];
	case 1:
		return next(state) % (size + 1);
	default:
		return next(state);
	}
}

/* Writes a number of 1, 2, 4 or 8 bytes somewhere into an element of a table. */
static void change_field(uint8_t *element, size_t size, size_t whole, uint64_t *state)
{
	size_t width = (size_t)1 << next(state) % 4;
	uint64_t number = odd_number(state, whole);

	if (next(state) % 4 == 0) {
		uint64_t was = 0;

		memcpy(&was, element, width);
		number = was + next(state) % 17 - 8;
	}
	if (size >= width)
		memcpy(element + next(state) % (size / width) * width, &number, width);
}

static const struct {
	const char *bytes;
	size_t len;
} instructions[] = {
	{"\xe8\0\0\0\0", 5},
	{"\xe9\xf0\xff\xff\xff", 5},
	{"\xeb\xfe", 2},
	{"\x74\x10", 2},
	{"\x0f\x84\x20\0\0\0", 6},
	{"\xc3", 1},
	{"\x0f\x0b", 2},
	{"\x55", 1},
	{"\x5d", 1},
	{"\xc9", 1},
	{"\x48\x83\xec\x18", 4},
	{"\x48\x81\xec\xff\xff\xff\x7f", 7},
	{"\x48\x83\xe4\xc0", 4},
	{"\x48\x29\xc4", 3},
	{"\x48\x89\xe5", 3},
	{"\x48\x89\xec", 3},
	{"\xff\xe0", 2},
	{"\xff\xd0", 2},
	{"\x0f\x58\xc1", 3},
	{"\xd9\xe8", 2},
	{"\x9c", 1},
	{"\xc8\xff\xff\0", 4},
	{"\x49\x8d\x62\xf8", 4},
	{"\x62\xf1\x7c\x48\x58\xc1", 6},
};

static void change_code(uint8_t *code, size_t size, uint64_t *state)
{
	size_t at = next(state) % size;
	size_t which = next(state) % (sizeof instructions / sizeof *instructions);

	if (next(state) % 3 == 0)
		LLVMFuzzerMutate(code + at, size - at, size - at);
	else if (size - at >= instructions[which].len)
		memcpy(code + at, instructions[which].bytes, instructions[which].len);
}

/* Changes something that means something. False if there is nothing such. */
static bool change_elf(uint8_t *data, size_t size, uint64_t *state)
{
	Elf64_Ehdr head;
	Elf64_Shdr section;
	size_t which, element;

	if (size < sizeof head)
		return false;
	memcpy(&head, data, sizeof head);
	if (!head.e_shnum || head.e_shoff > size ||
		(size - head.e_shoff) / sizeof section < head.e_shnum)
		return false;
	which = next(state) % head.e_shnum;
	if (next(state) % 4 == 0) {
		change_field(
			data + head.e_shoff + which * sizeof section, sizeof section, size, state);
		return true;
	}
	memcpy(&section, data + head.e_shoff + which * sizeof section, sizeof section);
	if (section.sh_type == SHT_NOBITS || section.sh_offset > size ||
		section.sh_size > size - section.sh_offset || !section.sh_size)
		return false;
	if (section.sh_flags & SHF_EXECINSTR) {
		change_code(data + section.sh_offset, section.sh_size, state);
		return true;
	}
	element = section.sh_type == SHT_SYMTAB ? sizeof(Elf64_Sym)
		: section.sh_type == SHT_RELA	? sizeof(Elf64_Rela)
						: 8;
	if (section.sh_size < element)
		return false;
	which = next(state) % (section.sh_size / element);
	change_field(data + section.sh_offset + which * element, element, size, state);
	return true;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
	uint64_t state = seed * 0x9e3779b97f4a7c15u + 1;
	unsigned changes = 1 + next(&state) % 8;

	if (next(&state) % 4 == 0)
		return LLVMFuzzerMutate(data, size, max);
	for (unsigned i = 0; i < changes * 4 && changes; i++)
		changes -= change_elf(data, size, &state);
	return changes ? LLVMFuzzerMutate(data, size, max) : size;
}

/* What is said has to be fit to be shown. */
static void look_at(const struct findings *found, const struct stack_use *use)
{
	for (size_t i = 0; i < found->n; i++)
		if (!found->items[i].message || !found->items[i].rule)
			abort();
	for (size_t i = 1; i < use->nframes; i++)
		if (use->frames[i - 1].bytes < use->frames[i].bytes)
			abort();
	if (use->nframes && use->deepest < use->frames[0].bytes)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct ko ko;

	ko_read(bytes, len, "fuzz.ko", &ko);
	for (int thorough = 0; thorough < 2; thorough++) {
		struct target target = {.name = (char *)"none",
			.arch = (char *)"x86_64",
			.release = (char *)"6.1.0",
			.kernel = (char *)"/nowhere/kernel",
			.root = (char *)"/nowhere",
			.build = (char *)"/nowhere/build",
			.added = (char *)"",
			.os = ko.kind == KO_FREEBSD ? TARGET_FREEBSD : TARGET_LINUX};
		struct check_request q = {.path = "fuzz.ko",
			.bytes = bytes,
			.len = len,
			.ko = &ko,
			.target = &target,
			.beside = &ko,
			.nbeside = 1,
			.thorough = thorough != 0,
			.frames = true};
		struct findings found = {0};
		struct stack_use use;

		check_module(&q, &use, &found);
		look_at(&found, &use);
		stack_use_free(&use);
		findings_free(&found);
	}
	ko_free(&ko);
	return 0;
}
