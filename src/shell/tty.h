/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_SHELL_TTY_H
#define KMODLAB_SHELL_TTY_H
/* The user's terminal, which for a while passes on every key as it is. One at a time in a process. */
#include <stdbool.h>

/* Makes the terminal behind `fd` raw: no echo, no signals from keys, no lines. It is made as it was when this program
 * ends, by a signal that is a mistake of ours included; but for SIGKILL, nothing leaves it raw. False: it is none. */
bool tty_raw(int fd);
/* Makes it as it was. Safe when it is not raw. */
void tty_restore(void);
/* After somebody stopped and continued this program, a shell has the terminal as it likes it: makes it raw again. */
void tty_keep_raw(void);
/* Its size; false where that is not known. */
bool tty_size(int fd, unsigned *rows, unsigned *columns);

#endif
