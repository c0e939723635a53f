/* SPDX-License-Identifier: BSD-2-Clause */
#include "spread/carry.h"

#include <limits.h>
#include <string.h>

/* What a reader finds under `key`, of this type; NULL and `bad` for anything else. */
static struct json_object *get(struct carry *c, const char *key, enum json_type type)
{
	struct json_object *value = NULL;

	if (!json_object_is_type(c->o, json_type_object) ||
		!json_object_object_get_ex(c->o, key, &value) ||
		!json_object_is_type(value, type)) {
		*c->bad = true;
		return NULL;
	}
	return value;
}

/* A string without a NUL inside. */
static char *take_string(struct carry *c, struct json_object *value)
{
	const char *text = json_object_get_string(value);
	size_t len = (size_t)json_object_get_string_len(value);

	if (memchr(text, 0, len)) {
		*c->bad = true;
		return NULL;
	}
	return xstrndup(text, len);
}

void carry_text(struct carry *c, const char *key, char **text)
{
	struct json_object *value = NULL;

	if (!c->reading) {
		json_object_object_add(c->o, key, *text ? json_object_new_string(*text) : NULL);
		return;
	}
	*text = NULL;
	/* JSON's null is json-c's NULL. */
	if (json_object_is_type(c->o, json_type_object) &&
		json_object_object_get_ex(c->o, key, &value) && !value)
		return;
	value = get(c, key, json_type_string);
	if (value)
		*text = take_string(c, value);
}

void carry_words(struct carry *c, const char *key, char **text)
{
	carry_text(c, key, text);
	if (c->reading && !*text)
		*c->bad = true;
}

void carry_bool(struct carry *c, const char *key, bool *value)
{
	struct json_object *o;

	if (!c->reading) {
		json_object_object_add(c->o, key, json_object_new_boolean(*value));
		return;
	}
	o = get(c, key, json_type_boolean);
	*value = o && json_object_get_boolean(o);
}

void carry_int(struct carry *c, const char *key, int64_t *value)
{
	struct json_object *o;

	if (!c->reading) {
		json_object_object_add(c->o, key, json_object_new_int64(*value));
		return;
	}
	o = get(c, key, json_type_int);
	*value = o ? json_object_get_int64(o) : 0;
}

void carry_count(struct carry *c, const char *key, uint64_t *value, uint64_t most)
{
	int64_t n = (int64_t)*value;

	carry_int(c, key, &n);
	if (!c->reading)
		return;
	if (n < 0 || (uint64_t)n > most) {
		*c->bad = true;
		n = 0;
	}
	*value = (uint64_t)n;
}

void carry_strings(struct carry *c, const char *key, struct strv *all)
{
	struct json_object *list;

	if (!c->reading) {
		list = json_object_new_array();
		for (size_t i = 0; i < all->n; i++)
			json_object_array_add(list, json_object_new_string(all->v[i]));
		json_object_object_add(c->o, key, list);
		return;
	}
	list = get(c, key, json_type_array);
	for (size_t i = 0; list && i < json_object_array_length(list); i++) {
		struct json_object *one = json_object_array_get_idx(list, i);
		AUTO_FREE char *text = NULL;

		if (json_object_is_type(one, json_type_string))
			text = take_string(c, one);
		if (text)
			strv_add(all, text);
		else
			*c->bad = true;
	}
}

struct carry carry_inside(struct carry *c, const char *key)
{
	struct carry inside = *c;

	if (c->reading) {
		inside.o = get(c, key, json_type_object);
		return inside;
	}
	inside.o = json_object_new_object();
	json_object_object_add(c->o, key, inside.o);
	return inside;
}

struct json_object *carry_list(struct carry *c, const char *key, size_t *n)
{
	struct json_object *list;

	if (!c->reading) {
		list = json_object_new_array();
		json_object_object_add(c->o, key, list);
		return list;
	}
	list = get(c, key, json_type_array);
	*n = list ? json_object_array_length(list) : 0;
	if (*n > CARRY_MOST) {
		*c->bad = true;
		*n = 0;
	}
	return list;
}

struct carry carry_item(struct carry *c, struct json_object *list, size_t i)
{
	struct carry item = *c;

	if (c->reading) {
		item.o = json_object_array_get_idx(list, i);
		return item;
	}
	item.o = json_object_new_object();
	json_object_array_add(list, item.o);
	return item;
}

char *carry_print(struct json_object *o)
{
	return xasprintf("%s\n",
		json_object_to_json_string_ext(
			o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
}

struct json_object *carry_parse(const char *text, size_t len)
{
	struct json_tokener *tokener;
	struct json_object *o;

	if (!len || len > INT_MAX)
		return NULL;
	tokener = json_tokener_new();
	if (!tokener)
		return NULL;
	o = json_tokener_parse_ex(tokener, text, (int)len);
	if (json_tokener_get_error(tokener) != json_tokener_success ||
		!json_object_is_type(o, json_type_object)) {
		json_object_put(o);
		o = NULL;
	}
	json_tokener_free(tokener);
	return o;
}
