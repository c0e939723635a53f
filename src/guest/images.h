/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KMODLAB_GUEST_IMAGES_H
#define KMODLAB_GUEST_IMAGES_H
/* The programs that run inside machines, as the build embedded them (images.S): `x` to `x_end`. */

extern const unsigned char guest_agent_linux[], guest_agent_linux_end[];
extern const unsigned char guest_agent_freebsd[], guest_agent_freebsd_end[];
extern const unsigned char guest_freebsd_stub[], guest_freebsd_stub_end[];

#endif
