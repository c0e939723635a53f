/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_CLI_SCREEN_H
#define KMODLAB_CLI_SCREEN_H
/*
 * A whole terminal as one page: a head that stays, a body that may be longer than the page, a foot. The terminal is
 * as before when it is closed. There is one.
 */
#include <stdbool.h>
#include <stddef.h>

/* Takes the terminal over; false: standard input and output are not both one that can be. Do not forget
 * screen_close. */
bool screen_open(void);
void screen_close(void);

/* Draws it. Lines end with newlines and may have colour; those that are too long are broken. Of a body that is too
 * long, its first error and what follows is shown until somebody scrolls. */
void screen_draw(const char *head, const char *body, const char *foot);
/* The next draw shows another body: from its best place. */
void screen_rewind(void);

/* What was typed since; takes care of keys that scroll. 0: nothing that the caller is to act on, else a character,
 * small. Never waits; to be called when standard input is readable. */
int screen_key(void);

/* What follows is for tests. Breaks text into lines of at most `width` columns, as the terminal will have
 * them: colour takes no room, tabs are spaces. */
struct strv;
void screen_break(const char *text, size_t width, struct strv *out);

#endif
