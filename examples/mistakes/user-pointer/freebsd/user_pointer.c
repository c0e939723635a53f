/* SPDX-License-Identifier: BSD-2-Clause */
/* /dev/sum adds up the bytes that are written to it. */
#include <sys/param.h>
#include <sys/conf.h>
#include <sys/kernel.h>
#include <sys/module.h>
#include <sys/systm.h>
#include <sys/uio.h>

#include <vm/vm.h>
#include <vm/vm_param.h>
#include <vm/pmap.h>

static d_write_t sum_write;

static struct cdevsw sum_cdevsw = {
	.d_version = D_VERSION,
	.d_name = "sum",
	.d_write = sum_write,
};

static struct cdev *sum_device;
static unsigned int sum;

static int sum_write(struct cdev *dev __unused, struct uio *uio, int flags __unused)
{
	const unsigned char *from = uio->uio_iov->iov_base;

	/* The mistake: the address is a program's. That it is not NULL, and in the range of a program's memory, does
	 * not mean that there is any, nor that the kernel may use it. uiomove() sees to both. */
	if ((vm_offset_t)from < PAGE_SIZE || (vm_offset_t)from >= VM_MAXUSER_ADDRESS)
		return (EFAULT);
	for (ssize_t i = 0; i < uio->uio_resid; i++)
		sum += from[i]; /* expect: user-access */
	uio->uio_resid = 0;
	return (0);
}

static int user_pointer_event(module_t mod __unused, int what, void *arg __unused)
{
	switch (what) {
	case MOD_LOAD:
		sum_device = make_dev(&sum_cdevsw, 0, UID_ROOT, GID_WHEEL, 0600, "sum");
		return (0);
	case MOD_UNLOAD:
		destroy_dev(sum_device);
		return (0);
	default:
		return (EOPNOTSUPP);
	}
}

static moduledata_t user_pointer_module = {"user_pointer", user_pointer_event, NULL};

DECLARE_MODULE(user_pointer, user_pointer_module, SI_SUB_DRIVERS, SI_ORDER_MIDDLE);
MODULE_VERSION(user_pointer, 1);
