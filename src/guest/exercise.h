/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_GUEST_EXERCISE_H
#define KMODLAB_GUEST_EXERCISE_H
/* Using a module while it is loaded: running a program, or using its files in all ways there are. */
#include "guest/protocol.h"

#include <stddef.h>

/* The requests PROTO_RUN and PROTO_EXERCISE; `at` to `end` is the body. */
void exercise_run(uint32_t serial, const uint8_t *at, const uint8_t *end);
void exercise_auto(uint32_t serial, const uint8_t *at, const uint8_t *end);

#endif
