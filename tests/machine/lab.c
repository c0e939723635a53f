/* SPDX-License-Identifier: BSD-2-Clause */
#include "lab.h"

#include "base/error.h"
#include "base/path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *need(const char *variable)
{
	const char *value = getenv(variable);

	if (!value) {
		fprintf(stderr, "%s is not set: run these tests through scripts/test\n", variable);
		exit(2);
	}
	return value;
}

/* $KMODLAB_ONLY: a pattern ("a_flood*") that names the tests to run; the rest is left out. */
__attribute__((constructor)) static void choose_tests(void)
{
	if (getenv("KMODLAB_ONLY"))
		cmocka_set_test_filter(getenv("KMODLAB_ONLY"));
}

int lab_free_port(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	AUTO_CLOSE int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof at;

	assert_int_equal(bind(s, (struct sockaddr *)&at, len), 0);
	assert_int_equal(getsockname(s, (struct sockaddr *)&at, &len), 0);
	return ntohs(at.sin_port);
}

const char *lab_source(void)
{
	return need("KMODLAB_SOURCE");
}

char *lab_dir(void)
{
	char *dir = xasprintf("%s/XXXXXX", need("KMODLAB_LAB"));

	assert_non_null(mkdtemp(dir));
	return dir;
}

void lab_write(const char *dir, const char *name, const char *format, ...)
{
	AUTO_FREE char *path = xasprintf("%s/%s", dir, name);
	AUTO_BUF struct buf text = {0};
	struct error err;
	va_list args;

	va_start(args, format);
	buf_vaddf(&text, format, args);
	va_end(args);
	assert_int_equal(path_write(path, text.data, text.len, &err), 0);
}

char *lab_module(const char *name, const char *source)
{
	AUTO_FREE char *top = lab_dir(), *file = xasprintf("%s.c", name);
	char *dir = xasprintf("%s/%s", top, name);
	struct error err;

	assert_int_equal(path_make_dirs(dir, &err), 0);
	lab_write(dir, "Makefile", "obj-m += %s.o\n", name);
	lab_write(dir, file, "%s%s",
		*source == '#' ? ""
			       : "#include <linux/module.h>\n#include <linux/kernel.h>\n"
				 "#include <linux/init.h>\n#include <linux/delay.h>\n"
				 "#include <linux/slab.h>\n#include <linux/version.h>\n"
				 "MODULE_LICENSE(\"GPL\");\nMODULE_DESCRIPTION(\"test\");\n",
		source);
	return dir;
}

static void in_child(const char *first, va_list args)
{
	AUTO_STRV struct strv argv = {0};
	const char *word;

	strv_add(&argv, need("KMODLAB"));
	strv_add(&argv, first);
	while ((word = va_arg(args, const char *)))
		strv_add(&argv, word);
	execv(argv.v[0], argv.v);
	_exit(127);
}

static int wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		assert_int_equal(errno, EINTR);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static bool take(int fd, struct buf *to)
{
	char bytes[65536];
	ssize_t n = read(fd, bytes, sizeof bytes);

	if (n > 0)
		buf_add(to, bytes, (size_t)n);
	return n > 0;
}

struct outcome lab_run(const char *first, ...)
{
	struct outcome o = {0};
	int out[2], err[2];
	va_list args;
	pid_t pid;

	assert_int_equal(pipe2(out, O_CLOEXEC) | pipe2(err, O_CLOEXEC), 0);
	va_start(args, first);
	pid = fork();
	if (!pid) {
		dup2(out[1], 1);
		dup2(err[1], 2);
		in_child(first, args);
	}
	va_end(args);
	close(out[1]);
	close(err[1]);
	for (bool a = true, b = true; a || b;) {
		struct pollfd fds[] = {{a ? out[0] : -1, POLLIN, 0}, {b ? err[0] : -1, POLLIN, 0}};

		poll(fds, 2, -1);
		if (fds[0].revents)
			a = take(out[0], &o.out);
		if (fds[1].revents)
			b = take(err[0], &o.err);
	}
	close(out[0]);
	close(err[0]);
	o.status = wait_for(pid);
	buf_add(&o.out, "", 0);
	buf_add(&o.err, "", 0);
	if (o.out.data[0] == '{')
		o.json = json_tokener_parse(o.out.data);
	return o;
}

static char *said_file(pid_t pid)
{
	return xasprintf("%s/said-%d", need("KMODLAB_LAB"), (int)pid);
}

pid_t lab_start(const char *first, ...)
{
	va_list args;
	pid_t pid;

	va_start(args, first);
	pid = fork();
	if (!pid) {
		AUTO_FREE char *said = said_file(getpid());
		int out = open(said, O_WRONLY | O_CREAT | O_TRUNC, 0644);

		dup2(open("/dev/null", O_RDWR), 0);
		dup2(out, 1);
		dup2(out, 2);
		in_child(first, args);
	}
	va_end(args);
	return pid;
}

