/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/terminal.h"

#include "judge/kmsg.h"

#include <string.h>
#include <unistd.h>

/* More lines of one stage than this are shown by their beginning and end. */
#define LOG_SHOWN 60
#define LOG_ENDS  25
/* Of a long excerpt, so much is its end: a sixth. */
#define EXCERPT_SHOWN 60
/* Of one whose essence stands above it already. */
#define TRACED_EXCERPT 6

static bool colour_anyway;

void terminal_colour_anyway(void)
{
	colour_anyway = true;
}

void terminal_setup(struct terminal *term, FILE *out)
{
	const char *no_color = getenv("NO_COLOR"), *kind = getenv("TERM");
	bool terminal = isatty(fileno(out));

	*term = (struct terminal){.out = out, .excerpt = EXCERPT_SHOWN};
	if (!getcwd(term->cwd, sizeof term->cwd))
		term->cwd[0] = 0;
	term->live = terminal && kind && strcmp(kind, "dumb");
	term->colour = (term->live || colour_anyway) && !(no_color && *no_color);
}

void terminal_paint(struct terminal *term, const char *code, const char *text)
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

			terminal_paint(term, level_colour(r), padded);
		} else {
			fputs("        ", term->out);
		}
		fputc(' ', term->out);
		terminal_paint(term, r->origin == ORIGIN_MODULE ? "" : DIM, one);
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

			terminal_paint(term, DIM, left);
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
	terminal_paint(term, BOLD, t->name);
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
	if (s->stage == STAGE_BUILD && s->ok && t->replayed)
		return "  (replayed)";
	/* When it was all that was to be done, the findings say what is wrong. */
	if (s->stage == STAGE_CHECK && !s->ok)
		return t->nstacks ? "" : "  refused";
	return s->ok ? "" : "  failed";
}

/* Says that the machine failed and all that it did was forgotten; once. */
static void note_retry(struct terminal *term, const struct trial *t)
{
	AUTO_FREE char *note = NULL;

	if ((!t->retried && !t->asked) || term->noted)
		return;
	term->noted = true;
	if (term->steps > t->nsteps)
		term->steps = t->nsteps;
	term->shown = 0;
	clear_live(term);
	if (t->asked)
		note = xasprintf("  again    with what it asks the kernel for: %s\n", t->asked);
	else
		note = xasprintf("  retried  in another machine: %s\n", t->retried);
	terminal_paint(term, DIM, note);
}

/* `text`, each line behind `margin`; the middle of one that has more than `most` lines left out. */
static void show_excerpt(struct terminal *term, const char *text, const char *margin, size_t most)
{
	size_t lines = 0, at = 0, end = most / 6;

	for (const char *p = text; (p = strchr(p, '\n')); p++)
		lines++;
	for (const char *p = text; *p; at++) {
		size_t len = strcspn(p, "\n");
		AUTO_FREE char *one = xasprintf("%s%.*s\n", margin, (int)len, p);

		if (lines <= most || at < most - end || at >= lines - end)
			terminal_paint(term, DIM, one);
		else if (at == most - end)
			fprintf(term->out, "%s…\n", margin);
		p += len + (p[len] == '\n');
	}
}

static void show_step(struct terminal *term, const struct trial *t, const struct step *s)
{
	if (s->stage >= STAGE_BOOT)
		note_retry(term, t);
	clear_live(term);
	fprintf(term->out, "  ");
	terminal_paint(term, s->ok ? "" : RED, stage_name(s->stage));
	fprintf(term->out, "%*s%7.3f s  %s", 8 - (int)strlen(stage_name(s->stage)), "",
		(double)s->took_us / 1e6, s->what);
	if (s->stage == STAGE_BOOT)
		fprintf(term->out, "%s%s", t->restored ? "from its snapshot, " : "",
			accel_words(t->accel));
	terminal_paint(term, s->ok ? DIM : RED, step_note(t, s));
	fputc('\n', term->out);
	if (s->stage == STAGE_EXERCISE && s->call < t->run.ncalls && t->run.calls[s->call].output)
		show_excerpt(term, t->run.calls[s->call].output, "             output   ",
			term->excerpt);
	if (s->stage >= STAGE_LOAD)
		show_log(term, t, s->call);
}

/* Shows the steps that were not shown yet. */
static void catch_up(struct terminal *term, const struct trial *t)
{
	begin(term, t);
	while (term->steps < t->nsteps)
		show_step(term, t, &t->steps[term->steps++]);
}

void terminal_watch(void *arg, const struct trial *t, enum stage stage, const struct step *done)
{
	struct terminal *term = arg;

	if (term->steps > t->nsteps) {
		term->noted = false;
		note_retry(term, t);
	}
	catch_up(term, t);
	if (!done && term->live)
		fprintf(term->out, "\r\033[K  %-8s…", stage_name(stage));
	fflush(term->out);
}

/* A file as the user would name it: relative where it is below the current directory. */
static const char *short_file(const struct terminal *term, const char *file)
{
	size_t len = strlen(term->cwd);

	return len && !strncmp(file, term->cwd, len) && file[len] == '/' ? file + len + 1 : file;
}

/* The same for all the files that a trace names. Caller frees. */
static char *short_trace(const struct terminal *term, const char *trace)
{
	size_t len = strlen(term->cwd);
	const char *start = trace;
	struct buf out = {0};

	while (*trace) {
		const char *at = len ? strstr(trace, term->cwd) : NULL;

		if (!at) {
			buf_adds(&out, trace);
			break;
		}
		buf_add(&out, trace, (size_t)(at - trace));
		trace = at + len;
		if (*trace == '/' && at > start && at[-1] == ' ')
			trace++;
		else
			buf_adds(&out, term->cwd);
	}
	return buf_take(&out);
}

