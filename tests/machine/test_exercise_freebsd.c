/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is done with a module between load and unload, on FreeBSD: the module's own tests, compiled with and run by what
 * base.txz has, and --exercise=auto, which needs nothing of that.
 */
#include "lab.h"

#include "base/buf.h"

#define CDEV(functions, operations)                                                                \
	"#include <sys/param.h>\n#include <sys/systm.h>\n#include <sys/kernel.h>\n"                \
	"#include <sys/module.h>\n#include <sys/conf.h>\n#include <sys/uio.h>\n"                   \
	"#include <sys/sysctl.h>\n#include <sys/pcpu.h>\n#include <sys/proc.h>\n"                  \
	"static struct cdev *dev;\n" functions                                                     \
	"static struct cdevsw sw = {.d_version = D_VERSION, .d_name = \"toy\", " operations "};\n" \
	"static int\nhandler(module_t mod, int what, void *arg)\n{\n"                              \
	"	if (what == MOD_LOAD)\n"                                                                 \
	"		dev = make_dev(&sw, 0, UID_ROOT, GID_WHEEL, 0600, \"toy\");\n"                          \
	"	else if (what == MOD_UNLOAD)\n		destroy_dev(dev);\n"                                     \
	"	else\n		return (EOPNOTSUPP);\n	return (0);\n}\n"                                         \
	"static moduledata_t data = { \"toy\", handler, NULL };\n"                                 \
	"DECLARE_MODULE(toy, data, SI_SUB_DRIVERS, SI_ORDER_MIDDLE);\nMODULE_VERSION(toy, 1);\n"

/* Whether the target was made with a base.txz: $KMODLAB_FREEBSD_BASE is it then. */
static bool with_base(void)
{
	const char *target = getenv("KMODLAB_FREEBSD_BASE");

	return target && *target;
}

/* With a test.c beside it if there is text for one. */
static struct outcome on_freebsd(const char *source, const char *test)
{
	const char *target = getenv("KMODLAB_FREEBSD");
	AUTO_FREE char *dir = NULL;

	if (!target || !*target)
		skip();
	dir = lab_module("toy", source);
	lab_write(dir, "Makefile", "KMOD=\ttoy\nSRCS=\ttoy.c\n\n.include <bsd.kmod.mk>\n");
	if (test)
		lab_write(dir, "test.c", "%s", test);
	return lab_run("run", "--json", "--exercise", "auto", "--seed", "7", "--exercise-timeout",
		"6", "-t", target, dir, NULL);
}

static void freebsd_files_and_sysctls_that_are_right_pass(void **state)
{
	struct outcome o = on_freebsd(
		CDEV("static int value;\n"
		     "SYSCTL_INT(_hw, OID_AUTO, toy, CTLFLAG_RW, &value, 0, \"a number\");\n"
		     "static int\nget(struct cdev *d, struct uio *u, int flags)\n"
		     "{\n	char text[] = \"toy\\n\";\n"
		     "	if (u->uio_offset < 0 || u->uio_offset >= 4)\n		return (0);\n"
		     "	return (uiomove(text + u->uio_offset, MIN(u->uio_resid, 4 - u->uio_offset), u));\n"
		     "}\n",
			".d_read = get"),
		"int main(void) { return 0; }\n");

	(void)state;
	lab_expect(&o, 0, "pass");
	lab_expect_said(&o, "auto, seed 7", "2 files, ");
	/* Without a C library for the machine, that is said, and not a failure. */
	if (with_base())
		assert_null(lab_finding(&o, "test-skipped"));
	else
		lab_expect_finding(&o, "test-skipped", "test.c was not run");
	lab_free(&o);
}

