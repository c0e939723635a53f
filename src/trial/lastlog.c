/* SPDX-License-Identifier: BSD-2-Clause */
#include "trial/lastlog.h"

#include "base/path.h"
#include "judge/kmsg.h"

#include <errno.h>
#include <json-c/json.h>
#include <math.h>
#include <string.h>
#include <time.h>

#define FILE_MAX ((size_t)64 << 20)

static char *file_name(void)
{
	AUTO_FREE char *cache = path_cache_dir();

	return xasprintf("%s/last-log.json", cache);
}

/* ---- keeping ---- */

static void put(struct json_object *o, const char *key, const char *text)
{
	json_object_object_add(o, key, json_object_new_string(text ? text : ""));
}

static char *call_name(const struct call *c)
{
	const char *kind = c->kind == CALL_LOAD ? "load"
		: c->kind == CALL_UNLOAD	? "unload"
						: "exercise";
	const char *what = c->what ? c->what : c->ko && c->ko->name ? c->ko->name : "";

	return xasprintf("%s%s%s", kind, *what ? " " : "", what);
}

static struct json_object *record_json(const struct record *r)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "usec", json_object_new_int64((int64_t)r->usec));
	json_object_object_add(o, "level", json_object_new_int((int)r->level));
	json_object_object_add(o, "call", json_object_new_int64((int64_t)r->call));
	json_object_object_add(o, "after", json_object_new_boolean(r->after));
	put(o, "text", r->text);
	return o;
}

void lastlog_keep(const struct trial *t)
{
	size_t first = t->run.nlog > LASTLOG_KEPT ? t->run.nlog - LASTLOG_KEPT : 0;
	struct json_object *o = json_object_new_object(), *log = json_object_new_array(),
			   *calls = json_object_new_array();
	AUTO_FREE char *file = file_name(), *dir = path_cache_dir();
	time_t now = time(NULL);
	struct error err;
	char date[32];
	struct tm tm;

	strftime(date, sizeof date, "%Y-%m-%d %H:%M:%S UTC", gmtime_r(&now, &tm));
	put(o, "module", t->name);
	put(o, "target", t->target ? t->target->name : NULL);
	put(o, "verdict", trial_verdict_name(t));
	put(o, "date", date);
	json_object_object_add(
		o, "dropped", json_object_new_int64((int64_t)(t->run.dropped + first)));
	for (size_t i = 0; i < t->run.ncalls; i++) {
		AUTO_FREE char *name = call_name(&t->run.calls[i]);

		json_object_array_add(calls, json_object_new_string(name));
	}
	json_object_object_add(o, "calls", calls);
	for (size_t i = first; i < t->run.nlog; i++)
		json_object_array_add(log, record_json(&t->run.log[i]));
	json_object_object_add(o, "log", log);
	if (!path_make_dirs(dir, &err)) {
		const char *text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN);

		(void)path_write(file, text, strlen(text), &err);
	}
	json_object_put(o);
}

/* ---- reading ---- */

static char *get(struct json_object *o, const char *key)
{
	struct json_object *value = json_object_object_get(o, key);
	const char *text =
		json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";

	return record_text(text, strlen(text));
}

static uint64_t get_number(struct json_object *o, const char *key)
{
	int64_t n = json_object_get_int64(json_object_object_get(o, key));

	return n < 0 ? 0 : (uint64_t)n;
}

static struct json_object *get_array(struct json_object *o, const char *key)
{
	struct json_object *value = json_object_object_get(o, key);

	return json_object_is_type(value, json_type_array) ? value : NULL;
}

