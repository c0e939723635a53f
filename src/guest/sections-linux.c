/* SPDX-License-Identifier: BSD-2-Clause */
/* Where Linux has loaded a module's code: /sys/module/NAME/sections (kernel/module/sysfs.c). What only init needs is
 * gone by now, but its addresses still stand in what init did. */
#include "guest/bare.h"
#include "guest/os.h"
#include "guest/watch.h"

/* "0xffffffffc0200000\n"; 0 if it is no such number. */
static uint64_t read_address(const char *path)
{
	char text[32];
	int fd = os_open_read(path);
	long n = fd < 0 ? 0 : os_read(fd, text, sizeof text);
	uint64_t address = 0;

	if (fd >= 0)
		os_close(fd);
	for (long i = 2; i < n && text[i] != '\n'; i++) {
		unsigned c = (unsigned char)text[i];
		unsigned digit = c >= 'a' && c <= 'f' ? c - 'a' + 10 : c - '0';

		if (digit > 15)
			return 0;
		address = address << 4 | digit;
	}
	return address;
}

/* The module of the file "/m/snd-hda.ko" is "snd_hda". Its length; 0 if it does not fit. */
static size_t module_name(const char *file, char *to, size_t len)
{
	size_t n = 0;

	for (const char *p = file; *p; p++)
		if (*p == '/')
			file = p + 1;
	for (; file[n] && file[n] != '.'; n++) {
		if (n + 1 == len)
			return 0;
		to[n] = file[n] == '-' ? '_' : file[n];
	}
	to[n] = 0;
	return n;
}

void track_loaded(
	const char *module, void (*tell)(uint64_t at, const char *module, const char *section))
{
	/* Into .text.unlikely goes what the compiler sees called from init alone. */
	static const char *const sections[] = {
		".text", ".init.text", ".exit.text", ".text.unlikely"};
	static char path[160] = "/sys/module/";
	char *name = path + length("/sys/module/");
	size_t n = module_name(module, name, 64);

	if (!n)
		return;
	memcpy(name + n, "/sections/", 10);
	for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
		uint64_t at;

		memcpy(name + n + 10, sections[i], length(sections[i]) + 1);
		at = read_address(path);
		name[n] = 0;
		if (at)
			tell(at, name, sections[i]);
		name[n] = '/';
	}
}
