/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fetching a release's sets into the cache, from file: URLs and from a web server of the test's own
 * that cuts connections, knows no ranges or serves the wrong bytes when it is told to.
 */
#include "unit.h"

#include "fake_freebsd.h"

#include "target/download.h"
#include "target/freebsd.h"

#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

/* What is wrong with the server. */
enum fault {
	FAULT_NONE,
	FAULT_CUTS,	/* sends half of what is asked for, then hangs up */
	FAULT_NO_RANGE, /* sends the whole file whatever is asked for */
	FAULT_ABSENT,	/* has nothing */
};

static pid_t server;
static char site[64];

static void send_all(int fd, const char *bytes, size_t len)
{
	while (len) {
		ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);

		if (n <= 0)
			return;
		bytes += n;
		len -= (size_t)n;
	}
}

/* Answers one request for a file below <home>/site, and notes it in <home>/requests. */
static void answer(int fd, enum fault fault)
{
	char request[4096] = {0}, name[256] = {0};
	AUTO_BUF struct buf file = {0}, head = {0};
	AUTO_FREE char *log = in_home("requests"), *path = NULL;
	const char *range;
	size_t from = 0, len = 0;
	ssize_t n;
	FILE *f;

	while (!strstr(request, "\r\n\r\n") && len < sizeof request - 1 &&
		(n = recv(fd, request + len, sizeof request - 1 - len, 0)) > 0)
		len += (size_t)n;
	sscanf(request, "GET %255s", name);
	path = xasprintf("%s/site%s", home, name);
	range = strcasestr(request, "Range: bytes=");
	if (range && fault != FAULT_NO_RANGE)
		from = strtoul(range + 13, NULL, 10);
	f = fopen(log, "a");
	fprintf(f, "%s %s\n", name, range ? "rest" : "whole");
	fclose(f);
	if (fault == FAULT_ABSENT || path_read(path, 1 << 20, &file)) {
		buf_adds(
			&head, "HTTP/1.1 404 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
	} else if (range && from >= file.len) {
		buf_adds(
			&head, "HTTP/1.1 416 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
		from = file.len;
	} else if (from) {
		buf_addf(&head,
			"HTTP/1.1 206 Rest\r\nContent-Range: bytes %zu-%zu/%zu\r\nContent-Length: "
			"%zu\r\nConnection: close\r\n\r\n",
			from, file.len - 1, file.len, file.len - from);
	} else {
		buf_addf(&head,
			"HTTP/1.1 200 OK\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n",
			file.len);
	}
	send_all(fd, head.data, head.len);
	len = file.len - from;
	/* The MANIFEST always arrives: it is the sets that are to break. */
	if (fault == FAULT_CUTS && len > 16 && !strstr(name, "MANIFEST"))
		len /= 2;
	if (len)
		send_all(fd, file.data + from, len);
}

static void serve(int listener, enum fault fault)
{
	for (;;) {
		int fd = accept(listener, NULL, NULL);

		if (fd < 0)
			_exit(1);
		answer(fd, fault);
		shutdown(fd, SHUT_WR);
		close(fd);
	}
}

static void stop_server(void)
{
	if (server > 0) {
		kill(server, SIGKILL);
		waitpid(server, NULL, 0);
	}
	server = 0;
}

static void start_server(enum fault fault)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof at;
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	stop_server();
	assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(listen(listener, 8), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &len), 0);
	snprintf(site, sizeof site, "http://127.0.0.1:%d", ntohs(at.sin_port));
	server = fork();
	if (!server)
		serve(listener, fault);
	assert_true(server > 0);
	close(listener);
}

/* No proxy stands between a test and itself. */
static int set_up_net(void **state)
{
	setenv("no_proxy", "127.0.0.1", 1);
	return set_up_cache(state);
}

static int tear_down_net(void **state)
{
	stop_server();
	return tear_down(state);
}

#define IN_CACHE "cache/kmodlab/sets/freebsd-14.9/"

static void say_nothing(
	void *arg, const char *what, unsigned long long done, unsigned long long total)
{
	(void)arg, (void)what, (void)done, (void)total;
}

static int find(const char *mirror, struct error *err)
{
	struct target_source source = {.mirror = mirror};
	struct freebsd_sets sets;
	int r;

	*err = (struct error){{0}};
	r = freebsd_sets_find("14.9", &source, &sets, say_nothing, NULL, err);
	freebsd_sets_free(&sets);
	return r;
}

static void assert_found(const char *mirror)
{
	struct error err;

	if (find(mirror, &err))
		fail_msg("%s", err.text);
	assert_true(exists(IN_CACHE "kernel.txz"));
	assert_true(exists(IN_CACHE "src.txz"));
	assert_true(exists(IN_CACHE "MANIFEST"));
	assert_false(exists(IN_CACHE "kernel.txz.part"));
	assert_false(exists(IN_CACHE "src.txz.part"));
}

