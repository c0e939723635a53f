/* SPDX-License-Identifier: BSD-2-Clause */
/* Counts on all processors at the same time. What was counted to: sysctl hw.data_race */
#include <sys/param.h>
#include <sys/kernel.h>
#include <sys/module.h>
#include <sys/smp.h>
#include <sys/sysctl.h>
#include <sys/systm.h>

#define ROUNDS 4000000

static SYSCTL_NODE(_hw, OID_AUTO, data_race, CTLFLAG_RD | CTLFLAG_MPSAFE, NULL, "Counts");
static volatile unsigned int count;
SYSCTL_UINT(_hw_data_race, OID_AUTO, count, CTLFLAG_RD, __DEVOLATILE(unsigned int *, &count), 0,
	"What was counted to");
static unsigned int expected;
SYSCTL_UINT(_hw_data_race, OID_AUTO, expected, CTLFLAG_RD, &expected, 0, "What it is to be");

static void count_up(void *arg __unused)
{
	/* The mistake: this reads, adds and writes, and another processor may come in between. atomic_add_int()
	 * or a lock is what it takes. */
	for (int i = 0; i < ROUNDS; i++)
		count = count + 1; /* expect: data-race */
}

static int data_race_event(module_t mod __unused, int what, void *arg __unused)
{
	switch (what) {
	case MOD_LOAD:
		smp_rendezvous(NULL, count_up, NULL, NULL);
		expected = mp_ncpus * ROUNDS;
		return (0);
	case MOD_UNLOAD:
		return (0);
	default:
		return (EOPNOTSUPP);
	}
}

static moduledata_t data_race_module = {"data_race", data_race_event, NULL};

DECLARE_MODULE(data_race, data_race_module, SI_SUB_DRIVERS, SI_ORDER_MIDDLE);
MODULE_VERSION(data_race, 1);