char *lab_said(pid_t pid)
{
	AUTO_FREE char *path = said_file(pid);
	struct buf text = {0};

	path_read(path, 1 << 20, &text);
	buf_adds(&text, "");
	return buf_take(&text);
}

int lab_end(pid_t pid)
{
	return wait_for(pid);
}

void lab_free(struct outcome *o)
{
	buf_free(&o->out);
	buf_free(&o->err);
	json_object_put(o->json);
	*o = (struct outcome){0};
}

static struct json_object *trials(const struct outcome *o)
{
	struct json_object *all;

	return o->json && json_object_object_get_ex(o->json, "trials", &all) ? all : NULL;
}

static struct json_object *trial(const struct outcome *o)
{
	return trials(o) ? json_object_array_get_idx(trials(o), 0) : NULL;
}

size_t lab_trials(const struct outcome *o)
{
	return trials(o) ? json_object_array_length(trials(o)) : 0;
}

const char *lab_trial_field(const struct outcome *o, size_t i, const char *key)
{
	return lab_string(trials(o) ? json_object_array_get_idx(trials(o), i) : NULL, key);
}

const char *lab_string(struct json_object *o, const char *key)
{
	struct json_object *value;

	if (!o || !json_object_object_get_ex(o, key, &value) || !value)
		return "";
	return json_object_get_string(value);
}

const char *lab_field(const struct outcome *o, const char *key)
{
	return lab_string(trial(o), key);
}

struct json_object *lab_finding(const struct outcome *o, const char *rule)
{
	struct json_object *findings;

	if (!json_object_object_get_ex(trial(o), "findings", &findings))
		return NULL;
	for (size_t i = 0; i < json_object_array_length(findings); i++) {
		struct json_object *f = json_object_array_get_idx(findings, i);

		if (!strcmp(lab_string(f, "rule"), rule))
			return f;
	}
	return NULL;
}

void lab_log(const struct outcome *o, const char *origin, struct buf *out)
{
	struct json_object *log;

	buf_add(out, "", 0);
	if (!json_object_object_get_ex(trial(o), "log", &log))
		return;
	for (size_t i = 0; i < json_object_array_length(log); i++) {
		struct json_object *line = json_object_array_get_idx(log, i);

		if (!strcmp(lab_string(line, "origin"), origin))
			buf_addf(out, "%s\n", lab_string(line, "text"));
	}
}

/* What matters first, since what follows may be long and is cut. */
static void show(const struct outcome *o)
{
	static const char *const keys[] = {"verdict", "error", "note", "retried_because"};
	struct json_object *findings;

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if (*lab_field(o, keys[i]))
			fprintf(stderr, "%s: %s\n", keys[i], lab_field(o, keys[i]));
	if (json_object_object_get_ex(trial(o), "findings", &findings))
		for (size_t i = 0; i < json_object_array_length(findings); i++) {
			struct json_object *f = json_object_array_get_idx(findings, i);

			fprintf(stderr, "finding %s: %s\n", lab_string(f, "rule"),
				lab_string(f, "message"));
		}
	fprintf(stderr, "status %d\n%.20000s\n%.6000s\n", o->status, o->out.data, o->err.data);
}

void lab_expect(const struct outcome *o, int status, const char *verdict)
{
	if (o->status != status || strcmp(lab_field(o, "verdict"), verdict)) {
		show(o);
		fail_msg("expected exit status %d and verdict %s, got %d and %s", status, verdict,
			o->status, lab_field(o, "verdict"));
	}
}

void lab_expect_finding(const struct outcome *o, const char *rule, const char *words)
{
	struct json_object *f = lab_finding(o, rule);

	if (!f || !strstr(lab_string(f, "message"), words)) {
		show(o);
		fail_msg("expected a finding %s that says '%s', got '%s'", rule, words,
			lab_string(f, "message"));
	}
}

char *lab_pair(void)
{
	AUTO_FREE char *top = lab_dir(), *dir = xasprintf("%s/pair", top);
	AUTO_FREE char *cache = path_cache_dir();
	char *kos = lab_dir();
	AUTO_FREE char *command = xasprintf(
		"for m in giver taker; do cp \"$(find '%s/build' -path '*/pair-*/src/'$m.ko "
		"-printf '%%T@ %%p\\n' | sort -n | tail -n 1 | cut -d' ' -f2-)\" '%s'; done",
		cache, kos);
	struct outcome o;
	struct error err;

	assert_int_equal(path_make_dirs(dir, &err), 0);
	lab_write(dir, "Makefile", "obj-m += giver.o taker.o\n");
	lab_write(dir, "giver.c",
		"#include <linux/module.h>\nMODULE_LICENSE(\"GPL\");\nMODULE_DESCRIPTION(\"g\");\n"
		"int give(void);\nint give(void) { return 7; }\nEXPORT_SYMBOL_GPL(give);\n");
	lab_write(dir, "taker.c",
		"#include <linux/module.h>\nMODULE_LICENSE(\"GPL\");\nMODULE_DESCRIPTION(\"t\");\n"
		"int give(void);\nstatic int __init i(void) { return give() == 7 ? 0 : -EIO; }\n"
		"static void __exit x(void) { }\nmodule_init(i); module_exit(x);\n");
	o = lab_run("run", "--json", "-t", BOOKWORM, dir, NULL);
	lab_expect(&o, 0, "pass");
	lab_free(&o);
	assert_int_equal(system(command), 0);
	return kos;
}

