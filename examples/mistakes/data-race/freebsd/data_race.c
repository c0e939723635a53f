/* SPDX-License-Identifier: BSD-2-Clause */
/* Two threads count together, each on a processor of its own. What they count to: sysctl hw.data_race */
#include <sys/param.h>
#include <sys/kernel.h>
#include <sys/kthread.h>
#include <sys/module.h>
#include <sys/proc.h>
#include <sys/sysctl.h>
#include <sys/systm.h>

#define THREADS 2
#define ROUNDS	500000

static SYSCTL_NODE(_hw, OID_AUTO, data_race, CTLFLAG_RD | CTLFLAG_MPSAFE, NULL, "Counts");
static volatile unsigned int count;
SYSCTL_UINT(_hw_data_race, OID_AUTO, count, CTLFLAG_RD, __DEVOLATILE(unsigned int *, &count), 0,
	"What was counted to");
static unsigned int expected;
SYSCTL_UINT(_hw_data_race, OID_AUTO, expected, CTLFLAG_RD, &expected, 0, "What it is to be");

static struct proc *counters[THREADS];

static void counter(void *arg __unused)
{
	for (int i = 0; i < ROUNDS; i++) {
		/* The mistake: this reads, adds and writes, and the other may come in between.
		 * atomic_add_int() or a lock is what it takes. */
		count = count + 1; /* expect: data-race */
		if (i % 1000 == 0)
			maybe_yield();
	}
	kproc_exit(0);
}

static int start(void)
{
	int error;

	for (int i = 0; i < THREADS; i++) {
		error = kproc_create(counter, NULL, &counters[i], 0, 0, "counter%d", i);
		if (error)
			return (error);
		expected += ROUNDS;
	}
	return (0);
}

static int data_race_event(module_t mod __unused, int what, void *arg __unused)
{
	switch (what) {
	case MOD_LOAD:
		return (start());
	case MOD_UNLOAD:
		return (0);
	default:
		return (EOPNOTSUPP);
	}
}

static moduledata_t data_race_module = {"data_race", data_race_event, NULL};

DECLARE_MODULE(data_race, data_race_module, SI_SUB_DRIVERS, SI_ORDER_MIDDLE);
MODULE_VERSION(data_race, 1);
