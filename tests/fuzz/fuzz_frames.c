/* SPDX-License-Identifier: BSD-2-Clause */
/* Any bytes as a machine's tables of stack frames, its symbols, and what QEMU's debugger says. */
#include "machine/stub.h"
#include "trial/kernel-elf.h"
#include "trial/kernel-frames.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	AUTO_BUF struct buf frames = {0}, file = {0}, in = {0}, packet = {0};
	struct addresses a = {0};
	size_t n = len / 10;

	kernel_frames(bytes, 0xffffffff82000000, bytes + 4 * n, n, len & 1, &frames);
	addresses_add_kallsyms(&a, (const char *)bytes, len);
	kernel_elf(&a, &frames, &file);
	addresses_free(&a);
	buf_add(&in, bytes, len);
	while (stub_packet(&in, &packet) > 0)
		stub_stop_cpu(packet.data);
	return 0;
}
