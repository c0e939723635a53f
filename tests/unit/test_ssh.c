/* SPDX-License-Identifier: BSD-2-Clause */
/* What names a machine that is reached over ssh, what is said when it is not, and that it is only chosen by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/ssh.h"
#include "judge/judge.h"
#include "target/registry.h"
#include "target/target.h"

#include <errno.h>

static void a_place_is_what_ssh_takes_and_nothing_else(void **state)
{
	static const char *const good[] = {"board", "root@board", "me@board.local:2222",
		"root@192.168.1.4", "root@[fe80::1%eth0]:22", "[::1]", "a-b_c.d@e-f_g"};
	static const char *const bad[] = {"", "@board", "root@", "-oProxyCommand=x", "root@-x",
		"board:0", "board:65536", "board:22x", "board:", "a b", "root@board;ls",
		"root@bo'ard", "ro$ot@board", "[::1", "[::1]x", "root@fe80::1"};
	struct error err;

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		assert_true(ssh_is_where(good[i], &err));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (ssh_is_where(bad[i], &err))
			fail_msg("'%s' was taken", bad[i]);
	assert_non_null(strstr(err.text, "USER@HOST"));
}

static void what_ssh_complains_of_comes_with_what_to_do(void **state)
{
	static const struct {
		const char *said, *advice;
	} all[] = {
		{"me@board: Permission denied (publickey).\r\n", "`ssh-copy-id -p 22 me@board`"},
		{"Host key verification failed.\n", "once by hand"},
		{"ssh: connect to host board port 22: Connection refused\n",
			"`ssh -p 22 me@board true`"},
		{"", "switched on"},
	};
	struct error err;

	(void)state;
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		assert_int_equal(ssh_failed("me@board:22", all[i].said, &err), -EHOSTUNREACH);
		assert_non_null(strstr(err.text, all[i].advice));
		assert_non_null(strstr(err.text, "ssh:me@board:22"));
		assert_null(strchr(err.text, '\r'));
	}
	ssh_failed("me@board", "Host key verification failed.\n", &err);
	assert_non_null(strstr(err.text, "`ssh me@board` once by hand"));
	ssh_failed("me@[fe80::1]:22", "", &err);
	assert_non_null(strstr(err.text, "`ssh -p 22 me@fe80::1 true`"));
}

static struct target sample(const char *name, const char *ssh)
{
	return (struct target){.name = (char *)name,
		.arch = (char *)"x86_64",
		.release = (char *)"6.1.0",
		.kernel = (char *)"/bin/sh",
		.root = (char *)"/",
		.build = (char *)"/usr",
		.ssh = (char *)ssh,
		.added = (char *)"2026-11-22T13:05:00Z"};
}

static void a_real_machine_is_registered_as_one(void **state)
{
	struct target t = sample("ssh:root@board:2222", "root@board:2222"), back;
	AUTO_BUF struct buf text = {0};
	unsigned long long bytes;
	struct error err;

	(void)state;
	registry_format(&t, 1, &text);
	assert_int_equal(registry_parse(text.data, &back, &bytes, &err), 0);
	assert_string_equal(back.ssh, "root@board:2222");
	target_free(&back);
	assert_true(target_is_real("ssh:root@board"));
	assert_false(target_is_real("debian:bookworm/cloud"));
}

static void it_is_chosen_by_its_name_alone(void **state)
{
	struct target items[] = {
		sample("ssh:root@board", "root@board"), sample("debian:sid/cloud", NULL)};
	struct targets all = {items, 2};
	struct target_choices chosen = {0};
	struct error err;

	(void)state;
	assert_ptr_equal(target_default(&all, TARGET_LINUX), &items[1]);
	assert_null(target_default(&all, TARGET_FREEBSD));
	assert_int_equal(target_choose(&all, "all", &chosen, &err), 0);
	assert_int_equal(target_choose(&all, "*", &chosen, &err), 0);
	assert_int_equal(target_choose(&all, "*:*", &chosen, &err), 0);
	assert_int_equal(chosen.n, 1);
	assert_ptr_equal(chosen.items[0].target, &items[1]);
	assert_int_equal(target_choose(&all, "ss*", &chosen, &err), -ENOENT);
	assert_int_equal(target_choose(&all, "ssh:*", &chosen, &err), 0);
	assert_int_equal(chosen.n, 2);
	free(chosen.items);
	all.n = 1;
	assert_int_equal(target_choose(&all, "all", &chosen, &err), -ENOENT);
}

static void a_lost_machine_is_a_crash_with_what_to_do(void **state)
{
	struct ko ko = {.name = (char *)"bad"};
	struct call call = {.kind = CALL_LOAD, .ko = &ko};
	struct run r = {.calls = &call, .ncalls = 1, .end = RUN_ENDED, .lent = "ssh:root@board"};
	struct findings found = {0};

	(void)state;
	for (int i = 0; i < 2; i++) {
		r.restarted = i;
		judge_run(&r, NULL, &found);
		assert_int_equal(found.n, 1);
		assert_string_equal(found.items[0].rule, "machine-lost");
		assert_int_equal(found.items[0].class, CLASS_CRASH);
		assert_non_null(strstr(found.items[0].message,
			i ? "ssh:root@board restarted while bad's init ran"
			  : "ssh:root@board was lost while bad's init ran"));
		assert_int_equal(strstr(found.items[0].advice, "Switch it off and on") != NULL, !i);
		findings_free(&found);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_place_is_what_ssh_takes_and_nothing_else),
		cmocka_unit_test(what_ssh_complains_of_comes_with_what_to_do),
		cmocka_unit_test(a_real_machine_is_registered_as_one),
		cmocka_unit_test(it_is_chosen_by_its_name_alone),
		cmocka_unit_test(a_lost_machine_is_a_crash_with_what_to_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