static char *requests(void)
{
	AUTO_FREE char *log = in_home("requests");
	struct buf text = {0};

	path_read(log, 1 << 20, &text);
	return buf_take(&text);
}

static void a_mirror_may_be_a_folder(void **state)
{
	AUTO_FREE char *url = xasprintf("file://%s/site/", home);
	AUTO_FREE char *folder = in_home("site");

	(void)state;
	put_release("site/14.9-RELEASE");
	assert_found(url);
	/* Once they are here, nobody is asked. */
	path_remove_tree(folder);
	assert_found(url);
}

static void a_base_set_is_fetched_where_there_is_one(void **state)
{
	AUTO_FREE char *url = xasprintf("file://%s/site/", home);
	AUTO_FREE char *src = in_home(IN_CACHE "src.txz"), *base = in_home(IN_CACHE "base.txz");
	AUTO_BUF struct buf manifest = {0};

	(void)state;
	put_release("site/14.9-RELEASE");
	add_sum(&manifest, "site/14.9-RELEASE", "kernel.txz");
	add_sum(&manifest, "site/14.9-RELEASE", "src.txz");
	buf_addf(&manifest, "base.txz\t%064d\n", 0);
	put("site/14.9-RELEASE/MANIFEST", manifest.data);
	/* It is named, and not there. */
	assert_found(url);
	assert_false(exists(IN_CACHE "base.txz"));
	put_base_set("site/14.9-RELEASE/base.txz");
	manifest.len = 0;
	add_sum(&manifest, "site/14.9-RELEASE", "kernel.txz");
	add_sum(&manifest, "site/14.9-RELEASE", "src.txz");
	add_sum(&manifest, "site/14.9-RELEASE", "base.txz");
	put("site/14.9-RELEASE/MANIFEST", manifest.data);
	/* What is here without it does not make anybody wait for it. */
	assert_found(url);
	assert_false(exists(IN_CACHE "base.txz"));
	assert_int_equal(unlink(src), 0);
	assert_found(url);
	assert_true(exists(IN_CACHE "base.txz"));
	/* One that is damaged is fetched again, as the others are. */
	put(IN_CACHE "base.txz", "damaged");
	assert_found(url);
	assert_true(path_is_file(base));
	put("site/14.9-RELEASE/base.txz", "damaged");
	assert_found(url);
}

static void what_is_no_url_is_refused(void **state)
{
	struct error err;

	(void)state;
	assert_int_equal(find("ftp://127.0.0.1", &err), -EINVAL);
	assert_says(err, "https://");
	assert_int_equal(find("/srv/mirror", &err), -EINVAL);
	assert_false(exists(IN_CACHE));
}

static void a_connection_that_breaks_is_resumed(void **state)
{
	AUTO_FREE char *asked = NULL;

	(void)state;
	put_release("site/14.9-RELEASE");
	start_server(FAULT_CUTS);
	assert_found(site);
	asked = requests();
	assert_non_null(strstr(asked, "kernel.txz whole\n"));
	assert_non_null(strstr(asked, "kernel.txz rest\n"));
}

static void what_another_run_began_is_gone_on_with(void **state)
{
	AUTO_FREE char *part = in_home(IN_CACHE "src.txz.part"), *asked = NULL;
	AUTO_FREE char *from = in_home("site/14.9-RELEASE/src.txz");
	AUTO_BUF struct buf bytes = {0};
	struct error err;

	(void)state;
	put_release("site/14.9-RELEASE");
	put(IN_CACHE "src.txz.part", "");
	assert_int_equal(path_read(from, 1 << 20, &bytes), 0);
	assert_int_equal(path_write(part, bytes.data, bytes.len / 3, &err), 0);
	start_server(FAULT_NONE);
	assert_found(site);
	asked = requests();
	assert_non_null(strstr(asked, "src.txz rest\n"));
	assert_null(strstr(asked, "src.txz whole\n"));
}

static void what_is_here_entirely_is_not_fetched_again(void **state)
{
	AUTO_FREE char *part = in_home(IN_CACHE "src.txz.part"), *asked = NULL;
	AUTO_FREE char *from = in_home("site/14.9-RELEASE/src.txz");
	AUTO_BUF struct buf bytes = {0};
	struct error err;

	(void)state;
	put_release("site/14.9-RELEASE");
	put(IN_CACHE "src.txz.part", "");
	assert_int_equal(path_read(from, 1 << 20, &bytes), 0);
	assert_int_equal(path_write(part, bytes.data, bytes.len, &err), 0);
	start_server(FAULT_NONE);
	assert_found(site);
	asked = requests();
	assert_null(strstr(asked, "src.txz whole\n"));
}

