/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_GUEST_TRACE_LINUX_H
#define KMODLAB_GUEST_TRACE_LINUX_H
/*
 * The BPF programs that follow what module code allocates, arms and registers, and the maps that they share with
 * track-linux.c. Each trace_on_… hands one to the kernel and returns its descriptor, or a negative errno.
 */
#include "guest/bpf-linux.h"

/* What a pointer is, in the low byte of its key. */
enum family { SLAB = 1, PAGES, PERCPU, DMA, TIMER, HRTIMER, WORKQUEUE, NOTIFIER, ZONE };

/* What is told of it. */
enum what {
	KMALLOC = 1,
	CACHE,
	VMALLOC,
	KVMALLOC,
	GET_PAGES,
	ALLOC_PERCPU,
	DMA_ALLOC,
	IOREMAP,
	ARMED,
	ARMED_HR,
	DELAYED,
	MADE_QUEUE,
	REGISTERED,
	MADE_CACHE,
	WHATS,
};

#define ROOMS	 16384 /* a power of two */
#define BULK_MAX 512   /* pointers freed in one call that are followed */

#define NAME_LEN 32

struct traced {
	uint64_t site;
	uint64_t bytes;
	uint64_t what;
	char name[NAME_LEN];
};

/* The same without a name. */
struct room {
	uint64_t key; /* 0: free */
	uint64_t site;
	uint64_t bytes;
	uint64_t what;
};

struct table {
	uint64_t spilled; /* something went to the hash */
	uint64_t
		helping; /* calls by modules of functions that allocate for them, not returned yet */
	uint64_t unread; /* one call freed more than is followed */
	uint64_t pad[2];
	struct room rooms[ROOMS];
};

/* Arguments in struct pt_regs (arch/x86/include/asm/ptrace.h). */
enum { RAX = 80, RCX = 88, RDX = 96, RSI = 104, RDI = 112, RSP = 152 };

/* Where a tracepoint's record has its fields; 0: not known (the first 8 bytes are common to all). */
struct format {
	unsigned id, site, ptr, bytes, function, timer, hrtimer;
};

struct range {
	uint64_t from, to;
};

/* A module's call for pages, from when it begins. */
struct wanted {
	uint64_t site; /* 0: none */
	uint64_t task;
	uint64_t ns;
};
/* Descriptors of the maps, made before the first program. */
struct trace_maps {
	int rooms;   /* one struct table */
	int spilled; /* key → struct traced, for what found its room taken or has a name */
	int pending; /* calls that have not returned: task and family → struct traced */
	int slot;    /* per processor: a struct wanted */
};
/* Where modules begin: MODULES_VADDR (Documentation/arch/x86/x86_64/mm.rst) of a kernel that cannot be moved about, as
 * our debug targets are; of others it is 0x20000000 more, and in a machine of ours what lies between belongs to nobody. In
 * a lent one the kernel itself may have been moved there. Sign-extended, as BPF's numbers are. */
#define TRACE_MODULES_FIXED (-0x60000000)
#define TRACE_MODULES_MOVED (-0x40000000)
extern int32_t trace_modules;

extern struct trace_maps trace_maps;

/* On raw tracepoints: kmalloc and kmalloc_node (with kasprintf's code, which allocates for who calls it, or NULL); mm_page_alloc; one that ends the pointer in argument `index`. */
int trace_on_kmalloc(const struct range *kasprintf);
int trace_on_pages(void);
int trace_on_free(int index, enum family family);
/* On tracepoints: kmem_cache_alloc; timer_start and hrtimer_start, with the offsets of two fields. */
int trace_on_cache_alloc(const struct format *f);
int trace_on_timer(unsigned timer, unsigned function, enum family family, enum what what);
/* On functions' entries: one that allocates pages; one that returns something, with the arguments that say how many
 * bytes, its name, and its name when the former is "%s" (0: none); one that ends the pointer in argument `at`;
 * kvfree_call_rcu; …_notifier_chain_register. */
int trace_on_pages_wanted(void);
int trace_on_entry(enum family family, enum what what, int size, int name, int alt);
int trace_on_end(enum family family, int at);
int trace_on_free_later(void);
int trace_on_notifier(void);
/* On the entry of kmem_cache_free_bulk. */
int trace_on_free_bulk(void);
/* On the return of what trace_on_entry is on, whose family was `pending_as`. */
int trace_on_return(enum family pending_as, enum family family);

#endif
