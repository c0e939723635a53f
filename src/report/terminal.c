/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/terminal.h"

#include "judge/kmsg.h"

#include <string.h>
#include <unistd.h>

#define RED	"31"
#define GREEN	"32"
#define YELLOW	"33"
#define MAGENTA "35"
#define BOLD	"1"
#define DIM	"2"

/* More lines of one stage than this are shown by their beginning and end. */
#define LOG_SHOWN     60
#define LOG_ENDS      25
#define EXCERPT_SHOWN 60

void terminal_setup(struct terminal *term, FILE *out)
{
	const char *no_color = getenv("NO_COLOR"), *kind = getenv("TERM");
	bool terminal = isatty(fileno(out));

	*term = (struct terminal){.out = out};
	term->live = terminal && kind && strcmp(kind, "dumb");
	term->colour = term->live && !(no_color && *no_color);
}

static void paint(struct terminal *term, const char *code, const char *text)
{
	if (term->colour && *code)
		fprintf(term->out, "\033[%sm%s\033[0m", code, text);
	else
		fputs(text, term->out);
}

static void clear_live(struct terminal *term)
{
	if (term->live)
		fputs("\r\033[K", term->out);
}

static const char *level_colour(const struct record *r)
{
	if (r->origin != ORIGIN_MODULE)
		return DIM;
	switch (r->level) {
	case 0:
	case 1:
	case 2:
	case 3:
		return RED;
	case 4:
		return YELLOW;
	case 5:
		return BOLD;
	case 7:
		return DIM;
	default:
		return "";
	}
}

static void show_record(struct terminal *term, const struct record *r)
{
	const char *label = r->origin == ORIGIN_TAINT ? "taint"
		: r->origin == ORIGIN_KERNEL	      ? "kernel"
		: r->level == LEVEL_UNKNOWN	      ? "console"
		: r->level == LEVEL_NONE	      ? "printf"
						      : kmsg_level_name(r->level);
	const char *line = r->text;

	/* A record may have several lines; the following ones stand below the first. */
	for (bool first = true; line; first = false) {
		const char *end = strchr(line, '\n');
		AUTO_FREE char *one = end ? xstrndup(line, (size_t)(end - line)) : xstrdup(line);

		fprintf(term->out, "             ");
		if (first) {
			AUTO_FREE char *padded = xasprintf("%-8s", label);

			paint(term, level_colour(r), padded);
		} else {
			fputs("        ", term->out);
		}
		fputc(' ', term->out);
		paint(term, r->origin == ORIGIN_MODULE ? "" : DIM, one);
		fputc('\n', term->out);
		line = end ? end + 1 : NULL;
	}
}

/* Shows the records not shown yet that belong to calls up to `call`. */
static void show_log(struct terminal *term, const struct trial *t, size_t call)
{
	size_t from = term->shown, to = from;

	while (to < t->run.nlog && t->run.log[to].call <= call)
		to++;
	for (size_t i = from; i < to; i++) {
		if (to - from > LOG_SHOWN && i == from + LOG_ENDS) {
			AUTO_FREE char *left =
				xasprintf("             … %zu lines left out (--json has them) …\n",
					to - from - 2 * LOG_ENDS);

			paint(term, DIM, left);
			i = to - LOG_ENDS;
		}
		show_record(term, &t->run.log[i]);
	}
	term->shown = to;
}

static void begin(struct terminal *term, const struct trial *t)
{
	if (term->began)
		return;
	term->began = true;
	paint(term, BOLD, t->name);
	if (t->target)
		fprintf(term->out, "  on %s (%s %s, %s)\n", t->target->name,
			target_os_name(t->target->os), t->target->release, t->target->arch);
	else
		fprintf(term->out, "  on %s\n", target_os_name(t->os));
}

static const char *step_note(const struct trial *t, const struct step *s)
{
	if (s->stage == STAGE_BUILD && s->ok && !t->rebuilt)
		return "  (unchanged)";
	if (s->stage == STAGE_CHECK && !s->ok)
		return "  refused";
	return s->ok ? "" : "  failed";
}

void terminal_watch(void *arg, const struct trial *t, enum stage stage, const struct step *done)
{
	struct terminal *term = arg;

	begin(term, t);
	if (!done) {
		if (term->live) {
			fprintf(term->out, "\r\033[K  %-8s…", stage_name(stage));
			fflush(term->out);
		}
		return;
	}
	clear_live(term);
	fprintf(term->out, "  ");
	paint(term, done->ok ? "" : RED, stage_name(stage));
	fprintf(term->out, "%*s%7.3f s  %s", 8 - (int)strlen(stage_name(stage)), "",
		(double)done->took_us / 1e6, done->what);
	if (stage == STAGE_BOOT)
		fprintf(term->out, "under %s", accel_name(t->accel));
	paint(term, done->ok ? DIM : RED, step_note(t, done));
	fputc('\n', term->out);
	if (stage == STAGE_LOAD || stage == STAGE_UNLOAD)
		show_log(term, t, done->call);
	fflush(term->out);
}

