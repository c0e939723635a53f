/* SPDX-License-Identifier: BSD-2-Clause */
/* Any bytes as a script that make left, a .depend file, a makefile and a log: whatever is understood has
 * names that are one word for the shell. */
#include "build/bsd-record.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	AUTO_FREE char *text = xstrndup((const char *)bytes, len);
	AUTO_STRV struct strv deps = {0};
	struct bsd_script s;

	free(bsd_merge_log(text, text, "/m"));
	bsd_script_parse((const char *)bytes, len, &s);
	if (s.output && strpbrk(s.output, " \n$`'\";|&"))
		__builtin_trap();
	if (s.shape == BSD_UNKNOWN && (s.output || s.source || s.objects.n))
		__builtin_trap();
	bsd_script_free(&s);
	if (bsd_depend_parse(text, "a.o", &deps) && !deps.n)
		__builtin_trap();
	bsd_makefile_is_closed(text);
	return 0;
}
