/* SPDX-License-Identifier: BSD-2-Clause */
/* A shell in a machine: for a script, and for a person at a terminal, which is given back as it was. */
#include "lab.h"

#include "base/clock.h"
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <utmp.h>

#define WAIT_S 90

/* A module whose init is the kernel's end. */
static const char doom[] = "static int __init doom_init(void) { panic(\"the end is here\"); }\n"
			   "module_init(doom_init);\n";

static const char *doomed(void)
{
	static char *dir;

	if (!dir)
		dir = lab_module("doom", doom);
	return dir;
}

/* ---- scripts ---- */

/* Runs the commands in a shell on `target`, in a directory of its own, which *where gets. */
static struct outcome script(
	const char *commands, const char *target, const char *module, char **where)
{
	char *dir = lab_dir();
	int before = open("/dev/null", O_RDONLY), cwd = open(".", O_RDONLY | O_DIRECTORY), in[2];
	struct outcome o;

	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(write(in[1], commands, strlen(commands)), (ssize_t)strlen(commands));
	close(in[1]);
	assert_int_equal(dup2(in[0], 0), 0);
	close(in[0]);
	assert_int_equal(chdir(dir), 0);
	o = lab_run("shell", "-t", target, module, NULL);
	assert_int_equal(fchdir(cwd), 0);
	dup2(before, 0);
	close(before);
	close(cwd);
	if (where)
		*where = dir;
	else
		free(dir);
	return o;
}

static void expect_words(const struct buf *said, const char *words)
{
	if (!said->data || !strstr(said->data, words))
		fail_msg("\"%s\" is not said:\n%s", words, said->data ? said->data : "");
}

static void expect_content(const char *dir, const char *name, const char *wanted)
{
	AUTO_FREE char *path = xasprintf("%s/%s", dir, name);
	AUTO_BUF struct buf text = {0};

	assert_int_equal(path_read(path, 4096, &text), 0);
	assert_string_equal(text.data, wanted);
}

static void a_script_loads_looks_and_unloads_and_its_status_is_ours(void **state)
{
	AUTO_FREE char *module = xasprintf("%s/examples/hello", lab_source());
	struct outcome o = script("insmod hello.ko && lsmod | grep -c ^hello\n"
				  "dmesg | grep -o 'Hello, world'\nrmmod hello\n"
				  "echo $KMODLAB_MODULE in $PWD\nexit 7\n",
		BOOKWORM, module, NULL);

	(void)state;
	assert_int_equal(o.status, 7);
	assert_string_equal(o.out.data, "1\nHello, world\nhello in /module\n");
	/* The log stands beside it, with levels. */
	expect_words(&o.err, "[alert] Hello, world\n");
	expect_words(&o.err, "[alert] Goodbye, cruel world\n");
	assert_int_equal(lab_machines_left(), 0);
	lab_free(&o);
}

static void files_come_out_once_and_under_good_names_only(void **state)
{
	AUTO_FREE char *module = xasprintf("%s/examples/hello", lab_source()), *dir = NULL;
	struct outcome o =
		script("echo one >a.txt; get a.txt; echo $?\n"
		       "echo two >a.txt; get a.txt; echo $?\n"
		       "cp a.txt '$x'; get '$x'; echo $?\n"
		       "get nothing 2>/dev/null; echo $?\n"
		       "dd if=/dev/zero of=big bs=1000 count=7000 2>/dev/null; get big; echo $?\n",
			BOOKWORM, module, &dir);
	AUTO_FREE char *big = xasprintf("%s/big", dir);
	struct stat st;

	(void)state;
	assert_int_equal(o.status, 0);
	expect_words(&o.out, "0\nget: a.txt is there already, and is left as it is\n1\n");
	expect_words(&o.out,
		"what no file is to be called here (letters, digits and ._-+=@%,:~ are fine)\n1\n1\n0\n");
	expect_content(dir, "a.txt", "one\n");
	assert_int_equal(stat(big, &st), 0);
	assert_int_equal(st.st_size, 7000000);
	lab_free(&o);
}

static void after_an_oops_the_shell_goes_on_and_it_is_explained(void **state)
{
	AUTO_FREE char *module = xasprintf("%s/examples/mistakes/null-init", lab_source());
	struct outcome o = script("insmod null_init.ko; echo still here\n", BOOKWORM, module, NULL);

	(void)state;
	expect_words(&o.out, "still here\n");
	expect_words(&o.err, "[null-dereference]");
	expect_words(&o.err, "null_init.c:20");
	lab_free(&o);
}

