/* SPDX-License-Identifier: BSD-2-Clause */
/* Needs two things, gets one, and goes without giving it back. */
#include <sys/param.h>
#include <sys/conf.h>
#include <sys/kernel.h>
#include <sys/malloc.h>
#include <sys/module.h>
#include <sys/systm.h>

static MALLOC_DEFINE(M_HALF, "half", "one of two things");

static struct cdevsw half_cdevsw = {
	.d_version = D_VERSION,
	.d_name = "half",
};

static struct cdev *device;
static char *page;

static int begin(void)
{
	struct make_dev_args args;

	page = malloc(3000, M_HALF, M_WAITOK);
	make_dev_args_init(&args);
	args.mda_flags = MAKEDEV_CHECKNAME;
	args.mda_devsw = &half_cdevsw;
	args.mda_mode = 0600;
	/* The mistake: when there is a device of that name already, page is not freed here ... */
	return (make_dev_s(&args, &device, "null"));
}

static int half_init_event(module_t mod __unused, int what, void *arg __unused)
{
	switch (what) {
	case MOD_LOAD:
		return (begin());
	case MOD_UNLOAD:
		/* ... nor there: MOD_UNLOAD comes, after a MOD_LOAD that failed, too. */
		if (device == NULL)
			return (0);
		destroy_dev(device);
		free(page, M_HALF);
		return (0);
	default:
		return (EOPNOTSUPP);
	}
}

static moduledata_t half_init_module = {"half_init", half_init_event, NULL};

DECLARE_MODULE(half_init, half_init_module, SI_SUB_DRIVERS, SI_ORDER_MIDDLE);
MODULE_VERSION(half_init, 1);
