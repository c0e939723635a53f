/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_REPORT_COLUMNS_H
#define KMODLAB_REPORT_COLUMNS_H
/* What a table's columns and times are called: as short as it can be without being mistaken. */
#include "target/target.h"

#include <stdint.h>

/* A name for each of the `n` targets (the names that they are registered under): without the flavour or
 * directory, and without what stands before the colon, where they are still told apart. */
void column_names(const char *const *targets, size_t n, struct strv *out);

/* "58 ms", "1.62 s", "120 s": at most 7 characters below a day. Caller frees. */
char *short_time(int64_t us);

#endif
