/* SPDX-License-Identifier: BSD-2-Clause */
#include "trial/trial.h"

#include "base/archive.h"
#include "base/clock.h"
#include "base/interrupt.h"
#include "base/path.h"
#include "check/check.h"
#include "check/order.h"
#include "judge/judge.h"
#include "trial/expect.h"
#include "trial/lastlog.h"
#include "trial/load.h"
#include "trial/wanted.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MODULE_MAX   ((size_t)256 << 20)
#define ASKED_ROUNDS 4 /* what was asked for may ask in its turn */
/* A machine that stood still for so long may complain of it: of a processor that did nothing, of time that
 * jumped. A kernel's own limits begin at 10 s. */
#define STOOD_STILL_US 5000000

const char *stage_name(enum stage stage)
{
	static const char *const names[] = {"build", "check", "boot", "load", "exercise", "unload"};

	return names[stage];
}

const char *trial_verdict_name(const struct trial *t)
{
	if (t->verdict == VERDICT_INFRASTRUCTURE)
		return "infrastructure";
	if (t->verdict == VERDICT_SKIPPED)
		return "skipped";
	/* Under --strict a warning fails a trial in which nothing worse was found. */
	if (t->verdict == VERDICT_FAIL && t->class == CLASS_PASS)
		return "warning";
	return class_name(t->class);
}

static void step(struct trial *t, const struct trial_options *o, enum stage stage, bool ok,
	int64_t took_us, char *what, size_t call)
{
	bool last = t->cycle + 1 >= o->cycles;
	struct step *s;

	/* Of many cycles, those between the first and the last are not told of when they went well. */
	if (ok && t->cycle && !last) {
		free(what);
		return;
	}
	if (t->cycle) {
		char *plain = what;

		what = xasprintf("%s  (cycle %u)", plain, t->cycle + 1);
		free(plain);
	}
	s = ARRAY_ADD(t->steps, t->nsteps);

	*s = (struct step){
		.stage = stage, .ok = ok, .took_us = took_us, .what = what, .call = call};
	if (o->watch)
		o->watch(o->arg, t, stage, s);
}

char *trial_source_dir(const char *dir, enum target_os os, struct error *err)
{
	AUTO_FREE char *below = xasprintf("%s/%s", dir, os == TARGET_FREEBSD ? "freebsd" : "linux");
	struct error why;

	if (build_is_source(dir, os, &why))
		return xstrdup(dir);
	if (path_is_dir(below)) {
		if (build_is_source(below, os, err))
			return xstrdup(below);
		return NULL;
	}
	*err = why;
	return NULL;
}

/* The system of a .ko. There may be thousands to ask this about, so nothing is unpacked for it: FreeBSD's
 * linker says in the ELF header whose it is, and only a file that is not compressed and does not say
 * is read. */
static enum target_os system_of(const char *path)
{
	unsigned char head[EI_NIDENT];
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	enum ko_kind kind;
	struct stat st;
	struct ko ko;
	void *bytes;

	if (archive_read_head(path, head, sizeof head) < sizeof head ||
		memcmp(head, ELFMAG, SELFMAG))
		return TARGET_LINUX;
	if (head[EI_OSABI] == ELFOSABI_FREEBSD)
		return TARGET_FREEBSD;
	if (fd < 0 || fstat(fd, &st) || st.st_size < (off_t)sizeof head ||
		(uintmax_t)st.st_size > MODULE_MAX)
		return TARGET_LINUX;
	bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (bytes == MAP_FAILED)
		return TARGET_LINUX;
	kind = KO_LINUX;
	if (!memcmp(bytes, head, sizeof head)) {
		ko_read(bytes, (size_t)st.st_size, path, &ko);
		kind = ko.kind;
		ko_free(&ko);
	}
	munmap(bytes, (size_t)st.st_size);
	return kind == KO_FREEBSD ? TARGET_FREEBSD : TARGET_LINUX;
}

