/* SPDX-License-Identifier: BSD-2-Clause */
/* kmodlab judge: a log that was saved anywhere, judged as if a trial had made it. */
#include "cli/cli.h"

#include "base/archive.h"
#include "base/path.h"
#include "base/walk.h"
#include "check/ko.h"
#include "check/shelf.h"
#include "judge/logfile.h"
#include "judge/report.h"
#include "report/json.h"
#include "report/terminal.h"
#include "source/kernel.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#define LOG_MAX	   ((size_t)256 << 20)
#define MODULE_MAX ((size_t)512 << 20)

static const char help[] =
	"usage: kmodlab judge [OPTION...] LOGFILE|-\n\n"
	"Says what a kernel's log tells of crashes, hangs, leaks and misused locks, wherever it was\n"
	"saved: dmesg, a serial console, journalctl -k, syslog, a CI's output; Linux or FreeBSD.\n\n"
	"      --symbols PATH     a module (FILE.ko, with its debug information), a directory of them,\n"
	"                         or the kernel itself (vmlinux, kernel.debug), for lines of source;\n"
	"                         may be repeated\n"
	"      --os linux|freebsd whose log it is (default: what its words tell)\n"
	"      --silence RULE     findings of this rule do not count; RULE,RULE for several, may be\n"
	"                         repeated (see kmodlab explain)\n"
	"      --json             report for programs, on standard output\n"
	"      --console          show the log's own text of each report in full\n"
	"      --help             this\n\n"
	"Exit status: 0 nothing found, 1 something was found, 2 wrong usage, 3 cannot be read.\n";

enum { OPT_SYMBOLS = 256, OPT_OS, OPT_SILENCE, OPT_JSON, OPT_CONSOLE, OPT_HELP };

static const struct option options[] = {
	{"symbols", required_argument, NULL, OPT_SYMBOLS},
	{"os", required_argument, NULL, OPT_OS},
	{"silence", required_argument, NULL, OPT_SILENCE},
	{"json", no_argument, NULL, OPT_JSON},
	{"console", no_argument, NULL, OPT_CONSOLE},
	{"help", no_argument, NULL, OPT_HELP},
	{NULL, 0, NULL, 0},
};

struct request {
	struct strv symbols; /* files and directories */
	struct strv silence; /* rules */
	enum target_os os;
	struct kernel *kernel; /* one of the files; or NULL */
	bool os_given, json, console;
	const char *path;
};

/* ---- the modules ---- */

/* What is collected below a directory: the modules that the log names. */
struct search {
	const char *dir;
	const struct buf *log;
	enum target_os os;
	struct strv *files;
};

static bool is_module_file(const char *name)
{
	return shelf_takes(name);
}

/* Linux's traces name the module, in brackets; FreeBSD's do not. */
static bool is_named(const struct buf *log, const char *path)
{
	AUTO_FREE char *base = path_base(path), *name = ko_module_name(base);
	AUTO_FREE char *word = xasprintf("[%s", name);
	size_t len = strlen(word);

	for (const char *p = log->data, *end = p + log->len;
		(p = memmem(p, (size_t)(end - p), word, len)); p++)
		if (p + len < end && (p[len] == ']' || p[len] == ' '))
			return true;
	return false;
}

static bool collect(void *arg, const char *path)
{
	struct search *s = arg;

	if (s->os == TARGET_FREEBSD || is_named(s->log, path))
		strv_add(s->files, path);
	return true;
}

static int collect_all(struct request *q, const struct buf *log, struct strv *files)
{
	for (size_t i = 0; i < q->symbols.n; i++) {
		const char *path = q->symbols.v[i];
		struct search s = {path, log, q->os, files};

		if (path_is_dir(path)) {
			walk_files(path, is_module_file, collect, &s);
			continue;
		}
		if (!path_is_file(path))
			return cli_fail(EXIT_INFRASTRUCTURE,
				"--symbols: there is no file or directory %s; give the .ko that the log is of, or where it lies",
				path);
		if (!q->kernel && (q->kernel = kernel_open(path)))
			continue;
		strv_add(files, path);
	}
	return EXIT_PASSED;
}

/* The modules for one boot: what is learned of their addresses holds for that alone. */
static int add_modules(const struct strv *files, enum target_os os, struct code *code)
{
	for (size_t i = 0; i < files->n; i++) {
		AUTO_FREE char *base = path_base(files->v[i]);
		AUTO_FREE char *debug = xasprintf("%s.debug", files->v[i]);
		AUTO_BUF struct buf bytes = {0};
		struct error err;
		struct ko ko;

		if (archive_read_plain(files->v[i], MODULE_MAX, &bytes, &err))
			return cli_fail(EXIT_INFRASTRUCTURE, "%s", err.text);
		ko_read(bytes.data, bytes.len, base, &ko);
		if (ko.kind != KO_LINUX && ko.kind != KO_FREEBSD) {
			ko_free(&ko);
			return cli_fail(EXIT_USAGE,
				"--symbols: %s is neither a module nor a kernel with debug information: give a .ko, a vmlinux or a kernel.debug",
				files->v[i]);
		}
		if ((ko.kind == KO_FREEBSD) == (os == TARGET_FREEBSD))
			code_add(code, ko.name ? ko.name : base, bytes.data, bytes.len,
				path_is_file(debug) ? debug : NULL);
		ko_free(&ko);
	}
	return EXIT_PASSED;
}

/* ---- judging ---- */

