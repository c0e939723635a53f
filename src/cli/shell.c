/* SPDX-License-Identifier: BSD-2-Clause */
/* kmodlab shell: a shell in a machine, with a module's files. */
#include "cli/cli.h"

#include "base/archive.h"
#include "base/interrupt.h"
#include "base/path.h"
#include "cli/plan.h"
#include "judge/report.h"
#include "report/terminal.h"
#include "shell/session.h"
#include "target/target.h"
#include "trial/load.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAX ((size_t)256 << 20)

static const char help[] =
	"usage: kmodlab shell [OPTION...] [DIR|FILE.ko...]\n\n"
	"A shell in a throwaway machine. The module in DIR is built first; its .ko and its tests\n"
	"(test.c compiled, test.sh) lie in /module there, as do finished FILE.ko: insmod hello.ko\n"
	"(FreeBSD: kldload ./hello.ko) loads one. What the kernel logs is shown as it comes. In the\n"
	"machine, `get FILE` copies a file to the directory that you are in here. Ctrl-] leaves.\n"
	"Without a terminal on standard input the shell takes its commands from there:\n"
	"  echo 'insmod hello.ko; lsmod; rmmod hello' | kmodlab shell examples/hello\n\n"
	"  -t, --target NAME      the kernel to run (default: the one that was added first; see\n"
	"                         kmodlab target list)\n"
	"      --put FILE         lay this file down in /module too; may be repeated\n"
	"      --quiet-log        do not show what the kernel logs (dmesg has it)\n"
	"      --build-timeout S  seconds that the build may take (default 600)\n"
	"      --boot-timeout S   seconds that the kernel may take to come up (default 120)\n"
	"      --cpus N           processors of the machine (default 2)\n"
	"      --memory MIB       memory of the machine (default 256)\n"
	"      --accel KIND       what runs the machine: kvm (the processor itself), tcg (QEMU's\n"
	"                         translator, slower) or auto (default: kvm where it works)\n"
	"      --cold             boot a machine anew instead of continuing the target's snapshot\n"
	"      --help             this\n\n"
	"Exit status: the shell's own; 0 after Ctrl-], 1 when the kernel crashed or the module does not\n"
	"build, 2 wrong usage, 3 infrastructure error.\n";

enum {
	OPT_PUT = 256,
	OPT_QUIET_LOG,
	OPT_BUILD_TIMEOUT,
	OPT_BOOT_TIMEOUT,
	OPT_CPUS,
	OPT_MEMORY,
	OPT_ACCEL,
	OPT_COLD,
	OPT_HELP
};

static const struct option options[] = {
	{"target", required_argument, NULL, 't'},
	{"put", required_argument, NULL, OPT_PUT},
	{"quiet-log", no_argument, NULL, OPT_QUIET_LOG},
	{"build-timeout", required_argument, NULL, OPT_BUILD_TIMEOUT},
	{"boot-timeout", required_argument, NULL, OPT_BOOT_TIMEOUT},
	{"cpus", required_argument, NULL, OPT_CPUS},
	{"memory", required_argument, NULL, OPT_MEMORY},
	{"accel", required_argument, NULL, OPT_ACCEL},
	{"cold", no_argument, NULL, OPT_COLD},
	{"help", no_argument, NULL, OPT_HELP},
	{NULL, 0, NULL, 0},
};

struct request {
	struct session_options session;
	const char *target; /* or NULL */
	struct strv put;
	char **paths;
	size_t npaths;
};

