/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_REPORT_MARKUP_H
#define KMODLAB_REPORT_MARKUP_H
/* Text of any origin, made safe to stand in XML 1.0 or HTML, between tags and in quoted attributes. */
#include "base/buf.h"

/*
 * Adds the text: & < > " and ' as character references; bytes that are not UTF-8 as U+FFFD; control characters but
 * newline and tab are left out (XML 1.0, 2.2 allows none of them), and so are what XML calls no characters; marks
 * that change the direction of writing stand as <U+202E>, so that nothing looks like what it is not. NULL
 * is no text.
 */
void markup_add(struct buf *out, const char *text);
/* The same for `len` bytes, which may have NULs. */
void markup_addn(struct buf *out, const char *text, size_t len);
/* The same for a value in an attribute, where a newline would become a space: written as a reference. */
void markup_value(struct buf *out, const char *text);
/* The same without references: for plain text. */
void markup_plain(struct buf *out, const char *text);

#endif
