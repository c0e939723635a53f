/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Snapshots: taking one of a machine that has just come up, and continuing it. The guest's memory is a
 * file that the machine that is saved shares with us; only its devices go through QEMU's migration
 * (capability x-ignore-shared). A machine that continues maps that file privately: what it writes is its
 * own. Before the devices are saved, the agent is parked: it says so itself, through the shared memory,
 * and from then on only looks at that memory.
 */
#include "base/clock.h"
#include "base/interrupt.h"
#include "base/path.h"
#include "machine/own.h"
#include "machine/snapshot.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PARK_MS 20000
#define SAVE_MS 60000

static const char ignore_shared[] =
	"{\"capabilities\":[{\"capability\":\"x-ignore-shared\",\"state\":true}]}";

static uint64_t ram_bytes(const struct machine_options *o)
{
	return (uint64_t)o->memory_mib << 20;
}

void machine_key(const struct machine_options *o, enum accel accel, struct buf *out)
{
	struct qemu_start s = {.accel = accel,
		.memory_mib = o->memory_mib,
		.cpus = o->cpus,
		.option_rom = boot_option_rom(o->os)};

	qemu_fingerprint(&s, out);
	boot_fingerprint(o->os, o->kernel, o->append, out);
	if (o->unwatched)
		buf_adds(out, "unwatched\n");
}

bool machine_key_is_current(
	enum proto_os os, const char *kernel, const char *append, const char *key)
{
	AUTO_BUF struct buf boot = {0}, program = {0};

	boot_fingerprint(os, kernel, append, &boot);
	qemu_program_fingerprint(&program);
	return strstr(key, boot.data) && strstr(key, program.data);
}

/* ---- taking one ---- */

/* Sends a request without a body and waits until it is done. */
static int ask(struct machine *m, enum proto_type request, int64_t deadline, struct error *err)
{
	struct message msg;
	uint32_t serial;
	int r = machine_send(m, request, NULL, 0, &serial, err);

	while (!r) {
		enum machine_event e = machine_next(m, deadline, &msg, err);

		if (e == MACHINE_FAILED)
			return interrupt_pending() ? -EINTR : -EIO;
		if (e != MACHINE_MESSAGE)
			return error_set(
				err, EIO, "the machine does not answer; try again, or --cold");
		if (msg.type == PROTO_DONE && msg.serial == serial)
			break;
	}
	return r;
}

static int park(struct machine *m, struct error *err)
{
	int64_t deadline = clock_us() + (int64_t)PARK_MS * 1000;
	int r = ask(m, PROTO_PARK, deadline, err);

	while (!r && !channel_parked(&m->channel)) {
		if (!clock_left_ms(deadline))
			return error_set(err, EIO, "the machine to be saved does not come to rest");
		clock_sleep(200);
	}
	return r;
}

/* Writes the machine's devices to the file `state`, which stops it. Not before: the stream says whether
 * the machine ran, and one that had been stopped does not begin to run when we say so too early. */
static int save(struct machine *m, int state, struct error *err)
{
	int64_t deadline = clock_us() + (int64_t)SAVE_MS * 1000;
	struct qmp *q = &m->qmp;
	int r = qmp_ask(q, "migrate-set-capabilities", ignore_shared, -1, deadline, err);

	r = r ?: qmp_ask(q, "getfd", "{\"fdname\":\"state\"}", state, deadline, err);
	r = r ?: qmp_ask(q, "migrate", "{\"uri\":\"fd:state\"}", -1, deadline, err);
	while (!r) {
		r = qmp_ask(q, "query-migrate", NULL, -1, deadline, err);
		if (r || !strcmp(q->detail, "completed"))
			break;
		if (!strcmp(q->detail, "failed") || !strcmp(q->detail, "cancelled"))
			return error_set(err, EIO, "QEMU could not save the machine");
		clock_sleep(1000);
	}
	return r;
}

/*
 * In the stream, each block of memory that is left out stands with the address at which the guest has
 * it, and must be there already when the stream is read. For a PCI device's memory that cannot be: it
 * gets there when the device's own record is read, further down. So the address is made what it is in a
 * machine that has just been started, 0. The record (migration/ram.c, ram_save_setup): length of name
 * (u8), name, size (be64), address (be64).
 */
static int forget_address(int state, struct error *err)
{
	static const char name[] = "/channel";
	const uint8_t size[] = {0, 0, 0, 0, PROTO_SHARED_BYTES >> 24,
		PROTO_SHARED_BYTES >> 16 & 0xff, PROTO_SHARED_BYTES >> 8 & 0xff,
		PROTO_SHARED_BYTES & 0xff};
	const uint8_t nowhere[8] = {0};
	uint8_t head[16384];
	ssize_t n = pread(state, head, sizeof head, 0);

	for (ssize_t at = 0; at + 8 + 16 <= n; at++) {
		if (memcmp(head + at, name, 8) || memcmp(head + at + 8, size, 8))
			continue;
		if (pwrite(state, nowhere, 8, at + 16) == 8)
			return 0;
	}
	return error_set(err, EIO, "QEMU saved the machine in a way that is not known here");
}

