/* SPDX-License-Identifier: BSD-2-Clause */
/* Page tables as the processor reads them (Intel SDM 3A, 4.5: four levels), and kldsym(2) for the symbols. */
#include "guest/kernel-freebsd.h"

#include "guest/bare.h"
#include "guest/list.h"
#include "guest/os.h"

/* sys/kern/syscalls.master */
enum { SYS_open = 5, SYS_sysctlbyname = 570, SYS_kldsym = 337, SYS_mmap = 477 };

#define PAGE	   4096u
#define PRESENT	   1u
#define LARGE	   0x80u
#define FRAME	   0x000ffffffffff000u
#define SEEN_PAGES 1024u

static const char *const names[KERNEL_SYMBOLS] = {
	[KERNEL_PAGES] = "KPML4phys",
	[KERNEL_PCPU] = "__pcpu",
	[KERNEL_DPCPU] = "dpcpu_off",
	[KERNEL_CALLOUTS] = "pcpu_entry_cc_cpu",
	[KERNEL_CALLMASK] = "callwheelmask",
	[KERNEL_HANDLERS] = "eventhandler_lists",
	[KERNEL_MALLOC] = "kmemstatistics",
	[KERNEL_SYSCTL] = "sysctl__children",
	[KERNEL_ZONES] = "uma_kegs",
	[KERNEL_RMANS] = "rman_head",
	[KERNEL_VFS] = "vfsconf",
	[KERNEL_PROCESSES] = "allproc",
	[KERNEL_FILES] = "linker_files",
	[KERNEL_INTRNAMES] = "intrnames",
	[KERNEL_INTRNAMES_LEN] = "sintrnames",
	[KERNEL_END] = "_end",
};

struct kld_sym_lookup { /* sys/sys/linker.h */
	int version;	/* sizeof this */
	const char *name;
	uint64_t value;
	size_t size;
};

/* Set before the agent's processes part. */
static uint64_t symbols[KERNEL_SYMBOLS];
static const uint8_t *memory;
static uint64_t memory_bytes, top_table;
static int known;

/* Pages that were looked up: which, and where they lie. Forgotten at each look, since they may move. */
static struct {
	uint64_t page;
	const uint8_t *at;
} seen[SEEN_PAGES];

static uint64_t get_number(const char *name, size_t size)
{
	uint64_t value = 0;
	size_t len = size;

	return sys6(SYS_sysctlbyname, name, length(name), &value, &len, 0, 0) < 0 ? 0 : value;
}

void kernel_prepare(void)
{
	uint64_t release = get_number("kern.osreldate", 4);
	long fd, at;

	if (release < 1400000 || release >= 1500000)
		return;
	for (unsigned i = 0; i < KERNEL_SYMBOLS; i++) {
		struct kld_sym_lookup s = {sizeof s, names[i], 0, 0};

		if (sys3(SYS_kldsym, 0, 1 /* KLDSYM_LOOKUP */, &s) < 0 || !s.value)
			return;
		symbols[i] = s.value;
	}
	memory_bytes = get_number("hw.realmem", 8);
	fd = sys3(SYS_open, "/dev/mem", 0x100000 /* O_CLOEXEC */, 0);
	if (fd < 0 || !memory_bytes)
		return;
	at = sys6(SYS_mmap, 0, memory_bytes, 1 /* PROT_READ */, 1 /* MAP_SHARED */, fd, 0);
	os_close((int)fd);
	if (at < 0)
		return;
	memory = (const uint8_t *)at;
	/* The kernel itself is loaded where its addresses say, less KERNBASE (amd64/include/vmparam.h). */
	top_table = *(
		const volatile uint64_t *)(memory + (symbols[KERNEL_PAGES] - 0xffffffff80000000u));
	known = top_table && top_table < memory_bytes && !(top_table % PAGE);
}

int kernel_known(void)
{
	return known;
}

uint64_t kernel_symbol(enum kernel_symbol which)
{
	return symbols[which];
}

static const uint8_t *find_page(uint64_t page)
{
	uint64_t table = top_table;

	for (unsigned shift = 39;; shift -= 9) {
		uint64_t entry, mask;

		if (table > memory_bytes - PAGE)
			return 0;
		entry = ((const volatile uint64_t *)(memory + table))[page >> shift & 511];
		if (!(entry & PRESENT))
			return 0;
		if (shift > 12 && (shift == 39 || !(entry & LARGE))) {
			table = entry & FRAME;
			continue;
		}
		mask = ((uint64_t)1 << shift) - 1;
		table = (entry & FRAME & ~mask) | (page & mask);
		return table > memory_bytes - PAGE ? 0 : memory + table;
	}
}

const void *kernel_at(uint64_t at, size_t len)
{
	uint64_t page = at & ~(uint64_t)(PAGE - 1);
	unsigned slot = (unsigned)(page / PAGE) % SEEN_PAGES;

	if (at < 0xffff800000000000u || at % PAGE + len > PAGE)
		return 0;
	if (seen[slot].page != page) {
		seen[slot].page = page;
		seen[slot].at = find_page(page);
	}
	return seen[slot].at ? seen[slot].at + at % PAGE : 0;
}

int kernel_copy(uint64_t at, void *to, size_t len)
{
	uint8_t *p = to;

	while (len) {
		size_t n = PAGE - at % PAGE;
		const void *from = kernel_at(at, n < len ? n : len);

		n = n < len ? n : len;
		if (!from)
			return 0;
		memcpy(p, from, n);
		p += n;
		at += n;
		len -= n;
	}
	return 1;
}

uint64_t kernel_word(uint64_t at)
{
	uint64_t word = 0;

	return kernel_copy(at, &word, sizeof word) ? word : 0;
}

const char *kernel_text(uint64_t at, char *to, size_t len)
{
	size_t n = 0;

	for (; n + 1 < len; n++) {
		const char *c = kernel_at(at + n, 1);

		if (!c || !*c || *c < ' ' || *c > '~') {
			if (!c || *c)
				n = 0;
			break;
		}
		to[n] = *c;
	}
	if (!n && len > 1)
		to[n++] = '?';
	to[n] = 0;
	return to;
}

void kernel_look(int baseline)
{
	memset(seen, 0, sizeof seen);
	if (known)
		kernel_lists(baseline);
}