/* EXIT_PASSED to go on, -1 when help was shown, else an exit status. */
static int take_options(int argc, char **argv, struct request *q)
{
	struct trial_options *o = &q->session.trial;
	bool ok = true;
	long n = 0;
	int c;

	while (ok && (c = getopt_long(argc, argv, "t:h", options, NULL)) != -1) {
		switch (c) {
		case 't':
			q->target = optarg;
			break;
		case OPT_PUT:
			strv_add(&q->put, optarg);
			break;
		case OPT_QUIET_LOG:
			q->session.quiet_log = true;
			break;
		case OPT_BUILD_TIMEOUT:
			ok = cli_seconds(optarg, &o->build_timeout_ms);
			break;
		case OPT_BOOT_TIMEOUT:
			ok = cli_seconds(optarg, &o->boot_timeout_ms);
			break;
		case OPT_CPUS:
			ok = cli_number(optarg, 1, 64, &n);
			o->cpus = (unsigned)n;
			break;
		case OPT_MEMORY:
			ok = cli_number(optarg, 64, 65536, &n);
			o->memory_mib = (unsigned)n;
			break;
		case OPT_ACCEL:
			ok = cli_word(optarg, cli_accels, &n);
			o->accel = (enum accel)n;
			break;
		case OPT_COLD:
			o->cold = true;
			break;
		case 'h':
		case OPT_HELP:
			fputs(help, stdout);
			return -1;
		default:
			return cli_see_help("shell", options, argv);
		}
	}
	if (!ok)
		return cli_bad_value("shell", argv);
	q->paths = argv + optind;
	q->npaths = (size_t)(argc - optind);
	for (size_t i = 0; i < q->npaths; i++)
		if (path_is_dir(q->paths[i]) && q->npaths > 1)
			return cli_fail(EXIT_USAGE,
				"a shell is for one module's directory, or for finished .ko files; more "
				"files go in with --put");
		else if (!path_is_dir(q->paths[i]) && !path_is_file(q->paths[i]))
			return cli_fail(EXIT_USAGE,
				"there is no directory or file %s: give a module's directory, or .ko files",
				q->paths[i]);
	return EXIT_PASSED;
}

/* The target named, or the first one that the module is for. NULL with the sentence and an exit status set. */
static const struct target *choose(
	const struct request *q, const struct targets *all, int *status, struct error *err)
{
	bool freebsd;

	*status = q->target ? plan_target_status(all, q->target) : EXIT_INFRASTRUCTURE;
	if (q->target) {
		const struct target *t = target_find(all, q->target, err);

		if (t && t->ssh) {
			*status = EXIT_USAGE;
			error_set(err, ENOTSUP, REAL_REFUSED, t->name, "shell",
				"set up from nothing");
			return NULL;
		}
		return t;
	}
	for (size_t i = 0; i < all->n; i++)
		if (all->items[i].ssh)
			continue;
		else if (!q->npaths || trial_is_for(q->paths[0], all->items[i].os))
			return target_find(all, all->items[i].name, err);
	if (!all->n) {
		error_set(err, ENOENT, "there is no target yet; add one with: %s",
			plan_add_command(TARGET_LINUX));
		return NULL;
	}
	freebsd = trial_is_for(q->paths[0], TARGET_FREEBSD);
	if (!freebsd && !trial_is_for(q->paths[0], TARGET_LINUX)) {
		*status = EXIT_USAGE;
		error_set(err, EINVAL,
			"%s holds no module's source: no Makefile says obj-m (Linux) or includes bsd.kmod.mk (FreeBSD). kmodlab new NAME makes a module; kmodlab shell by itself starts a machine without one",
			q->paths[0]);
		return NULL;
	}
	error_set(err, ENOENT, "there is no target for the system of %s; add one with: %s",
		q->paths[0], plan_add_command(freebsd ? TARGET_FREEBSD : TARGET_LINUX));
	return NULL;
}

static void show_findings(const struct findings *all, enum severity least)
{
	struct terminal term;

	terminal_setup(&term, stderr);
	for (size_t i = 0; i < all->n; i++)
		if (all->items[i].severity >= least)
			terminal_finding(&term, &all->items[i]);
}

/* ---- what is laid down ---- */

static int add_file(struct session_files *files, const char *name, const char *bytes, size_t len)
{
	struct session_file *f;

	for (size_t i = 0; i < files->n; i++)
		if (!strcmp(files->items[i].name, name))
			return cli_fail(EXIT_USAGE,
				"two files would be /module/%s in the machine: give one of them another "
				"name",
				name);
	f = ARRAY_ADD(files->items, files->n);
	f->name = xstrdup(name);
	f->bytes = xcalloc(len + 1, 1);
	memcpy(f->bytes, bytes, len);
	f->len = len;
	return EXIT_PASSED;
}