#define READABLE                                                                                   \
	CDEV("static int\nget(struct cdev *d, struct uio *u, int flags)\n"                         \
	     "{\n	char text[] = \"toy\\n\";\n"                                                     \
	     "	if (u->uio_offset < 0 || u->uio_offset >= 4)\n		return (0);\n"                      \
	     "	return (uiomove(text + u->uio_offset, MIN(u->uio_resid, 4 - u->uio_offset), u));\n" \
	     "}\n",                                                                                \
		".d_read = get")

/* Both kinds of test; `cycles` times. */
static struct outcome tested_on_freebsd(const char *program, const char *script, const char *cycles)
{
	AUTO_FREE char *dir = NULL;

	if (!with_base())
		skip();
	dir = lab_module("toy", READABLE);
	lab_write(dir, "Makefile", "KMOD=\ttoy\nSRCS=\ttoy.c\n\n.include <bsd.kmod.mk>\n");
	lab_write(dir, "test.c", "%s", program);
	lab_write(dir, "test.sh", "%s", script);
	return lab_run("run", "--json", "--cycles", cycles, "-t", getenv("KMODLAB_FREEBSD_BASE"),
		dir, NULL);
}

static void freebsd_tests_in_c_and_in_sh_run_while_the_module_is_there(void **state)
{
	struct outcome o = tested_on_freebsd(
		"#include <sys/param.h>\n#include <sys/linker.h>\n#include <fcntl.h>\n"
		"#include <pthread.h>\n#include <stdio.h>\n#include <stdlib.h>\n#include <unistd.h>\n"
		"static void *get(void *to)\n{\n	int fd = open(\"/dev/toy\", O_RDONLY);\n"
		"	return read(fd, to, 4) == 4 ? to : NULL;\n}\n"
		"int main(void)\n{\n	char line[8] = \"\", where[64];\n	pthread_t t;\n	void *got;\n"
		"	if (pthread_create(&t, NULL, get, line) || pthread_join(t, &got) || !got ||\n"
		"		kldfind(\"toy.ko\") < 0)\n		return 1;\n"
		"	printf(\"read %s\", line);\n"
		"	printf(\"in %s, KMODLAB=%s\\n\", getcwd(where, sizeof(where)), getenv(\"KMODLAB\"));\n"
		"	return 0;\n}\n",
		"echo run >>runs\necho \"read $(cat /dev/toy) in $PWD\"\nkldstat -n toy.ko\n"
		"[ \"$(sysctl -n kern.ostype)\" = FreeBSD ] && ls >files || exit 2\n"
		"echo again: $(cat runs)\n",
		"2");

	(void)state;
	lab_expect(&o, 0, "pass");
	lab_expect_said(&o, "test.c", "read toy\n");
	lab_expect_said(&o, "test.c", "in /tmp, KMODLAB=1\n");
	lab_expect_said(&o, "test.sh", "read toy in /tmp\n");
	lab_expect_said(&o, "test.sh", " toy.ko\n");
	lab_expect_said(&o, "test.sh", "again: run\n");
	/* It is the same script in the same machine, once more. */
	lab_expect_said(&o, "test.sh  (cycle 2)", "again: run run\n");
	lab_free(&o);
}

static void freebsd_tests_that_fail_are_findings(void **state)
{
	struct outcome o = tested_on_freebsd(
		"#include <signal.h>\n#include <stdio.h>\n#include <stdlib.h>\n"
		"int main(void)\n{\n	puts(\"42 is not 43\");\n	fflush(stdout);\n	abort();\n}\n",
		"echo the toy is broken\ncat /dev/toy2\nexit 3\n", "1");

	(void)state;
	lab_expect(&o, 1, "test");
	lab_expect_finding(&o, "test-signal", "test.c of toy");
	lab_expect_said(&o, "test.c", "42 is not 43\n");
	lab_expect_finding(&o, "test-failed", "test.sh of toy ended with status 3");
	lab_expect_said(
		&o, "test.sh", "the toy is broken\ncat: /dev/toy2: No such file or directory\n");
	lab_free(&o);
}

