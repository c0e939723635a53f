/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/archive.h"

#include "base/path.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static bool is_compressed(const void *data, size_t len)
{
	static const struct {
		const char *bytes;
		size_t len;
	} magics[] = {{"\x1f\x8b", 2},
		{"\xfd"
		 "7zXZ\0",
			6},
		{"\x28\xb5\x2f\xfd", 4}, {"\x04\x22\x4d\x18", 4}, {"BZh", 3}};

	for (size_t i = 0; i < sizeof magics / sizeof *magics; i++)
		if (len >= magics[i].len && !memcmp(data, magics[i].bytes, magics[i].len))
			return true;
	return false;
}

static int decompress(struct archive *a, const struct buf *in, size_t max, struct buf *out)
{
	struct archive_entry *entry;

	archive_read_support_filter_all(a);
	archive_read_support_format_raw(a);
	if (archive_read_open_memory(a, in->data, in->len) != ARCHIVE_OK ||
		archive_read_next_header(a, &entry) != ARCHIVE_OK)
		return -EINVAL;
	for (;;) {
		la_ssize_t n;

		buf_reserve(out, 1 << 18);
		n = archive_read_data(a, out->data + out->len, out->cap - out->len - 1);
		if (n < 0)
			return -EINVAL;
		if (n == 0)
			return 0;
		out->len += (size_t)n;
		out->data[out->len] = 0;
		if (out->len > max)
			return -EFBIG;
	}
}

int archive_read_plain(const char *path, size_t max, struct buf *out, struct error *err)
{
	AUTO_BUF struct buf raw = {0};
	struct archive *a;
	int r = path_read(path, max, &raw);

	if (r == -EFBIG)
		return error_set(err, EFBIG, "%s is larger than %zu MiB", path, max >> 20);
	if (r)
		return error_sys(err, -r, "cannot read %s", path);
	if (!is_compressed(raw.data, raw.len)) {
		buf_free(out);
		*out = raw;
		raw = (struct buf){0};
		return 0;
	}
	a = archive_read_new();
	if (!a)
		return error_set(err, ENOMEM, "cannot decompress %s", path);
	r = decompress(a, &raw, max, out);
	archive_read_free(a);
	if (r == -EFBIG)
		return error_set(err, EFBIG, "%s unpacks to more than %zu MiB", path, max >> 20);
	if (r)
		return error_set(
			err, EINVAL, "%s is compressed, but damaged: copy or build it again", path);
	return 0;
}

/* The first bytes as they stand in the file. */
static size_t read_raw_head(const char *path, void *bytes, size_t len)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t got = 0;
	ssize_t n;

	while (fd >= 0 && got < len && (n = read(fd, (char *)bytes + got, len - got)) > 0)
		got += (size_t)n;
	return got;
}

size_t archive_read_head(const char *path, void *bytes, size_t len)
{
	struct archive_entry *entry;
	struct archive *a;
	size_t got = read_raw_head(path, bytes, len);
	la_ssize_t n;

	/* libarchive takes its time to find out that there is nothing to do. */
	if (!is_compressed(bytes, got))
		return got;
	got = 0;
	a = archive_read_new();
	if (!a)
		return 0;
	archive_read_support_filter_all(a);
	archive_read_support_format_raw(a);
	if (archive_read_open_filename(a, path, 16384) == ARCHIVE_OK &&
		archive_read_next_header(a, &entry) == ARCHIVE_OK)
		while (got < len && (n = archive_read_data(a, (char *)bytes + got, len - got)) > 0)
			got += (size_t)n;
	archive_read_free(a);
	return got;
}
