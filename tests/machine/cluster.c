/* SPDX-License-Identifier: BSD-2-Clause */
#include "cluster.h"

#include "base/clock.h"
#include "base/path.h"

#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

char *dir, *shared;
char *no_slurm, *no_ssh;
static bool made_run_sshd;

struct proc daemons[DAEMONS];

char *in_dir(const char *name)
{
	return xasprintf("%s/%s", dir, name);
}

static void add_line(void *arg, const char *line, size_t len)
{
	buf_add(arg, line, len);
	buf_adds(arg, "\n");
}

char *ask(const char *command)
{
	char *argv[] = {"sh", "-c", (char *)command, NULL};
	struct buf said = {0};
	struct error err;

	buf_adds(&said, "");
	if (proc_run(argv, 60000, add_line, NULL, &said, NULL, &err)) {
		buf_free(&said);
		buf_adds(&said, "");
	}
	return buf_take(&said);
}

/* Waits until the command says this, or for whatever is patience. */
bool comes(const char *command, const char *expected)
{
	int64_t until = clock_us() + PATIENCE_US;

	while (clock_us() < until) {
		AUTO_FREE char *said = ask(command);

		if (!strcmp(said, expected))
			return true;
		usleep(200000);
	}
	return false;
}

/* ---- the daemons ---- */

/* Starts one, with what it says in a file of its name. */
static bool start(int which, const char *name, char *const *argv)
{
	AUTO_FREE char *path = xasprintf("%s/%s.said", dir, name);
	AUTO_CLOSE int out = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	struct error err;

	return !proc_start(&daemons[which],
		&(struct proc_options){.argv = argv, .in = -1, .out = out, .err = out}, &err);
}

bool cluster_node(int which)
{
	char *argv[] = {"/usr/sbin/slurmd", "-D", "-N", which == NODE1 ? "n1" : "n2", NULL};

	return start(which, argv[3], argv);
}

static const char *me(void)
{
	const struct passwd *entry = getpwuid(getuid());

	return entry ? entry->pw_name : "root";
}

static void write_conf(void)
{
	char host[256] = "";

	gethostname(host, sizeof host - 1);
	host[strcspn(host, ".")] = 0;
	lab_write(dir, "slurm.conf",
		"ClusterName=lab\nSlurmctldHost=%s(127.0.0.1)\nSlurmUser=%s\nSlurmdUser=%s\n"
		"AuthType=auth/munge\nAuthInfo=socket=%s/munge.socket\nCryptoType=crypto/munge\n"
		"SlurmctldPort=%d\nStateSaveLocation=%s/state\nSlurmdSpoolDir=%s/spool-%%n\n"
		"SlurmctldPidFile=%s/ctld.pid\nSlurmdPidFile=%s/%%n.pid\n"
		"ProctrackType=proctrack/pgid\nTaskPlugin=task/none\nMpiDefault=none\n"
		"SwitchType=switch/none\nSelectType=select/cons_tres\nSelectTypeParameters=CR_CPU\n"
		"SchedulerType=sched/builtin\nSchedulerParameters=sched_interval=1\n"
		"AccountingStorageType=accounting_storage/none\nJobAcctGatherType=jobacct_gather/none\n"
		"SlurmdTimeout=5\nInactiveLimit=0\nKillWait=2\nReturnToService=2\n"
		"NodeName=n1 NodeHostname=%s NodeAddr=127.0.0.1 Port=%d CPUs=2\n"
		"NodeName=n2 NodeHostname=%s NodeAddr=127.0.0.1 Port=%d CPUs=2\n"
		"PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP\n",
		host, me(), me(), dir, lab_free_port(), dir, dir, dir, dir, host, lab_free_port(),
		host, lab_free_port());
}

/* NULL, or why there is none. */
static char *start_slurm(void)
{
	static const char *const programs[] = {"/usr/sbin/munged", "/usr/sbin/slurmctld",
		"/usr/sbin/slurmd", "/usr/bin/sbatch", "/usr/bin/squeue"};
	AUTO_FREE char *key = xasprintf("--key-file=%s/munge.key", dir);
	AUTO_FREE char *at = xasprintf("--socket=%s/munge.socket", dir);
	AUTO_FREE char *pid = xasprintf("--pid-file=%s/munge.pid", dir);
	AUTO_FREE char *log = xasprintf("--log-file=%s/munge.log", dir);
	AUTO_FREE char *seed = xasprintf("--seed-file=%s/munge.seed", dir);
	AUTO_FREE char *key_file = in_dir("munge.key"), *conf = in_dir("slurm.conf");
	AUTO_FREE char *state = in_dir("state"), *said = NULL;
	char *munged[] = {
		"/usr/sbin/munged", "--foreground", "--force", key, at, pid, log, seed, NULL};
	char *slurmctld[] = {"/usr/sbin/slurmctld", "-D", "-i", NULL};
	char bytes[1024];
	struct error err;

	for (size_t i = 0; i < sizeof programs / sizeof *programs; i++)
		if (access(programs[i], X_OK))
			return xasprintf(
				"there is no %s: install slurm-wlm and munge", programs[i]);
	if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes ||
		path_write(key_file, bytes, sizeof bytes, &err) || chmod(key_file, 0400) ||
		mkdir(state, 0755))
		return xstrdup("its files cannot be written");
	write_conf();
	setenv("SLURM_CONF", conf, true);
	if (!start(MUNGED, "munged", munged) || !start(SLURMCTLD, "slurmctld", slurmctld) ||
		!cluster_node(NODE1) || !cluster_node(NODE2))
		return xstrdup("its daemons cannot be started");
	if (comes("sinfo -h -N -o %T 2>/dev/null", "idle\nidle\n"))
		return NULL;
	said = ask("cd \"${SLURM_CONF%/*}\" && tail -n 3 *.said munge.log");
	fprintf(stderr, "%s\n", said);
	return xstrdup("Slurm's daemons do not come up here (munged, slurmctld, slurmd)");
}

