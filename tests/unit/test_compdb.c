/* SPDX-License-Identifier: BSD-2-Clause */
/* From a compiler's call in the sandbox to what an editor is told: words, paths, options, JSON. */
#include "unit.h"

#include "base/path.h"
#include "build/compdb.h"

#include <json-c/json.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* A user's directory, its mirror and a target's tree, in a directory that goes away. */
struct room {
	char *top, *dir, *mirror, *root, *links;
	struct compdb_places places;
};

static void put(const char *dir, const char *name, const char *text)
{
	AUTO_FREE char *path = xasprintf("%s/%s", dir, name);
	AUTO_FREE char *parent = xstrndup(path, (size_t)(strrchr(path, '/') - path));
	struct error err;

	assert_int_equal(path_make_dirs(parent, &err), 0);
	assert_int_equal(path_write(path, text, strlen(text), &err), 0);
}

static void put_link(const char *dir, const char *name, const char *to)
{
	AUTO_FREE char *path = xasprintf("%s/%s", dir, name);

	assert_int_equal(symlink(to, path), 0);
}

static int make_room(void **state)
{
	struct room *r = xcalloc(1, sizeof *r);
	char top[] = "/tmp/kmodlab-compdb-XXXXXX";

	assert_non_null(mkdtemp(top));
	r->top = xstrdup(top);
	r->dir = xasprintf("%s/home/module", top);
	r->mirror = xasprintf("%s/cache/src", top);
	r->links = xasprintf("%s/cache/links", top);
	r->root = xasprintf("%s/tree", top);
	put(r->dir, "a.c", "");
	put(r->dir, "own.h", "");
	put(r->mirror, "a.c", "");
	put(r->mirror, "own.h", "");
	put(r->root, "usr/src/linux-headers-1/include/linux/types.h", "");
	put(r->root, "usr/src/linux-headers-1-common/include/linux/init.h", "");
	put(r->root, "usr/lib/linux-kbuild-1/scripts/x.h", "");
	r->places = (struct compdb_places){.inside = "/home/u/module",
		.dir = r->dir,
		.mirror = r->mirror,
		.links = r->links,
		.root = r->root,
		.mounts = {{"", r->root}}};
	*state = r;
	return 0;
}

static int leave_room(void **state)
{
	struct room *r = *state;

	path_remove_tree(r->top);
	free(r->top);
	free(r->dir);
	free(r->mirror);
	free(r->root);
	free(r->links);
	free(r);
	return 0;
}

/* The arguments, a blank before each. */
static char *options(const struct room *r, const char *cwd, const char *line)
{
	AUTO_STRV struct strv words = {0}, argv = {0};
	struct buf text = {0};

	assert_true(compdb_words(line, &words));
	compdb_options(&r->places, cwd, &words, &argv);
	for (size_t i = 0; i < argv.n; i++)
		buf_addf(&text, " %s", argv.v[i]);
	return buf_take(&text);
}

static void assert_options(
	const struct room *r, const char *cwd, const char *line, const char *expected)
{
	AUTO_FREE char *got = options(r, cwd, line);

	assert_string_equal(got, expected);
}

#define GCC_FIRST " -Wno-unknown-warning-option"
#define GCC_LAST  " -Wno-gnu -Wno-initializer-overrides"

/* ---- words ---- */

static void assert_words(const char *line, const char *expected)
{
	AUTO_STRV struct strv words = {0};
	AUTO_BUF struct buf text = {0};

	assert_true(compdb_words(line, &words));
	buf_adds(&text, "");
	for (size_t i = 0; i < words.n; i++)
		buf_addf(&text, "[%s]", words.v[i]);
	assert_string_equal(text.data, expected);
}

static void words_are_the_shells(void **state)
{
	(void)state;
	assert_words("  gcc  -c\ta.c ", "[gcc][-c][a.c]");
	assert_words("gcc -DN='\"hello\"' a.c", "[gcc][-DN=\"hello\"][a.c]");
	assert_words("gcc \"-DS(x)=#x\" a\\ b.c ''", "[gcc][-DS(x)=#x][a b.c][]");
	assert_words("gcc \"a\\\"b\\c\"", "[gcc][a\"b\\c]");
	assert_words("", "");
}

static void only_the_first_command_counts(void **state)
{
	(void)state;
	assert_words("gcc -c a.c ; ./tools/objtool/objtool --orc a.o", "[gcc][-c][a.c]");
	assert_words("gcc -c a.c&& true", "[gcc][-c][a.c]");
	assert_words("gcc -c a.c\nld", "[gcc][-c][a.c]");
}

static void an_open_quote_is_no_command(void **state)
{
	AUTO_STRV struct strv words = {0};

	(void)state;
	assert_false(compdb_words("gcc 'a.c", &words));
}

static void the_source_is_the_c_file(void **state)
{
	AUTO_STRV struct strv words = {0};

	(void)state;
	assert_true(compdb_words("gcc -include a.h -c -o x.o sub/x.c", &words));
	assert_string_equal(compdb_source(&words), "sub/x.c");
	strv_free(&words);
	assert_true(compdb_words("gcc -c -o x.o x.S", &words));
	assert_null(compdb_source(&words));
}

