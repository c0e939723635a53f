/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_GUEST_SHELL_H
#define KMODLAB_GUEST_SHELL_H
/*
 * A program that somebody outside talks to: the request PROTO_SHELL. What it needs of the system is in
 * shell-linux.c and shell-freebsd.c.
 */
#include "guest/protocol.h"

/* `at` to `end` is the request's body. Comes back when the program has ended. */
void shell_run(uint32_t serial, const uint8_t *at, const uint8_t *end);

/* The error of a read or a write for which it is too early. */
extern const int shell_again;

/* A new pseudo-terminal: its descriptor, for reading and writing what the program's side writes and reads; *program gets
 * that side. Or a negative errno. */
int shell_terminal(int *program);
/* Tells a terminal its size. */
void shell_window(int terminal, uint32_t rows, uint32_t columns);
/* This process begins a session whose terminal that is. */
void shell_control(int terminal);
/* Makes a pipe that has a name, with both ends open: its descriptor, which does not wait, or a negative errno. */
int shell_pipe(const char *path);
void shell_directory(const char *path);
void shell_unlink(const char *path);

#endif
