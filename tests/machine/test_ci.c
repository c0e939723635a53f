/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is in contrib/ci is run as GitHub and GitLab would: the script lines are taken out of the two files, in their order,
 * and run in a copy of a repository with a module in it. sudo, apt-get, sysctl and git are replaced by programs that
 * only note that they were called.
 */
#include "lab.h"

#include "base/path.h"
#include "base/proc.h"

#include <stdio.h>
#include <sys/stat.h>

/* ---- the lines ---- */

static size_t indent(const char *line)
{
	return strspn(line, " ");
}

/* Adds the command that stands behind `key` in this line, which begins with it. A block ("|") is not used in the two files. */
static void add_command(const char *line, const char *key, struct buf *out)
{
	const char *text = line + strlen(key);

	assert_true(*text && *text != '|' && *text != '>' && *text != '"' && *text != '\'');
	buf_adds(out, text);
	buf_adds(out, "\n");
}

/* GitHub: what stands behind "run:" of each step. GitLab: the items of before_script, script and after_script, which
 * stand in this order. */
static void take_commands(char *text, bool gitlab, struct buf *out)
{
	bool script = false;
	char *rest = text, *line;

	while ((line = strsep(&rest, "\n"))) {
		const char *words = line + indent(line);

		if (!gitlab) {
			if (!strncmp(words, "run: ", 5))
				add_command(words, "run: ", out);
			continue;
		}
		if (indent(line) <= 2 && *words)
			script =
				strlen(words) >= 7 && !strcmp(words + strlen(words) - 7, "script:");
		else if (script && !strncmp(words, "- ", 2))
			add_command(words, "- ", out);
	}
}

/* Caller frees. */
static char *commands(const char *name)
{
	AUTO_FREE char *path = xasprintf("%s/contrib/ci/%s", lab_source(), name);
	AUTO_BUF struct buf text = {0};
	struct buf out = {0};

	assert_int_equal(path_read(path, 65536, &text), 0);
	take_commands(text.data, !strcmp(name, "gitlab.yml"), &out);
	assert_non_null(out.data);
	return buf_take(&out);
}

/* ---- the sandbox ---- */

static void add_line(void *arg, const char *line, size_t len)
{
	buf_add(arg, line, len);
	buf_adds(arg, "\n");
}

/* Runs the script in `dir`; its exit status, with what it said in `out`. */
static int run_script(const char *dir, const char *script, struct buf *out)
{
	AUTO_STRV struct strv argv = {0};
	struct error err;
	int r;

	strv_adds(&argv, "/bin/sh", "-euc", NULL);
	strv_addf(&argv, "cd '%s'; %s", dir, script);
	r = proc_run(argv.v, 300000, add_line, NULL, out, NULL, &err);
	buf_adds(out, "");
	if (r < 0)
		fail_msg("%s", err.text);
	return r >> 8;
}

/* A repository with a new module for Linux, which `kmodlab new` makes with the script in it; beside it, in bin/, those
 * that only note that they were called. Caller frees. */
static char *repository(void)
{
	static const char *const noted[] = {"sudo", "apt-get", "sysctl", "git", "chmod"};
	AUTO_FREE char *top = lab_dir(), *bin = xasprintf("%s/bin", top);
	char *dir = xasprintf("%s/mod", top);
	struct outcome o = lab_run("new", "--linux", dir, NULL);
	struct error err;

	assert_int_equal(o.status, 0);
	lab_free(&o);
	assert_int_equal(path_make_dirs(bin, &err), 0);
	for (size_t i = 0; i < sizeof noted / sizeof *noted; i++) {
		AUTO_FREE char *path = xasprintf("%s/%s", bin, noted[i]);

		lab_write(bin, noted[i], "#!/bin/sh\necho \"called: %s $*\"\n", noted[i]);
		assert_int_equal(chmod(path, 0755), 0);
	}
	return dir;
}

/* The environment that both have in common, as a script's beginning. Without GitHub's cache and artifacts. Caller frees. */
static char *environment(const char *targets)
{
	return xasprintf(
		"PATH=$PWD/../bin:$PATH KMODLAB_TARGETS='%s'; export PATH KMODLAB_TARGETS; "
		"unset KMODLAB_SOURCE KMODLAB_PACKAGE KMODLAB_REPOSITORY\n",
		targets);
}

