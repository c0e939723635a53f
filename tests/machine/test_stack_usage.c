/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is said of the stack is what the compiler says: all examples, and a module with every odd kind of frame, are
 * compiled with -fstack-usage, whose files are then compared with the report, function by function.
 */
#include "lab.h"

#include "base/path.h"
#include "base/walk.h"

#include <stdio.h>

static const char zoo[] =
	"void zoo_use(void *p);\n"
	"noinline void zoo_use(void *p) { asm volatile(\"\" : : \"r\"(p) : \"memory\"); }\n"
	"static noinline void zoo_many(void *a, int b, int c, int d, int e, int f, int g, int h, int i)\n"
	"{ zoo_use(&i); zoo_use(a); }\n"
	"static noinline void zoo_large(void) { char x[1500]; zoo_use(x); }\n"
	"static noinline void zoo_huge(void) { char x[70000]; zoo_use(x); }\n"
	"static noinline void zoo_aligned(void) { int x __aligned(64) = 0; zoo_use(&x); }\n"
	"static noinline void zoo_pushes(int n) { zoo_many(0, 1, 2, 3, 4, 5, 6, 7, n); }\n"
	"static noinline void zoo_both(int n)\n"
	"{ char x[40] __aligned(32); zoo_use(x); zoo_many(x, 1, 2, 3, 4, 5, 6, 7, n); }\n"
	"static noinline void zoo_variable(int n) { char x[n]; zoo_use(x); }\n"
	"static noinline int zoo_early(int n)\n"
	"{ char x[100]; if (n < 3) return n; zoo_use(x); zoo_use(x + 1); return x[n]; }\n"
	"static noinline void zoo_warns(int n)\n"
	"{ char x[60]; if (WARN_ON(n > 77)) { zoo_use(x); return; } zoo_use(x + 2); }\n"
	"static noinline void zoo_dies(int n) { char x[90]; BUG_ON(n > 77); zoo_use(x); }\n"
	"static noinline int zoo_switch(int n)\n"
	"{ char x[24]; switch (n) { case 1: zoo_use(x); return 3; case 2: zoo_use(x + 1); return 9;\n"
	"case 3: zoo_use(x + 2); return 27; case 4: zoo_use(x); zoo_use(x + 4); return 1;\n"
	"case 5: return 8; case 6: zoo_use(x + 7); break; } return x[n & 7]; }\n"
	"static int __init zoo_init(void)\n"
	"{ int n = num_online_cpus(); zoo_large(); zoo_huge(); zoo_aligned(); zoo_pushes(n);\n"
	"zoo_both(n); zoo_variable(n); zoo_warns(n); zoo_dies(n);\n"
	"return zoo_early(n) + zoo_switch(n); }\n"
	"module_init(zoo_init);\n";

static bool is_makefile(const char *name)
{
	return !strcmp(name, "Makefile");
}

static bool is_usage(const char *name)
{
	size_t n = strlen(name);

	return n > 3 && !strcmp(name + n - 3, ".su");
}

static bool ask_for_usage(void *arg, const char *path)
{
	AUTO_BUF struct buf text = {0};
	bool linux_one;
	FILE *f;

	(void)arg;
	assert_int_equal(path_read(path, 1 << 16, &text), 0);
	linux_one = strstr(text.data, "obj-m") != NULL;
	f = fopen(path, "w");
	assert_non_null(f);
	if (linux_one)
		fprintf(f, "ccflags-y += -fstack-usage -Wno-vla -Wframe-larger-than=1000000\n%s",
			text.data);
	else
		fprintf(f, "%s\nCFLAGS+=\t-fstack-usage\n", text.data);
	fclose(f);
	return true;
}

/* One run's report, and what became of comparing with it. */
struct comparison {
	struct json_object *trials;
	long more; /* bytes that the report has more than the compiler: the return address */
	bool pushes_count;
	unsigned same, others;
};

/* "turn_round.constprop.0" and "turn_round" are the same to the compiler. */
static bool same_name(const char *a, const char *b)
{
	size_t n = strcspn(a, ".");

	return n == strcspn(b, ".") && !strncmp(a, b, n);
}

