/* SPDX-License-Identifier: BSD-2-Clause */
#include "rebuild.h"

#include "base/path.h"

static struct targets targets;

const struct target *target_of(const char *name)
{
	struct error err;
	const struct target *t = target_find(&targets, name, &err);

	if (!t)
		fail_msg("%s", err.text);
	return t;
}

struct build built(const char *dir, const char *target)
{
	struct error err;
	struct build b;

	if (build_module(dir, target_of(target), 120000, &b, &err))
		fail_msg("%s", err.text);
	return b;
}

const struct module_file *find(const struct build *b, const char *name)
{
	for (size_t i = 0; i < b->modules.n; i++)
		if (!strcmp(b->modules.items[i].name, name))
			return &b->modules.items[i];
	fail_msg("no %s.ko was built:\n%s", name, b->log);
	return NULL;
}

struct build from_nothing(const char *dir, const char *target)
{
	static char *other;
	AUTO_FREE char *cache = xstrdup(getenv("XDG_CACHE_HOME") ? getenv("XDG_CACHE_HOME") : "");
	AUTO_FREE char *forget = NULL;
	struct build b;

	/* What make exports is asked for once; no mirror is built in twice. */
	if (!other)
		other = lab_dir();
	forget = xasprintf("rm -rf '%s'/kmodlab/build/*/*/", other);
	assert_int_equal(system(forget), 0);
	setenv("XDG_CACHE_HOME", other, 1);
	b = built(dir, target);
	if (*cache)
		setenv("XDG_CACHE_HOME", cache, 1);
	else
		unsetenv("XDG_CACHE_HOME");
	assert_false(b.replayed);
	return b;
}

void assert_same_modules(const struct build *a, const struct build *b)
{
	assert_true(a->ok && b->ok);
	assert_int_equal(a->modules.n, b->modules.n);
	for (size_t i = 0; i < a->modules.n; i++) {
		const struct module_file *m = &a->modules.items[i], *n = find(b, m->name);

		if (m->len != n->len || memcmp(m->bytes, n->bytes, m->len))
			fail_msg("%s.ko is not what a build from nothing makes of it", m->name);
	}
}

void expect(const char *dir, const char *target, bool replayed)
{
	struct build b = built(dir, target), fresh;

	if (!b.rebuilt || b.replayed != replayed)
		fail_msg("%s: rebuilt %d, replayed %d:\n%s", target, b.rebuilt, b.replayed, b.log);
	fresh = from_nothing(dir, target);
	assert_same_modules(&b, &fresh);
	build_free(&fresh);
	build_free(&b);
}

void build_first(const char *dir, const char *target)
{
	struct build b = built(dir, target);

	if (!b.ok)
		fail_msg("%s", b.log);
	build_free(&b);
}

char *source(const char *name, ...)
{
	char *dir = lab_dir();
	va_list args;

	va_start(args, name);
	for (; name; name = va_arg(args, const char *)) {
		AUTO_FREE char *parent = xasprintf("%s/%s", dir, name);
		struct error err;

		*strrchr(parent, '/') = 0;
		assert_int_equal(path_make_dirs(parent, &err), 0);
		lab_write(dir, name, "%s", va_arg(args, const char *));
	}
	va_end(args);
	return dir;
}

int load_targets(void **state)
{
	struct error err;

	(void)state;
	return targets_load(&targets, &err);
}

int unload_targets(void **state)
{
	(void)state;
	targets_free(&targets);
	return 0;
}

void edit_replays(const char *target, const char *dir, const char *file, const char *content)
{
	AUTO_FREE char *path = xasprintf("%s/%s", dir, file);
	AUTO_BUF struct buf before = {0};
	struct build first, again;

	assert_int_equal(path_read(path, 1 << 20, &before), 0);
	first = built(dir, target);
	lab_write(dir, file, "%s", content);
	expect(dir, target, true);
	lab_write(dir, file, "%s", before.data);
	again = built(dir, target);
	assert_true(again.replayed);
	assert_same_modules(&again, &first);
	build_free(&again);
	build_free(&first);
}

char *findings_text(const struct build *b)
{
	struct buf text = {0};

	for (size_t i = 0; i < b->findings.n; i++)
		buf_addf(&text, "%s %s:%u %s\n", b->findings.items[i].rule,
			b->findings.items[i].file ? b->findings.items[i].file : "",
			b->findings.items[i].line, b->findings.items[i].message);
	return buf_take(&text);
}
