/* SPDX-License-Identifier: BSD-2-Clause */
/* Any text as a kmodlab.ini; what was taken is within bounds wherever it goes. */
#include "trial/config.h"
#include "trial/trial.h"
#include "trial/wanted.h"

#include <stdint.h>
#include <string.h>

static void use(const struct config *c, enum target_os os)
{
	struct target target = {.name = "debian:bookworm/debug", .os = os};
	struct run run = {.ncalls = 1};
	struct findings found = {0};
	AUTO_STRV struct strv targets = {0}, params = {0};
	struct trial_options o = {.cpus = 2, .memory_mib = 256, .cycles = 1};

	config_targets(c, os, &targets);
	config_params(c, os, NULL, &params);
	config_apply(c, os, &o);
	if (o.cpus < 1 || o.cpus > 64 || o.memory_mib < 64 || o.memory_mib > 65536 ||
		o.cycles < 1 || o.call_timeout_ms < 0 || o.boot_timeout_ms < 0 || targets.n % 2)
		__builtin_trap();
	finding_add(&found, "kernel-warning", SEVERITY_WARNING, CLASS_PASS, xstrdup("x"), NULL);
	wanted_judge(c, &target, &run, &found);
	findings_free(&found);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct error err;
	struct config c;

	if (!config_parse("kmodlab.ini", (const char *)bytes, len, &c, &err)) {
		use(&c, TARGET_LINUX);
		use(&c, TARGET_FREEBSD);
	}
	config_free(&c);
	return 0;
}
