/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_REPORT_KTAP_H
#define KMODLAB_REPORT_KTAP_H
/*
 * KTAP, version 1, as the kernel's own tests write it (Documentation/dev-tools/ktap.rst): a test for each trial, its
 * stages as subtests, what was found and logged as diagnostic lines before its result.
 */
#include "trial/trial.h"

#include <stdio.h>

struct ktap {
	FILE *out;
	size_t n, planned;
	bool check; /* what was expected is what passes */
};

void ktap_begin(struct ktap *k, FILE *out, size_t planned, bool check);
/* `label` is what the module is called, `target` what it ran on. */
void ktap_trial(struct ktap *k, const char *label, const char *target, const struct trial *t);
/* `interrupted`: the trials that are missing were not run. */
void ktap_end(struct ktap *k, bool interrupted);

#endif
