/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes pages for the browser to open, from trials that never ran: in DIR, trials.html with one of each kind, whose
 * every text tries to be more than text, and many.html with a thousand.
 */
#include "report/files.h"

#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#define HOSTILE                                                                                    \
	"</script><script>window.owned=1</script><img src=x onerror=\"window.owned=1\"> "          \
	"'\"><a href=\"javascript:window.owned=1\">&lt;b&gt; \x1b[31m\xe2\x80\xae\xff"

static struct target linux_target = {.name = (char *)"debian:bookworm/cloud",
	.os = TARGET_LINUX,
	.arch = (char *)"x86_64",
	.release = (char *)"6.1.0<b>"};

static void add_log(struct trial *t, unsigned level, enum origin origin, const char *text)
{
	*ARRAY_ADD(t->run.log, t->run.nlog) = (struct record){.level = level,
		.origin = origin,
		.usec = 4500000 + t->run.nlog * 17,
		.text = xstrdup(text)};
}

static void add_step(struct trial *t, enum stage stage, bool ok, int64_t us, const char *what)
{
	*ARRAY_ADD(t->steps, t->nsteps) =
		(struct step){.stage = stage, .ok = ok, .took_us = us, .what = xstrdup(what)};
	t->took_us += us;
}

static struct trial base(const char *name, const char *source)
{
	struct trial t = {.target = &linux_target, .name = xstrdup(name), .restored = true};

	t.source = xstrdup(source);
	*ARRAY_ADD(t.run.calls, t.run.ncalls) = (struct call){.kind = CALL_LOAD, .returned = true};
	add_step(&t, STAGE_BUILD, true, 700000, HOSTILE ".ko");
	add_step(&t, STAGE_BOOT, true, 45000, "");
	add_step(&t, STAGE_LOAD, true, 12000, name);
	return t;
}

static struct trial failing(const char *source)
{
	struct trial t = base("hostile", source);
	struct stack_use *u = ARRAY_ADD(t.stacks, t.nstacks);
	struct stack_frame *frame;
	struct finding *f;

	t.verdict = VERDICT_FAIL;
	t.class = CLASS_CRASH;
	t.steps[2].ok = false;
	t.run.calls[0].kind = CALL_EXERCISE;
	t.run.calls[0].what = xstrdup(HOSTILE);
	t.run.calls[0].output = xstrdup(HOSTILE);
	f = finding_add(&t.findings, "null-dereference", SEVERITY_ERROR, CLASS_CRASH,
		xstrdup("a NULL pointer was dereferenced " HOSTILE), xstrdup(HOSTILE));
	f->file = xasprintf("%s/hostile.c", source);
	f->line = 2;
	f->function = xstrdup(HOSTILE);
	f->trace = xstrdup(HOSTILE "\n" HOSTILE);
	f->excerpt = xstrdup(HOSTILE);
	f = finding_add(&t.findings, "stack-frame", SEVERITY_WARNING, CLASS_PASS,
		xstrdup("a large frame"), NULL);
	f->file = xstrdup("/etc/passwd");
	f->line = 1;
	for (unsigned level = 0; level < 8; level++) {
		add_log(&t, level, ORIGIN_MODULE, HOSTILE);
		add_log(&t, level, ORIGIN_KERNEL, "the kernel's own");
	}
	*u = (struct stack_use){.size = 16384, .deepest = 9000, .chain = xstrdup(HOSTILE)};
	frame = ARRAY_ADD(u->frames, u->nframes);
	*frame = (struct stack_frame){
		.function = xstrdup(HOSTILE), .bytes = 8000, .deepest = 9000, .recursive = true};
	t.run.end = RUN_ENDED;
	t.run.console = xstrdup(HOSTILE);
	return t;
}

static struct trial passing(const char *source, size_t nlog)
{
	struct trial t = base("quiet", source);

	for (size_t i = 0; i < nlog; i++)
		add_log(&t, 6, ORIGIN_MODULE, i ? "tick" : "debug: first of them");
	return t;
}

static struct trial neither(enum verdict verdict)
{
	struct trial t = base("neither", "/nowhere");

	t.verdict = verdict;
	error_set(&t.error, 5, "%s", HOSTILE);
	return t;
}

static void write_page(const char *path, struct sheet *s, struct trial *(*make)(size_t, void *),
	void *arg, bool interrupted)
{
	struct files *files;
	struct error err;

	s->trials = xcalloc(s->n, sizeof *s->trials);
	for (size_t i = 0; i < s->n; i++)
		s->trials[i] = (struct sheet_trial){.row = i, .outcome = OUTCOME_NOT_RUN};
	if (files_open(&files, &(struct files_wanted){.html = path}, s, &err))
		goto fail;
	for (size_t i = 0; i < s->n - interrupted; i++) {
		struct trial *t = make(i, arg);

		files_add(files, i, t);
		trial_free(t);
	}
	if (files_write(files, interrupted, 123456789, &err))
		goto fail;
	files_free(files);
	free(s->trials);
	return;
fail:
	fprintf(stderr, "%s\n", err.text);
	exit(1);
}

static struct trial *one_of_each(size_t i, void *source)
{
	static struct trial t;

	t = i == 0	 ? failing(source)
		: i == 1 ? passing(source, 20)
			 : neither(i == 2 ? VERDICT_INFRASTRUCTURE : VERDICT_SKIPPED);
	return &t;
}

static struct trial *one_of_many(size_t i, void *source)
{
	static struct trial t;

	t = i % 100 == 7 ? failing(source) : passing(source, 300);
	return &t;
}

int main(int argc, char **argv)
{
	static const char *rows[1000], *paths[1000];
	const struct sheet_column column = {linux_target.name, &linux_target};
	struct sheet s = {.command = "run",
		.rows = rows,
		.paths = paths,
		.columns = &column,
		.ncolumns = 1,
		.began = time(NULL)};
	const char *dir = argc == 2 ? argv[1] : NULL;
	FILE *out;

	if (!dir)
		return 2;
	AUTO_FREE char *source = xasprintf("%s/module", dir);
	AUTO_FREE char *file = xasprintf("%s/hostile.c", source);
	AUTO_FREE char *trials = xasprintf("%s/trials.html", dir);
	AUTO_FREE char *many = xasprintf("%s/many.html", dir);

	mkdir(source, 0777);
	out = fopen(file, "w");
	if (!out)
		return 1;
	fputs("/* first */\nint x; /* second " HOSTILE "*/\n/* third */\n", out);
	fclose(out);
	for (size_t i = 0; i < 1000; i++) {
		rows[i] = xasprintf("module%zu%s", i, i ? "" : HOSTILE);
		paths[i] = source;
	}
	s.n = s.nrows = 5;
	write_page(trials, &s, one_of_each, source, true);
	s.n = s.nrows = 1000;
	write_page(many, &s, one_of_many, source, false);
	for (size_t i = 0; i < 1000; i++)
		free((char *)rows[i]);
	return 0;
}