int lastlog_parse(const char *text, struct lastlog *l)
{
	struct json_object *o = json_tokener_parse(text), *calls, *log;
	size_t n;

	*l = (struct lastlog){0};
	if (!json_object_is_type(o, json_type_object)) {
		json_object_put(o);
		return -EINVAL;
	}
	l->module = get(o, "module");
	l->target = get(o, "target");
	l->verdict = get(o, "verdict");
	l->date = get(o, "date");
	l->dropped = get_number(o, "dropped");
	calls = get_array(o, "calls");
	for (size_t i = 0; calls && i < json_object_array_length(calls); i++) {
		const char *name = json_object_get_string(json_object_array_get_idx(calls, i));
		AUTO_FREE char *clean = record_text(name ? name : "", name ? strlen(name) : 0);

		strv_add(&l->calls, clean);
	}
	log = get_array(o, "log");
	n = log ? json_object_array_length(log) : 0;
	l->log = xcalloc(n + 1, sizeof *l->log);
	for (size_t i = 0; i < n; i++) {
		struct json_object *r = json_object_array_get_idx(log, i);
		uint64_t level;

		if (!json_object_is_type(r, json_type_object))
			continue;
		level = get_number(r, "level");
		l->log[l->n++] = (struct record){.usec = get_number(r, "usec"),
			.level = level <= LEVEL_NONE ? (unsigned)level : LEVEL_UNKNOWN,
			.call = get_number(r, "call"),
			.after = json_object_get_boolean(json_object_object_get(r, "after")),
			.text = get(r, "text")};
	}
	json_object_put(o);
	return log ? 0 : -EINVAL;
}

int lastlog_read(struct lastlog *l, struct error *err)
{
	AUTO_FREE char *file = file_name();
	AUTO_BUF struct buf text = {0};
	int r = path_read(file, FILE_MAX, &text);

	*l = (struct lastlog){0};
	if (r == -ENOENT)
		return error_set(err, ENOENT,
			"no trial has been run yet whose log could be shown; make one with: kmodlab run DIR");
	if (r)
		return error_sys(err, -r, "cannot read %s", file);
	buf_add(&text, "", 0);
	if (lastlog_parse(text.data ? text.data : "", l))
		return error_set(
			err, EINVAL, "%s is damaged; the next `kmodlab run` writes it anew", file);
	return 0;
}

void lastlog_free(struct lastlog *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->log[i].text);
	free(l->log);
	free(l->module);
	free(l->target);
	free(l->verdict);
	free(l->date);
	strv_free(&l->calls);
	*l = (struct lastlog){0};
}

/* ---- choosing ---- */

bool lastlog_wants(const struct lastlog_filter *f, const struct record *r)
{
	if (r->level < LEVEL_UNKNOWN && f->level < LEVEL_UNKNOWN && r->level > f->level)
		return false;
	return r->usec >= f->usec && r->call >= f->call && (!f->text || strstr(r->text, f->text));
}

bool lastlog_level(const char *word, unsigned *level)
{
	static const struct {
		const char *name;
		unsigned level;
	} others[] = {{"emergency", 0}, {"critical", 2}, {"error", 3}, {"warn", 4}};

	for (*level = 0; *level < 8; (*level)++)
		if (!strcmp(word, kmsg_level_name(*level)) ||
			(word[0] == (char)('0' + *level) && !word[1]))
			return true;
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		if (!strcmp(word, others[i].name)) {
			*level = others[i].level;
			return true;
		}
	return false;
}

bool lastlog_since(const struct lastlog *l, const char *word, struct lastlog_filter *f)
{
	char *end;
	double seconds = strtod(word, &end);

	if (*word >= '0' && *word <= '9' && !*end && isfinite(seconds) && seconds < 1e9) {
		f->usec = (uint64_t)(seconds * 1e6 + 0.5);
		return true;
	}
	for (size_t i = 0; i < l->calls.n; i++) {
		const char *name = l->calls.v[i], *space = strchrnul(name, ' ');
		size_t kind = (size_t)(space - name);

		if (!strcmp(word, name) || (*space && !strcmp(word, space + 1)) ||
			(strlen(word) == kind && !strncmp(word, name, kind))) {
			f->call = i;
			return true;
		}
	}
	return false;
}
