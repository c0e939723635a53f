/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_GUEST_OS_H
#define KMODLAB_GUEST_OS_H
/*
 * What the agent needs of the system it runs on: one interface, one file per system
 * (os-linux.c). The agent is freestanding: no C library, no memory allocation, no threads.
 * Results are 0 or a positive value, or a negative errno, as the kernel gives them.
 */
#include <stddef.h>
#include <stdint.h>

/* Called first of all, with the stack as the kernel made it. This program may also have been started by the
 * kernel as something else than the agent; it then does that, and does not come back. */
void os_play(const long *stack);
/* Called next: mounts what is needed, opens console, serial line and log. Ends the machine with a
 * word on the console when that is impossible. */
void os_setup(void);
/* The memory shared with the outside, mapped, or NULL where the device is missing. */
void *os_shared_memory(size_t bytes);
/* Zeroed memory that this process and its children share. Ends the machine when there is none. */
void *os_common_memory(size_t bytes);

/* The serial line to the outside, raw. */
int os_line_fd(void);
long os_read(int fd, void *to, size_t len);
long os_write(int fd, const void *from, size_t len);

/* Microseconds on a clock that only goes forward. */
uint64_t os_now_us(void);
void os_sleep_us(unsigned us);

/* What os_wait waits for and saw. */
enum { OS_LINE = 1, OS_LOG = 2, OS_WORKER = 4 };
/* Waits until one of `what` is there: the line can be read, the log has a record, `worker` has
 * ended; returns the OS_* bits. May come back early, with 0. */
unsigned os_wait(unsigned what, int worker);

/* One record of the kernel's log into `to`: its length, 0 when there is none now, or a negative
 * errno (-EPIPE: records were dropped, go on reading). The processes of the agent share the place up
 * to which the log was read; one at a time may read. */
long os_log_read(void *to, size_t len);
/* After -EPIPE: how many records were lost at the least; 0 where the records' own numbers tell. */
uint64_t os_log_lost(void);
/* Forgets the log up to now; whether there was anything. */
int os_log_skip(void);
/* Whether the console shows all that is logged, or only what the kernel says when it dies. */
void os_console_loud(int loud);

/* Ahead of everybody else from now on, but not its children. */
void os_be_first(void);
/* Makes another process: 0 in it; in this one its number (> 0) for os_wait and os_worker_end, or a
 * negative errno. */
int os_fork(void);
/* Once OS_WORKER was seen: the signal that ended it, or 0. */
int os_worker_end(int worker);

/* Loads the module in `bytes` (the file's base name is `name`), or the one in `file`; unloads one.
 * They return when init or exit does, if ever: an oops kills the process that calls. */
long os_load_bytes(const char *name, const void *bytes, size_t len, const char *params);
long os_load_file(const char *file, const char *params);
long os_unload(const char *name);

/* Opens a file for reading, or for appending (made if need be). */
int os_open_read(const char *file);
int os_open_append(const char *file);
/* Another name for a file: 0 or a negative errno. */
int os_link(const char *file, const char *name);
void os_close(int fd);

uint32_t os_number(void); /* enum proto_os */
uint32_t os_cpus(void);
/* Writes "release\0version\0machine\0" into `to` (cut to fit); its length. */
size_t os_names(char *to, size_t len);

/* A word on the console, for what cannot be told otherwise. */
void os_say(const char *text);
_Noreturn void os_halt(void);

#endif