/* NULL, or why there is none. */
static char *start_sshd(void)
{
	int port = lab_free_port();
	AUTO_FREE char *conf = in_dir("sshd.conf");
	char *argv[] = {"/usr/sbin/sshd", "-D", "-e", "-f", conf, NULL};
	AUTO_FREE char *keys =
		xasprintf("cd '%s' && for key in host id blind bare; do ssh-keygen -q -t "
			  "ed25519 -N '' -f $key || exit 1; done; echo made",
			dir);
	AUTO_FREE char *try = xasprintf("ssh -F '%s/ssh.conf' one echo hello 2>/dev/null", dir);
	AUTO_FREE char *authorize = NULL, *home = in_dir("parallel"), *made = NULL;
	const char *data = getenv("XDG_DATA_HOME");
	struct error err;

	if (access("/usr/sbin/sshd", X_OK) || access("/usr/bin/ssh", X_OK) ||
		access("/usr/bin/parallel", X_OK))
		return xstrdup("there is no sshd, ssh or parallel: install openssh-server, "
			       "openssh-client and parallel");
	made = ask(keys);
	if (strcmp(made, "made\n"))
		return xstrdup("ssh-keygen makes no keys");
	if (!path_is_dir("/run/sshd"))
		made_run_sshd = !mkdir("/run/sshd", 0755);
	/* What is mounted on these two logins' machines hides what the others see. */
	authorize = xasprintf(
		"cd '%s' && { cat id.pub; for key in blind:'%s' bare:'%s/kmodlab/targets'; do "
		"printf 'command=\"unshare -rm sh -c '\\''mount -t tmpfs none %%s && eval "
		"\\\\\"$SSH_ORIGINAL_COMMAND\\\\\"'\\''\" ' \"${key#*:}\"; cat ${key%%%%:*}.pub; done; } "
		">authorized; chmod 600 authorized",
		dir, shared, data ? data : "");
	free(ask(authorize));
	lab_write(dir, "sshd.conf",
		"Port %d\nListenAddress 127.0.0.1\nHostKey %s/host\nAuthorizedKeysFile %s/authorized\n"
		"PidFile none\nStrictModes no\nPasswordAuthentication no\nPermitRootLogin yes\n",
		port, dir, dir);
	lab_write(dir, "ssh.conf",
		"Host one two\n  IdentityFile %s/id\nHost blind\n  IdentityFile %s/blind\n"
		"Host bare\n  IdentityFile %s/bare\n"
		"Host *\n  HostName 127.0.0.1\n  Port %d\n  User %s\n  IdentitiesOnly yes\n"
		"  UserKnownHostsFile %s/known\n  StrictHostKeyChecking no\n  LogLevel ERROR\n",
		dir, dir, dir, port, me(), dir);
	if (path_make_dirs(home, &err) || !start(SSHD, "sshd", argv))
		return xstrdup("sshd cannot be started");
	setenv("PARALLEL_HOME", home, true);
	return comes(try, "hello\n") ? NULL
				     : xstrdup("nobody can log in at an sshd of one's own here");
}

/* For who counts the tests: why they were skipped. */
static void say_why(const char *why)
{
	AUTO_FREE char *path = xasprintf("%s/why-test_slurm", getenv("KMODLAB_LAB"));
	struct error err;

	if (!why)
		return;
	fprintf(stderr, "skipped: %s\n", why);
	path_write(path, why, strlen(why), &err);
}

int cluster_begin(void **state)
{
	struct error err;

	(void)state;
	/* What the daemons leave behind becomes ours to end. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	for (int i = 0; i < DAEMONS; i++)
		daemons[i].pidfd = -1;
	dir = lab_dir();
	chmod(dir, 0755);
	shared = in_dir("shared");
	if (path_make_dirs(shared, &err))
		return -1;
	no_slurm = start_slurm();
	no_ssh = start_sshd();
	say_why(no_slurm ? no_slurm : no_ssh);
	return 0;
}

/* Ends what the nodes have started and left to us. */
static void end_orphans(void)
{
	for (int attempt = 0; attempt < 100; attempt++) {
		AUTO_FREE char *command = xasprintf(
			"ps -o pid= --ppid %d -o comm= | awk '$2 != \"sh\" && $2 != \"ps\" { print $1 }'",
			(int)getpid());
		AUTO_FREE char *pids = ask(command);
		char *rest = pids, *word;

		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		while ((word = strsep(&rest, "\n")))
			if (*word && kill(atoi(word), 0) == 0)
				kill(atoi(word), SIGKILL);
		if (!*pids)
			return;
		usleep(50000);
	}
}

int cluster_end(void **state)
{
	(void)state;
	free(ask("scancel --quiet -u \"$(id -un)\" 2>/dev/null; true"));
	for (int i = DAEMONS - 1; i >= 0; i--)
		proc_close(&daemons[i]);
	end_orphans();
	if (made_run_sshd)
		rmdir("/run/sshd");
	path_remove_tree(dir);
	return 0;
}