static void expect_said(const struct buf *text, const char *words)
{
	if (!strstr(text->data, words))
		fail_msg("'%s' is not in: %s", words, text->data);
}

/* What the script is to have said and left after a run of a module that passes. */
static void expect_passed(const char *dir, const struct buf *said, int status)
{
	AUTO_FREE char *find = xasprintf("ls '%s/kmodlab-report'", dir);
	AUTO_BUF struct buf found = {0};

	if (status)
		fail_msg("status %d: %s", status, said->data);
	expect_said(said, "kmodlab is there");
	expect_said(said, "target " BOOKWORM " is there");
	expect_said(said, "== kmodlab check . -t " BOOKWORM " --strict");
	expect_said(said, "== kmodlab run . -t " BOOKWORM " --strict");
	assert_null(strstr(said->data, "called: apt-get"));
	assert_null(strstr(said->data, "called: git"));
	assert_int_equal(run_script(dir, find, &found), 0);
	expect_said(&found, "kmodlab-1-1");
}

static void the_github_workflow_runs(void **state)
{
	AUTO_FREE char *dir = repository(), *lines = commands("github.yml");
	AUTO_FREE char *start = environment(BOOKWORM);
	AUTO_FREE char *script = xasprintf("%sexport KMODLAB_SHARD=1/1\n%s", start, lines);
	AUTO_BUF struct buf said = {0};

	(void)state;
	assert_string_equal(lines, "ci/run.sh install\nci/run.sh targets\nci/run.sh run\n");
	expect_passed(dir, &said, run_script(dir, script, &said));
	expect_said(&said, "shard 1/1: 1 of 1 trials");
}

/* XDG_DATA_HOME and XDG_CACHE_HOME stay ours: the targets are there. */
static void the_gitlab_template_runs(void **state)
{
	AUTO_FREE char *dir = repository(), *lines = commands("gitlab.yml");
	AUTO_FREE char *start = environment(BOOKWORM);
	AUTO_FREE char *script = xasprintf(
		"%sexport CI_NODE_INDEX= CI_NODE_TOTAL=1 CI_PROJECT_DIR=$PWD\n"
		"mkdir .kmodlab; echo kept >.kmodlab/cached\n%s\ncat .kmodlab/cached; ls -d ../mod*",
		start, lines);
	AUTO_BUF struct buf said = {0};

	(void)state;
	assert_non_null(strstr(lines, "ci/run.sh install\nci/run.sh targets\nci/run.sh run\n"));
	expect_passed(dir, &said, run_script(dir, script, &said));
	/* The cache is back where GitLab looks for it, and nothing is left beside the repository. */
	expect_said(&said, "\nkept\n../mod\n");
}

static void a_module_that_fails_fails_the_job(void **state)
{
	AUTO_FREE char *dir = repository(), *start = environment(BOOKWORM);
	AUTO_FREE char *script = xasprintf("%sci/run.sh run", start);
	AUTO_BUF struct buf said = {0};

	(void)state;
	lab_write(dir, "mod.c", "%s",
		"#include <linux/module.h>\nMODULE_LICENSE(\"GPL\");\n"
		"static int __init i(void) { return -ENODEV; }\nmodule_init(i);\n");
	assert_int_equal(run_script(dir, script, &said), 1);
	expect_said(&said, "init-error");
}

