/* SPDX-License-Identifier: BSD-2-Clause */
/* What is read out of machine code: the stack that functions take, whom they call, where they use floating point. */
#include "unit.h"

#include "base/path.h"
#include "check/check.h"
#include "check/x86.h"

#include <stdio.h>

struct module {
	struct buf bytes;
	struct object object;
	struct flow flow;
};

static void read_module(struct module *m)
{
	*m = (struct module){0};
	assert_int_equal(path_read(OBJECT, 1 << 20, &m->bytes), 0);
	assert_true(object_read(m->bytes.data, m->bytes.len, &m->object));
	flow_read(&m->object, &m->flow);
	assert_true(m->flow.known);
}

static void free_module(struct module *m)
{
	flow_free(&m->flow);
	object_free(&m->object);
	buf_free(&m->bytes);
}

static const struct flow_function *function(const struct module *m, const char *name)
{
	for (size_t i = 0; i < m->flow.nfunctions; i++)
		if (!strcmp(m->flow.functions[i].name, name))
			return &m->flow.functions[i];
	fail_msg("there is no %s", name);
	return NULL;
}

static const struct flow_call *call_of(const struct module *m, const char *from, const char *to)
{
	const struct flow_function *f = function(m, from);

	for (size_t i = 0; i < f->ncalls; i++)
		if (f->calls[i].function != OBJECT_NONE &&
			!strcmp(m->flow.functions[f->calls[i].function].name, to))
			return &f->calls[i];
	fail_msg("%s does not call %s", from, to);
	return NULL;
}

static void frames_are_counted_as_gcc_counts_them(void **state)
{
	static const struct {
		const char *name;
		unsigned bytes;
	} frames[] = {{"leaf", 8}, {"pushes", 144}, {"framed", 80}, {"aligned", 96},
		{"realigned", 88}, {"variable", 16}, {"lowered", 16}, {"self", 520}, {"ping", 32},
		{"pong", 48}, {"big", 9008}, {"outside", 8}};
	struct module m;

	(void)state;
	read_module(&m);
	for (size_t i = 0; i < sizeof frames / sizeof *frames; i++) {
		const struct flow_function *f = function(&m, frames[i].name);

		if (f->frame != frames[i].bytes)
			print_error("%s: %u\n", f->name, f->frame);
		assert_int_equal(f->frame, frames[i].bytes);
		assert_false(f->strange);
	}
	free_module(&m);
}

static void code_that_only_tables_lead_to_is_found(void **state)
{
	struct module m;

	(void)state;
	read_module(&m);
	assert_int_equal(function(&m, "warns")->frame, 80);
	assert_int_equal(function(&m, "keyed")->frame, 96);
	assert_int_equal(function(&m, "switches")->frame, 72);
	assert_int_equal(function(&m, "switches")->ncalls, 1);
	assert_int_equal(function(&m, "partly")->frame, 1008);
	assert_true(function(&m, "partly.cold")->cold);
	free_module(&m);
}

static void what_does_not_return_is_not_gone_on_behind(void **state)
{
	struct module m;

	(void)state;
	read_module(&m);
	assert_int_equal(function(&m, "early")->frame, 48);
	free_module(&m);
}

static void stack_by_a_number_is_told_from_a_fixed_one(void **state)
{
	struct module m;

	(void)state;
	read_module(&m);
	assert_true(function(&m, "variable")->dynamic);
	assert_true(function(&m, "lowered")->dynamic);
	assert_false(function(&m, "aligned")->dynamic);
	assert_false(function(&m, "realigned")->dynamic);
	free_module(&m);
}

static void calls_say_how_deep_they_are(void **state)
{
	struct module m;

	(void)state;
	read_module(&m);
	assert_int_equal(call_of(&m, "pushes", "leaf")->depth, 144);
	assert_int_equal(call_of(&m, "framed", "pushes")->depth, 80);
	assert_false(call_of(&m, "framed", "pushes")->tail);
	assert_int_equal(function(&m, "framed")->ncalls, 2);
	assert_true(function(&m, "framed")->calls[1].tail);
	assert_int_equal(function(&m, "framed")->calls[1].depth, 0);
	assert_int_equal(call_of(&m, "self", "self")->depth, 520);
	assert_int_equal(call_of(&m, "partly", "leaf")->depth, 1008);
	assert_true(function(&m, "pong")->calls[1].indirect);
	/* __fentry__ is none. */
	assert_int_equal(function(&m, "leaf")->ncalls, 0);
	free_module(&m);
}

/* ---- findings ---- */

static void check_it(
	const struct module *m, bool thorough, struct stack_use *use, struct findings *out)
{
	static const struct ko ko;
	struct check_request q = {.path = "flow.ko",
		.bytes = m->bytes.data,
		.len = m->bytes.len,
		.ko = &ko,
		.thorough = thorough,
		.frames = true};
	struct check c = {.q = &q, .object = &m->object, .flow = &m->flow, .lines_tried = true};

	check_float(&c, out);
	check_stack(&c, use, out);
}

static const struct finding *finding_of(
	const struct findings *all, const char *rule, const char *function_name)
{
	for (size_t i = 0; i < all->n; i++)
		if (!strcmp(all->items[i].rule, rule) &&
			!strcmp(all->items[i].function, function_name))
			return &all->items[i];
	return NULL;
}

