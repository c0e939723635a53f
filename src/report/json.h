/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_REPORT_JSON_H
#define KMODLAB_REPORT_JSON_H
/* Trials for programs. The fields are described in kmodlab(1); they are only ever added to. */
#include "trial/trial.h"

#include <stdio.h>

/* Writes one JSON object with all the trials. 0, or -EIO when `out` could not be written. */
int json_write(FILE *out, const struct trial *trials, size_t n);

#endif