/* `text`, each line behind `margin`; the middle of a long one left out. */
static void show_excerpt(struct terminal *term, const char *text, const char *margin)
{
	size_t lines = 0, at = 0;

	for (const char *p = text; (p = strchr(p, '\n')); p++)
		lines++;
	for (const char *p = text; *p; at++) {
		size_t len = strcspn(p, "\n");
		AUTO_FREE char *one = xasprintf("%s%.*s\n", margin, (int)len, p);

		if (lines <= EXCERPT_SHOWN || at < EXCERPT_SHOWN - 10 || at >= lines - 10)
			paint(term, DIM, one);
		else if (at == EXCERPT_SHOWN - 10)
			fprintf(term->out, "%s…\n", margin);
		p += len + (p[len] == '\n');
	}
}

/* A file as the user would name it: relative where it is below the current directory. */
static const char *short_file(const char *file)
{
	static char cwd[4096];
	size_t len;

	if (!cwd[0] && !getcwd(cwd, sizeof cwd))
		return file;
	len = strlen(cwd);
	return !strncmp(file, cwd, len) && file[len] == '/' ? file + len + 1 : file;
}

static void show_finding(struct terminal *term, const struct finding *f)
{
	const char *colour = f->severity == SEVERITY_ERROR ? RED
		: f->severity == SEVERITY_WARNING	   ? YELLOW
							   : "";

	fputs("  ", term->out);
	paint(term, colour, severity_name(f->severity));
	fputs(": ", term->out);
	if (f->file) {
		fputs(short_file(f->file), term->out);
		if (f->line)
			fprintf(term->out, ":%u", f->line);
		if (f->column)
			fprintf(term->out, ":%u", f->column);
		fputs(": ", term->out);
	}
	fprintf(term->out, "%s ", f->message);
	AUTO_FREE char *rule = xasprintf("[%s]\n", f->rule);
	paint(term, DIM, rule);
	if (f->excerpt)
		show_excerpt(term, f->excerpt, "    | ");
	if (f->advice)
		fprintf(term->out, "    → %s\n", f->advice);
}

void terminal_finish(struct terminal *term, const struct trial *t)
{
	AUTO_FREE char *verdict = NULL;
	bool died = t->run.end != RUN_DONE;

	begin(term, t);
	clear_live(term);
	if (t->run.ncalls)
		show_log(term, t, t->run.ncalls);
	for (size_t i = 0; i < t->findings.n; i++)
		show_finding(term, &t->findings.items[i]);
	if (t->note) {
		AUTO_FREE char *note = xasprintf("  note: %s\n", t->note);

		paint(term, DIM, note);
	}
	if (t->run.console && *t->run.console && (term->console || (died && !t->run.nlog))) {
		fputs("  console:\n", term->out);
		show_excerpt(term, t->run.console, "    | ");
	}
	switch (t->verdict) {
	case VERDICT_PASS:
		paint(term, BOLD ";" GREEN, "PASS");
		break;
	case VERDICT_FAIL:
		verdict = xasprintf("FAIL (%s)", trial_verdict_name(t));
		paint(term, BOLD ";" RED, verdict);
		break;
	case VERDICT_SKIPPED:
		paint(term, BOLD ";" YELLOW, "SKIPPED");
		fprintf(term->out, "  %s\n", t->error.text);
		goto shown;
	case VERDICT_INFRASTRUCTURE:
		paint(term, BOLD ";" MAGENTA, "ERROR");
		fprintf(term->out, " (not the module's doing): %s", t->error.text);
		break;
	}
	fprintf(term->out, "  %s on %s, %.2f s\n", t->name, t->target->name,
		(double)t->took_us / 1e6);
shown:
	fflush(term->out);
	term->shown = 0;
	term->began = false;
}

void terminal_summary(struct terminal *term, const struct trial *trials, size_t n)
{
	size_t counts[VERDICTS] = {0};

	for (size_t i = 0; i < n; i++)
		counts[trials[i].verdict]++;
	fprintf(term->out, "\n%zu passed, %zu failed, %zu in error, %zu skipped\n",
		counts[VERDICT_PASS], counts[VERDICT_FAIL], counts[VERDICT_INFRASTRUCTURE],
		counts[VERDICT_SKIPPED]);
}
