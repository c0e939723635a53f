/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_GUEST_PROTOCOL_H
#define KMODLAB_GUEST_PROTOCOL_H
/*
 * What the agent in the machine and the program outside say to each other. Both compile this
 * file; it needs no library. All integers are little-endian, all structures have no padding.
 *
 * Messages: a header, then `length` bytes of body. Strings in a body end with a NUL. The outside
 * asks (numbers below 64), the agent answers every request with one PROTO_DONE that carries the
 * request's serial; in between it sends what there is to tell (PROTO_LOG, PROTO_DATA).
 *
 * Transport: both directions are byte streams. They run through two rings in memory that
 * QEMU's ivshmem-plain device shows to the guest; behind them lies an area in which the outside
 * lays modules down. The second serial line then carries only single bytes: PROTO_WAKE to the agent
 * when an answer is late, and to the outside when it said that it sleeps. Without that device the
 * serial line carries the streams themselves. The agent's first byte on the line says which:
 * PROTO_VIA_RING or PROTO_VIA_LINE.
 *
 * Nothing that comes from the guest may be believed: the outside checks every length and index,
 * and a message it cannot read ends the machine.
 */
#include <stdint.h>

#define PROTO_MAGIC    0x424c4d4bu /* "KMLB" */
#define PROTO_VERSION  3
#define PROTO_BODY_MAX 16384 /* bytes in a message's body, at most */

#define PROTO_VIA_RING 'R'
#define PROTO_VIA_LINE 'L'
#define PROTO_WAKE     'w'

struct proto_header {
	uint32_t magic;
	uint16_t version;
	uint16_t type;
	uint32_t serial; /* a request's number; 0 in what nobody asked for */
	uint32_t length; /* of the body, at most PROTO_BODY_MAX */
};

enum proto_type {
	/* Requests. */
	PROTO_LOAD =
		1, /* struct proto_load, then strings: file, parameters, what UNLOAD would call it. DONE after
			   init. */
	PROTO_UNLOAD, /* string: module name. DONE after exit returned. */
	PROTO_READ,   /* string: file in the machine. DATA messages, then DONE. */
	PROTO_PLACE, /* struct proto_load, then strings: appends that part of the area to the file that the first
			names, and gives it the others as names too. */
	PROTO_SYNC,	/* Nothing but the log up to now, then DONE. */
	PROTO_PARK,	/* DONE, then `parked` is set, and the agent only looks at its ring. */
	PROTO_BASELINE, /* What there is in the kernel now is not the module's. DONE. */
	PROTO_SURVEY,	/* struct proto_survey: a THING for each that has come since, then DONE. */
	PROTO_RUN, /* struct proto_run, then strings: variables, file, arguments. Runs a program of the
			   machine: OUTPUT as it comes, DONE with its exit status in `error`. */
	PROTO_EXERCISE, /* struct proto_exercise, then strings: paths of files that the module made (see
			   PROTO_THING). OUTPUT, DONE. */
	PROTO_STUCK, /* Where every processor and every task that waits is, as log records or OUTPUT;
			   answered by the watcher while a call does not come back. DONE. */
	PROTO_SHELL, /* struct proto_shell, then strings: variables, file, arguments. Runs a program and
			passes on what is written to it and by it, and meanwhile the log. OUTPUT, LOG, GIVE; DONE
			with its exit status in `error`, or PROTO_NOT_STARTED and an errno. While it runs: */
	PROTO_INPUT, /* bytes for that program, none: their end. DONE when it has been given them. */
	PROTO_WINDOW, /* struct proto_shell: its terminal's size now. DONE. */
	PROTO_TOOK,   /* string: why the file of the last GIVE was not taken; "": it was. DONE. */
	/* For the carrier on a lent machine (guest/lend.h), over the line: */
	PROTO_LAY,   /* u64, then bytes: they go to this offset in the area. No answer. */
	PROTO_NUDGE, /* Stands for PROTO_WAKE. No answer. */
	PROTO_LEAVE, /* Unload what is still loaded and go. A DATA with the name of each module for which that failed,
			DONE with their number as `error`, and the end. */

	/* Answers and news. */
	PROTO_HELLO = 64, /* struct proto_hello, then strings: release, version, machine */
	PROTO_DONE,	  /* struct proto_done */
	PROTO_LOG,	  /* one record of the kernel's log as the system gives it */
	PROTO_DATA,	  /* a piece of a file */
	PROTO_LOST,  /* u64: so many log records were lost at the least; nothing tells how many */
	PROTO_THING, /* struct proto_thing, then strings: name, more */
	PROTO_SECTION, /* u64, then strings: module, section: where a section was loaded. Before a LOAD's
			  DONE. */
	PROTO_OUTPUT, /* bytes that a program wrote, or that the agent says of an exercise */
	PROTO_GIVE, /* string: name of a file for the outside, in DATA up to a GIVE with the name "" */
};

/* A record of the user's facility that begins so is no log line: what follows is the name of a module that
 * code in the kernel asked for (request_module()). */
#define PROTO_ASKED "kmodlab: asked for "

enum proto_os { PROTO_LINUX = 1, PROTO_FREEBSD = 2 };

struct proto_hello {
	uint32_t os; /* enum proto_os */
	uint32_t cpus;
};

/* A part of the area. */
struct proto_load {
	uint64_t offset;
	uint64_t length; /* bytes; 0 in PROTO_LOAD: the file is in the machine already */
};

struct proto_done {
	int32_t error; /* 0, or the system call's positive errno; of a RUN: see PROTO_BY_SIGNAL */
	int32_t signal; /* not 0: the process that made the call was killed by it (an oops does that) */
	uint64_t usec; /* how long the call took */
};