/* ---- paths ---- */

static void assert_path(const struct room *r, const char *cwd, const char *path, const char *base,
	const char *expected)
{
	AUTO_FREE char *got = compdb_path(&r->places, cwd, path);
	AUTO_FREE char *want = xasprintf("%s%s", base, expected);

	assert_string_equal(got, want);
}

static void the_users_files_keep_their_place(void **state)
{
	struct room *r = *state;

	assert_path(r, "/home/u/module", "a.c", r->dir, "/a.c");
	assert_path(r, "/usr/src/linux-headers-1", "/home/u/module/sub/../own.h", r->dir, "/own.h");
	assert_path(r, "/home/u/module", ".", r->dir, "");
	assert_path(r, "/", "/home/u/module2/a.c", r->root, "/home/u/module2/a.c");
}

static void what_the_build_made_is_in_the_mirror(void **state)
{
	struct room *r = *state;

	put(r->mirror, "made.h", "");
	assert_path(r, "/home/u/module", "made.h", r->mirror, "/made.h");
	assert_path(r, "/home/u/module", "nowhere.h", r->dir, "/nowhere.h");
}

static void links_in_a_tree_are_meant_from_its_top(void **state)
{
	struct room *r = *state;

	put_link(r->root, "lib", "usr/lib");
	put_link(r->root, "usr/src/linux-headers-1/scripts", "../../lib/linux-kbuild-1/scripts");
	put_link(r->root, "usr/src/absolute", "/lib/linux-kbuild-1");
	put_link(r->root, "usr/src/outside", "../../../../../../etc");
	put_link(r->root, "usr/src/round", "round");
	assert_path(r, "/usr/src/linux-headers-1", "./scripts/x.h", r->root,
		"/usr/lib/linux-kbuild-1/scripts/x.h");
	assert_path(r, "/", "/usr/src/absolute/scripts/x.h", r->root,
		"/usr/lib/linux-kbuild-1/scripts/x.h");
	assert_path(r, "/", "/usr/src/outside/passwd", r->root, "/etc/passwd");
	assert_path(r, "/", "/usr/src/round/a", r->root, "/usr/src/round/a");
}

static void this_machines_kernel_is_where_it_is(void **state)
{
	struct room *r = *state;

	r->places.root = "/";
	r->places.mounts[0].inside = NULL;
	assert_path(r, "/usr/src/linux", "include/x.h", "", "/usr/src/linux/include/x.h");
}

/* ---- options ---- */

static void directories_and_files_get_their_place(void **state)
{
	struct room *r = *state;
	AUTO_FREE char *expected =
		xasprintf(GCC_FIRST " -nostdinc -I %s/usr/src/linux-headers-1/include"
				    " -isystem %s/usr/src/linux-headers-1-common/include"
				    " -include %s/usr/src/linux-headers-1/include/linux/types.h"
				    " -I %s -iquote %s" GCC_LAST,
			r->root, r->root, r->root, r->dir, r->dir);

	assert_options(r, "/usr/src/linux-headers-1",
		"gcc-12 -nostdinc -I./include -isystem /usr/src/linux-headers-1-common/include "
		"-include ./include/linux/types.h -I/home/u/module -iquote/home/u/module -c -o "
		"/home/u/module/a.o /home/u/module/a.c",
		expected);
}

static void what_only_gcc_knows_is_left_out(void **state)
{
	assert_options(*state, "/",
		"ccache gcc -Wp,-MMD,./.a.o.d -mpreferred-stack-boundary=3 "
		"-fno-allow-store-data-races -mindirect-branch=thunk-extern "
		"-mindirect-branch-register -mindirect-branch-cs-prefix "
		"-mfunction-return=thunk-extern -mharden-sls=all -fconserve-stack "
		"-mrecord-mcount -pg -mfentry -fplugin=./x.so -fplugin-arg-x-y "
		"-fsanitize=bounds-strict --param asan-stack=1 --param=x=2 -falign-jumps=1 "
		"-fmin-function-alignment=16 -fno-ipa-cp-clone -femit-struct-debug-baseonly "
		"-fzero-init-padding-bits=all -mstack-protector-guard-reg=gs -gdwarf-5 -MT x "
		"-MFy -fmacro-prefix-map=./= -Werror -c -o a.o a.c",
		GCC_FIRST GCC_LAST);
}

static void what_the_source_means_stays(void **state)
{
	assert_options(*state, "/",
		"gcc -D__KERNEL__ -D X=1 -UY -std=gnu11 -O2 -fshort-wchar -funsigned-char "
		"-fms-extensions -m64 -mno-sse2 -mcmodel=kernel -march=x86-64 -Wall "
		"-Werror=date-time -DKBUILD_MODNAME='\"a b\"' a.c",
		GCC_FIRST " -D__KERNEL__ -DX=1 -UY -std=gnu11 -O2 -fshort-wchar -funsigned-char "
			  "-fms-extensions -m64 -mno-sse2 -mcmodel=kernel -march=x86-64 -Wall "
			  "-Werror=date-time -DKBUILD_MODNAME=\"a b\"" GCC_LAST);
}