bool trial_is_for(const char *path, enum target_os os)
{
	AUTO_FREE char *dir = NULL;
	struct error err;

	if (!path_is_dir(path))
		return system_of(path) == os;
	dir = trial_source_dir(path, os, &err);
	return dir != NULL;
}

/* A file that is no link: it is asked instead of realpath() where directories do not matter, since there may be
 * thousands to ask about. */
static bool is_plain_file(const char *path)
{
	struct stat st;

	return !lstat(path, &st) && S_ISREG(st.st_mode);
}

char *trial_name(const char *path)
{
	bool plain = is_plain_file(path);
	AUTO_FREE char *real = plain ? NULL : realpath(path, NULL);
	AUTO_FREE char *base = path_base(real ? real : path);

	return plain || (real && !path_is_dir(real)) ? ko_module_name(base) : xstrdup(base);
}

/* Builds, and takes the modules over. 0: go on; 1: there is nothing to run; -errno. */
static int build_stage(struct trial *t, const struct trial_options *o, struct error *err)
{
	AUTO_BUF struct buf names = {0};
	struct build b;
	int r;

	if (o->watch)
		o->watch(o->arg, t, STAGE_BUILD, NULL);
	r = build_module(t->source, o->target, o->build_timeout_ms, &b, err);
	if (r)
		return r;
	for (size_t i = 0; i < b.modules.n; i++)
		buf_addf(&names, "%s%s.ko", i ? " " : "", b.modules.items[i].name);
	findings_move(&t->findings, &b.findings);
	t->modules = b.modules;
	b.modules = (struct module_files){0};
	t->build_log = b.log;
	b.log = NULL;
	t->rebuilt = b.rebuilt;
	t->replayed = b.replayed;
	step(t, o, STAGE_BUILD, b.ok, b.took_us, buf_take(&names), 0);
	r = b.ok ? 0 : 1;
	build_free(&b);
	if (!r && o->exercise != EXERCISE_NONE && !o->check_only)
		r = testprog_build(
			t->source, o->target, o->build_timeout_ms, &t->tests, &t->findings, err);
	if (!r && findings_worst(&t->findings) >= CLASS_BUILD)
		r = 1;
	return r;
}

/* Takes a finished .ko. */
static int take_file(struct trial *t, struct error *err)
{
	AUTO_BUF struct buf bytes = {0};
	AUTO_FREE char *base = path_base(t->source);
	struct module_file *m;
	int r = archive_read_plain(t->source, MODULE_MAX, &bytes, err);

	if (r == -EINVAL) {
		struct finding *f = finding_add(&t->findings, "damaged-file", SEVERITY_ERROR,
			CLASS_LOAD,
			xasprintf("%s is damaged: it is compressed, but cut off or corrupt.", base),
			xstrdup("Build it again, or copy it again."));

		f->file = xstrdup(t->source);
		return 1;
	}
	if (r)
		return r;
	m = ARRAY_ADD(t->modules.items, t->modules.n);
	m->name = ko_module_name(base);
	m->path = xstrdup(t->source);
	m->len = bytes.len;
	m->bytes = buf_take(&bytes);
	return 0;
}

static void check_licence(struct trial *t, const struct ko *ko)
{
	if (ko->license || t->os != TARGET_LINUX)
		return;
	for (size_t i = 0; i < t->findings.n; i++)
		if (!strcmp(t->findings.items[i].rule, "license-missing"))
			return;
	finding_add(&t->findings, "license-missing", SEVERITY_WARNING, CLASS_PASS,
		xasprintf(
			"%s names no licence: the kernel is tainted and keeps its GPL-only symbols from "
			"it",
			ko->name),
		xstrdup("Add MODULE_LICENSE(\"GPL\"); (or the licence it really has) to the source."));
}

