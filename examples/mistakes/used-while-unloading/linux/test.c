/* SPDX-License-Identifier: BSD-2-Clause */
/* Leaves a process behind that reads the device when the module goes. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

int main(void)
{
	char c;
	int file = open("/dev/slow", O_RDONLY);

	if (file < 0) {
		perror("/dev/slow");
		return 1;
	}
	if (fork() == 0) {
		read(file, &c, 1);
		_exit(0);
	}
	/* Until it is in there. */
	usleep(20000);
	return 0;
}
