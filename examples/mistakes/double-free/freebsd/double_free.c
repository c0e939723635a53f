/* SPDX-License-Identifier: BSD-2-Clause */
/* Two functions that both believe the buffer to be theirs. */
#include <sys/param.h>
#include <sys/kernel.h>
#include <sys/malloc.h>
#include <sys/module.h>
#include <sys/systm.h>

static MALLOC_DEFINE(M_BUFFER, "buffer", "a buffer");

static char *buffer;

static void show_and_free(void)
{
	printf("double-free: %s\n", buffer);
	free(buffer, M_BUFFER);
	/* The mistake: buffer still points to what is no more; set it to NULL here. */
}

static int double_free_event(module_t mod __unused, int what, void *arg __unused)
{
	switch (what) {
	case MOD_LOAD:
		buffer = strdup("once", M_BUFFER);
		return (0);
	case MOD_UNLOAD:
		show_and_free();
		free(buffer, M_BUFFER); /* expect: double-free */
		return (0);
	default:
		return (EOPNOTSUPP);
	}
}

static moduledata_t double_free_module = {"double_free", double_free_event, NULL};

DECLARE_MODULE(double_free, double_free_module, SI_SUB_DRIVERS, SI_ORDER_MIDDLE);
MODULE_VERSION(double_free, 1);
