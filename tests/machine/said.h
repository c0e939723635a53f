/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_TESTS_SAID_H
#define KMODLAB_TESTS_SAID_H
/* What the step "exercise" of a trial tells. */
#include "lab.h"

/* The field of the step "exercise" whose `what` is that; "" if there is none. */
static inline const char *step_field(const struct outcome *o, const char *what, const char *key)
{
	struct json_object *trials, *steps;

	json_object_object_get_ex(o->json, "trials", &trials);
	json_object_object_get_ex(json_object_array_get_idx(trials, 0), "steps", &steps);
	for (size_t i = 0; i < json_object_array_length(steps); i++) {
		struct json_object *s = json_object_array_get_idx(steps, i);

		if (!strcmp(lab_string(s, "stage"), "exercise") &&
			!strcmp(lab_string(s, "what"), what))
			return lab_string(s, key);
	}
	return "";
}

static inline void expect_said(const struct outcome *o, const char *what, const char *words)
{
	const char *output = step_field(o, what, "output");

	if (!strstr(output, words))
		fail_msg("%s did not say '%s' but '%s' in:\n%.6000s", what, words, output,
			o->out.data);
}

#endif
