/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as what a guest says while somebody has a shell in it: messages, each a byte for its type, one for its
 * length, then its body. What it writes is mixed with log lines; the files that it gives are made in a directory of
 * our own. The same bytes also are a log that was kept.
 */
#include "judge/kmsg.h"
#include "shell/mix.h"
#include "shell/receive.h"
#include "trial/lastlog.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char dir[] = "/tmp/kmodlab-fuzz-XXXXXX";

static void leave_directory(void)
{
	(void)!chdir("/");
	rmdir(dir);
}

static void enter_directory(void)
{
	static int done;

	if (done++)
		return;
	if (!mkdtemp(dir) || chdir(dir) || atexit(leave_directory))
		abort();
}

static void kept(const uint8_t *bytes, size_t len)
{
	AUTO_FREE char *text = xstrndup((const char *)bytes, len);
	struct lastlog_filter f = {.level = 4};
	struct lastlog l;

	if (!lastlog_parse(text, &l))
		for (size_t i = 0; i < l.n; i++)
			(void)(lastlog_wants(&f, &l.log[i]) + lastlog_since(&l, text, &f));
	lastlog_free(&l);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static const uint16_t types[] = {PROTO_GIVE, PROTO_DATA, PROTO_OUTPUT, PROTO_LOG};
	struct receive file = {.fd = -1};
	struct mix mix = {.colour = true};
	struct buf out = {0};

	enter_directory();
	kept(bytes, len);
	while (len >= 2) {
		struct message msg = {.type = types[*bytes & 3]};
		size_t n = bytes[1];

		bytes += 2;
		len -= 2;
		n = n < len ? n : len;
		msg.body = bytes;
		msg.length = (uint32_t)n;
		if (msg.type == PROTO_OUTPUT)
			mix_output(&mix, (const char *)bytes, n, &out);
		if (msg.type == PROTO_LOG) {
			AUTO_FREE char *text = record_text((const char *)bytes, n);

			mix_log(&mix, "[info]", text, &out);
		}
		if (receive_take(&file, &msg)) {
			if (!file.why)
				unlink(file.name);
			receive_end(&file);
		}
		bytes += n;
		len -= n;
	}
	mix_end(&mix, &out);
	receive_end(&file);
	mix_free(&mix);
	buf_free(&out);
	return 0;
}