void terminal_finding(struct terminal *term, const struct finding *f)
{
	const char *colour = f->severity == SEVERITY_ERROR ? RED
		: f->severity == SEVERITY_WARNING	   ? YELLOW
							   : "";

	fputs("  ", term->out);
	terminal_paint(term, colour, severity_name(f->severity));
	fputs(": ", term->out);
	if (f->file) {
		fputs(short_file(term, f->file), term->out);
		if (f->line)
			fprintf(term->out, ":%u", f->line);
		if (f->column)
			fprintf(term->out, ":%u", f->column);
		fputs(": ", term->out);
	}
	fprintf(term->out, "%s ", f->message);
	AUTO_FREE char *rule = xasprintf("[%s]\n", f->rule);
	terminal_paint(term, DIM, rule);
	if (f->trace) {
		AUTO_FREE char *trace = short_trace(term, f->trace);

		show_excerpt(term, trace, "    ", term->excerpt);
	}
	if (f->excerpt)
		show_excerpt(term, f->excerpt, "    | ",
			term->console	   ? SIZE_MAX
				: f->trace ? TRACED_EXCERPT
					   : term->excerpt);
	if (f->advice)
		fprintf(term->out, "    → %s\n", f->advice);
}

/* A line for each function: its own bytes, with what it calls, its name, what is not known. */
static void show_frames(struct terminal *term, const struct stack_use *s)
{
	if (s->nframes)
		fputs("        bytes  with callees\n", term->out);
	for (size_t i = 0; i < s->nframes; i++) {
		const struct stack_frame *f = &s->frames[i];

		fprintf(term->out, "    %9llu  %12llu  %s", (unsigned long long)f->bytes,
			(unsigned long long)f->deepest, f->function);
		if (f->file)
			fprintf(term->out, " (%s:%u)", short_file(term, f->file), f->line);
		fprintf(term->out, "%s%s%s\n",
			f->dynamic ? ", and what alloca() or an array takes" : "",
			f->recursive ? ", recursive" : "",
			f->indirect ? ", calls through pointers" : "");
	}
}

/* One that is expected: that it was found is all that there is to say. */
static void show_expected(struct terminal *term, const struct finding *f)
{
	AUTO_BUF struct buf text = {0};

	buf_addf(&text, "  as expected: %s", f->rule);
	if (f->file && f->line)
		buf_addf(&text, " at %s:%u", short_file(term, f->file), f->line);
	buf_adds(&text, "\n");
	terminal_paint(term, DIM, text.data);
}

void terminal_finish(struct terminal *term, const struct trial *t)
{
	AUTO_FREE char *verdict = NULL;
	bool died = t->run.end != RUN_DONE;
	size_t silenced = 0;

	catch_up(term, t);
	if (t->retried)
		note_retry(term, t);
	clear_live(term);
	if (t->run.ncalls)
		show_log(term, t, t->run.ncalls);
	for (size_t i = 0; i < t->findings.n; i++)
		if (t->findings.items[i].expected)
			show_expected(term, &t->findings.items[i]);
		else if (t->findings.items[i].silenced)
			silenced++;
		else
			terminal_finding(term, &t->findings.items[i]);
	if (silenced) {
		AUTO_FREE char *note =
			xasprintf("  %zu finding%s silenced\n", silenced, silenced == 1 ? "" : "s");

		terminal_paint(term, DIM, note);
	}
	for (size_t i = 0; term->stack && i < t->nstacks; i++)
		show_frames(term, &t->stacks[i]);
	if (t->note) {
		AUTO_FREE char *note = xasprintf("  note: %s\n", t->note);

		terminal_paint(term, DIM, note);
	}
	if (t->run.console && *t->run.console && (term->console || (died && !t->run.nlog))) {
		fputs("  console:\n", term->out);
		show_excerpt(term, t->run.console, "    | ", term->excerpt);
	}
	switch (t->verdict) {
	case VERDICT_PASS:
		terminal_paint(term, BOLD ";" GREEN, "PASS");
		break;
	case VERDICT_FAIL:
		verdict = xasprintf("FAIL (%s)", trial_verdict_name(t));
		terminal_paint(term, BOLD ";" RED, verdict);
		break;
	case VERDICT_SKIPPED:
		terminal_paint(term, BOLD ";" YELLOW, "SKIPPED");
		fprintf(term->out, "  %s\n", t->error.text);
		goto shown;
	case VERDICT_INFRASTRUCTURE:
		terminal_paint(term, BOLD ";" MAGENTA, "ERROR");
		fprintf(term->out, " (not the module's doing): %s", t->error.text);
		break;
	}
	fprintf(term->out, "  %s on %s, %.2f s\n", t->name, t->target->name,
		(double)t->took_us / 1e6);
shown:
	fflush(term->out);
	term->shown = term->steps = 0;
	term->began = term->noted = false;
}

void terminal_summary(struct terminal *term, const size_t counts[VERDICTS], int64_t took_us)
{
	fprintf(term->out, "\n%zu passed, %zu failed, %zu in error, %zu skipped in %.1f s\n",
		counts[VERDICT_PASS], counts[VERDICT_FAIL], counts[VERDICT_INFRASTRUCTURE],
		counts[VERDICT_SKIPPED], (double)took_us / 1e6);
	fflush(term->out);
}
