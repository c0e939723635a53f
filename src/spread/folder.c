/* SPDX-License-Identifier: BSD-2-Clause */
#include "spread/folder.h"

#include "base/path.h"
#include "spread/carry.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#define DESCRIPTION	 "trials.json"
#define DESCRIPTION_MOST ((size_t)512 << 20)

size_t description_tasks(const struct description *d)
{
	return d->n / d->chunk + (d->n % d->chunk != 0);
}

size_t description_task(const struct description *d, size_t task, size_t *first)
{
	if (!task || task > description_tasks(d))
		return 0;
	*first = (task - 1) * d->chunk;
	return d->n - *first < d->chunk ? d->n - *first : d->chunk;
}

static void carry_described(struct carry *c, struct described *one)
{
	carry_words(c, "path", &one->path);
	CARRY(c, "os", one->os, TARGET_FREEBSD);
	carry_words(c, "target", &one->target);
	carry_bool(c, "config", &one->config);
	carry_bool(c, "expect", &one->expect);
}

static void carry_description(struct carry *c, struct description *d)
{
	struct json_object *list;

	carry_words(c, "cwd", &d->cwd);
	carry_strings(c, "options", &d->options);
	carry_bool(c, "has_parameters", &d->has_params);
	carry_strings(c, "parameters", &d->params);
	carry_strings(c, "given", &d->given);
	carry_strings(c, "environment", &d->environment);
	CARRY_ANY(c, "seed", d->seed);
	CARRY(c, "jobs", d->jobs, 1024);
	CARRY(c, "trials_in_a_task", d->chunk, CARRY_MOST);
	carry_bool(c, "frames", &d->frames);
	list = carry_list(c, "trials", &d->n);
	if (c->reading)
		d->trials = xcalloc(d->n + 1, sizeof *d->trials);
	for (size_t i = 0; i < d->n; i++) {
		struct carry one = carry_item(c, list, i);

		carry_described(&one, &d->trials[i]);
	}
}

int description_write(const struct description *d, const char *folder, struct error *err)
{
	AUTO_FREE char *path = xasprintf("%s/" DESCRIPTION, folder);
	AUTO_FREE char *results = xasprintf("%s/results", folder);
	AUTO_FREE char *output = xasprintf("%s/output", folder);
	struct json_object *o = json_object_new_object();
	/* A writer only reads what it is given. */
	struct description copy = *d;
	struct carry top = {.o = o, .bad = &(bool){false}};
	char *version = (char *)KMODLAB_VERSION;
	AUTO_FREE char *text = NULL;
	int r;

	carry_words(&top, "kmodlab", &version);
	carry_description(&top, &copy);
	text = carry_print(o);
	json_object_put(o);
	r = path_make_dirs(results, err);
	if (!r)
		r = path_make_dirs(output, err);
	return r ? r : path_write(path, text, strlen(text), err);
}

int description_parse(struct description *d, const char *text, size_t len, struct error *err)
{
	struct json_object *o = carry_parse(text, len);
	bool bad = false;
	struct carry top = {.o = o, .reading = true, .bad = &bad};

	*d = (struct description){.chunk = 1};
	if (!o)
		return error_set(err, EINVAL, DESCRIPTION " is damaged");
	carry_words(&top, "kmodlab", &d->version);
	/* Of another version no more is understood than that. */
	if (d->version && strcmp(d->version, KMODLAB_VERSION)) {
		json_object_put(o);
		return error_set(err, EINVAL,
			"kmodlab is of version " KMODLAB_VERSION
			" here, and of %.40s where the run was begun; install the same on all machines",
			d->version);
	}
	carry_description(&top, d);
	json_object_put(o);
	if (!d->chunk) {
		d->chunk = 1;
		bad = true;
	}
	return bad ? error_set(err, EINVAL, DESCRIPTION " is damaged") : 0;
}

int description_read(struct description *d, const char *folder, struct error *err)
{
	AUTO_FREE char *path = xasprintf("%s/" DESCRIPTION, folder);
	AUTO_FREE char *node = node_name();
	AUTO_BUF struct buf text = {0};
	int r = path_read(path, DESCRIPTION_MOST, &text);

	*d = (struct description){.chunk = 1};
	if (r == -ENOENT || r == -ENOTDIR)
		return error_set(err, ENOENT,
			"the machine %s does not see the folder %s: it has to be on a file system that all "
			"machines have at the same place (--shared DIR says where it is made)",
			node, folder);
	if (r)
		return error_sys(err, -r, "the machine %s cannot read %s", node, path);
	return description_parse(d, text.data ? text.data : "", text.len, err);
}

void description_free(struct description *d)
{
	free(d->version);
	free(d->cwd);
	strv_free(&d->options);
	strv_free(&d->params);
	strv_free(&d->given);
	strv_free(&d->environment);
	for (size_t i = 0; i < d->n && d->trials; i++) {
		free(d->trials[i].path);
		free(d->trials[i].target);
	}
	free(d->trials);
	*d = (struct description){.chunk = 1};
}

bool folder_stands(const char *folder)
{
	AUTO_FREE char *path = xasprintf("%s/" DESCRIPTION, folder);
	struct stat st;

	/* Any other trouble with a file system passes. */
	return !stat(path, &st) || errno != ENOENT;
}

char *folder_result(const char *folder, size_t trial)
{
	return xasprintf("%s/results/%zu.json", folder, trial);
}

char *folder_output(const char *folder, size_t task)
{
	return xasprintf("%s/output/%zu", folder, task);
}

char *node_name(void)
{
	char name[HOST_NAME_MAX + 1] = "";

	/* Slurm's daemons may be several on a machine. */
	if (getenv("SLURMD_NODENAME"))
		return xstrdup(getenv("SLURMD_NODENAME"));
	if (gethostname(name, sizeof name - 1) || !*name)
		return xstrdup("(without a name)");
	return xstrdup(name);
}
