/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_MACHINE_ACCEL_H
#define KMODLAB_MACHINE_ACCEL_H
/*
 * What runs a guest's instructions: the processor itself through KVM, or QEMU's translator (TCG).
 * A /dev/kvm that opens proves nothing (nested virtualisation may be broken or switched off), so
 * only a guest that came up under it does. The answer is remembered in the cache for this boot
 * of this host and this QEMU.
 */
#include <stdbool.h>

enum accel {
	ACCEL_AUTO,
	ACCEL_KVM,
	ACCEL_TCG,
	ACCEL_NONE, /* a real machine, which is lent to us */
};

/* "KVM", "TCG", "none". */
const char *accel_name(enum accel a);
/* "under KVM", "under TCG", "on a real machine". Static. */
const char *accel_words(enum accel a);
/* What to use: ACCEL_KVM or ACCEL_TCG where that is known, ACCEL_AUTO where KVM must be tried. */
enum accel accel_known(void);
/* Remembers whether KVM brought a guest up. A failure to write is no matter: it is tried again. */
void accel_remember(bool kvm_works);
/* Why /dev/kvm cannot be opened, as a half-sentence for people, or NULL when it can. Static. */
const char *accel_kvm_closed(void);
/* Why TCG is used, as a half-sentence for people, or NULL when KVM is. Static. */
const char *accel_why_tcg(void);

#endif