/* The `error` of a RUN is the program's exit status, below this, or this and the signal that ended it. */
#define PROTO_BY_SIGNAL 256

/* What a module can leave behind, or bring. */
enum proto_kind {
	PROTO_MEMORY = 1, /* allocated by code at `site`; name: "kmalloc", "vmalloc", "pages", … */
	PROTO_DEVICE,	  /* a device number; name: "char 240 foo" */
	PROTO_NODE,	  /* a file in /dev; name: its path */
	PROTO_PROC,	  /* … in /proc */
	PROTO_SYSFS,	  /* … in /sys */
	PROTO_DEBUGFS,	  /* … in /sys/kernel/debug */
	PROTO_SYSCTL,	  /* … in /proc/sys; FreeBSD: the node's name, "hw.foo.bar" */
	PROTO_IRQ,	  /* name: "10 foo" */
	PROTO_REGION,	  /* name: "io 0300-0307 foo", "memory …" */
	PROTO_THREAD,	  /* a kernel thread; name: its own; count: its pid */
	PROTO_TIMER,	  /* armed; site: its function */
	PROTO_WORK,	  /* queued; site: its function */
	PROTO_WORKQUEUE,  /* name: its own; site: who made it */
	PROTO_NOTIFIER,	  /* site: its function */
	PROTO_NETDEV,	  /* name: "foo0" */
	PROTO_FILESYSTEM, /* a type of file system; name: "foofs" */
	PROTO_EVENTHANDLER,
	PROTO_ZONE, /* a cache that objects are allocated from; name: its own */
	PROTO_DEADLY, /* reading the list `name` again kills whoever reads it: an entry's memory is gone */
	PROTO_UNSEEN, /* what has to be followed was not: the kernel lacks `name` */
	PROTO_KINDS
};

struct proto_thing {
	uint32_t kind;	/* enum proto_kind */
	uint32_t flags; /* PROTO_THING_… */
	uint64_t site;	/* an address in the module, or 0 */
	uint64_t bytes; /* in all */
	uint64_t count; /* how many of the kind, with the same site and name */
};

/* Say in a SURVEY what to look for. */
#define PROTO_FILES                                                                                \
	1u /* what can be opened: nodes, proc, sysfs, debugfs, sysctl; character devices. Alone: at once, and \
			    each file in what is a new directory */
#define PROTO_OTHERS  2u /* everything else that is listed somewhere */
#define PROTO_TRACKED 4u /* what was followed since the baseline: memory, timers, work, … */

struct proto_survey {
	uint32_t what;
	uint32_t pad;
};

struct proto_run {
	uint32_t timeout_ms;
	uint32_t variables; /* so many of the strings, "NAME=value", are added to its environment */
};

#define PROTO_NOT_STARTED 512

/* Where a SHELL finds what the helper `get` wants the outside to have: a line "N NAME" in the pipe `ask` says that the
 * file N there is to be given under that name. It is removed when that is done; N.no then says why not. */
#define PROTO_GET "/tmp/.get/"

struct proto_shell {
	uint32_t terminal; /* 1: it has a terminal; 0: pipes */
	uint32_t variables;
	uint32_t rows, columns;
};

struct proto_exercise {
	uint64_t seed;
	uint32_t timeout_ms;
	uint32_t rounds;
};

/* The shared memory: this page, then the two rings, then the area. head and tail count bytes and never
 * wrap at the ring's size (only at 2^32); head - tail bytes are waiting. Each is written by one side
 * only, and the agent keeps none of them elsewhere: a machine that is restored from a snapshot finds new
 * memory, and begins at 0. */
#define PROTO_PAGE	   4096u
#define PROTO_RING_OUT	   (1u << 22) /* bytes, guest to outside */
#define PROTO_RING_IN	   (1u << 22) /* bytes, outside to guest */
#define PROTO_AREA_OFFSET  (1u << 24)
#define PROTO_SHARED_BYTES (1u << 26) /* the device's size must be a power of two */
#define PROTO_AREA	   (PROTO_SHARED_BYTES - PROTO_AREA_OFFSET) /* bytes for modules */

struct proto_ring {
	uint32_t head; /* the writer's */
	uint32_t pad1[15];
	uint32_t tail; /* the reader's */
	uint32_t pad2[15];
	uint32_t sleeping; /* the outside sets 1 before it sleeps; the agent wakes it and sets 0 */
	uint32_t pad3[15];
};

struct proto_shared {
	uint32_t magic;
	uint32_t version;
	uint32_t parked;    /* the agent's word that it is idle: see PROTO_PARK */
	uint32_t unwatched; /* set before the boot: nothing is to be watched in this machine */
	uint32_t pad[12];
	struct proto_ring out;
	struct proto_ring in;
};

#define PROTO_OUT_OFFSET PROTO_PAGE
#define PROTO_IN_OFFSET	 (PROTO_PAGE + PROTO_RING_OUT)

_Static_assert(sizeof(struct proto_header) == 16, "no padding");
_Static_assert(sizeof(struct proto_hello) == 8, "no padding");
_Static_assert(sizeof(struct proto_load) == 16, "no padding");
_Static_assert(sizeof(struct proto_done) == 16, "no padding");
_Static_assert(sizeof(struct proto_thing) == 32, "no padding");
_Static_assert(sizeof(struct proto_shell) == 16, "no padding");
_Static_assert(sizeof(struct proto_exercise) == 16, "no padding");
_Static_assert(sizeof(struct proto_shared) <= PROTO_PAGE, "fits its page");
_Static_assert(PROTO_IN_OFFSET + PROTO_RING_IN <= PROTO_AREA_OFFSET, "fits before the area");

#endif
