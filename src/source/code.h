/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_SOURCE_CODE_H
#define KMODLAB_SOURCE_CODE_H
/*
 * Where in their source things are: modules' machine code with its debug information (DWARF 2 to 5, through
 * libdw), looked up by function and offset, as a kernel's call trace has it, or by an address in the
 * machine. Nothing is read before something is looked up.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct code_place {
	char *module; /* "hello" */
	char *function; /* the one that the machine code belongs to; an inlined one's, if it is from that */
	uint64_t offset; /* into the symbol's machine code, bytes */
	char *inlined; /* the function of a kernel's header that was inlined there ("list_del"), or NULL */
	char *file; /* as the compiler was given it, absolute if it knew the directory; or NULL */
	unsigned line; /* 0: not known */
};

struct code;

struct code *code_new(void);
/* Adds the module `name` whose ELF file is `elf`, of which a copy is kept. `debug`: the path of a file with its
 * debug information (FreeBSD's hello.ko.debug), or NULL when that is in the module itself. A file that
 * cannot be read is as one without symbols. */
void code_add(struct code *c, const char *name, const void *elf, size_t len, const char *debug);
/* Says where in the machine a section of it was loaded; "": the whole of it, one section after the other as
 * FreeBSD's kernel lays them. '-' and '_' in module names are the same. */
void code_put(struct code *c, const char *module, const char *section, uint64_t address);
/* Learns from a backtrace of FreeBSD's, which gives both, where the module is that has this function. Nothing is
 * learned from what fits none, or where the module's place is known. */
void code_learn(struct code *c, const char *function, uint64_t offset, uint64_t address);
/* The place of `function`+`offset` in `module`, or in any if that is NULL (its last byte's, with `is_return`: a
 * return address is behind the call). Fills `out` (free with code_place_free) with what is known, function
 * and module at the least; false if there is no such function. Where code of a kernel's header was
 * inlined, file and line are those of the call to it. */
bool code_function(const struct code *c, const char *module, const char *function, uint64_t offset,
	bool is_return, struct code_place *out);
/* The same for an address in the machine. */
bool code_address(const struct code *c, uint64_t address, bool is_return, struct code_place *out);
/* The same for an address in `module`, or in any if that is NULL, of which nobody knows where it was loaded (it
 * never came to be loaded in full): a piece of a module begins with a page, and before a return address
 * there is a call. False unless exactly one place fits. */
bool code_guess(const struct code *c, const char *module, uint64_t address, bool is_return,
	struct code_place *out);
/* The only place at which a module calls the kernel's function of that name, or one of those names (with blanks
 * between); false when there is none, or more than one. */
bool code_only_call(const struct code *c, const char *functions, struct code_place *out);
/* The path of the source file that the compiler knew as `file` ("hello.c", "sub/a.h"), of a module's own; NULL:
 * there is none, or more than one. Caller frees. */
char *code_source(const struct code *c, const char *file);
void code_place_free(struct code_place *p);
/* NULL is fine. */
void code_free(struct code *c);

#endif
