/* SPDX-License-Identifier: BSD-2-Clause */
/* A device that always reads as nothing, and that is still there when its module is gone. */
#include <sys/param.h>
#include <sys/conf.h>
#include <sys/kernel.h>
#include <sys/module.h>
#include <sys/systm.h>

static d_read_t forgotten_read;

static struct cdevsw forgotten_cdevsw = {
	.d_version = D_VERSION,
	.d_name = "forgotten",
	.d_read = forgotten_read,
};

static int forgotten_read(struct cdev *dev __unused, struct uio *uio __unused, int flags __unused)
{
	return (0);
}

static int forgotten_device_event(module_t mod __unused, int what, void *arg __unused)
{
	switch (what) {
	case MOD_LOAD:
		make_dev(&forgotten_cdevsw, /* expect: leftover-device */
			0, UID_ROOT, GID_WHEEL, 0600, "forgotten");
		return (0);
	case MOD_UNLOAD:
		/* The mistake: what make_dev() returned was not kept, and destroy_dev() is missing. */
		printf("forgotten: going\n");
		return (0);
	default:
		return (EOPNOTSUPP);
	}
}

static moduledata_t forgotten_device_module = {"forgotten_device", forgotten_device_event, NULL};

DECLARE_MODULE(forgotten_device, forgotten_device_module, SI_SUB_DRIVERS, SI_ORDER_MIDDLE);
MODULE_VERSION(forgotten_device, 1);
