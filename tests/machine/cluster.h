/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_TESTS_CLUSTER_H
#define KMODLAB_TESTS_CLUSTER_H
/*
 * A Slurm with a controller and two nodes, and an sshd, all on this machine and of a test's own. Its daemons are children of the
 * test, in the foreground, with everything they write in the test's directory; they die with it. Logins: one and two;
 * blind, which does not see `shared`; bare, which has no targets (ssh -F DIR/ssh.conf NAME).
 */
#include "lab.h"

#include "base/proc.h"

/* This machine may stand still for a while, and is shared. */
#define PATIENCE_US INT64_C(120000000)

extern char *dir, *shared;	/* of all of it; in it, what all machines see */
extern char *no_slurm, *no_ssh; /* why it is not here; NULL: it is */

enum { MUNGED, SLURMCTLD, NODE1, NODE2, SSHD, DAEMONS };
extern struct proc daemons[DAEMONS];

/* For cmocka: starts all that can be started, and ends it. */
int cluster_begin(void **state);
int cluster_end(void **state);
/* Starts the node NODE1 or NODE2, which is not there. */
bool cluster_node(int which);

/* "DIR/name". Caller frees. */
char *in_dir(const char *name);
/* Runs a command of the shell's and returns what it says; "" if it fails. Caller frees. */
char *ask(const char *command);
/* Waits until the command says this, for as long as anybody can wait. */
bool comes(const char *command, const char *expected);

#endif