static void a_kernel_that_dies_is_told_and_judged(void **state)
{
	struct outcome o =
		script("echo before\ninsmod doom.ko\necho after\n", BOOKWORM, doomed(), NULL);

	(void)state;
	assert_int_equal(o.status, 1);
	assert_string_equal(o.out.data, "before\n");
	expect_words(&o.err, "the kernel crashed");
	expect_words(&o.err, "the end is here");
	assert_int_equal(lab_machines_left(), 0);
	lab_free(&o);
}

static void on_freebsd_a_script_loads_looks_gets_and_unloads(void **state)
{
	AUTO_FREE char *module = xasprintf("%s/examples/hello", lab_source()), *dir = NULL;
	const char *target = getenv("KMODLAB_FREEBSD_BASE");
	struct outcome o;

	(void)state;
	if (!target)
		skip();
	o = script("kldload ./hello.ko && kldstat | sed -n 's/.*\\(hello.ko\\)$/there is \\1/p'\n"
		   "kldunload hello\necho one >a.txt; get a.txt; get a.txt; exit 7\n",
		target, module, &dir);
	assert_int_equal(o.status, 7);
	expect_words(
		&o.out, "there is hello.ko\nget: a.txt is there already, and is left as it is\n");
	expect_words(&o.err, "Hello from FreeBSD module.\n");
	expect_words(&o.err, "Goodbye, Moonman!\n");
	expect_content(dir, "a.txt", "one\n");
	lab_free(&o);
}

/* ---- a terminal ---- */

struct person {
	int keys, terminal; /* the two sides */
	pid_t pid;
	struct buf screen;
	size_t seen;
	struct termios before;
};

static void sit_down(struct person *p, const char *module)
{
	struct winsize size = {.ws_row = 25, .ws_col = 90};

	*p = (struct person){0};
	assert_int_equal(openpty(&p->keys, &p->terminal, NULL, NULL, &size), 0);
	fcntl(p->keys, F_SETFD, FD_CLOEXEC);
	assert_int_equal(tcgetattr(p->terminal, &p->before), 0);
	p->pid = fork();
	if (!p->pid) {
		login_tty(p->terminal);
		execl(getenv("KMODLAB"), "kmodlab", "shell", "-t", BOOKWORM, module, NULL);
		_exit(127);
	}
}

static void look(struct person *p, int ms)
{
	struct pollfd fd = {.fd = p->keys, .events = POLLIN};
	char bytes[4096];
	ssize_t n;

	if (poll(&fd, 1, ms) > 0 && (n = read(p->keys, bytes, sizeof bytes)) > 0)
		buf_add(&p->screen, bytes, (size_t)n);
}

/* Waits until that is on the screen, behind what was seen before. */
static void sees(struct person *p, const char *words)
{
	int64_t until = clock_us() + WAIT_S * 1000000;

	for (;;) {
		char *at = p->screen.data ? strstr(p->screen.data + p->seen, words) : NULL;

		if (at) {
			p->seen = (size_t)(at - p->screen.data) + strlen(words);
			return;
		}
		if (clock_us() > until)
			fail_msg("\"%s\" is not on the screen:\n%s", words,
				p->screen.data ? p->screen.data : "");
		look(p, 100);
	}
}

static void types(struct person *p, const char *keys)
{
	assert_int_equal(write(p->keys, keys, strlen(keys)), (ssize_t)strlen(keys));
}

