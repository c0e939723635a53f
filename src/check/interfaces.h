/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_CHECK_INTERFACES_H
#define KMODLAB_CHECK_INTERFACES_H
/* What is known of kernel functions beyond their being there: the list in check/interfaces.txt. */
#include "check/names.h"
#include "target/target.h"

enum interface_kind {
	INTERFACE_UNSAFE,      /* easily used so that memory is overwritten */
	INTERFACE_DEPRECATED,  /* on its way out, or out already */
	INTERFACE_DISCOURAGED, /* mostly a sign of something that goes better otherwise */
	INTERFACE_HEADER,      /* brought in by the kernel's headers */
};

struct interface {
	enum interface_kind kind;
	struct text since;   /* the release that took it away; "-": none so far */
	struct text instead; /* what to use, a sentence; empty for INTERFACE_HEADER */
};

/* Looks a function up; false if the list has nothing about it. The texts are static. */
bool interface_find(enum target_os os, const char *name, struct interface *out);

#endif
