/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_CHECK_KLD_H
#define KMODLAB_CHECK_KLD_H
/* FreeBSD's part of ko_read(), which calls it; nobody else does. */
#include "check/ko.h"

#include <gelf.h>

/* Whether it is a kernel, a KLD or an object of one: whether it has the linker sets that those have. */
bool kld_is(Elf *elf);
/* What it declares and needs; what it takes and gives if `symbols` says so. The file's sections are known to lie in it. */
void kld_read(Elf *elf, const GElf_Ehdr *header, struct ko *ko, bool symbols);

#endif