/* Waits for its end: its exit status, or 128 and a signal; and the terminal has to be as it was. */
static int gets_up(struct person *p)
{
	int64_t until = clock_us() + WAIT_S * 1000000;
	struct termios after;
	int status;

	while (!waitpid(p->pid, &status, WNOHANG)) {
		assert_true(clock_us() < until);
		look(p, 20);
	}
	look(p, 0);
	assert_int_equal(tcgetattr(p->terminal, &after), 0);
	assert_int_equal(after.c_lflag, p->before.c_lflag);
	assert_int_equal(after.c_iflag, p->before.c_iflag);
	assert_int_equal(after.c_oflag, p->before.c_oflag);
	close(p->keys);
	close(p->terminal);
	assert_int_equal(lab_machines_left(), 0);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void a_terminal_is_the_guests_until_the_escape_key(void **state)
{
	AUTO_FREE char *module = xasprintf("%s/examples/hello", lab_source());
	struct winsize size = {.ws_row = 40, .ws_col = 132};
	struct termios raw;
	struct person p;

	(void)state;
	sit_down(&p, module);
	sees(&p, "In /module: hello.ko");
	sees(&p, "/module # ");
	assert_int_equal(tcgetattr(p.terminal, &raw), 0);
	assert_int_equal(raw.c_lflag & (ICANON | ECHO | ISIG), 0);
	types(&p, "stty size; echo $((6*7))x\r");
	sees(&p, "25 90");
	sees(&p, "42x");
	/* What is typed before the shell asks for it is on the screen twice. */
	sees(&p, "/module # ");
	/* Ctrl-C is for what runs there. */
	types(&p, "sleep 1000; echo status $?\r");
	sees(&p, "sleep 1000");
	/* That it is on the screen does not mean that it sleeps already: one that comes too early is lost. */
	for (int i = 0; i < 60 && !strstr(p.screen.data + p.seen, "/module # "); i++) {
		look(&p, 500);
		types(&p, "\003");
		look(&p, 500);
	}
	sees(&p, "/module # ");
	/* The log comes in between, and the line that is being typed is there again. */
	types(&p, "insmod hello.ko; (sleep 0.5; rmmod hello) &\r");
	sees(&p, "[alert] Hello, world");
	sees(&p, "/module # ");
	types(&p, "echo ha");
	sees(&p, "[alert] Goodbye, cruel world");
	sees(&p, "echo ha");
	assert_int_equal(ioctl(p.keys, TIOCSWINSZ, &size), 0);
	look(&p, 500);
	types(&p, "lf; stty size\r");
	sees(&p, "\nhalf");
	sees(&p, "40 132");
	types(&p, "\x1d");
	assert_int_equal(gets_up(&p), 0);
	buf_free(&p.screen);
}

static void a_signal_leaves_the_terminal_as_it_was(void **state)
{
	static const int signals[] = {SIGTERM, SIGHUP, SIGSEGV};
	AUTO_FREE char *module = xasprintf("%s/examples/hello", lab_source());

	(void)state;
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
		struct person p;

		sit_down(&p, module);
		sees(&p, "/module # ");
		kill(p.pid, signals[i]);
		assert_int_equal(gets_up(&p), 128 + signals[i]);
		buf_free(&p.screen);
	}
}

static void a_crash_leaves_the_terminal_as_it_was_and_is_told(void **state)
{
	struct person p;

	(void)state;
	sit_down(&p, doomed());
	sees(&p, "/module # ");
	types(&p, "insmod doom.ko\r");
	sees(&p, "the kernel crashed");
	sees(&p, "the end is here");
	assert_int_equal(gets_up(&p), 1);
	buf_free(&p.screen);
}

/* ---- the last trial's log ---- */

static void the_last_trials_log_is_shown_and_filtered(void **state)
{
	AUTO_FREE char *module = xasprintf("%s/examples/hello", lab_source());
	struct outcome o = lab_run("run", "-t", BOOKWORM, module, NULL);

	(void)state;
	assert_int_equal(o.status, 0);
	lab_free(&o);
	o = lab_run("log", NULL);
	assert_int_equal(o.status, 0);
	expect_words(&o.out, "hello on " BOOKWORM ": pass");
	expect_words(&o.out, "alert    Hello, world\n");
	expect_words(&o.out, "unload hello\n");
	lab_free(&o);
	o = lab_run("log", "--since", "unload", "--level", "alert", NULL);
	assert_int_equal(o.status, 0);
	expect_words(&o.out, "Goodbye, cruel world");
	assert_null(strstr(o.out.data, "Hello, world"));
	lab_free(&o);
	o = lab_run("log", "--grep", "Hello", "--json", NULL);
	assert_int_equal(o.status, 0);
	assert_non_null(o.json);
	assert_int_equal(json_object_array_length(json_object_object_get(o.json, "log")), 1);
	lab_free(&o);
	o = lab_run("log", "--grep", "no such text", NULL);
	assert_int_equal(o.status, 1);
	lab_free(&o);
	o = lab_run("log", "--since", "nowhere", NULL);
	assert_int_equal(o.status, 2);
	expect_words(&o.err, "load hello, unload hello");
	lab_free(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_script_loads_looks_and_unloads_and_its_status_is_ours),
		cmocka_unit_test(files_come_out_once_and_under_good_names_only),
		cmocka_unit_test(after_an_oops_the_shell_goes_on_and_it_is_explained),
		cmocka_unit_test(a_kernel_that_dies_is_told_and_judged),
		cmocka_unit_test(on_freebsd_a_script_loads_looks_gets_and_unloads),
		cmocka_unit_test(a_terminal_is_the_guests_until_the_escape_key),
		cmocka_unit_test(a_signal_leaves_the_terminal_as_it_was),
		cmocka_unit_test(a_crash_leaves_the_terminal_as_it_was_and_is_told),
		cmocka_unit_test(the_last_trials_log_is_shown_and_filtered),
	};

	return cmocka_run_group_tests_name("shell", tests, NULL, NULL);
}
