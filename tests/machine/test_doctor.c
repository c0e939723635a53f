/* SPDX-License-Identifier: BSD-2-Clause */
/* doctor on this machine, where everything works, and where something lacks. */
#include "lab.h"

#include <unistd.h>

static struct json_object *checkup(struct json_object *told, const char *name, const char *with)
{
	struct json_object *list = json_object_object_get(told, "checks");

	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *c = json_object_array_get_idx(list, i);

		if (!strcmp(lab_string(c, "name"), name) && strstr(lab_string(c, "found"), with))
			return c;
	}
	fail_msg("nothing is said of %s with '%s'", name, with);
	return NULL;
}

static void here_run_can_work_and_doctor_has_booted_a_target_to_say_so(void **state)
{
	struct outcome o = lab_run("doctor", "--json", NULL);
	struct json_object *told = json_tokener_parse(o.out.data);

	(void)state;
	assert_int_equal(o.status, 0);
	assert_non_null(told);
	assert_true(json_object_get_boolean(json_object_object_get(told, "can_run")));
	assert_string_equal(lab_string(checkup(told, "qemu", "QEMU emulator"), "status"), "ok");
	assert_string_equal(lab_string(checkup(told, "sandbox", "bubblewrap"), "status"), "ok");
	assert_string_equal(lab_string(checkup(told, "target", BOOKWORM), "status"), "ok");
	assert_string_equal(lab_string(checkup(told, "machine", "booted in"), "status"), "ok");
	/* Whichever it is, the boot has settled it. */
	assert_non_null(
		checkup(told, "kvm", access("/dev/kvm", R_OK | W_OK) ? "/dev/kvm" : "guest"));
	json_object_put(told);
	lab_free(&o);
}

static void without_qemu_and_a_target_it_says_what_to_type(void **state)
{
	AUTO_FREE char *dir = lab_dir();
	AUTO_FREE char *command = xasprintf(
		"PATH='%s' XDG_DATA_HOME='%s' \"$KMODLAB\" doctor >'%s/said'; test $? = 1 && "
		"grep -q 'qemu-system-x86' '%s/said' && grep -q 'kmodlab target add' '%s/said' && "
		"grep -q 'kmodlab run cannot work yet' '%s/said' || { cat '%s/said' >&2; exit 1; }",
		dir, dir, dir, dir, dir, dir, dir);

	(void)state;
	assert_int_equal(system(command), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(here_run_can_work_and_doctor_has_booted_a_target_to_say_so),
		cmocka_unit_test(without_qemu_and_a_target_it_says_what_to_type),
	};

	return cmocka_run_group_tests_name("doctor", tests, NULL, NULL);
}
