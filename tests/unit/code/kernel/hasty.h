/* SPDX-License-Identifier: BSD-2-Clause */
/* What a kernel's header brings, for driver/sloppy.c. */
#define noinline __attribute__((noinline))
#define __init	 __attribute__((section(".init.text")))
#define INFO(text)                                                                                 \
	static const char __attribute__((used, section(".modinfo"), aligned(1)))                   \
	NAME(__COUNTER__)[] = text
#define NAME(n)	 NAME2(n)
#define NAME2(n) info_##n
#define KERN_INFO                                                                                  \
	"\001"                                                                                     \
	"6"

extern int _printk(const char *format, ...);
extern char *strcpy(char *to, const char *from);
extern int __inner(int of);
extern int __in_header(int of);
extern int __in_macro(int of);

#define macro(x) __in_macro(x)

static inline int in_header(int x)
{
	return __in_header(x);
}
