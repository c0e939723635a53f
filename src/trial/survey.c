/* SPDX-License-Identifier: BSD-2-Clause */
#include "trial/survey.h"

#include "base/clock.h"
#include "base/interrupt.h"
#include "base/path.h"
#include "machine/machine.h"
#include "trial/load.h"

#include <errno.h>
#include <string.h>

#define SURVEY_BOOT_MS 120000
#define SURVEY_READ_MS 120000
#define KALLSYMS_MAX   ((size_t)64 << 20)

static int read_from(struct machine *m, const char *file, struct buf *out, struct error *err)
{
	int64_t deadline = clock_us() + (int64_t)SURVEY_READ_MS * 1000;
	struct message msg;
	uint32_t serial;
	int r = machine_send(m, PROTO_READ, file, strlen(file) + 1, &serial, err);

	while (!r) {
		struct proto_done done;
		enum machine_event e = machine_next(m, deadline, &msg, err);

		if (e == MACHINE_FAILED)
			return interrupt_pending() ? -EINTR : -EIO;
		if (e != MACHINE_MESSAGE)
			return error_set(err, EIO,
				"the machine did not answer when asked for %s; try again, and if it stays so, see kmodlab doctor",
				file);
		if (msg.serial != serial)
			continue;
		if (msg.type == PROTO_DATA && out->len + msg.length <= KALLSYMS_MAX)
			buf_add(out, msg.body, msg.length);
		if (msg.type == PROTO_DONE)
			return message_done(&msg, &done) || done.error
				? error_set(err, EIO,
					  "the machine's kernel has no %s, which kmodlab needs; take another kernel",
					  file)
				: 0;
	}
	return r;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* "address type name[\t[module]]" lines to sorted names, each once. Cuts `text` up. */
static void names_of(char *text, struct buf *out)
{
	AUTO_FREE char **names = NULL;
	size_t n = 0, cap = 0;

	for (char *line = text, *next; line && *line; line = next) {
		char *name;

		next = strchr(line, '\n');
		if (next)
			*next++ = 0;
		name = strchr(line, ' ');
		name = name ? strchr(name + 1, ' ') : NULL;
		if (!name || strchr(name, '\t') || !name[1])
			continue;
		if (n == cap)
			names = xreallocarray(names, cap = cap ? 2 * cap : 65536, sizeof *names);
		names[n++] = name + 1;
	}
	if (n)
		qsort(names, n, sizeof *names, by_name);
	for (size_t i = 0; i < n; i++)
		if (!i || strcmp(names[i], names[i - 1]))
			buf_addf(out, "%s\n", names[i]);
}

int trial_survey(const struct target *t, struct error *err)
{
	AUTO_BUF struct buf text = {0}, names = {0};
	AUTO_STRV struct strv still = {0};
	struct machine *m;
	int r = machine_boot(&(struct machine_options){.os = machine_os(t),
				     .kernel = t->kernel,
				     .append = t->append,
				     .lent = t->ssh,
				     .memory_mib = t->memory_mib > 512 ? t->memory_mib : 512,
				     .cpus = 1,
				     .boot_timeout_ms = SURVEY_BOOT_MS},
		&m, err);

	if (r)
		return r;
	if (strcmp(machine_hello(m)->release, t->release))
		r = error_set(err, EINVAL,
			"the kernel %s says that it is %s, not %s: the image and the build tree are not of one build; build both again",
			t->kernel, machine_hello(m)->release, t->release);
	/* A FreeBSD kernel's names are in its file, and have been written already. */
	if (!r && t->os == TARGET_LINUX)
		r = read_from(m, "/proc/kallsyms", &text, err);
	if (!r)
		r = machine_leave(m, &still, err);
	machine_close(m);
	if (r || t->os != TARGET_LINUX)
		return r;
	buf_add(&text, "", 1);
	names_of(text.data, &names);
	return path_write(t->symbols, names.data ? names.data : "", names.len, err);
}
