/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The progress bar. It is redrawn in place ten times a second at most, in whatever width the
 * terminal has at that moment, and gone when the work is done: what stays on the screen is what was
 * said. In a log there is no place to draw in, so there it is a line when a phase begins.
 */
#include "cli/progress.h"

#include "base/buf.h"
#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define REDRAW_US 100000
#define MB	  1000000.0
/* Columns of the bar, its brackets not counted. */
#define BAR_LEAST 8
#define BAR_MOST  40

void progress_start(struct progress *p, const char *subject)
{
	const char *term = getenv("TERM");

	*p = (struct progress){
		.terminal = isatty(STDERR_FILENO) && term && *term && strcmp(term, "dumb"),
		.subject = subject,
	};
}

static size_t terminal_width(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) || size.ws_col < 2)
		return 80;
	return size.ws_col;
}

/* "[####----] " of `columns` in all, or nothing where there are too few. */
static void draw_bar(char *bar, double part, size_t columns)
{
	size_t inner = columns < BAR_LEAST + 3 ? 0 : columns - 3, full;

	*bar = 0;
	if (!inner)
		return;
	if (inner > BAR_MOST)
		inner = BAR_MOST;
	full = (size_t)(part * (double)inner);
	bar[0] = '[';
	memset(bar + 1, '#', full);
	memset(bar + 1 + full, '-', inner - full);
	strcpy(bar + 1 + inner, "] ");
}

void progress_line(char *line, size_t size, size_t width, const char *subject, const char *what,
	unsigned long long done, unsigned long long total)
{
	double part = !total ? 0 : done >= total ? 1 : (double)done / (double)total;
	char amount[80] = " ...", bar[BAR_MOST + 4];
	size_t columns, room;
	int digits;

	size = size < width ? size : width;
	if (total) {
		digits = snprintf(NULL, 0, "%.0f", (double)total / MB);
		snprintf(amount, sizeof amount, "%3d%%  %*.0f of %.0f MB", (int)(part * 100),
			digits, (double)done / MB, (double)total / MB);
	}
	/* For the text, with the two spaces behind it and the NUL. */
	room = size > strlen(amount) + 3 ? size - strlen(amount) - 3 : 0;
	if (!subject || strlen(subject) + 2 + strlen(what) > room)
		subject = "";
	columns = strlen(subject) + (*subject ? 2 : 0) + strlen(what);
	draw_bar(bar, part, total && room > columns ? room - columns : 0);
	snprintf(line, size, "%s%s%.*s%s%s%s", subject, *subject ? ": " : "", (int)room, what,
		total ? "  " : "", bar, amount);
}

void progress_show(
	void *progress, const char *what, unsigned long long done, unsigned long long total)
{
	struct progress *p = progress;
	bool new_phase = !p->phase || strcmp(p->phase, what);
	int64_t now = clock_us();
	char line[512];

	if (!new_phase && (!p->terminal || now - p->drawn_us < REDRAW_US))
		return;
	if (new_phase) {
		free(p->phase);
		p->phase = xstrdup(what);
	}
	if (!p->terminal) {
		fprintf(stderr, "%s%s%s ...\n", p->subject ? p->subject : "",
			p->subject ? ": " : "", what);
		return;
	}
	progress_line(line, sizeof line, terminal_width(), p->subject, what, done, total);
	fprintf(stderr, "\r%s\033[K", line);
	fflush(stderr);
	p->drawn = true;
	p->drawn_us = now;
}

void progress_end(struct progress *p)
{
	if (p->drawn)
		fputs("\r\033[K", stderr);
	p->drawn = false;
	free(p->phase);
	p->phase = NULL;
}
