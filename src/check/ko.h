/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_CHECK_KO_H
#define KMODLAB_CHECK_KO_H
/*
 * What a .ko says of itself. Of Linux's: elf(5), and the .modinfo, .gnu.linkonce.this_module and symbol
 * table conventions of include/linux/module.h, moduleparam.h and scripts/mod/modpost.c. Of FreeBSD's
 * (KLDs): the linker sets of sys/sys/module.h and linker_set.h.
 * The bytes are foreign: any bytes at all are read without a fault.
 */
#include "base/buf.h"
#include "base/finding.h"
#include "target/target.h"

#include <stdbool.h>
#include <stddef.h>

enum ko_kind {
	KO_LINUX,   /* a Linux module for this architecture */
	KO_NOT_ELF, /* not an ELF file at all, or too short to be one */
	KO_DAMAGED, /* begins as an ELF file, but its tables lie outside it: cut off or corrupt */
	KO_OTHER_ARCH, /* for another processor */
	KO_FREEBSD,    /* a FreeBSD KLD for this architecture */
	KO_NOT_MODULE, /* an ELF file that is no module (a program, a library, a plain object) */
};

struct ko_param {
	char *name;
	char *type;	   /* "int", "charp", "array of int", or "" */
	char *description; /* or "" */
};

/* FreeBSD: a module that a file declares; what others depend on. */
struct ko_module {
	char *name;
	int version; /* MODULE_VERSION; 0: none */
};

/* FreeBSD: a module, or the kernel itself ("kernel"), that a file depends on, in which versions. */
struct ko_need {
	char *name;
	int least, preferred, most;
};

/* Strings are owned; a value that the file does not give is NULL. */
struct ko {
	enum ko_kind kind;
	char *machine; /* the architecture it is for, in words: "aarch64" */
	char *name;    /* as the kernel will know it: "hello", "snd_hda" */
	char *license;
	char *vermagic;
	char *description;
	char *author;
	struct strv depends;   /* modules it needs loaded first */
	struct strv imports;   /* symbol namespaces that it imports (Linux) */
	struct strv undefined; /* symbols it takes from elsewhere */
	struct strv exports;   /* symbols that others may take from it */
	struct ko_module
		*declares; /* FreeBSD only, as is `needs`; also read from a kernel's image */
	size_t ndeclares;
	struct ko_need *needs;
	size_t nneeds;
	struct ko_param *params;
	size_t nparams;
	bool has_init; /* Linux only, as is has_exit */
	bool has_exit;
};

/* Reads it; always fills `ko`, whose kind says what the bytes turned out to be. `file_name` gives
 * the name where the file itself does not ("snd-hda.ko" gives "snd_hda"). */
void ko_read(const void *bytes, size_t len, const char *file_name, struct ko *ko);
/* The same, but of a FreeBSD file only what it declares and needs: of a kernel with its hundred thousand symbols that is
 * a hundredth of the time. */
void ko_read_declared(const void *bytes, size_t len, const char *file_name, struct ko *ko);
void ko_free(struct ko *ko);

/* Whether a dependency on `name` means this one: by its own name, or by a module that it declares. */
bool ko_answers_to(const struct ko *ko, const char *name);
/* Whether it declares a module of that name (FreeBSD). */
bool ko_declares(const struct ko *ko, const char *name);

/* Adds an error finding (rules not-a-module, damaged-file, wrong-arch, wrong-os) for a file that
 * no kernel of `os` and `arch` would load, and returns true; false for a module of that system. */
bool ko_refuse(const struct ko *ko, const char *path, enum target_os os, const char *arch,
	struct findings *out);

/* "snd-hda-intel.ko.xz" to "snd_hda_intel". Caller frees. */
char *ko_module_name(const char *file_name);
/* The same as FreeBSD has it: "snd-hda-intel". Caller frees. */
char *kld_file_name(const char *file_name);

#endif
