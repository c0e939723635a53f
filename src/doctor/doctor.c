/* SPDX-License-Identifier: BSD-2-Clause */
#include "doctor/doctor.h"

const char *health_name(enum health health)
{
	static const char *const names[] = {"ok", "missing", "broken"};

	return names[health];
}

struct checkup *doctor_add(struct checkups *all, const char *name, enum health health, char *found,
	const char *purpose)
{
	struct checkup *c = ARRAY_ADD(all->items, all->n);

	c->name = name;
	c->health = health;
	c->found = found;
	c->purpose = xstrdup(purpose);
	return c;
}

void doctor_look(struct checkups *all, enum packaging packaging, bool quick)
{
	*all = (struct checkups){.packaging = packaging, .quick = quick};
	doctor_programs(all);
	doctor_space(all);
	doctor_machines(all);
}

bool doctor_can_run(const struct checkups *all)
{
	for (size_t i = 0; i < all->n; i++)
		if (all->items[i].needed && all->items[i].health != HEALTH_OK)
			return false;
	return true;
}

void doctor_free(struct checkups *all)
{
	for (size_t i = 0; i < all->n; i++) {
		free(all->items[i].found);
		free(all->items[i].purpose);
		free(all->items[i].remedy);
	}
	free(all->items);
	strv_free(&all->missing);
	*all = (struct checkups){0};
}
