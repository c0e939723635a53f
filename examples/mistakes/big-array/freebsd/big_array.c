/* SPDX-License-Identifier: BSD-2-Clause */
/* Turns a text round, in a buffer that is far too large for the place where it is. */
#include <sys/param.h>
#include <sys/kernel.h>
#include <sys/module.h>
#include <sys/systm.h>

#define BUFFER (KSTACK_PAGES * PAGE_SIZE)

static __noinline int turn_round(const char *text)
{
	/* The mistake: that is the whole stack of a thread in the kernel, 16 KB. This belongs to malloc(9). */
	char buffer[BUFFER];
	size_t i, len = strlen(text); /* expect: stack-overflow */

	memset(buffer, 0, sizeof(buffer)); /* expect: stack-overflow */
	for (i = 0; i < len; i++)
		buffer[len - 1 - i] = text[i];
	printf("big-array: %s\n", buffer);
	return (buffer[0]);
}

static int big_array_event(module_t mod __unused, int what, void *arg __unused)
{
	switch (what) {
	case MOD_LOAD:
		return (turn_round("redrum") == 'm' ? 0 : EINVAL);
	case MOD_UNLOAD:
		return (0);
	default:
		return (EOPNOTSUPP);
	}
}

static moduledata_t big_array_module = {"big_array", big_array_event, NULL};

DECLARE_MODULE(big_array, big_array_module, SI_SUB_DRIVERS, SI_ORDER_MIDDLE);
MODULE_VERSION(big_array, 1);
