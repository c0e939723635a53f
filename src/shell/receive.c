/* SPDX-License-Identifier: BSD-2-Clause */
#include "shell/receive.h"

#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define NAME_LONGEST 200

bool receive_name_is_good(const char *name)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ._-+=@%,:~";
	size_t len = strlen(name);

	return len && len <= NAME_LONGEST && strspn(name, allowed) == len && *name != '.' &&
		*name != '-' && *name != ' ' && *name != '~';
}

static void refuse(struct receive *r, char *why)
{
	if (r->fd >= 0)
		unlink(r->name);
	close_fd(&r->fd);
	if (r->why)
		free(why);
	else
		r->why = why;
}

static void begin(struct receive *r, const char *name, size_t len)
{
	receive_end(r);
	*r = (struct receive){.open = true, .fd = -1, .name = xstrndup(name, len)};
	if (!receive_name_is_good(r->name)) {
		/* It is not repeated: it may be anything. */
		free(r->name);
		r->name = xstrdup("the file");
		refuse(r,
			xstrdup("is called what no file is to be called here (letters, digits and "
				"._-+=@%,:~ are fine)"));
		return;
	}
	r->fd = open(r->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
	if (r->fd < 0)
		refuse(r,
			errno == EEXIST ? xstrdup("is there already, and is left as it is")
					: xasprintf("cannot be made here: %s", strerror(errno)));
}

static void write_all(struct receive *r, const uint8_t *p, size_t len)
{
	if (r->fd < 0)
		return;
	r->bytes += len;
	if (r->bytes > RECEIVE_MAX) {
		refuse(r, xstrdup("is larger than 1 GiB"));
		return;
	}
	while (len) {
		ssize_t n = write(r->fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			refuse(r, xasprintf("cannot be written here: %s", strerror(errno)));
			return;
		}
		p += n;
		len -= (size_t)n;
	}
}

bool receive_take(struct receive *r, const struct message *msg)
{
	const char *name = (const char *)msg->body;
	size_t len;

	if (msg->type == PROTO_DATA && r->open)
		write_all(r, msg->body, msg->length);
	if (msg->type != PROTO_GIVE)
		return false;
	len = strnlen(name, msg->length);
	if (len) {
		begin(r, name, len);
		return false;
	}
	if (!r->open)
		return false;
	r->open = false;
	if (r->fd >= 0 && close(r->fd)) {
		unlink(r->name);
		r->why = xasprintf("cannot be written here: %s", strerror(errno));
	}
	r->fd = -1;
	return true;
}

void receive_end(struct receive *r)
{
	if (r->open && r->fd >= 0) {
		unlink(r->name);
		close_fd(&r->fd);
	}
	free(r->name);
	free(r->why);
	*r = (struct receive){.fd = -1};
}
