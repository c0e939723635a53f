/* SPDX-License-Identifier: BSD-2-Clause */
/* Walks along a list while it frees it. */
#include <sys/param.h>
#include <sys/kernel.h>
#include <sys/malloc.h>
#include <sys/module.h>
#include <sys/systm.h>

static MALLOC_DEFINE(M_STEPS, "steps", "steps of a way");

struct step {
	struct step *next;
	unsigned long length;
};

static struct step *way;

static void add_step(unsigned long length)
{
	struct step *s = malloc(sizeof(*s), M_STEPS, M_WAITOK);

	s->length = length;
	s->next = way;
	way = s;
}

static __noinline unsigned long free_way(void)
{
	unsigned long length = 0;

	/* The mistake: when the loop asks for way->next, it was freed. Read it before free(). */
	for (; way != NULL; way = way->next) { /* expect: use-after-free */
		length += way->length;	       /* expect: use-after-free */
		free(way, M_STEPS);
	}
	return (length);
}

static int use_after_free_event(module_t mod __unused, int what, void *arg __unused)
{
	switch (what) {
	case MOD_LOAD:
		add_step(1);
		add_step(2);
		add_step(3);
		return (0);
	case MOD_UNLOAD:
		printf("use-after-free: a way of %lu\n", free_way());
		return (0);
	default:
		return (EOPNOTSUPP);
	}
}

static moduledata_t use_after_free_module = {"use_after_free", use_after_free_event, NULL};

DECLARE_MODULE(use_after_free, use_after_free_module, SI_SUB_DRIVERS, SI_ORDER_MIDDLE);
MODULE_VERSION(use_after_free, 1);
