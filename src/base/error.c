/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* What can be done about it, whatever was tried; or "". */
static const char *remedy(int code)
{
	switch (code) {
	case ENOSPC:
	case EDQUOT:
		return "; make room on that disk";
	case EACCES:
	case EPERM:
	case EROFS:
		return "; see who may read and write it (ls -ld), and that it is yours";
	case EMFILE:
	case ENFILE:
		return "; allow more open files (ulimit -n), or fewer trials at a time (-j)";
	case ENOMEM:
		return "; end what takes the memory, or run fewer trials at a time (-j)";
	case EAGAIN:
		return "; allow more processes (ulimit -u), or fewer trials at a time (-j)";
	case EIO:
		return "; dmesg tells whether the disk fails";
	default:
		return "";
	}
}

int error_set(struct error *e, int code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(e->text, sizeof e->text, format, args);
	va_end(args);
	return -code;
}

int error_sys(struct error *e, int code, const char *format, ...)
{
	va_list args;
	size_t len;

	va_start(args, format);
	vsnprintf(e->text, sizeof e->text, format, args);
	va_end(args);
	len = strlen(e->text);
	snprintf(e->text + len, sizeof e->text - len, ": %s%s", strerror(code), remedy(code));
	return -code;
}
