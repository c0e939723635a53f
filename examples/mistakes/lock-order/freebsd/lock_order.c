/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two accounts, each with its lock. Money goes from the first to the second, and back: two who do that at the
 * same time wait for each other for ever. It rarely happens, and never when somebody looks.
 */
#include <sys/param.h>
#include <sys/kernel.h>
#include <sys/lock.h>
#include <sys/module.h>
#include <sys/mutex.h>
#include <sys/systm.h>

static struct mtx first_lock, second_lock;
MTX_SYSINIT(first, &first_lock, "first account", MTX_DEF);
MTX_SYSINIT(second, &second_lock, "second account", MTX_DEF);
static int first = 100, second = 100;

static __noinline void pay(int n)
{
	mtx_lock(&first_lock);
	mtx_lock(&second_lock);
	first -= n;
	second += n;
	mtx_unlock(&second_lock);
	mtx_unlock(&first_lock);
}

static __noinline void pay_back(int n)
{
	/* The mistake: the same two locks, the other way round. */
	mtx_lock(&second_lock);
	mtx_lock(&first_lock); /* expect: lock-order */
	first += n;
	second -= n;
	mtx_unlock(&first_lock);
	mtx_unlock(&second_lock);
}

static int lock_order_event(module_t mod __unused, int what, void *arg __unused)
{
	switch (what) {
	case MOD_LOAD:
		pay(10);
		return (0);
	case MOD_UNLOAD:
		pay_back(10);
		return (0);
	default:
		return (EOPNOTSUPP);
	}
}

static moduledata_t lock_order_module = {"lock_order", lock_order_event, NULL};

DECLARE_MODULE(lock_order, lock_order_module, SI_SUB_DRIVERS, SI_ORDER_MIDDLE);
MODULE_VERSION(lock_order, 1);