static void floating_point_is_found_where_it_is_not_allowed(void **state)
{
	struct findings found = {0};
	struct stack_use use = {0};
	const struct finding *f;
	struct module m;

	(void)state;
	read_module(&m);
	check_it(&m, false, &use, &found);
	f = finding_of(&found, "float-outside", "outside");
	assert_non_null(f);
	assert_int_equal(f->class, CLASS_BUG);
	assert_non_null(strstr(f->message, "\"mulsd xmm0, xmm1\", the first of 2"));
	f = finding_of(&found, "float-outside", "after");
	assert_non_null(f);
	assert_non_null(strstr(f->message, "movaps [rdi], xmm0"));
	assert_non_null(finding_of(&found, "float-outside", "partly"));
	stack_use_free(&use);
	findings_free(&found);
	free_module(&m);
}

static void floating_point_that_may_be_right_is_let_be(void **state)
{
	static const char *const quiet[] = {
		"inside", "helper", "by_wrapper", "perhaps", "both", "harmless", "unused"};
	struct findings found = {0};
	struct stack_use use = {0};
	struct module m;

	(void)state;
	read_module(&m);
	check_it(&m, false, &use, &found);
	for (size_t i = 0; i < sizeof quiet / sizeof *quiet; i++)
		assert_null(finding_of(&found, "float-outside", quiet[i]));
	assert_int_equal(function(&m, "harmless")->nuses, 0);
	stack_use_free(&use);
	findings_free(&found);
	free_module(&m);
}

static void much_stack_is_found(void **state)
{
	struct findings found = {0};
	const struct finding *f;
	struct stack_use use = {0};
	struct module m;

	(void)state;
	read_module(&m);
	check_it(&m, false, &use, &found);
	f = finding_of(&found, "stack-frame", "big");
	assert_non_null(f);
	assert_int_equal(f->severity, SEVERITY_WARNING);
	assert_non_null(strstr(f->message, "9008 bytes"));
	f = finding_of(&found, "stack-depth", "top");
	assert_non_null(f);
	assert_non_null(strstr(f->message, "top > middle > pushes > leaf takes 8568 bytes"));
	f = finding_of(&found, "stack-depth", "self");
	assert_non_null(f);
	assert_non_null(strstr(f->message, "520 bytes of the stack each time: after 31 times"));
	assert_null(finding_of(&found, "stack-recursion", "ping"));
	assert_null(finding_of(&found, "stack-dynamic", "variable"));
	stack_use_free(&use);
	findings_free(&found);
	free_module(&m);
}

static void what_is_for_information_is_told_when_asked(void **state)
{
	struct findings found = {0};
	struct stack_use use = {0};
	struct module m;

	(void)state;
	read_module(&m);
	check_it(&m, true, &use, &found);
	assert_non_null(finding_of(&found, "stack-dynamic", "variable"));
	assert_true(finding_of(&found, "stack-recursion", "ping") ||
		finding_of(&found, "stack-recursion", "pong"));
	assert_int_equal(use.size, 16384);
	assert_int_equal(use.deepest, 9008);
	assert_string_equal(use.chain, "big");
	assert_false(use.unknown);
	assert_string_equal(use.frames[0].function, "big");
	for (size_t i = 0; i < use.nframes; i++) {
		const struct stack_frame *f = &use.frames[i];

		if (!strcmp(f->function, "pong"))
			assert_true(f->recursive && f->indirect);
		if (!strcmp(f->function, "framed"))
			assert_true(f->deepest == 80 + 144 + 8 && !f->recursive);
	}
	stack_use_free(&use);
	findings_free(&found);
	free_module(&m);
}

/* ---- instructions ---- */

/* The short way to an instruction's length and meaning says what the library says, for every opcode with all its
 * forms of operands and the usual prefixes. */
static void both_ways_of_reading_agree(void **state)
{
	static const char *const prefixes[] = {"", "\x48", "\x41", "\x4c", "\x66", "\xf3", "\xf2",
		"\x66\x48", "\xf3\x48", "\xf0", "\x3e", "\x65\x48"};
	unsigned compared = 0;

	(void)state;
	for (size_t p = 0; p < sizeof prefixes / sizeof *prefixes; p++)
		for (unsigned op = 0; op < 512; op++)
			for (unsigned modrm = 0; modrm < 256; modrm++)
				for (unsigned sib = 0x24; sib < 0x100; sib += 0x61) {
					unsigned char b[64];
					size_t n = strlen(prefixes[p]);
					struct x86_insn a, z;

					memset(b, 0x11, sizeof b);
					memcpy(b, prefixes[p], n);
					if (op >= 256)
						b[n++] = 0x0f;
					b[n++] = (unsigned char)op;
					b[n++] = (unsigned char)modrm;
					b[n] = (unsigned char)sib;
					if (!x86_read_slowly(b, sizeof b, &z))
						continue;
					assert_true(x86_read(b, sizeof b, &a));
					compared++;
					if (a.length == z.length && a.kind == z.kind &&
						a.reg == z.reg && a.value == z.value &&
						a.floating == z.floating)
						continue;
					print_error("%02x %02x %02x %02x %02x: %u %u %lld, not %u "
						    "%u %lld\n",
						b[0], b[1], b[2], b[3], b[4], a.length, a.kind,
						(long long)a.value, z.length, z.kind,
						(long long)z.value);
					fail();
				}
	assert_true(compared > 1000000);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_are_counted_as_gcc_counts_them),
		cmocka_unit_test(code_that_only_tables_lead_to_is_found),
		cmocka_unit_test(what_does_not_return_is_not_gone_on_behind),
		cmocka_unit_test(stack_by_a_number_is_told_from_a_fixed_one),
		cmocka_unit_test(calls_say_how_deep_they_are),
		cmocka_unit_test(floating_point_is_found_where_it_is_not_allowed),
		cmocka_unit_test(floating_point_that_may_be_right_is_let_be),
		cmocka_unit_test(much_stack_is_found),
		cmocka_unit_test(what_is_for_information_is_told_when_asked),
		cmocka_unit_test(both_ways_of_reading_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
