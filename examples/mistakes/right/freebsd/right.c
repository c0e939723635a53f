/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * /dev/note keeps what was written to it last, for ten seconds: a device, memory, a lock and a timer, and all of
 * it undone.
 */
#include <sys/param.h>
#include <sys/callout.h>
#include <sys/conf.h>
#include <sys/kernel.h>
#include <sys/lock.h>
#include <sys/malloc.h>
#include <sys/module.h>
#include <sys/mutex.h>
#include <sys/systm.h>
#include <sys/uio.h>

#define NOTE_MAX 4096

static MALLOC_DEFINE(M_NOTE, "note", "what was written to /dev/note");

struct note {
	size_t length;
	char text[NOTE_MAX];
};

static d_read_t note_read;
static d_write_t note_write;

static struct cdevsw note_cdevsw = {
	.d_version = D_VERSION,
	.d_name = "note",
	.d_read = note_read,
	.d_write = note_write,
};

static struct mtx lock;
static struct note *note;    /* under the lock; NULL: there is none */
static struct callout timer; /* its function is called with the lock held */
static struct cdev *device;

static void forget(void *arg __unused)
{
	free(note, M_NOTE);
	note = NULL;
}

static int note_write(struct cdev *dev __unused, struct uio *uio, int flags __unused)
{
	struct note *new, *old;
	int error;

	if (uio->uio_resid > NOTE_MAX)
		return (EMSGSIZE);
	new = malloc(sizeof(*new), M_NOTE, M_WAITOK | M_ZERO);
	new->length = uio->uio_resid;
	/* Copied before the lock is taken: a program's memory may have to be fetched from a disk. */
	error = uiomove(new->text, new->length, uio);
	if (error != 0) {
		free(new, M_NOTE);
		return (error);
	}
	mtx_lock(&lock);
	old = note;
	note = new;
	callout_reset(&timer, 10 * hz, forget, NULL);
	mtx_unlock(&lock);
	free(old, M_NOTE);
	return (0);
}

static int note_read(struct cdev *dev __unused, struct uio *uio, int flags __unused)
{
	struct note *copy = malloc(sizeof(*copy), M_NOTE, M_WAITOK | M_ZERO);
	int error = 0;

	/* Under the lock nothing may sleep, so no uiomove(). */
	mtx_lock(&lock);
	if (note != NULL)
		*copy = *note;
	mtx_unlock(&lock);
	if (uio->uio_offset >= 0 && (size_t)uio->uio_offset < copy->length)
		error = uiomove(copy->text + uio->uio_offset,
			MIN((size_t)uio->uio_resid, copy->length - uio->uio_offset), uio);
	free(copy, M_NOTE);
	return (error);
}

static int right_load(void)
{
	struct make_dev_args args;
	int error;

	mtx_init(&lock, "note", NULL, MTX_DEF);
	callout_init_mtx(&timer, &lock, 0);
	make_dev_args_init(&args);
	args.mda_flags = MAKEDEV_CHECKNAME;
	args.mda_devsw = &note_cdevsw;
	args.mda_mode = 0600;
	error = make_dev_s(&args, &device, "note");
	if (error != 0)
		mtx_destroy(&lock);
	return (error);
}

/* The reverse of all that: first nobody comes any more, then nothing is under way any more, then the rest. */
static void right_unload(void)
{
	/* What failed to load is asked to unload too. */
	if (device == NULL)
		return;
	destroy_dev(device);
	callout_drain(&timer);
	free(note, M_NOTE);
	mtx_destroy(&lock);
}

static int right_event(module_t mod __unused, int what, void *arg __unused)
{
	switch (what) {
	case MOD_LOAD:
		return (right_load());
	case MOD_UNLOAD:
		right_unload();
		return (0);
	default:
		return (EOPNOTSUPP);
	}
}

static moduledata_t right_module = {"right", right_event, NULL};

DECLARE_MODULE(right, right_module, SI_SUB_DRIVERS, SI_ORDER_MIDDLE);
MODULE_VERSION(right, 1);