/* Whether the report has the function with that many bytes; `nearest` gets what it has otherwise. */
static bool has_frame(const struct comparison *c, const char *base, const char *function,
	long bytes, long *nearest)
{
	for (size_t t = 0; t < json_object_array_length(c->trials); t++) {
		struct json_object *stacks, *frames = NULL;

		stacks = json_object_object_get(json_object_array_get_idx(c->trials, t), "stacks");
		for (size_t s = 0; s < json_object_array_length(stacks); s++) {
			frames = json_object_object_get(
				json_object_array_get_idx(stacks, s), "frames");
			for (size_t i = 0; i < json_object_array_length(frames); i++) {
				struct json_object *f = json_object_array_get_idx(frames, i);
				const char *file = lab_string(f, "file");
				const char *slash = strrchr(file, '/');
				long has =
					json_object_get_int64(json_object_object_get(f, "bytes"));

				if (strcmp(slash ? slash + 1 : file, base) ||
					!same_name(lab_string(f, "function"), function))
					continue;
				*nearest = has;
				if (has == bytes)
					return true;
			}
		}
	}
	return false;
}

/* Lines of "PATH:LINE:COLUMN:FUNCTION\tBYTES\tKIND". */
static bool compare(void *arg, const char *path)
{
	struct comparison *c = arg;
	AUTO_BUF struct buf text = {0};
	char *rest, *line;

	assert_int_equal(path_read(path, 1 << 20, &text), 0);
	for (line = strtok_r(text.data, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		char *tab = strchr(line, '\t'), *function, *base;
		long nearest = -1, bytes;

		assert_non_null(tab);
		*tab = '\0';
		bytes = strtol(tab + 1, NULL, 10) + c->more;
		function = strrchr(line, ':');
		assert_non_null(function);
		function++;
		line[strcspn(line, ":")] = '\0';
		base = strrchr(line, '/') ? strrchr(line, '/') + 1 : line;
		if (has_frame(c, base, function, bytes, &nearest)) {
			c->same++;
			continue;
		}
		c->others++;
		print_message("%s %s: the compiler says %ld, the report %ld\n", base, function,
			bytes, nearest);
		assert_true(c->pushes_count && nearest > bytes && nearest < bytes + 128);
	}
	return true;
}

static void compare_all(const char *dir, const char *target, struct comparison *c)
{
	AUTO_FREE char *was = xstrdup(getenv("XDG_CACHE_HOME"));
	AUTO_FREE char *cache = lab_dir();
	struct outcome o;

	walk_files(dir, is_makefile, ask_for_usage, NULL);
	setenv("XDG_CACHE_HOME", cache, 1);
	o = lab_run("check", "--json", "-t", target, dir, NULL);
	setenv("XDG_CACHE_HOME", was, 1);
	assert_non_null(o.json);
	c->trials = json_object_object_get(o.json, "trials");
	walk_files(cache, is_usage, compare, c);
	lab_free(&o);
}

static char *all_examples(void)
{
	AUTO_FREE char *parent = lab_dir();
	char *dir = xasprintf("%s/examples", parent);
	AUTO_FREE char *command = xasprintf("cp -r '%s/examples' '%s'", lab_source(), dir);

	assert_int_equal(system(command), 0);
	return dir;
}

static void every_frame_of_linux_is_what_gcc_says(void **state)
{
	AUTO_FREE char *dir = all_examples();
	struct comparison c = {0};

	(void)state;
	compare_all(dir, BOOKWORM, &c);
	assert_int_equal(c.others, 0);
	assert_true(c.same > 70);
}

static void odd_frames_are_what_gcc_says_too(void **state)
{
	AUTO_FREE char *dir = lab_module("zoo", zoo);
	struct comparison c = {0};

	(void)state;
	compare_all(dir, BOOKWORM, &c);
	assert_int_equal(c.others, 0);
	assert_int_equal(c.same, 13);
}

/* clang counts neither the return address nor the arguments that are pushed for a call. */
static void every_frame_of_freebsd_is_what_clang_says(void **state)
{
	AUTO_FREE char *dir = NULL;
	struct comparison c = {.more = 8, .pushes_count = true};

	(void)state;
	if (!getenv("KMODLAB_FREEBSD") || !*getenv("KMODLAB_FREEBSD"))
		skip();
	dir = all_examples();
	compare_all(dir, getenv("KMODLAB_FREEBSD"), &c);
	assert_true(c.same > 40);
	assert_true(c.others <= 2);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_frame_of_linux_is_what_gcc_says),
		cmocka_unit_test(odd_frames_are_what_gcc_says_too),
		cmocka_unit_test(every_frame_of_freebsd_is_what_clang_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
