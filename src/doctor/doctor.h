/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_DOCTOR_DOCTOR_H
#define KMODLAB_DOCTOR_DOCTOR_H
/*
 * What this machine has and lacks of what kmodlab works with. Nothing is taken for granted because a file is
 * there: programs are run, the sandbox is made, a target's kernel is booted.
 */
#include "base/buf.h"
#include "base/packages.h"
#include "target/target.h"

#include <stdbool.h>

enum health { HEALTH_OK, HEALTH_MISSING, HEALTH_BROKEN };

/* One thing that was looked at. */
struct checkup {
	const char *name; /* "qemu", "kvm", "target"; static */
	enum health health;
	bool needed;   /* `kmodlab run` cannot work without it */
	char *found;   /* what is there, or what is wrong with it: half a sentence */
	char *purpose; /* what it is for, half a sentence */
	char *remedy;  /* the command that mends it, or what to do; NULL when it is all right */
};

/* Owns its checkups. */
struct checkups {
	struct checkup *items;
	size_t n;
	struct strv missing; /* programs that packages would bring */
	enum packaging packaging;
	bool quick; /* boot nothing */
};

/* Looks at everything, `packaging` being whose packages are to be named. */
void doctor_look(struct checkups *all, enum packaging packaging, bool quick);
/* Whether `kmodlab run` can work: nothing that is needed lacks. */
bool doctor_can_run(const struct checkups *all);
void doctor_free(struct checkups *all);
/* "ok", "missing", "broken". Static. */
const char *health_name(enum health health);

/* The parts of it. Adds one; the strings are taken over. */
struct checkup *doctor_add(struct checkups *all, const char *name, enum health health, char *found,
	const char *purpose);
/* The programs, and whether the sandbox can be made. */
void doctor_programs(struct checkups *all);
/* Memory and disk. */
void doctor_space(struct checkups *all);
/* The targets, a boot of one of them, and KVM. */
void doctor_machines(struct checkups *all);

#endif
