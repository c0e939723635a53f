/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which kernel a Linux module was built for: its version magic (include/linux/vermagic.h,
 * kernel/module/version.c), and what the target's kernel wants there.
 */
#include "check/loads.h"

#include "check/kernel-facts.h"
#include "check/own.h"

#include <pthread.h>
#include <string.h>

/* VERMAGIC_STRING of include/linux/vermagic.h, for a target without modules to read it from. */
static char *made_up_vermagic(const struct target *t)
{
	/* That one has a number in it which stands nowhere else. */
	if (!kernel_config_known(t) || strcmp(t->arch, "x86_64") ||
		kernel_configured(t, "RANDSTRUCT"))
		return NULL;
	return xasprintf("%s %s%s%s%s", t->release, kernel_configured(t, "SMP") ? "SMP " : "",
		kernel_configured(t, "PREEMPT_RT") ? "preempt_rt "
			: kernel_configured(t, "PREEMPT_BUILD") || kernel_configured(t, "PREEMPT")
			? "preempt "
			: "",
		kernel_configured(t, "MODULE_UNLOAD") ? "mod_unload " : "",
		kernel_configured(t, "MODVERSIONS") ? "modversions " : "");
}

/* What the target's kernel wants; NULL if that is not known. Found out once for each. */
static const char *wanted_vermagic(const struct target *t)
{
	static struct wanted {
		struct wanted *next;
		char *name, *vermagic;
	} * all;
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	AUTO_FREE char *name = xasprintf("%s %s %s", t->root, t->build, t->release);
	struct wanted *w;

	pthread_mutex_lock(&lock);
	for (w = all; w && strcmp(w->name, name); w = w->next)
		;
	if (!w) {
		char *vermagic = own_vermagic(t);

		w = xcalloc(1, sizeof *w);
		*w = (struct wanted){all, xstrdup(name), vermagic ? vermagic : made_up_vermagic(t)};
		all = w;
	}
	pthread_mutex_unlock(&lock);
	return w->vermagic;
}

static size_t trimmed(const char *text)
{
	size_t len = strlen(text);

	while (len && text[len - 1] == ' ')
		len--;
	return len;
}

/* Whether they differ from the blank on, or (`all`) at all. */
static bool magic_differs(const char *has, const char *wants, bool all)
{
	if (!all) {
		has += strcspn(has, " ");
		wants += strcspn(wants, " ");
	}
	return trimmed(has) != trimmed(wants) || memcmp(has, wants, trimmed(has)) != 0;
}

bool loads_vermagic(struct check *c, bool versioned, bool layout, struct findings *out)
{
	const char *wants = wanted_vermagic(c->q->target), *has = c->q->ko->vermagic;

	if (!has) {
		bool forced = kernel_configured(c->q->target, "MODULE_FORCE_LOAD");

		finding_add(out, "vermagic", forced ? SEVERITY_WARNING : SEVERITY_ERROR,
			forced ? CLASS_PASS : CLASS_LOAD,
			xasprintf(
				"%s has no version magic: the kernel cannot tell which one it was "
				"built for, and %s",
				c->q->ko->name,
				forced ? "counts as tainted when it has loaded it" : "refuses it"),
			xstrdup("Build it with the kernel's own Makefile (make -C .../build M=...), "
				"and leave its .modinfo as it is."));
		return forced && !layout;
	}
	if (wants && magic_differs(has, wants, layout || !versioned)) {
		loads_error(out, "vermagic",
			xasprintf("%s was built for another kernel: its version magic is \"%.*s\", "
				  "this kernel's is \"%.*s\"",
				c->q->ko->name, (int)trimmed(has), has, (int)trimmed(wants), wants),
			xstrdup("Build it against this target's headers (give the source directory), "
				"or take the target that it was built for."));
		return false;
	}
	if (layout)
		loads_error(out, "symbol-version",
			xasprintf(
				"%s was built against another version of the symbol module_layout "
				"than this kernel has",
				c->q->ko->name),
			xstrdup("Build it against this target's headers: give the source directory."));
	return !layout;
}
