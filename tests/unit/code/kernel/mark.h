/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef MARK_H
#define MARK_H
/* An instruction whose place, line and name are noted in the section .marks: an address (8 bytes), a line (4),
 * a name (20). */
#define MARK_(name, line)                                                                          \
	__asm__ volatile("1: nop\n"                                                                \
			 ".pushsection .marks, \"\", @progbits\n"                                  \
			 ".quad 1b\n"                                                              \
			 ".long " #line "\n"                                                       \
			 ".asciz \"" name "\"\n"                                                   \
			 ".balign 32\n"                                                            \
			 ".popsection\n")
#define MARK__(name, line) MARK_(name, line)
#define MARK(name)	   MARK__(name, __LINE__)
#endif
