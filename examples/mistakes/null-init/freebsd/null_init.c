/* SPDX-License-Identifier: BSD-2-Clause */
/* Counts letters in a table that was never made. */
#include <sys/param.h>
#include <sys/kernel.h>
#include <sys/module.h>
#include <sys/systm.h>

struct counts {
	unsigned int letters[26];
	unsigned int others;
};

/* The mistake: nothing points it anywhere, and nobody asks whether it is NULL. */
static struct counts *volatile counts;

static __noinline void count(const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text >= 'a' && *text <= 'z')
			counts->letters[*text - 'a']++; /* expect: null-dereference */
		else
			counts->others++;
	}
}

static int null_init_event(module_t mod __unused, int what, void *arg __unused)
{
	switch (what) {
	case MOD_LOAD:
		count("a word");
		printf("null-init: %u others\n", counts->others);
		return (0);
	case MOD_UNLOAD:
		return (0);
	default:
		return (EOPNOTSUPP);
	}
}

static moduledata_t null_init_module = {"null_init", null_init_event, NULL};

DECLARE_MODULE(null_init, null_init_module, SI_SUB_DRIVERS, SI_ORDER_MIDDLE);
MODULE_VERSION(null_init, 1);