/* Those of the same target that nothing can be continued from any more, now that there is a new one. */
static void drop_outdated(const struct machine_options *o)
{
	struct snapshot_list list;

	snapshot_list(&list);
	for (size_t i = 0; i < list.n; i++)
		if (!strcmp(list.items[i].target, o->name) &&
			!machine_key_is_current(o->os, o->kernel, o->append, list.items[i].key))
			snapshot_drop(list.items[i].dir);
	snapshot_list_free(&list);
}

/* Boots one, saves it and keeps what was saved. */
static int make(const struct machine_options *o, struct error *err)
{
	AUTO_CLOSE int ram = memfd_create("kmodlab-ram", MFD_CLOEXEC);
	AUTO_CLOSE int state = memfd_create("kmodlab-state", MFD_CLOEXEC);
	AUTO_FREE char *dir = NULL;
	AUTO_BUF struct buf key = {0};
	struct machine *m = NULL;
	int r;

	if (ram < 0 || state < 0 || ftruncate(ram, (off_t)ram_bytes(o)))
		return error_sys(err, errno, "cannot make memory for the machine");
	r = machine_boot_into(o, ram, &m, err);
	if (r)
		return r;
	if (machine_without_ring(m))
		r = error_set(err, ENOTSUP,
			"no snapshot can be taken: QEMU or the kernel lacks the device for shared memory (ivshmem)");
	r = r ?: park(m, err);
	r = r ?: save(m, state, err);
	r = r ?: forget_address(state, err);
	if (!r) {
		machine_key(o, m->accel, &key);
		dir = snapshot_dir(o->name, key.data);
		r = snapshot_keep(dir, key.data, ram, ram_bytes(o), state, &m->hello, err);
		drop_outdated(o);
	}
	machine_close(m);
	/* That it came up, and could not be saved or kept, is no reason not to run anything. */
	return r && r != -EINTR ? -ENOTSUP : r;
}

/* ---- continuing one ---- */

static int go_on(const struct machine_options *o, enum accel accel, struct snapshot *from,
	struct machine **out, struct error *err)
{
	struct qemu_start s = {.memory_mib = o->memory_mib,
		.cpus = o->cpus,
		.option_rom = boot_option_rom(o->os),
		.ram = from->ram,
		.ram_is_private = true,
		.state = from->state};
	int64_t began = clock_us();
	struct machine *m = machine_new(accel);
	AUTO_FREE char *incoming = xasprintf("{\"uri\":\"fd:%d\"}", from->state);
	int r = machine_start(m, &s, true, err);

	m->taken_us = began;
	m->snapshot = from->dir;
	m->hello = from->hello;
	from->dir = NULL;
	from->hello = (struct hello){0};
	if (r) {
		machine_close(m);
		return r;
	}
	channel_resume(&m->channel);
	qmp_say(&m->qmp, "migrate-set-capabilities", ignore_shared);
	qmp_say(&m->qmp, "migrate-incoming", incoming);
	*out = m;
	return 0;
}

int machine_continue(const struct machine_options *o, struct machine **out, struct error *err)
{
	enum accel accel = o->accel == ACCEL_AUTO ? accel_known() : o->accel;
	AUTO_FREE char *dir = NULL;
	AUTO_BUF struct buf key = {0};
	struct snapshot from;
	int r;

	/* One that is lent has no snapshots. */
	if (accel == ACCEL_AUTO || o->lent)
		return -ENOENT;
	machine_key(o, accel, &key);
	dir = snapshot_dir(o->name, key.data);
	r = snapshot_open(dir, key.data, ram_bytes(o), &from);
	if (r)
		return r;
	r = go_on(o, accel, &from, out, err);
	snapshot_close(&from);
	return r;
}

/* Whether what has just been kept comes to life. If it does not, this QEMU is one for which snapshots have to
 * be done in another way: without them, then. */
static int try_it(const struct machine_options *o, struct error *err)
{
	struct machine *m = NULL;
	int r = machine_continue(o, &m, err);

	if (r)
		return r == -ENOENT ? error_set(err, ENOTSUP, "the snapshot cannot be read again")
				    : r;
	r = ask(m, PROTO_SYNC, clock_us() + (int64_t)PARK_MS * 1000, err);
	if (r && r != -EINTR) {
		machine_drop_snapshot(m);
		r = -ENOTSUP;
	}
	machine_close(m);
	return r;
}

int machine_restore(const struct machine_options *o, struct machine **out, struct error *err)
{
	AUTO_FREE char *all = NULL;
	AUTO_CLOSE int turn = -1;
	int r;

	*out = NULL;
	if (o->lent)
		return lent_open(o, out, err);
	r = machine_continue(o, out, err);
	if (r != -ENOENT)
		return r;
	/* The accelerator, a part of the key, may only be known after a boot: the turn is for all of them. */
	all = snapshot_dir(o->name, "");
	turn = snapshot_take_turn(all, o->boot_timeout_ms + PARK_MS + SAVE_MS, err);
	/* A cache that cannot be written to is no reason not to run anything either. */
	if (turn < 0)
		return turn == -EINTR || turn == -ETIMEDOUT ? turn : -ENOTSUP;
	r = machine_continue(o, out, err);
	if (r != -ENOENT)
		return r;
	r = make(o, err);
	r = r ?: try_it(o, err);
	return r ?: machine_continue(o, out, err);
}