/* Puts the modules into load order. */
static int order_modules(struct trial *t, struct error *err)
{
	size_t n = t->modules.n;
	AUTO_FREE const struct ko **kos = xcalloc(n, sizeof *kos);
	AUTO_FREE size_t *order = xcalloc(n, sizeof *order);
	struct module_file *files = xcalloc(n, sizeof *files);
	struct ko *sorted = xcalloc(n, sizeof *sorted);
	int r;

	for (size_t i = 0; i < n; i++)
		kos[i] = &t->kos[i];
	r = ko_order(kos, n, order, err);
	for (size_t i = 0; i < n; i++) {
		files[i] = t->modules.items[r ? i : order[i]];
		sorted[i] = t->kos[r ? i : order[i]];
	}
	free(t->modules.items);
	free(t->kos);
	t->modules.items = files;
	t->kos = sorted;
	return r;
}

/* What they tell without being run. */
static void check_modules(struct trial *t, const struct trial_options *o)
{
	t->nstacks = t->modules.n;
	t->stacks = xcalloc(t->nstacks, sizeof *t->stacks);
	for (size_t i = 0; i < t->modules.n; i++)
		check_module(
			&(struct check_request){
				.path = t->modules.items[i].path,
				.bytes = t->modules.items[i].bytes,
				.len = t->modules.items[i].len,
				.ko = &t->kos[i],
				.target = o->target,
				.beside = t->kos,
				.nbeside = t->modules.n,
				.given = o->given,
				.debug = t->modules.items[i].debug,
				.limits = o->limits,
				.thorough = o->check_only,
				.frames = o->frames,
			},
			&t->stacks[i], &t->findings);
}

/* How much stack the modules take, in words. Caller frees. */
static char *stack_words(const struct trial *t)
{
	const struct stack_use *most = NULL;

	for (size_t i = 0; i < t->nstacks; i++)
		if (t->stacks[i].size && (!most || t->stacks[i].deepest > most->deepest))
			most = &t->stacks[i];
	if (!most || !most->chain)
		return xstrdup("");
	return xasprintf("stack %s%llu of %llu bytes: %s", most->unknown ? "at least " : "",
		(unsigned long long)most->deepest, (unsigned long long)most->size, most->chain);
}

/* Reads the modules and refuses what no such kernel would take. 0: go on; 1: refused; -errno. */
static int check_stage(struct trial *t, const struct trial_options *o, struct error *err)
{
	int64_t began = clock_us();
	bool refused = false;
	struct error cycle;

	t->kos = xcalloc(t->modules.n, sizeof *t->kos);
	for (size_t i = 0; i < t->modules.n; i++) {
		const struct module_file *m = &t->modules.items[i];

		ko_read(m->bytes, m->len, m->path, &t->kos[i]);
		refused |= ko_refuse(
			&t->kos[i], m->path, o->target->os, o->target->arch, &t->findings);
	}
	if (!refused && order_modules(t, &cycle)) {
		finding_add(&t->findings, "module-cycle", SEVERITY_ERROR, CLASS_LOAD,
			xstrdup(cycle.text), xstrdup("Move what both need into a third module."));
		refused = true;
	}
	for (size_t i = 0; i < t->modules.n && !refused; i++)
		check_licence(t, &t->kos[i]);
	if (refused) {
		step(t, o, STAGE_CHECK, false, clock_us() - began, xstrdup(""), 0);
		return 1;
	}
	check_modules(t, o);
	if (!o->check_only)
		return load_supporting(t, err);
	step(t, o, STAGE_CHECK, findings_worst(&t->findings) == CLASS_PASS, clock_us() - began,
		stack_words(t), 0);
	return 1;
}

/* Forgets what was noted since there were `nsteps` steps, for another machine. */
static void forget_machine(struct trial *t, size_t nsteps)
{
	while (t->nsteps > nsteps)
		free(t->steps[--t->nsteps].what);
	run_free(&t->run);
	free(t->machine_release);
	t->machine_release = NULL;
	t->restored = false;
}

