/* SPDX-License-Identifier: BSD-2-Clause */
/* Counts the minutes, also those after its end. */
#include <sys/param.h>
#include <sys/callout.h>
#include <sys/kernel.h>
#include <sys/module.h>
#include <sys/systm.h>

static struct callout timer;
static unsigned int minutes;

static void count(void *arg __unused)
{
	minutes++;
	callout_reset(&timer, 60 * hz, count, NULL);
}

static int armed_timer_event(module_t mod __unused, int what, void *arg __unused)
{
	switch (what) {
	case MOD_LOAD:
		callout_init(&timer, 1);
		callout_reset(&timer, 60 * hz, count, NULL);
		return (0);
	case MOD_UNLOAD:
		/* The mistake: callout_drain(&timer) is missing, and what it will call is about to go. */
		printf("armed-timer: %u minutes\n", minutes);
		return (0);
	default:
		return (EOPNOTSUPP);
	}
}

static moduledata_t armed_timer_module = {"armed_timer", armed_timer_event, NULL};

DECLARE_MODULE(armed_timer, armed_timer_module, SI_SUB_DRIVERS, SI_ORDER_MIDDLE);
MODULE_VERSION(armed_timer, 1);
