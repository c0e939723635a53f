/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Drawn line by line over what is there, each cleared to its end, so that nothing flickers. The terminal's other
 * page (the alternate screen) is used: what stood there before comes back.
 */
#include "cli/screen.h"

#include "base/buf.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

static struct {
	bool open;
	struct termios before;
	size_t top;    /* the body's first line that is shown */
	bool scrolled; /* … because somebody said so */
	size_t page;   /* lines of the body that fit */
	size_t length; /* lines that it has */
} screen;

/* That poll(2) returns is all that a new size is to bring about. */
static void on_resize(int sig)
{
	(void)sig;
}

static void say(const char *text)
{
	fputs(text, stdout);
	fflush(stdout);
}

bool screen_open(void)
{
	const char *kind = getenv("TERM");
	struct sigaction resize = {.sa_handler = on_resize};
	struct termios raw;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO) || !kind || !strcmp(kind, "dumb") ||
		tcgetattr(STDIN_FILENO, &screen.before))
		return false;
	/* Ctrl-C stays a signal; to be stopped with Ctrl-Z is nothing for a whole page. */
	raw = screen.before;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	raw.c_cc[VSUSP] = _POSIX_VDISABLE;
	raw.c_cc[VMIN] = 0;
	raw.c_cc[VTIME] = 0;
	tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
	sigaction(SIGWINCH, &resize, NULL);
	screen.open = true;
	say("\033[?1049h\033[?25l\033[H\033[2J");
	return true;
}

void screen_close(void)
{
	if (!screen.open)
		return;
	screen.open = false;
	say("\033[?25h\033[?1049l");
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &screen.before);
	signal(SIGWINCH, SIG_DFL);
}

/* The bytes of an escape sequence for colour at `at`; 0: there is none. Others do not come through: a module chooses
 * what it logs. */
static size_t escape_length(const char *at)
{
	size_t n;

	if (at[0] != '\033' || at[1] != '[')
		return 0;
	n = 2 + strspn(at + 2, "0123456789;");
	return at[n] == 'm' ? n + 1 : 0;
}

static void end_line(struct buf *line, struct strv *out)
{
	buf_add(line, "", 0);
	strv_add(out, line->data ? line->data : "");
	line->len = 0;
	if (line->data)
		line->data[0] = 0;
}

void screen_break(const char *text, size_t width, struct strv *out)
{
	AUTO_BUF struct buf line = {0};
	size_t column = 0;

	while (*text) {
		size_t escape = escape_length(text);
		bool continues = ((unsigned char)*text & 0xc0) == 0x80;
		size_t columns = *text == '\t' ? 8 - column % 8 : 1;

		if (*text == '\n') {
			end_line(&line, out);
			column = 0;
			text++;
			continue;
		}
		if (escape || continues) {
			buf_add(&line, text, escape ? escape : 1);
			text += escape ? escape : 1;
			continue;
		}
		if (column + columns > width && column) {
			end_line(&line, out);
			column = 0;
			continue;
		}
		if (*text == '\t')
			buf_addf(&line, "%*s", (int)columns, "");
		else
			buf_add(&line, (unsigned char)*text < ' ' ? "?" : text, 1);
		column += columns;
		text++;
	}
	if (line.len)
		end_line(&line, out);
}

static void add_lines(const struct strv *lines, size_t from, size_t n, struct buf *out)
{
	for (size_t i = 0; i < n; i++) {
		if (from + i < lines->n)
			buf_adds(out, lines->v[from + i]);
		buf_adds(out, "\033[0m\033[K\r\n");
	}
}

/* Where to begin: so that the first error is seen, and as much as can be. */
static size_t best_top(const struct strv *lines, size_t page)
{
	size_t last = lines->n > page ? lines->n - page : 0;

	for (size_t i = 0; i < lines->n; i++)
		if (strstr(lines->v[i], "error:"))
			return i < last ? i : last;
	return last;
}

void screen_draw(const char *head, const char *body, const char *foot)
{
	AUTO_STRV struct strv heads = {0}, lines = {0}, feet = {0};
	struct winsize size = {.ws_row = 24, .ws_col = 80};
	AUTO_BUF struct buf out = {0}, last = {0};
	size_t rows, taken, most;

	ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
	rows = size.ws_row < 4 ? 4 : size.ws_row;
	screen_break(head, size.ws_col ? size.ws_col : 80, &heads);
	screen_break(body, size.ws_col ? size.ws_col : 80, &lines);
	taken = heads.n + 1;
	screen.page = rows > taken + 1 ? rows - taken : 1;
	screen.length = lines.n;
	most = lines.n > screen.page ? lines.n - screen.page : 0;
	if (!screen.scrolled)
		screen.top = best_top(&lines, screen.page);
	if (screen.top > most)
		screen.top = most;
	buf_adds(&last, foot);
	if (most)
		buf_addf(&last, "  (lines %zu to %zu of %zu; arrows scroll)", screen.top + 1,
			screen.top + screen.page, lines.n);
	/* Of the last line only what fits: more would move all the others. */
	screen_break(last.data, size.ws_col ? size.ws_col : 80, &feet);
	buf_adds(&out, "\033[H");
	add_lines(&heads, 0, heads.n < rows - 1 ? heads.n : rows - 1, &out);
	if (taken < rows)
		add_lines(&lines, screen.top, screen.page, &out);
	buf_addf(&out, "\033[2m%s\033[0m", feet.n ? feet.v[0] : "");
	buf_adds(&out, "\033[K\033[J");
	say(out.data);
}

void screen_rewind(void)
{
	screen.scrolled = false;
}

static void scroll(long lines)
{
	size_t most = screen.length > screen.page ? screen.length - screen.page : 0;
	long top = (long)screen.top + lines;

	screen.scrolled = true;
	screen.top = top < 0 ? 0 : top > (long)most ? most : (size_t)top;
}

/* Does what the key at `at` says if it is one that scrolls; its bytes, 0 if it is another. */
static size_t scroll_key(const char *at)
{
	const long page = (long)screen.page;
	const struct {
		const char *key;
		long lines;
	} keys[] = {{"\033[A", -1}, {"\033OA", -1}, {"k", -1}, {"\033[B", 1}, {"\033OB", 1},
		{"j", 1}, {"\033[5~", -page}, {"\033[6~", page}, {" ", page}};

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if (!strncmp(at, keys[i].key, strlen(keys[i].key))) {
			scroll(keys[i].lines);
			return strlen(keys[i].key);
		}
	return 0;
}

int screen_key(void)
{
	char keys[64], *at = keys;
	ssize_t n = read(STDIN_FILENO, keys, sizeof keys - 1);
	size_t len;

	if (n <= 0)
		return 0;
	keys[n] = 0;
	while ((len = scroll_key(at)))
		at += len;
	/* Of the others, those that begin with an escape are none that anybody acts on. */
	return *at == '\033' ? 0 : *at;
}
