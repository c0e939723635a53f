/* SPDX-License-Identifier: BSD-2-Clause */
/* That every rule the program gives is explained, and that what is explained can be had. */
#include "unit.h"

#include "base/path.h"
#include "base/walk.h"
#include "rules/rules.h"

#include <ctype.h>
#include <string.h>

/* What a finding is made with. */
static const char *const makers[] = {
	"finding_add(", "refusal_add(", "refuse(", "reader_begin(", "thing_finding("};

static bool is_c(const char *name)
{
	size_t n = strlen(name);

	return n > 2 && !strcmp(name + n - 2, ".c");
}

static bool is_id(const char *text, size_t len)
{
	return len > 2 && strspn(text, "abcdefghijklmnopqrstuvwxyz-") >= len && islower(text[0]);
}

/* The first string in the call that begins at `at`; 0 bytes: it has none. */
static size_t first_string(const char *at, const char **string)
{
	int depth = 1;

	for (; *at && depth; at++) {
		if (*at == '"') {
			*string = at + 1;
			return strcspn(at + 1, "\"");
		}
		depth += (*at == '(') - (*at == ')');
	}
	return 0;
}

/* Reads a file of the source, and adds the rules that are given in it to the strv `arg`. */
static bool collect_given(void *arg, const char *path)
{
	struct strv *given = arg;
	AUTO_BUF struct buf text = {0};

	if (strstr(path, "/rules/"))
		return true;
	assert_int_equal(path_read(path, 1 << 20, &text), 0);
	for (size_t i = 0; i < sizeof makers / sizeof *makers; i++)
		for (const char *at = text.data; at && (at = strstr(at, makers[i]));) {
			const char *string;
			size_t len;

			at += strlen(makers[i]);
			len = first_string(at, &string);
			if (is_id(string, len) && len) {
				AUTO_FREE char *id = xstrndup(string, len);

				strv_add(given, id);
			}
		}
	return true;
}

static void every_rule_that_is_given_is_explained(void **state)
{
	AUTO_STRV struct strv given = {0};
	AUTO_BUF struct buf missing = {0};

	(void)state;
	walk_files(SOURCE "/src", is_c, collect_given, &given);
	assert_true(given.n > 20);
	for (size_t i = 0; i < given.n; i++)
		if (!rule_find(given.v[i]))
			buf_addf(&missing, " %s", given.v[i]);
	if (missing.len)
		fail_msg("findings are made with rules that src/rules does not explain:%s",
			missing.data);
}

/* All text of the program that is not the table's. */
static bool collect_text(void *arg, const char *path)
{
	AUTO_BUF struct buf text = {0};

	if (strstr(path, "/rules/"))
		return true;
	assert_int_equal(path_read(path, 1 << 20, &text), 0);
	buf_add(arg, text.data, text.len);
	return true;
}

static void every_rule_that_is_explained_can_be_given(void **state)
{
	AUTO_BUF struct buf text = {0};
	AUTO_BUF struct buf missing = {0};
	const struct rule *const *all;
	size_t n = rules_all(&all);

	(void)state;
	walk_files(SOURCE "/src", is_c, collect_text, &text);
	for (size_t i = 0; i < n; i++) {
		AUTO_FREE char *quoted = xasprintf("\"%s\"", all[i]->id);

		if (!strstr(text.data, quoted))
			buf_addf(&missing, " %s", all[i]->id);
	}
	if (missing.len)
		fail_msg("no source gives:%s", missing.data);
}

static void every_explanation_is_whole(void **state)
{
	const struct rule *const *all;
	size_t n = rules_all(&all);

	(void)state;
	for (size_t i = 0; i < n; i++) {
		const struct rule *r = all[i];

		assert_true(is_id(r->id, strlen(r->id)));
		assert_true(strlen(r->title) > 8 && strlen(r->title) < 80);
		assert_true(strlen(r->meaning) > 40 && strlen(r->remedy) > 20);
		assert_true(r->linux_example || r->freebsd_example);
		assert_true(r->on_linux || r->on_freebsd);
		/* A class is an error's, and an error has one. */
		assert_int_equal(r->severity == SEVERITY_ERROR, r->class != CLASS_PASS);
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(r->id, all[k]->id);
	}
}

static void one_is_printed_with_all_that_it_has(void **state)
{
	AUTO_BUF struct buf out = {0};

	(void)state;
	rule_print(rule_find("data-race"), &out);
	assert_non_null(strstr(out.data, "data-race: two processors"));
	assert_non_null(strstr(out.data, "    count++;"));
	assert_non_null(strstr(out.data, "kmodlab target add debian:bookworm/race"));
	assert_non_null(strstr(out.data, "FreeBSD   needs a kernel with KCSAN"));
	assert_non_null(strstr(out.data, "--silence data-race"));
}

static void paragraphs_fit_a_terminal(void **state)
{
	const struct rule *const *all;
	size_t n = rules_all(&all);

	(void)state;
	for (size_t i = 0; i < n; i++) {
		AUTO_BUF struct buf out = {0};
		const char *end;

		rule_print(all[i], &out);
		end = strstr(out.data, "\nWhat to do\n");
		assert_non_null(end);
		for (const char *at = end; *at; at += strcspn(at, "\n") + 1)
			if (!strncmp(at, "    ", 4))
				assert_true(strcspn(at, "\n") <= 80);
	}
}

static void a_rule_that_is_not_there_has_a_neighbour(void **state)
{
	(void)state;
	assert_null(rule_find("memory-leek"));
	assert_string_equal(rule_nearest("memory-leek"), "memory-leak");
	assert_null(rule_nearest("xyzzy"));
}

static void the_page_in_doc_is_current(void **state)
{
	AUTO_BUF struct buf made = {0};
	AUTO_BUF struct buf page = {0};

	(void)state;
	rules_print_markdown(&made);
	assert_int_equal(path_read(SOURCE "/doc/rules.md", 1 << 20, &page), 0);
	if (made.len != page.len || memcmp(made.data, page.data, made.len))
		fail_msg("doc/rules.md is old: kmodlab explain --all --markdown > doc/rules.md");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_rule_that_is_given_is_explained),
		cmocka_unit_test(every_rule_that_is_explained_can_be_given),
		cmocka_unit_test(every_explanation_is_whole),
		cmocka_unit_test(one_is_printed_with_all_that_it_has),
		cmocka_unit_test(paragraphs_fit_a_terminal),
		cmocka_unit_test(a_rule_that_is_not_there_has_a_neighbour),
		cmocka_unit_test(the_page_in_doc_is_current),
	};

	return cmocka_run_group_tests_name("rules", tests, NULL, NULL);
}