char *lab_ko(const char *name, const char *source, const char *target)
{
	AUTO_FREE char *dir = lab_module(name, source);
	AUTO_FREE char *cache = path_cache_dir();
	AUTO_FREE char *copy = lab_dir();
	char *ko = xasprintf("%s/%s.ko", copy, name);
	struct outcome o = lab_run("run", "--json", "-t", target, dir, NULL);
	AUTO_FREE char *command = xasprintf(
		"cp \"$(find '%s/build' -path '*/%s-*/src/%s.ko' -printf '%%T@ %%p\\n' | sort -n | tail -n 1 | "
		"cut -d' ' -f2-)\" '%s'",
		cache, name, name, ko);

	lab_free(&o);
	assert_int_equal(system(command), 0);
	return ko;
}

/* Whether the process was started, through whomever, by these tests and not by somebody else's run on the
 * same host: it then has our $KMODLAB_LAB. One that does not tell counts as ours. */
static bool is_of_this_lab(const char *pid)
{
	AUTO_FREE char *file = xasprintf("/proc/%s/environ", pid);
	AUTO_FREE char *wanted = xasprintf("KMODLAB_LAB=%s", need("KMODLAB_LAB"));
	AUTO_BUF struct buf text = {0};

	if (path_read(file, 1 << 20, &text) || !text.len)
		return true;
	return memmem(text.data, text.len, wanted, strlen(wanted) + 1) != NULL;
}

/* The parent of the process; 0 if it cannot be told. */
static pid_t parent_of(pid_t pid)
{
	AUTO_FREE char *file = xasprintf("/proc/%d/stat", pid);
	char line[512] = {0};
	AUTO_CLOSE int fd = open(file, O_RDONLY | O_CLOEXEC);
	const char *behind_name;
	int parent;

	if (fd < 0 || read(fd, line, sizeof line - 1) <= 0)
		return 0;
	behind_name = strrchr(line, ')');
	return behind_name && sscanf(behind_name, ") %*c %d", &parent) == 1 ? parent : 0;
}

int lab_machines_of(pid_t kmodlab, pid_t *pids, int max)
{
	pid_t all[64];
	int n = lab_machines(all, 64), ours = 0;

	for (int i = 0; i < n && ours < max; i++)
		if (parent_of(all[i]) == kmodlab)
			pids[ours++] = all[i];
	return ours;
}

int lab_machines(pid_t *pids, int max)
{
	DIR *proc = opendir("/proc");
	struct dirent *e;
	int n = 0;

	while (proc && (e = readdir(proc)) && n < max) {
		AUTO_FREE char *file = xasprintf("/proc/%s/cmdline", e->d_name);
		char line[4096] = {0};
		int fd = atoi(e->d_name) > 0 ? open(file, O_RDONLY | O_CLOEXEC) : -1;
		ssize_t len = fd < 0 ? 0 : read(fd, line, sizeof line - 1);

		close_fd(&fd);
		for (ssize_t i = 0; i < len; i++)
			if (!line[i])
				line[i] = ' ';
		if (strstr(line, "qemu-system") && strstr(line, "-name kmodlab") &&
			is_of_this_lab(e->d_name))
			pids[n++] = atoi(e->d_name);
	}
	if (proc)
		closedir(proc);
	return n;
}

int lab_machines_left(void)
{
	pid_t pids[64];
	int n = 0;

	for (int i = 0; i < 500; i++) {
		n = lab_machines(pids, 64);
		if (!n)
			break;
		usleep(20000);
	}
	return n;
}

const char *lab_step(const struct outcome *o, const char *what, const char *key)
{
	struct json_object *trials, *steps;

	json_object_object_get_ex(o->json, "trials", &trials);
	json_object_object_get_ex(json_object_array_get_idx(trials, 0), "steps", &steps);
	for (size_t i = 0; i < json_object_array_length(steps); i++) {
		struct json_object *s = json_object_array_get_idx(steps, i);

		if (!strcmp(lab_string(s, "stage"), "exercise") &&
			!strcmp(lab_string(s, "what"), what))
			return lab_string(s, key);
	}
	return "";
}

void lab_expect_said(const struct outcome *o, const char *what, const char *words)
{
	const char *output = lab_step(o, what, "output");

	if (!strstr(output, words))
		fail_msg("%s did not say '%s' but '%s' in:\n%.6000s", what, words, output,
			o->out.data);
}
