/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Something shaped like a FreeBSD kernel: linked where one is, entered as one is. It reports on the first
 * serial port what it was handed and on the second says hello as the agent would, so that the stub and
 * the picture of memory are tested on machines that have no FreeBSD.
 */
#include "guest/protocol.h"

#include <stddef.h>

#define KERNBASE 0xffffffff80000000ull

static char zeroed[64];		     /* .bss: to be zero */
static char filled[] = "still here"; /* .data: to be moved right */

__asm__(".globl _start\n"
	"_start:\n"
	"	mov %rsp, %rax\n"
	"	lea stack_top(%rip), %rsp\n"
	"	mov 4(%rax), %edi\n"
	"	mov 8(%rax), %esi\n"
	"	call tiny_main\n"
	"1:	hlt\n"
	"	jmp 1b\n"
	".local stack\n"
	".comm stack, 16384, 16\n"
	".set stack_top, stack + 16384\n");

static void put(uint16_t port, char c)
{
	uint8_t ready;

	do
		__asm__ volatile("inb %1, %0" : "=a"(ready) : "Nd"((uint16_t)(port + 5)));
	while (!(ready & 0x20));
	__asm__ volatile("outb %0, %1" : : "a"(c), "Nd"(port));
}

static void say(const char *text)
{
	while (*text)
		put(0x3f8, *text++);
}

static void hex(uint64_t n)
{
	for (int shift = 60; shift >= 0; shift -= 4)
		put(0x3f8, "0123456789abcdef"[n >> shift & 15]);
}

static void line(const char *what, uint64_t n)
{
	say(what);
	say(" ");
	hex(n);
	say("\n");
}

static void memory_map(const uint32_t *map, uint32_t bytes)
{
	uint64_t memory = 0;

	for (uint32_t i = 0; i < bytes / 20; i++, map += 5)
		if (map[4] == 1)
			memory += (uint64_t)map[3] << 32 | map[2];
	line("memory", memory);
}

static void record(uint32_t type, uint32_t len, const char *data)
{
	uint64_t value = 0;

	for (uint32_t i = 0; i < len && i < 8; i++)
		value |= (uint64_t)(uint8_t)data[i] << (8 * i);
	if (type == 1 || type == 2) {
		say(type == 1 ? "name " : "type ");
		say(data);
		say("\n");
	} else if (type == 0x9001) {
		memory_map((const uint32_t *)data, len);
	} else {
		say("record ");
		hex(type);
		line("", value);
	}
	if (type == 0x8006) /* the environment */
		for (const char *p = (const char *)value; *p;) {
			say("env ");
			while (*p)
				put(0x3f8, *p++);
			p++;
			say("\n");
		}
	if (type == 0x8003) /* the symbol table's size */
		line("symtab", *(const uint64_t *)value);
}

static void hello(void)
{
	static const char names[] = "tiny\0a tiny kernel\0amd64";
	struct proto_hello h = {PROTO_FREEBSD, 1};
	struct proto_header head = {
		PROTO_MAGIC, PROTO_VERSION, PROTO_HELLO, 0, sizeof h + sizeof names};

	put(0x2f8, PROTO_VIA_LINE);
	for (size_t i = 0; i < sizeof head; i++)
		put(0x2f8, ((char *)&head)[i]);
	for (size_t i = 0; i < sizeof h; i++)
		put(0x2f8, ((char *)&h)[i]);
	for (size_t i = 0; i < sizeof names; i++)
		put(0x2f8, names[i]);
}

void tiny_main(uint32_t modulep, uint32_t kernend);
void tiny_main(uint32_t modulep, uint32_t kernend)
{
	/* The first gigabyte is mapped in every slot: low addresses are physical ones. */
	const uint32_t *p = (const uint32_t *)(uintptr_t)modulep;
	unsigned dirty = 0;

	for (size_t i = 0; i < sizeof zeroed; i++)
		dirty |= (unsigned char)((volatile char *)zeroed)[i];
	line("modulep", modulep);
	line("kernend", kernend);
	line("bss", dirty);
	line("here", (uint64_t)&tiny_main - KERNBASE);
	say("data ");
	say((const char *)(volatile char *)filled);
	say("\n");
	while (p[0] || p[1]) {
		record(p[0], p[1], (const char *)(p + 2));
		p += 2 + (p[1] + 7) / 8 * 2;
	}
	say("end\n");
	hello();
}
