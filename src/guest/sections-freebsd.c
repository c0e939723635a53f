/* SPDX-License-Identifier: BSD-2-Clause */
/* Where FreeBSD has loaded a module: kldfind(2) and kldstat(2). One address serves: it lays the sections one behind
 * the other. */
#include "guest/bare.h"
#include "guest/watch.h"

enum { SYS_kldfind = 306, SYS_kldstat = 308 }; /* sys/kern/syscalls.master */

struct kld_file_stat { /* sys/sys/linker.h */
	int version;   /* sizeof this */
	char name[1024];
	int refs;
	int id;
	uint64_t address;
	size_t size;
	char pathname[1024];
};

void track_loaded(
	const char *module, void (*tell)(uint64_t at, const char *module, const char *section))
{
	static struct kld_file_stat stat;
	char name[128];
	size_t n = 0;
	long id;

	for (const char *p = module; *p; p++)
		if (*p == '/')
			module = p + 1;
	id = sys1(SYS_kldfind, module);
	stat.version = sizeof stat;
	if (id < 0 || sys2(SYS_kldstat, id, &stat) < 0 || !stat.address)
		return;
	/* "snd-hda.ko" */
	for (; module[n] && n + 1 < sizeof name; n++)
		name[n] = module[n];
	if (n > 3 && name[n - 3] == '.' && name[n - 2] == 'k' && name[n - 1] == 'o')
		n -= 3;
	name[n] = 0;
	tell(stat.address, name, "");
}