static void a_freebsd_test_that_does_not_compile_is_a_finding_with_its_line(void **state)
{
	struct outcome o = tested_on_freebsd(
		"#include <stdio.h>\nint main(void)\n{\n	return nothing;\n}\n", "exit 0\n",
		"1");
	struct json_object *line = NULL;

	(void)state;
	lab_expect(&o, 1, "build");
	lab_expect_finding(&o, "test-build", "nothing");
	json_object_object_get_ex(lab_finding(&o, "test-build"), "line", &line);
	assert_int_equal(json_object_get_int(line), 4);
	lab_free(&o);
}

static void freebsd_auto_uses_a_file_from_threads_that_share_their_memory(void **state)
{
	struct outcome o = on_freebsd(
		CDEV("static struct thread *volatile first;\nstatic struct vmspace *volatile its;\n"
		     "static volatile int cpu, same, strange;\n"
		     "static int\nget(struct cdev *d, struct uio *u, int flags)\n{\n"
		     "	if (first == NULL) {\n		cpu = curcpu;\n		its = curproc->p_vmspace;\n"
		     "		first = curthread;\n	} else if (curproc->p_vmspace != its) {\n"
		     "		if (!strange++)\n			printf(\"toy: a stranger\\n\");\n"
		     "	} else if (curthread != first && curcpu != cpu && !same++)\n"
		     "		printf(\"toy: a thread of the same\\n\");\n	return (0);\n}\n",
			".d_read = get"),
		NULL);
	AUTO_BUF struct buf log = {0};

	(void)state;
	lab_expect(&o, 0, "pass");
	lab_log(&o, "module", &log);
	assert_non_null(strstr(log.data, "toy: a thread of the same"));
	assert_null(strstr(log.data, "toy: a stranger"));
	lab_free(&o);
}

static void freebsd_auto_finds_a_null_pointer_behind_an_ioctl(void **state)
{
	struct outcome o = on_freebsd(
		CDEV("static int *volatile nobody;\n"
		     "static int\ncontrol(struct cdev *d, u_long c, caddr_t data, int flags, "
		     "struct thread *td)\n{\n	return (*nobody);\n}\n",
			".d_ioctl = control"),
		NULL);

	(void)state;
	lab_expect(&o, 1, "crash");
	lab_expect_finding(&o, "null-dereference", "toy was exercised (auto, seed 7)");
	lab_free(&o);
}

static void freebsd_auto_finds_a_null_pointer_behind_a_sysctl(void **state)
{
	struct outcome o = on_freebsd(
		CDEV("static int *volatile nobody;\n"
		     "static int\nshow(SYSCTL_HANDLER_ARGS)\n{\n	int v = *nobody;\n"
		     "	return (sysctl_handle_int(oidp, &v, 0, req));\n}\n"
		     "SYSCTL_PROC(_hw, OID_AUTO, toy, CTLTYPE_INT | CTLFLAG_RW | CTLFLAG_MPSAFE, NULL, 0, "
		     "show, \"I\", \"a number\");\n",
			".d_flags = 0"),
		NULL);

	(void)state;
	lab_expect(&o, 1, "crash");
	lab_expect_finding(&o, "null-dereference", "toy was exercised (auto, seed 7)");
	lab_free(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(freebsd_files_and_sysctls_that_are_right_pass),
		cmocka_unit_test(freebsd_tests_in_c_and_in_sh_run_while_the_module_is_there),
		cmocka_unit_test(freebsd_tests_that_fail_are_findings),
		cmocka_unit_test(a_freebsd_test_that_does_not_compile_is_a_finding_with_its_line),
		cmocka_unit_test(freebsd_auto_uses_a_file_from_threads_that_share_their_memory),
		cmocka_unit_test(freebsd_auto_finds_a_null_pointer_behind_an_ioctl),
		cmocka_unit_test(freebsd_auto_finds_a_null_pointer_behind_a_sysctl),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
