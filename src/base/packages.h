/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_BASE_PACKAGES_H
#define KMODLAB_BASE_PACKAGES_H
/*
 * Which package brings a program, and what to type for it: on Debian, Fedora, Arch and FreeBSD, and what
 * calls itself like one of them in its os-release (os-release(5): ID and ID_LIKE). The one place where
 * names of packages stand.
 */
#include <stddef.h>

enum packaging {
	PACKAGING_DEBIAN,
	PACKAGING_FEDORA,
	PACKAGING_ARCH,
	PACKAGING_FREEBSD,
	PACKAGING_OTHER, /* none of these */
};

/* Whose packages a system has, by the text of its os-release. */
enum packaging packages_of(const char *os_release);
/* This machine's. It is read once. */
enum packaging packages_here(void);
/* "Debian", "Fedora", "Arch Linux", "FreeBSD", "this system". Static. */
const char *packages_name(enum packaging kind);
/* The package that brings `program` (a program's file name, or one of the few other names in the table), or
 * NULL when there is none there. Static. */
const char *packages_find(enum packaging kind, const char *program);
/* What to type to have all of the programs (NULL-terminated): "sudo apt-get install lld bmake", without sudo
 * for root. Where one has no package it is half a sentence that names the programs. Caller frees. */
char *packages_command(enum packaging kind, const char *const *programs);
/* The same for one program, on this machine. */
char *packages_for(const char *program);

#endif
