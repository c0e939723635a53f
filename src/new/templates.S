/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What `kmodlab new` writes, as bytes in the program: a table of struct new_template (new.h), one line for each file. The
 * kind and the system may be "any"; the name is the file's in the new directory or, where there are two systems, in the one
 * that is the system's. The file itself is below DIRECTORY, the project's own.
 */
#undef linux
	.macro template kind, system, name, file
	.section .rodata.new, "a", @progbits
1:	.asciz "\kind"
2:	.asciz "\system"
3:	.asciz "\name"
4:	.incbin "\file"
5:	.byte 0
	.section .data.rel.ro.new, "aw", @progbits
	.quad 1b, 2b, 3b, 4b, 5b - 4b
	.endm

	.section .data.rel.ro.new, "aw", @progbits
	.balign 8
	.globl new_templates, new_templates_end
new_templates:
	template any, linux, "Makefile", "src/new/linux/Makefile.in"
	template any, freebsd, "Makefile", "src/new/freebsd/Makefile.in"
	template hello, linux, "@MODULE@.c", "src/new/hello/linux.c.in"
	template hello, linux, "test.c", "src/new/hello/linux-test.c.in"
	template hello, freebsd, "@MODULE@.c", "src/new/hello/freebsd.c.in"
	template hello, freebsd, "test.c", "src/new/hello/freebsd-test.c.in"
	template chardev, linux, "@MODULE@.c", "src/new/chardev/linux.c.in"
	template chardev, linux, "test.c", "src/new/chardev/test.c.in"
	template chardev, freebsd, "@MODULE@.c", "src/new/chardev/freebsd.c.in"
	template chardev, freebsd, "test.c", "src/new/chardev/test.c.in"
	template sysctl-proc, linux, "@MODULE@.c", "src/new/sysctl-proc/linux.c.in"
	template sysctl-proc, linux, "test.c", "src/new/sysctl-proc/linux-test.c.in"
	template sysctl-proc, freebsd, "@MODULE@.c", "src/new/sysctl-proc/freebsd.c.in"
	template sysctl-proc, freebsd, "test.c", "src/new/sysctl-proc/freebsd-test.c.in"
	template any, any, "README.md", "src/new/any/README.md.in"
	template any, any, ".gitignore", "src/new/any/gitignore.in"
	template any, any, ".clang-format", "src/new/any/clang-format.in"
	template any, any, ".clangd", "src/new/any/clangd.in"
	template any, any, ".github/workflows/kmodlab.yml", "contrib/ci/github.yml"
	template any, any, ".gitlab-ci.yml", "contrib/ci/gitlab.yml"
	template any, any, "ci/run.sh", "contrib/ci/run.sh"
	.section .data.rel.ro.new, "aw", @progbits
new_templates_end:
	.section .note.GNU-stack, "", @progbits
