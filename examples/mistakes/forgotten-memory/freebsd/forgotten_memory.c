/* SPDX-License-Identifier: BSD-2-Clause */
/* Remembers the words it is given, and forgets to give their memory back. */
#include <sys/param.h>
#include <sys/kernel.h>
#include <sys/malloc.h>
#include <sys/module.h>
#include <sys/queue.h>
#include <sys/systm.h>

static MALLOC_DEFINE(M_WORDS, "words", "words that are remembered");

struct word {
	STAILQ_ENTRY(word) link;
	char text[100];
};

static STAILQ_HEAD(, word) words = STAILQ_HEAD_INITIALIZER(words);

static void remember(const char *text)
{
	struct word *w = malloc(sizeof(*w), M_WORDS, M_WAITOK | M_ZERO);

	strlcpy(w->text, text, sizeof(w->text));
	STAILQ_INSERT_TAIL(&words, w, link);
}

static void forget_all(void)
{
	while (!STAILQ_EMPTY(&words)) {
		/* The mistake: the list has forgotten the word, but free(w, M_WORDS) is missing. */
		STAILQ_REMOVE_HEAD(&words, link);
	}
}

static int forgotten_memory_event(module_t mod __unused, int what, void *arg __unused)
{
	switch (what) {
	case MOD_LOAD:
		remember("three");
		remember("little words");
		return (0);
	case MOD_UNLOAD:
		forget_all();
		return (0);
	default:
		return (EOPNOTSUPP);
	}
}

static moduledata_t forgotten_memory_module = {"forgotten_memory", forgotten_memory_event, NULL};

DECLARE_MODULE(forgotten_memory, forgotten_memory_module, SI_SUB_DRIVERS, SI_ORDER_MIDDLE);
MODULE_VERSION(forgotten_memory, 1);