static void gccs_headers_become_clangs(void **state)
{
	assert_options(*state, "/",
		"gcc-10 -nostdinc -isystem /usr/lib/gcc/x86_64-linux-gnu/10/include -c a.c",
		GCC_FIRST " -nostdlibinc" GCC_LAST);
}

static void clangs_options_stay_but_its_outputs(void **state)
{
	assert_options(*state, "/",
		"clang --target=x86_64-unknown-freebsd14 -O2 -pipe -Werror -nostdinc -g -MD "
		"-MF.depend.a.o -MTa.o -mno-red-zone -fdebug-prefix-map=./machine=/x -c a.c -o a.o",
		" --target=x86_64-unknown-freebsd14 -O2 -Werror -nostdinc -mno-red-zone");
}

static void headers_that_the_build_made_are_found(void **state)
{
	struct room *r = *state;
	AUTO_FREE char *expected = NULL, *text = NULL;
	char to[256];
	ssize_t n;

	put(r->mirror, "device_if.h", "");
	put(r->root, "usr/src/sys/amd64/include/param.h", "");
	put_link(r->mirror, "machine", "/freebsd/src/sys/amd64/include");
	put_link(r->mirror, "secrets", "/etc");
	text = xasprintf("%s/usr/src", r->root);
	r->places.mounts[0] = (struct compdb_mount){"/freebsd/src", text};
	expected = xasprintf(" -I %s -I %s -I %s", r->dir, r->mirror, r->links);
	assert_options(r, "/home/u/module", "clang -I. -c a.c", expected);
	free(expected);
	expected = xasprintf("%s/machine", r->links);
	n = readlink(expected, to, sizeof to - 1);
	assert_true(n > 0);
	to[n] = 0;
	free(expected);
	expected = xasprintf("%s/usr/src/sys/amd64/include", r->root);
	assert_string_equal(to, expected);
	/* A link out of the target's tree is not made. */
	free(expected);
	expected = xasprintf("%s/secrets", r->links);
	assert_int_equal(access(expected, F_OK), -1);
}

static void arguments_that_are_missing_do_no_harm(void **state)
{
	struct room *r = *state;
	AUTO_FREE char *a = options(r, "/", "gcc -I"), *b = options(r, "/", "gcc -o");

	assert_non_null(a);
	assert_string_equal(b, GCC_FIRST GCC_LAST);
	assert_options(r, "/", "", GCC_FIRST GCC_LAST);
}

/* ---- JSON ---- */

static void json_holds_what_went_in(void **state)
{
	struct compdb db = {0};
	struct compdb_entry *e = ARRAY_ADD(db.items, db.n);
	AUTO_BUF struct buf text = {0};
	struct json_object *all, *entry, *words;

	(void)state;
	e->directory = xstrdup("/d");
	e->file = xstrdup("/d/a \"b\".c");
	strv_adds(&e->argv, "clang", "-DN=\"x\\y\"", NULL);
	compdb_print(&db, &text);
	compdb_free(&db);
	all = json_tokener_parse(text.data);
	assert_int_equal(json_object_array_length(all), 1);
	entry = json_object_array_get_idx(all, 0);
	assert_string_equal(
		json_object_get_string(json_object_object_get(entry, "directory")), "/d");
	assert_string_equal(
		json_object_get_string(json_object_object_get(entry, "file")), "/d/a \"b\".c");
	words = json_object_object_get(entry, "arguments");
	assert_int_equal(json_object_array_length(words), 2);
	assert_string_equal(
		json_object_get_string(json_object_array_get_idx(words, 1)), "-DN=\"x\\y\"");
	json_object_put(all);
}

#define IN_ROOM(name) cmocka_unit_test_setup_teardown(name, make_room, leave_room)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_the_shells),
		cmocka_unit_test(only_the_first_command_counts),
		cmocka_unit_test(an_open_quote_is_no_command),
		cmocka_unit_test(the_source_is_the_c_file),
		IN_ROOM(the_users_files_keep_their_place),
		IN_ROOM(what_the_build_made_is_in_the_mirror),
		IN_ROOM(links_in_a_tree_are_meant_from_its_top),
		IN_ROOM(this_machines_kernel_is_where_it_is),
		IN_ROOM(directories_and_files_get_their_place),
		IN_ROOM(what_only_gcc_knows_is_left_out),
		IN_ROOM(what_the_source_means_stays),
		IN_ROOM(gccs_headers_become_clangs),
		IN_ROOM(clangs_options_stay_but_its_outputs),
		IN_ROOM(headers_that_the_build_made_are_found),
		IN_ROOM(arguments_that_are_missing_do_no_harm),
		cmocka_unit_test(json_holds_what_went_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
