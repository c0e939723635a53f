/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit.h"

#include "base/buf.h"
#include "guest/images.h"
#include "machine/initramfs.h"

#include <archive.h>
#include <archive_entry.h>
#include <elf.h>
#include <sys/stat.h>
#include <unistd.h>

static void it_holds_the_agent_the_console_and_the_files(void **state)
{
	struct machine_file files[] = {{"0.ko", "bytes", 5}, {"1.ko", "", 0}};
	struct archive *a = archive_read_new();
	struct archive_entry *e;
	AUTO_BUF struct buf names = {0};
	struct error err;
	int fd = initramfs_make(files, 2, &err);

	(void)state;
	assert_true(fd >= 0);
	lseek(fd, 0, SEEK_SET);
	archive_read_support_format_cpio(a);
	assert_int_equal(archive_read_open_fd(a, fd, 4096), ARCHIVE_OK);
	while (archive_read_next_header(a, &e) == ARCHIVE_OK) {
		buf_addf(&names, "%s ", archive_entry_pathname(e));
		if (!strcmp(archive_entry_pathname(e), "dev/console")) {
			assert_int_equal(archive_entry_filetype(e), S_IFCHR);
			assert_int_equal(archive_entry_rdevmajor(e), 5);
			assert_int_equal(archive_entry_rdevminor(e), 1);
		}
		if (!strcmp(archive_entry_pathname(e), "init"))
			assert_int_equal(archive_entry_perm(e), 0755);
	}
	assert_string_equal(names.data, "dev dev/console init sbin sbin/modprobe m m/0.ko m/1.ko ");
	archive_read_free(a);
	close(fd);
}

static void the_agent_is_static_and_small(void **state)
{
	const Elf64_Ehdr *h = (const void *)guest_agent_linux;
	size_t len = (size_t)(guest_agent_linux_end - guest_agent_linux);

	(void)state;
	assert_memory_equal(h->e_ident, ELFMAG, SELFMAG);
	assert_int_equal(h->e_type, ET_EXEC);
	assert_true(len < 80 << 10); /* with gcc 60 */
	for (int i = 0; i < h->e_phnum; i++) {
		const Elf64_Phdr *p =
			(const void *)(guest_agent_linux + h->e_phoff + (size_t)i * h->e_phentsize);

		assert_int_not_equal(p->p_type, PT_INTERP);
		assert_int_not_equal(p->p_type, PT_DYNAMIC);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_holds_the_agent_the_console_and_the_files),
		cmocka_unit_test(the_agent_is_static_and_small),
	};

	return cmocka_run_group_tests_name("initramfs", tests, NULL, NULL);
}