static void the_beginning_of_another_file_is_thrown_away(void **state)
{
	AUTO_FREE char *url = xasprintf("file://%s/site", home);
	AUTO_FREE char *long_one = xcalloc(1, 100001);

	(void)state;
	memset(long_one, 'x', 100000);
	put_release("site/14.9-RELEASE");
	put(IN_CACHE "kernel.txz.part", "of another file");
	put(IN_CACHE "src.txz.part", long_one);
	start_server(FAULT_NONE);
	assert_found(site);
	path_remove_tree(home);
	put_release("site/14.9-RELEASE");
	put(IN_CACHE "kernel.txz.part", "of another file");
	put(IN_CACHE "src.txz.part", long_one);
	assert_found(url);
}

static void a_server_that_cannot_resume_makes_it_begin_anew(void **state)
{
	(void)state;
	put_release("site/14.9-RELEASE");
	put(IN_CACHE "kernel.txz.part", "something");
	start_server(FAULT_NO_RANGE);
	assert_found(site);
}

static void bytes_that_are_not_the_manifests_are_not_kept(void **state)
{
	struct error err;

	(void)state;
	put_release("site/14.9-RELEASE");
	put_src_set("site/14.9-RELEASE/src.txz", "1409001");
	start_server(FAULT_NONE);
	assert_int_equal(find(site, &err), -EBADMSG);
	assert_says(err, "is not what the MANIFEST beside it says");
	assert_true(exists(IN_CACHE "kernel.txz"));
	assert_false(exists(IN_CACHE "src.txz"));
	assert_false(exists(IN_CACHE "src.txz.part"));
}

static void a_page_instead_of_a_manifest_is_refused(void **state)
{
	struct error err;

	(void)state;
	put("site/14.9-RELEASE/MANIFEST", "<html>Log in to this network</html>\n");
	start_server(FAULT_NONE);
	assert_int_equal(find(site, &err), -EINVAL);
	assert_says(err, "is not the MANIFEST of a release");
	assert_false(exists(IN_CACHE "MANIFEST"));
}

static void a_release_that_is_not_there_is_told_from_no_network(void **state)
{
	struct error err;

	(void)state;
	start_server(FAULT_ABSENT);
	assert_int_equal(find(site, &err), -ENOENT);
	assert_says(err, "14.9-RELEASE/MANIFEST is not there");
	stop_server();
	assert_int_equal(find(site, &err), -ENETUNREACH);
	assert_says(err, "without a network");
}

static void a_damaged_set_in_the_cache_is_fetched_again(void **state)
{
	AUTO_FREE char *asked = NULL;

	(void)state;
	put_release("site/14.9-RELEASE");
	put_release("cache/kmodlab/sets/freebsd-14.9");
	put(IN_CACHE "src.txz", "damaged");
	start_server(FAULT_NONE);
	assert_found(site);
	asked = requests();
	assert_non_null(strstr(asked, "src.txz whole\n"));
	assert_null(strstr(asked, "kernel.txz"));
}

static void a_file_larger_than_allowed_is_not_fetched(void **state)
{
	AUTO_FREE char *url = xasprintf("file://%s/large", home);
	struct download d = {.url = url, .what = "large", .max = 4};
	AUTO_BUF struct buf text = {0};
	struct error err;

	(void)state;
	put("large", "12345");
	assert_int_equal(download_text(&d, &text, &err), -EFBIG);
	d.max = 5;
	assert_int_equal(download_text(&d, &text, &err), 0);
	assert_string_equal(text.data, "12345");
}

#define at_home(test) cmocka_unit_test_setup_teardown(test, set_up_net, tear_down_net)

int main(void)
{
	const struct CMUnitTest tests[] = {
		at_home(a_mirror_may_be_a_folder),
		at_home(a_base_set_is_fetched_where_there_is_one),
		at_home(what_is_no_url_is_refused),
		at_home(a_connection_that_breaks_is_resumed),
		at_home(what_another_run_began_is_gone_on_with),
		at_home(what_is_here_entirely_is_not_fetched_again),
		at_home(the_beginning_of_another_file_is_thrown_away),
		at_home(a_server_that_cannot_resume_makes_it_begin_anew),
		at_home(bytes_that_are_not_the_manifests_are_not_kept),
		at_home(a_page_instead_of_a_manifest_is_refused),
		at_home(a_release_that_is_not_there_is_told_from_no_network),
		at_home(a_damaged_set_in_the_cache_is_fetched_again),
		at_home(a_file_larger_than_allowed_is_not_fetched),
	};

	return cmocka_run_group_tests_name("download", tests, NULL, NULL);
}
