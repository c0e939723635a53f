/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One function for both languages: the references that XML has are HTML's, too. What is written is valid UTF-8
 * (RFC 3629) whatever came in.
 */
#include "report/markup.h"

#include <stdbool.h>

/* The character at `p`, of at most `len` bytes, and how many bytes it has; 0 when it is not UTF-8. */
static size_t decode(const unsigned char *p, size_t len, uint32_t *c)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t n = p[0] < 0x80 ? 1 : p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;

	*c = p[0];
	if (n == 1)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4 || n > len)
		return 0;
	*c = p[0] & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		*c = *c << 6 | (p[i] & 0x3f);
	}
	if (*c < least[n] || *c > 0x10ffff || (*c >= 0xd800 && *c <= 0xdfff))
		return 0;
	return n;
}

/* Left out: C0 and C1 controls, DEL, and U+FFFE and U+FFFF with their like. */
static bool is_nothing(uint32_t c)
{
	return (c < 0x20 && c != '\n' && c != '\t') || (c >= 0x7f && c < 0xa0) ||
		(c & 0xfffe) == 0xfffe || (c >= 0xfdd0 && c <= 0xfdef);
}

static bool changes_direction(uint32_t c)
{
	return (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0x200e ||
		c == 0x200f || c == 0x61c;
}

enum place { BETWEEN_TAGS, IN_A_VALUE, NO_MARKUP };

static const char *reference(uint32_t c, enum place place)
{
	bool value = place == IN_A_VALUE;

	if (place == NO_MARKUP)
		return NULL;
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	case '\n':
		return value ? "&#10;" : NULL;
	case '\t':
		return value ? "&#9;" : NULL;
	default:
		return NULL;
	}
}

static void add(struct buf *out, const char *text, size_t len, enum place place)
{
	const unsigned char *p = (const unsigned char *)text, *end = p + len;

	while (p < end) {
		uint32_t c;
		size_t n = decode(p, (size_t)(end - p), &c);
		const char *instead = n ? reference(c, place) : "\xef\xbf\xbd";

		if (instead)
			buf_adds(out, instead);
		else if (changes_direction(c))
			buf_addf(out, place == NO_MARKUP ? "<U+%04X>" : "&lt;U+%04X&gt;", c);
		else if (!is_nothing(c))
			buf_add(out, p, n);
		p += n ? n : 1;
	}
}

void markup_addn(struct buf *out, const char *text, size_t len)
{
	add(out, text, len, BETWEEN_TAGS);
}

void markup_add(struct buf *out, const char *text)
{
	if (text)
		add(out, text, strlen(text), BETWEEN_TAGS);
}

void markup_value(struct buf *out, const char *text)
{
	if (text)
		add(out, text, strlen(text), IN_A_VALUE);
}

void markup_plain(struct buf *out, const char *text)
{
	add(out, text, strlen(text), NO_MARKUP);
}