static bool something_is_amiss(const struct trial *t)
{
	struct findings found = {0};
	bool amiss;

	judge_run(&t->run, t->target, &found);
	amiss = found.n > 0;
	findings_free(&found);
	return amiss;
}

/* Whether something went wrong that may be due to a module which was asked for and not there; those are
 * then put before the trial's own. Or -errno. */
static int lacked_something(struct trial *t, struct error *err)
{
	AUTO_BUF struct buf names = {0};
	int r;

	if (!t->run.asked.n)
		return 0;
	r = something_is_amiss(t) ? load_asked(t, &names, err) : 0;
	if (r <= 0)
		return r;
	if (t->asked)
		buf_addf(&names, ", %s", t->asked);
	free(t->asked);
	t->asked = buf_take(&names);
	return 1;
}

/* Something is amiss, and the kernel was asked for modules that there are none of: that may be why. */
static void note_missing(struct trial *t)
{
	AUTO_BUF struct buf names = {0};

	for (size_t i = 0; i < t->run.asked.n; i++)
		buf_addf(&names, "%s%s", i ? ", " : "", t->run.asked.v[i]);
	finding_add(&t->findings, "module-missing", SEVERITY_NOTE, CLASS_PASS,
		xasprintf(
			"the kernel was asked to load what could not be had here: %s", names.data),
		xstrdup("If that is yours, name its .ko on the command line too; if the kernel has it, "
			"another flavour of the target may."));
}

/* Whether what is amiss may come from that nobody ran for a while: then says so, since `out_us` was left
 * out of the clock. */
static bool stood_still(struct trial *t, int64_t out_us)
{
	int64_t still = clock_left_out_us() - out_us;

	if (still < STOOD_STILL_US || !something_is_amiss(t))
		return false;
	free(t->retried);
	t->retried = xasprintf("this host, or kmodlab, stood still for %lld s meanwhile, and the "
			       "machine with it",
		(long long)(still / 1000000));
	return true;
}

/* The module's time in the machine, and what is to be said of it. A QEMU that somebody killed (it is the
 * first that is, when a host runs out of memory) says nothing about the module: it gets a second one. Nor
 * does a complaint of a kernel that was itself held up. */
static int machine_stages(struct trial *t, const struct trial_options *o, struct error *err)
{
	int64_t out_us = clock_left_out_us();
	size_t nsteps = t->nsteps;
	int r = load_run(t, o, step, err);

	if (o->hook) {
		if (!r)
			judge_run(&t->run, o->target, &t->findings);
		return r;
	}
	/* A real machine may be worse off than before: who lends it is to look first. */
	if (r == -EIO && !interrupt_pending() && !o->target->ssh) {
		forget_machine(t, nsteps);
		t->retried = xstrdup(err->text);
		r = load_run(t, o, step, err);
	}
	if (!r && !o->target->ssh && stood_still(t, out_us)) {
		forget_machine(t, nsteps);
		r = load_run(t, o, step, err);
	}
	for (int i = 0; !r && i < ASKED_ROUNDS; i++) {
		r = lacked_something(t, err);
		if (r <= 0)
			break;
		forget_machine(t, nsteps);
		r = load_run(t, o, step, err);
	}
	if (!r)
		judge_run(&t->run, o->target, &t->findings);
	if (!r && t->findings.n && t->run.asked.n)
		note_missing(t);
	return r;
}

static int run_stages(struct trial *t, const struct trial_options *o, struct error *err)
{
	bool from_source = path_is_dir(t->source);
	int r;

	if (!from_source && !o->check_only)
		load_prepare(o);
	r = from_source ? build_stage(t, o, err) : take_file(t, err);
	if (from_source && !r && !o->check_only)
		load_prepare(o);

	if (!r && !t->modules.n) {
		finding_add(&t->findings, "build-empty", SEVERITY_ERROR, CLASS_BUILD,
			xstrdup("the build made no .ko"),
			xstrdup(t->os == TARGET_FREEBSD
					? "The Makefile is to name the module and its sources: KMOD= hello, SRCS= hello.c"
					: "The Makefile is to name the module's object: obj-m += hello.o"));
		return 0;
	}
	if (!r)
		r = check_stage(t, o, err);
	if (!r)
		r = machine_stages(t, o, err);
	return r < 0 ? r : 0;
}