static void the_kernels_are_chosen_by_what_the_modules_are_for(void **state)
{
	AUTO_FREE char *dir = repository(), *start = environment("");
	/* A program that knows no target, and notes what it is asked to add. */
	AUTO_FREE char *script =
		xasprintf("%scat >../bin/kmodlab <<'END'\n#!/bin/sh\n"
			  "[ \"$2\" = show ] && exit 1\necho \"asked: $*\"\nEND\n"
			  "/bin/chmod +x ../bin/kmodlab; unset KMODLAB; ci/run.sh targets\n"
			  "echo 'BOTH'; cp -r '%s'/examples/hello x; ci/run.sh targets x",
			start, lab_source());
	AUTO_BUF struct buf said = {0};
	char *both;

	(void)state;
	assert_int_equal(run_script(dir, script, &said), 0);
	both = strstr(said.data, "BOTH");
	assert_non_null(both);
	*both++ = 0;
	expect_said(&said, "asked: target add debian:bookworm\n");
	expect_said(&said, "asked: target add debian:trixie\n");
	assert_null(strstr(said.data, "freebsd"));
	assert_non_null(strstr(both, "asked: target add debian:trixie\n"));
	assert_non_null(strstr(both, "asked: target add freebsd:14.3\n"));
}

/* With the project's own scripts/lib.sh, which knows the packages; meson is replaced, and ninja by one that takes the
 * program that is there already. */
static void it_is_built_from_a_repository_where_there_is_none(void **state)
{
	AUTO_FREE char *dir = repository(), *start = environment("");
	AUTO_FREE char *script = xasprintf(
		"%smkdir -p ../src/scripts; cp '%s/scripts/lib.sh' ../src/scripts; cd ../bin\n"
		"for p in git meson ninja dpkg-query; do echo '#!/bin/sh' >$p; /bin/chmod +x $p; done\n"
		"echo 'echo \" installed\"' >>dpkg-query\n"
		"echo \"echo called: git \\\"\\$*\\\"; for to; do :; done; mkdir -p \\${to%%/*}; cp -r $PWD/../src "
		"\\$to\" >>git\n"
		"echo 'mkdir -p build' >>meson\n"
		"echo \"mkdir -p build/src; ln -sf $KMODLAB build/src/kmodlab\" >>ninja\n"
		"cd ../mod; XDG_CACHE_HOME=$PWD/cache KMODLAB_REPOSITORY=https://example.org/k KMODLAB_REF=v1\n"
		"export XDG_CACHE_HOME KMODLAB_REPOSITORY KMODLAB_REF; unset KMODLAB\n"
		"PATH=$PWD/../bin:/usr/bin:/bin ci/run.sh install; cache/kmodlab/source/build/src/kmodlab --version",
		start, lab_source());
	AUTO_BUF struct buf said = {0};

	(void)state;
	if (path_is_file("/usr/bin/kmodlab")) {
		print_message("kmodlab is installed in /usr/bin\n");
		skip();
	}
	if (run_script(dir, script, &said))
		fail_msg("%s", said.data);
	expect_said(&said, "called: git clone -q --depth 1 --branch v1 https://example.org/k ");
	expect_said(&said, "== building kmodlab in ");
	/* By the script, and by us. */
	assert_non_null(strstr(strstr(said.data, "\nkmodlab 0") + 1, "\nkmodlab 0"));
}

static void without_a_kmodlab_it_says_where_one_can_come_from(void **state)
{
	AUTO_FREE char *dir = repository(), *start = environment("");
	AUTO_FREE char *script =
		xasprintf("%sunset KMODLAB; XDG_CACHE_HOME=$PWD/none; export XDG_CACHE_HOME\n"
			  "PATH=$PWD/../bin:/usr/bin:/bin\n"
			  "ci/run.sh install",
			start);
	AUTO_BUF struct buf said = {0};

	(void)state;
	if (path_is_file("/usr/bin/kmodlab")) {
		print_message("kmodlab is installed in /usr/bin\n");
		skip();
	}
	assert_int_equal(run_script(dir, script, &said), 3);
	expect_said(&said, "set KMODLAB_REPOSITORY, KMODLAB_PACKAGE or KMODLAB_SOURCE");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_github_workflow_runs),
		cmocka_unit_test(the_gitlab_template_runs),
		cmocka_unit_test(a_module_that_fails_fails_the_job),
		cmocka_unit_test(the_kernels_are_chosen_by_what_the_modules_are_for),
		cmocka_unit_test(it_is_built_from_a_repository_where_there_is_none),
		cmocka_unit_test(without_a_kmodlab_it_says_where_one_can_come_from),
	};

	return cmocka_run_group_tests_name("ci", tests, NULL, NULL);
}