static int build(struct trial *t, const struct request *q, struct error *err)
{
	AUTO_FREE char *real = realpath(q->paths[0], NULL);
	struct build b;
	int r;

	t->source = trial_source_dir(real ? real : q->paths[0], t->os, err);
	if (!t->source)
		return cli_fail(EXIT_USAGE, "%s", err->text);
	r = build_module(t->source, t->target, q->session.trial.build_timeout_ms, &b, err);
	if (r)
		return cli_fail(EXIT_INFRASTRUCTURE, "%s", err->text);
	findings_move(&t->findings, &b.findings);
	t->modules = b.modules;
	b.modules = (struct module_files){0};
	if (b.ok)
		r = testprog_build(t->source, t->target, q->session.trial.build_timeout_ms,
			&t->tests, &t->findings, err);
	show_findings(&t->findings, b.ok ? SEVERITY_WARNING : SEVERITY_NOTE);
	if (r)
		r = cli_fail(EXIT_INFRASTRUCTURE, "%s", err->text);
	else if (!b.ok)
		r = cli_fail(EXIT_FOUND,
			"%s does not build on %s: mend what is said above, and start the shell again",
			q->paths[0], t->target->name);
	build_free(&b);
	return r;
}

static int take_kos(struct trial *t, const struct request *q, struct error *err)
{
	for (size_t i = 0; i < q->npaths; i++) {
		AUTO_FREE char *base = path_base(q->paths[i]), *real = realpath(q->paths[i], NULL);
		AUTO_BUF struct buf bytes = {0};
		struct module_file *m;

		if (archive_read_plain(q->paths[i], FILE_MAX, &bytes, err))
			return cli_fail(EXIT_INFRASTRUCTURE, "%s", err->text);
		m = ARRAY_ADD(t->modules.items, t->modules.n);
		m->name = t->os == TARGET_FREEBSD ? kld_file_name(base) : ko_module_name(base);
		m->path = xstrdup(real ? real : q->paths[i]);
		m->len = bytes.len;
		m->bytes = buf_take(&bytes);
		if (!t->source)
			t->source = xstrdup(m->path);
	}
	return EXIT_PASSED;
}

/* What the modules are, and the kernel's own that they need. */
static int read_modules(struct trial *t, struct error *err)
{
	struct findings refused = {0};
	int status = EXIT_PASSED;

	t->kos = xcalloc(t->modules.n + 1, sizeof *t->kos);
	for (size_t i = 0; i < t->modules.n; i++) {
		const struct module_file *m = &t->modules.items[i];

		ko_read(m->bytes, m->len, m->path, &t->kos[i]);
		if (ko_refuse(&t->kos[i], m->path, t->os, t->target->arch, &refused))
			status = EXIT_FOUND;
	}
	show_findings(&refused, SEVERITY_NOTE);
	findings_free(&refused);
	if (!status && t->modules.n && load_supporting(t, err))
		status = cli_fail(EXIT_INFRASTRUCTURE, "%s", err->text);
	return status;
}

static int collect(
	struct trial *t, const struct request *q, struct session_files *files, struct error *err)
{
	int status = EXIT_PASSED;

	for (size_t i = 0; i < t->modules.n && !status; i++) {
		AUTO_FREE char *name = xasprintf("%s.ko", t->modules.items[i].name);

		status = add_file(files, name, t->modules.items[i].bytes, t->modules.items[i].len);
	}
	for (size_t i = 0; i < t->tests.n && !status; i++)
		status = add_file(files, t->tests.items[i].script ? "test.sh" : "test",
			t->tests.items[i].bytes, t->tests.items[i].len);
	for (size_t i = 0; i < q->put.n && !status; i++) {
		AUTO_FREE char *name = path_base(q->put.v[i]);
		AUTO_BUF struct buf bytes = {0};
		int r = path_is_file(q->put.v[i]) ? path_read(q->put.v[i], FILE_MAX, &bytes)
						  : -ENOENT;

		if (r)
			return cli_fail(EXIT_INFRASTRUCTURE, "cannot read %s: %s", q->put.v[i],
				r == -ENOENT ? "there is no such file" : strerror(-r));
		status = add_file(files, name, bytes.data ? bytes.data : "", bytes.len);
	}
	if (!status && testprog_shell(t->target, &t->tests, err))
		status = cli_fail(EXIT_INFRASTRUCTURE, "%s", err->text);
	return status;
}