/* What the modules hold is not needed any more when they have been judged. */
static void drop_modules(struct trial *t)
{
	for (size_t i = 0; i < t->run.ncalls; i++)
		t->run.calls[i].ko = NULL;
	for (size_t i = 0; i < t->modules.n; i++) {
		free(t->modules.items[i].bytes);
		t->modules.items[i].bytes = NULL;
		if (t->kos)
			ko_free(&t->kos[i]);
	}
	free(t->kos);
	t->kos = NULL;
	testprog_free(&t->tests);
}

/* Whether what was found is what was expected. */
static void compare(struct trial *t, const struct trial_options *o)
{
	AUTO_BUF struct buf why = {0};

	t->expected = o->expected;
	if (!t->expected || t->verdict > VERDICT_FAIL)
		return;
	if (!expect_met(t->expected, t->source, &t->findings, &why))
		t->unexpected = buf_take(&why);
}

int trial_run(const struct trial_options *o, struct trial *t)
{
	AUTO_FREE char *real = *o->path == '/' && is_plain_file(o->path) ? xstrdup(o->path)
									 : realpath(o->path, NULL);
	int64_t began = clock_us();
	int r;

	*t = (struct trial){.target = o->target, .os = o->target->os, .given = o->given};
	t->name = trial_name(o->path);
	if (!real) {
		t->source = xstrdup(o->path);
		r = error_sys(&t->error, errno, "cannot open %s", o->path);
	} else if (path_is_dir(real)) {
		t->source = trial_source_dir(real, o->target->os, &t->error);
		r = t->source ? run_stages(t, o, &t->error) : -EINVAL;
	} else {
		t->source = xstrdup(real);
		r = run_stages(t, o, &t->error);
	}
	if (o->silence)
		findings_silence(&t->findings, o->silence);
	if (o->config && !r)
		wanted_judge(o->config, o->target, &t->run, &t->findings);
	t->took_us = clock_us() - began;
	t->class = findings_worst(&t->findings);
	t->verdict = r ? VERDICT_INFRASTRUCTURE
		: t->class != CLASS_PASS ||
			(o->strict && findings_count(&t->findings, SEVERITY_WARNING))
		? VERDICT_FAIL
		: VERDICT_PASS;
	compare(t, o);
	if (o->keep_log && r != -EINTR)
		lastlog_keep(t);
	drop_modules(t);
	return r == -EINTR ? r : 0;
}

void trial_skip(const struct trial_options *o, enum target_os os, const char *why, struct trial *t)
{
	AUTO_FREE char *real = realpath(o->path, NULL);

	*t = (struct trial){.os = os, .verdict = VERDICT_SKIPPED};
	t->name = trial_name(o->path);
	t->source = xstrdup(real ? real : o->path);
	error_set(&t->error, ENOENT, "%s", why);
}

void trial_strip(struct trial *t)
{
	drop_modules(t);
	for (size_t i = 0; i < t->nsteps; i++)
		free(t->steps[i].what);
	free(t->steps);
	t->steps = NULL;
	t->nsteps = 0;
	module_files_free(&t->modules);
	run_free(&t->run);
	free(t->build_log);
	t->build_log = NULL;
}

void trial_free(struct trial *t)
{
	trial_strip(t);
	findings_free(&t->findings);
	for (size_t i = 0; i < t->nstacks; i++)
		stack_use_free(&t->stacks[i]);
	free(t->stacks);
	free(t->machine_release);
	free(t->note);
	free(t->retried);
	free(t->asked);
	free(t->unexpected);
	free(t->name);
	free(t->source);
	*t = (struct trial){0};
}
