/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_CHECK_FLOW_WALK_H
#define KMODLAB_CHECK_FLOW_WALK_H
/* The inner part of flow_read(), which fills a reader (check/flow.c, check/flow-tables.c) and has it walk through one
 * function after the other (check/flow-walk.c, check/flow-state.c); nobody else does. */
#include "check/flow.h"
#include "check/x86.h"

/* Bytes that a push takes. */
#define FLOW_SLOT 8

/* What a function is to those that call it, by its name. */
enum flow_role {
	ROLE_PLAIN,
	ROLE_NOTHING,	/* the call is no call: __fentry__ */
	ROLE_RETURN,	/* a jump there is a return: __x86_return_thunk */
	ROLE_THUNK,	/* a call of whatever a register says */
	ROLE_CHANGES,	/* a jump that the kernel may turn elsewhere: a static call */
	ROLE_NO_RETURN, /* does not come back */
	ROLE_FPU_BEGIN,
	ROLE_FPU_END,
	ROLE_FPU_THREAD, /* begins, for good */
	ROLE_FPU_CALLS,	 /* begins, calls back what it is given, ends */
	ROLE_FPU_UNSURE, /* does something to the registers */
};

/* What is known at a place: how far down the stack pointer is, and which registers hold places in the stack. */
struct flow_state {
	int32_t depth;		 /* bytes, with the return address */
	int32_t frame;		 /* where rbp points to, likewise; -1: nowhere known */
	int32_t other;		 /* where another register does */
	unsigned char other_reg; /* which, and 1; 0: none */
	unsigned char lowered;	 /* and it was made smaller since */
	unsigned char fpu;	 /* enum flow_fpu */
	unsigned char spare;
};

/* A way on that no instruction shows: the kernel's tables have it (__jump_table, __ex_table). */
struct flow_edge {
	uint32_t section, to_section;
	uint64_t from, to;
};

struct flow_place {
	uint32_t section;
	uint32_t extra;
	uint64_t offset;
};

/* A call whose callee is not known before all functions are. */
struct flow_pending {
	uint32_t function, section;
	unsigned char
		walk; /* in which walk through the function: those of an earlier one do not count */
	size_t call;
	uint64_t to;
};

/* An array that is used again and again. */
#define FLOW_LIST(type)                                                                            \
	struct {                                                                                   \
		type *items;                                                                       \
		size_t n, room;                                                                    \
	}

#define FLOW_ADD(list)                                                                             \
	((list)->n == (list)->room ? ((list)->room = (list)->room ? (list)->room * 2 : 64,         \
					     (list)->items = xreallocarray((list)->items,          \
						     (list)->room, sizeof *(list)->items))         \
				   : (list)->items,                                                \
		&(list)->items[(list)->n++])

struct flow_reader {
	const struct object *o;
	struct flow *flow;
	unsigned char *roles;	       /* enum flow_role, by symbol */
	unsigned char *function_roles; /* by function */
	bool *reached;		       /* by function: a cold part that others have code in */
	unsigned char *walks;	       /* by function: how often it was walked through before */
	unsigned char *effects; /* what calling a function does to the FPU's state: enum flow_fpu */
	uint32_t *first;	/* by section, the first function in it; one more at the end */
	size_t nfirst;		/* the functions that `first` is about: those with symbols */
	/* By section, for each byte of code: 0 not seen, FLOW_MIDDLE inside an instruction, else the state
	 * before the instruction: an index. NULL: no code. */
	uint16_t **seen;
	unsigned char **
		marks; /* by section, a bit for each byte: there is something in `edges` or `warns` */
	FLOW_LIST(struct flow_edge) edges; /* by place */
	FLOW_LIST(struct flow_place)
	warns; /* of the ud2's after which a kernel goes on; by place */
	FLOW_LIST(struct flow_place)
	refs; /* places inside functions that data points to; by place */
	FLOW_LIST(struct flow_state) states; /* [0] is none */
	uint32_t *buckets;		     /* of the states, by hash */
	FLOW_LIST(uint32_t) chains;
	FLOW_LIST(struct flow_pending) pending;
	uint64_t outside; /* steps that may still be taken outside of functions */
	/* Of one walk. */
	FLOW_LIST(struct flow_place) todo;    /* extra: state, and a bit for going back */
	FLOW_LIST(struct flow_place) touched; /* extra: length */
	FLOW_LIST(struct flow_call) calls;
	FLOW_LIST(struct flow_use) uses;
};

#define FLOW_MIDDLE 0xffff

/* Reads the function `index`, again if it was read before. */
void flow_walk(struct flow_reader *r, uint32_t index);

/* Whether a relocation leads into the module's code; `after` is what its place is before the one that it counts from
 * (the end of the instruction). */
bool flow_target(const struct object *o, const struct object_relocation *relocation, uint64_t after,
	uint32_t *section, uint64_t *offset);
/* The function with a symbol that has the place: an index, or OBJECT_NONE. */
uint32_t flow_find(const struct flow_reader *r, uint32_t section, uint64_t offset);
/* Where the code without a symbol ends that is at the place. */
uint64_t flow_gap_end(const struct flow_reader *r, uint32_t section, uint64_t offset);

/* The state's number; `otherwise` when there are too many. */
uint32_t flow_state_number(struct flow_reader *r, const struct flow_state *s, uint32_t otherwise);
bool flow_same_state(const struct flow_state *a, const struct flow_state *b);
/* What an instruction does to the stack. `deepest` (NULL: it does not matter) is raised to what it comes to. True if
 * how much it takes cannot be told. */
bool flow_move(struct flow_state *now, const struct x86_insn *i, int32_t *deepest);

/* Fills the reader's edges, warns, refs and marks, and which functions are taken or exported. */
void flow_read_tables(struct flow_reader *r);
/* The first edge, and the first reference, at or behind a place: an index. */
size_t flow_edge_at(const struct flow_reader *r, uint32_t section, uint64_t offset);
size_t flow_ref_at(const struct flow_reader *r, uint32_t section, uint64_t offset);
/* Whether the kernel goes on behind the ud2 at the place. */
bool flow_goes_on(const struct flow_reader *r, uint32_t section, uint64_t offset);

#endif
