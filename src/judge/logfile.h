/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_JUDGE_LOGFILE_H
#define KMODLAB_JUDGE_LOGFILE_H
/*
 * A kernel's log that somebody saved: dmesg(1) in its forms (also --raw, --ctime, --decode), /dev/kmsg, a serial
 * console with its escape sequences, journalctl(1), syslog, what a CI made of one of them, FreeBSD's dmesg.
 * Any bytes are read without a fault.
 */
#include "judge/run.h"

/* The log of one boot is a run without calls. */
struct logfile {
	struct run *boots;
	size_t n; /* at least 1 after logfile_read */
};

/* Which system's log it is, judging by the words in it; Linux's if nothing tells. */
enum target_os logfile_os(const char *bytes, size_t len);
/* Reads it: a run for each boot that it tells of, in their order. */
void logfile_read(const char *bytes, size_t len, enum target_os os, struct logfile *out);
void logfile_free(struct logfile *l);

#endif
