/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether all processors together counted to what they should have. */
#include <stdio.h>

static long number(const char *file)
{
	FILE *f = fopen(file, "r");
	long n = -1;

	if (!f || fscanf(f, "%ld", &n) != 1)
		perror(file);
	if (f)
		fclose(f);
	return n;
}

int main(void)
{
	long count = number("/sys/module/data_race/parameters/count");
	long expected = number("/sys/module/data_race/parameters/expected");

	printf("counted to %ld of %ld\n", count, expected);
	return count != expected;
}