static int judge_boots(const struct request *q, struct logfile *log, const struct strv *files,
	struct findings *out)
{
	for (size_t i = 0; i < log->n; i++) {
		struct run *r = &log->boots[i];
		size_t first = out->n;
		int status;

		r->code = code_new();
		r->kernel = q->kernel;
		status = add_modules(files, q->os, r->code);
		if (status != EXIT_PASSED)
			return status;
		judge_reports(r, out);
		/* There may be thousands of boots. */
		code_free(r->code);
		r->code = NULL;
		for (size_t k = first; k < out->n && log->n > 1; k++) {
			char *message = out->items[k].message;

			out->items[k].message =
				xasprintf("%s, in boot %zu of %zu", message, i + 1, log->n);
			free(message);
		}
	}
	return EXIT_PASSED;
}

static void tell(const struct request *q, const struct logfile *log, const struct findings *found)
{
	const char *os = q->os == TARGET_FREEBSD ? "FreeBSD" : "Linux";
	struct terminal term;
	size_t lines = 0, silenced = 0, left;

	terminal_setup(&term, stdout);
	term.console = q->console;
	for (size_t i = 0; i < log->n; i++)
		lines += log->boots[i].nlog;
	for (size_t i = 0; i < found->n; i++)
		if (found->items[i].silenced)
			silenced++;
		else
			terminal_finding(&term, &found->items[i]);
	left = found->n - silenced;
	if (left)
		printf("\n%zu finding%s in %s (%s, %zu line%s", left, left == 1 ? "" : "s", q->path,
			os, lines, lines == 1 ? "" : "s");
	else
		printf("nothing was found in %s (%s, %zu line%s", q->path, os, lines,
			lines == 1 ? "" : "s");
	if (silenced)
		printf("; %zu finding%s silenced", silenced, silenced == 1 ? "" : "s");
	puts(")");
}

/* Standard input, as path_read. */
static int read_input(struct buf *out)
{
	for (;;) {
		ssize_t n;

		buf_reserve(out, 65536);
		n = read(STDIN_FILENO, out->data + out->len, 65536);
		if (n < 0)
			return -errno;
		if (!n)
			return 0;
		out->len += (size_t)n;
		out->data[out->len] = 0;
		if (out->len > LOG_MAX)
			return -EFBIG;
	}
}

static int judge(struct request *q)
{
	AUTO_BUF struct buf text = {0};
	AUTO_STRV struct strv files = {0};
	struct findings found = {0};
	struct logfile log;
	int r, status;

	r = strcmp(q->path, "-") ? path_read(q->path, LOG_MAX, &text) : read_input(&text);
	if (r == -EFBIG)
		return cli_fail(EXIT_INFRASTRUCTURE,
			"%s is longer than %zu MiB; give the part around the crash (tail -n 10000, say)",
			q->path, LOG_MAX >> 20);
	if (r)
		return cli_fail(EXIT_INFRASTRUCTURE,
			"cannot read %s: %s; give a file with a log, or - for standard input (dmesg | kmodlab judge -)",
			q->path, strerror(-r));
	if (text.len > 4 && !memcmp(text.data, "\177ELF", 4))
		return cli_fail(EXIT_USAGE,
			"%s is a program or module, and no log; a module goes behind --symbols: kmodlab judge "
			"--symbols %s LOGFILE",
			q->path, q->path);
	buf_add(&text, "", 0);
	if (!q->os_given)
		q->os = logfile_os(text.data, text.len);
	status = collect_all(q, &text, &files);
	if (status != EXIT_PASSED)
		return status;
	logfile_read(text.data, text.len, q->os, &log);
	status = judge_boots(q, &log, &files, &found);
	if (status == EXIT_PASSED) {
		size_t left = found.n - findings_silence(&found, &q->silence);

		if (!q->json)
			tell(q, &log, &found);
		else if (json_log(stdout, q->path, q->os, log.n, &found))
			status = cli_fail(EXIT_INFRASTRUCTURE,
				"cannot write the output: see that the disk is not full");
		if (status == EXIT_PASSED && left)
			status = EXIT_FOUND;
	}
	findings_free(&found);
	logfile_free(&log);
	return status;
}

static int take_os(struct request *q, const char *name)
{
	q->os_given = true;
	if (!strcmp(name, "linux"))
		q->os = TARGET_LINUX;
	else if (!strcmp(name, "freebsd"))
		q->os = TARGET_FREEBSD;
	else
		return cli_fail(EXIT_USAGE, "--os is linux or freebsd, and not '%s'", name);
	return EXIT_PASSED;
}

int judge_main(int argc, char **argv)
{
	struct request q = {.os = TARGET_LINUX};
	int c, status = EXIT_PASSED;

	while (status == EXIT_PASSED && (c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (c) {
		case OPT_SYMBOLS:
			strv_add(&q.symbols, optarg);
			break;
		case OPT_OS:
			status = take_os(&q, optarg);
			break;
		case OPT_SILENCE:
			status = cli_rules(optarg, &q.silence);
			break;
		case OPT_JSON:
			q.json = true;
			break;
		case OPT_CONSOLE:
			q.console = true;
			break;
		case 'h':
		case OPT_HELP:
			fputs(help, stdout);
			strv_free(&q.symbols);
			strv_free(&q.silence);
			return EXIT_PASSED;
		default:
			status = cli_see_help("judge", options, argv);
		}
	}
	if (status == EXIT_PASSED && argc - optind != 1)
		status = cli_fail(EXIT_USAGE,
			"give one file with a log, or - for standard input (dmesg | kmodlab judge -); see kmodlab judge --help");
	if (status == EXIT_PASSED) {
		q.path = argv[optind];
		status = judge(&q);
	}
	kernel_close(q.kernel);
	strv_free(&q.symbols);
	strv_free(&q.silence);
	return status;
}
