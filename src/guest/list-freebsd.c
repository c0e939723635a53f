/* SPDX-License-Identifier: BSD-2-Clause */
#include "guest/list.h"

void list_prepare(void)
{
}

void list_look(int baseline)
{
	(void)baseline;
}

const char *list_name(unsigned number)
{
	(void)number;
	return "?";
}