/* ---- the session ---- */

static void greet(const struct trial *t, const struct session_files *files)
{
	printf("%s %s (%s).", target_os_name(t->os), t->machine_release, t->target->name);
	if (files->n)
		printf(" In /module:");
	for (size_t i = 0; i < files->n; i++)
		printf(" %s", files->items[i].name);
	puts("\n`get FILE` copies a file to the directory that you are in here. Ctrl-] leaves.");
	fflush(stdout);
}

static int judge(struct trial *t, enum session_end end, int status)
{
	struct findings found = {0};
	bool crashed;

	judge_reports(&t->run, &found);
	crashed = findings_worst(&found) == CLASS_CRASH;
	if (end == SESSION_NONSENSE)
		cli_fail(0,
			"what the machine says makes no sense any more, so its memory is damaged (a write past the end of a buffer, or through a wild pointer); it is gone");
	else if (end == SESSION_ENDED)
		cli_fail(0,
			crashed ? "the kernel crashed; the machine is gone"
				: "the machine was switched off or restarted from inside; it is gone");
	else if (end == SESSION_LEFT)
		cli_fail(0, "left; the machine is gone");
	show_findings(&found, SEVERITY_WARNING);
	findings_free(&found);
	if (end == SESSION_ENDED)
		return crashed ? EXIT_FOUND : EXIT_PASSED;
	return end == SESSION_NONSENSE ? EXIT_FOUND : end == SESSION_LEFT ? EXIT_PASSED : status;
}

static int use(struct trial *t, struct request *q, struct session_files *files, struct error *err)
{
	enum session_end end = SESSION_LEFT;
	int status = EXIT_PASSED, r;

	if (q->npaths)
		status = path_is_dir(q->paths[0]) ? build(t, q, err) : take_kos(t, q, err);
	if (!status)
		status = read_modules(t, err);
	if (!status)
		status = collect(t, q, files, err);
	if (status)
		return status;
	r = session_run(
		t, &q->session, files, q->session.interactive ? greet : NULL, &end, &status, err);
	if (r)
		return interrupt_pending() ? EXIT_INFRASTRUCTURE
					   : cli_fail(EXIT_INFRASTRUCTURE, "%s", err->text);
	return judge(t, end, status);
}

int shell_main(int argc, char **argv)
{
	struct request q = {.session = {.trial = {.build_timeout_ms = 600000,
						.call_timeout_ms = 30000,
						.boot_timeout_ms = 120000,
						.memory_mib = 256,
						.cpus = 2},
				    .interactive = isatty(STDIN_FILENO)}};
	struct session_files files = {0};
	struct targets all = {0};
	struct trial t = {0};
	struct error err;
	int status = take_options(argc, argv, &q);

	if (!status && targets_load(&all, &err))
		status = cli_fail(EXIT_INFRASTRUCTURE, "%s", err.text);
	if (!status) {
		int failed;

		t.target = choose(&q, &all, &failed, &err);
		if (!t.target)
			status = cli_fail(failed, "%s", err.text);
	}
	if (!status) {
		t.os = t.target->os;
		q.session.trial.target = t.target;
		status = use(&t, &q, &files, &err);
	}
	for (size_t i = 0; i < files.n; i++) {
		free(files.items[i].name);
		free(files.items[i].bytes);
	}
	free(files.items);
	trial_free(&t);
	targets_free(&all);
	strv_free(&q.put);
	return status < 0 ? EXIT_PASSED : status;
}
