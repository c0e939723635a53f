/* SPDX-License-Identifier: BSD-2-Clause */
/* Advice on FreeBSD modules and on bmake's own words; what it is about, build/advice.c says. */
#include "build/advice.h"

#include <stdbool.h>
#include <string.h>

static const struct {
	const char *header;
	const char *advice;
} headers[] = {
	{"stdio.h", "The kernel has no C library: printf() comes from <sys/systm.h>."},
	{"stdlib.h",
		"The kernel has no C library: malloc(9) and free(9) come from <sys/malloc.h>, and "
		"take a type and flags."},
	{"string.h",
		"The kernel has no C library: its string functions come from <sys/systm.h>, after "
		"<sys/param.h>."},
	{"stdint.h", "The kernel has no C library: uint32_t and the like come from <sys/types.h>."},
	{"stdbool.h", "The kernel has no C library: bool comes from <sys/types.h>."},
	{"errno.h", "The kernel has no C library: error numbers come from <sys/errno.h>."},
	{"unistd.h",
		"The kernel has no C library, and makes no system calls: a module calls the "
		"kernel's own functions."},
	{"time.h", "The kernel has no C library: its clocks come from <sys/time.h>."},
	{"pthread.h", "The kernel has no C library: its threads come from <sys/kthread.h>."},
	{"device_if.h", "It is made by the build: add device_if.h bus_if.h to SRCS."},
	{"bus_if.h", "It is made by the build: add device_if.h bus_if.h to SRCS."},
	{"linux/module.h",
		"This is Linux's: FreeBSD's modules begin with <sys/param.h>, <sys/module.h> and "
		"<sys/kernel.h>."},
};

static bool ends(const char *name, const char *tail)
{
	size_t n = strlen(name), t = strlen(tail);

	return n > t && !strcmp(name + n - t, tail);
}

char *advice_for_freebsd_header(const char *name)
{
	for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
		if (!strcmp(headers[i].header, name))
			return xstrdup(headers[i].advice);
	if (!strchr(name, '/') && (ends(name, "_if.h") || !strncmp(name, "opt_", 4)))
		return xasprintf("It is made by the build: add %s to SRCS.", name);
	if (!strncmp(name, "linux/", 6) || !strncmp(name, "asm/", 4))
		return xstrdup("This is Linux's, and FreeBSD has it in its linuxkpi at most: see "
			       "LINUXKPI_INCLUDES in sys/conf/kmod.mk.");
	return NULL;
}

char *advice_for_bmake(const char *message, const char *dir)
{
	const char *wanted = strstr(message, "don't know how to make ");

	if (wanted) {
		wanted += strlen("don't know how to make ");
		if (ends(wanted, ".c") || ends(wanted, ".S") || ends(wanted, ".m"))
			return xasprintf(
				"The Makefile names %s, and %s has no such file: correct the name, or add the file.",
				wanted, dir);
		return xasprintf(
			"No rule makes %s, and no such file is there: correct the name, or add the file.",
			wanted);
	}
	if (strstr(message, "Need an operator") || strstr(message, "Invalid line"))
		return xstrdup("The line is no rule, no assignment and no directive; if it belongs "
			       "to a recipe, it must begin with a tab. GNU make's ifeq and "
			       "$(shell) are .if and != here.");
	if (strstr(message, "Unassociated shell command"))
		return xstrdup("A line that begins with a tab belongs to a recipe: this one has no "
			       "target above it.");
	if (strstr(message, "Could not find "))
		return xstrdup("In <> it is looked for in share/mk of FreeBSD's sources, in quotes "
			       "beside the Makefile.");
	return NULL;
}
