/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_BUILD_KBUILD_REPLAY_H
#define KMODLAB_BUILD_KBUILD_REPLAY_H
/* Building a Linux module again without make: build_system's ask and replay for Kbuild. */
#include "build/replay.h"
#include "build/sandbox.h"

void kbuild_ask(struct sandbox *s, const struct target *target);
bool kbuild_replay(struct replay *r);

#endif
