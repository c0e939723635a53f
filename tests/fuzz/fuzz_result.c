/* SPDX-License-Identifier: BSD-2-Clause */
/* Any bytes as the rest of another machine's result; what was taken is written again, and goes through every report. */
#include "spread/result.h"

#include "report/files.h"
#include "report/html.h"
#include "report/json.h"
#include "report/ktap.h"
#include "report/sheet.h"
#include "report/terminal.h"

#include <stdint.h>
#include <string.h>

static struct target target = {.name = (char *)"debian:bookworm/cloud",
	.arch = (char *)"x86_64",
	.release = (char *)"6.1.0"};

static void report(struct trial *t)
{
	static FILE *nowhere;
	struct terminal term;
	struct json j;
	struct ktap k;

	if (!nowhere)
		nowhere = fopen("/dev/null", "w");
	json_begin(&j, nowhere);
	json_trial(&j, t);
	json_end(&j, false);
	ktap_begin(&k, nowhere, 1, false);
	ktap_trial(&k, "row", "column", t);
	ktap_end(&k, false);
	terminal_setup(&term, nowhere);
	term.console = true;
	term.stack = true;
	terminal_finish(&term, t);
}

/* What stands before the rest, so that this does not depend on the version. */
#define START "{\"kmodlab\":\"" KMODLAB_VERSION "\",\"node\":\"n1\","

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	AUTO_BUF struct buf text = {0};
	char *node, *again;
	struct error err;
	struct trial t;

	buf_adds(&text, START);
	buf_add(&text, bytes, len);
	if (!result_parse(text.data, text.len, &t, &node, &err)) {
		again = result_print(&t, node);
		free(again);
		t.target = &target;
		report(&t);
	}
	free(node);
	trial_free(&t);
	return 0;
}
