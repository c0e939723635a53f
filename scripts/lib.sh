# SPDX-License-Identifier: BSD-2-Clause
# What the scripts share: being in the project's directory, installing what is missing, building.
# To be sourced by a script in scripts/, which has set -eu.

cd "$(dirname "$0")/.."  # scripts/ or bench/

# What it takes to build kmodlab and to run it.
build_packages="gcc libc6-dev linux-libc-dev meson ninja-build pkg-config libarchive-dev libelf-dev libdw-dev libzydis-dev
libjson-c-dev libinih-dev libcurl4-openssl-dev nettle-dev"
run_packages="qemu-system-x86 bubblewrap mmdebstrap"
# What it takes to build FreeBSD modules; everything else works without.
# shellcheck disable=SC2034
freebsd_packages="clang lld llvm bmake original-awk"
# What the tests need on top: the test library, make (for a kernel tree built with this machine's own
# tools), the shell that runs a test.sh, the shells that complete what is typed, sanitizers and fuzzers, the formatter, the man page's compiler, a second opinion on what
# the program writes (clangd of what it tells editors), a Slurm and an sshd for trials on other machines.
test_packages="libcmocka-dev busybox-static make clang clangd clang-format scdoc python3 procps util-linux kmod xz-utils bash zsh fish dpkg-dev bmake gdb
parallel openssh-client"
# Daemons that the tests start themselves, with files of their own.
# shellcheck disable=SC2034
daemon_packages="munge slurm-wlm slurmctld slurmd openssh-server"
# What it takes to open the page of --html in a browser; only scripts/test does.
# shellcheck disable=SC2034
web_packages="chromium nodejs npm"

say() {
	printf '\n== %s\n' "$*"
}

installed() {
	dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q ' installed$'
}

# Installs those of the named Debian packages that are missing.
need_packages() {
	missing=
	for package; do
		installed "$package" || missing="$missing $package"
	done
	[ -n "$missing" ] || return 0
	say "installing:$missing"
	if [ "$(id -u)" = 0 ]; then
		as_root=
	elif command -v sudo >/dev/null; then
		as_root=sudo
	else
		echo "These packages are missing, and only root can install them. As root, type:" >&2
		echo "  apt-get install --no-install-recommends$missing" >&2
		exit 3
	fi
	$as_root apt-get -qq update
	# shellcheck disable=SC2086
	$as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 \
		install --no-install-recommends $missing >/dev/null
}

# Installs those of the named packages that are missing, so that their services start neither now nor at the next boot.
need_daemons() {
	new= policy=/usr/sbin/policy-rc.d
	for package; do
		installed "$package" || new="$new $package"
	done
	[ -n "$new" ] || return 0
	root_does=
	[ "$(id -u)" = 0 ] || root_does=sudo
	# While that file is there, no service starts: it goes whatever becomes of the installation.
	(
		trap 'exit 130' INT
		trap 'exit 143' TERM HUP
		if [ ! -e "$policy" ]; then
			trap '$root_does rm -f "$policy"' EXIT
			printf '#!/bin/sh\nexit 101\n' | $root_does tee "$policy" >/dev/null 2>&1 || true
			$root_does chmod 755 "$policy" 2>/dev/null || true
		fi
		# shellcheck disable=SC2086
		need_packages $new
	)
	for service in $new; do
		[ "$service" != openssh-server ] || service=ssh
		[ ! -e "/etc/init.d/$service" ] || $root_does update-rc.d "$service" disable >/dev/null 2>&1 || true
	done
}

# Builds kmodlab in the directory $1, with the further meson options that follow. One that was set up
# without them before (as scripts/demo does, which needs no test library) is set up anew.
build_in() {
	dir=$1
	shift
	again=
	[ ! -f "$dir/build.ninja" ] || again=--reconfigure
	if [ -z "$again" ] || [ $# -gt 0 ]; then
		# shellcheck disable=SC2086
		meson setup $again "$dir" "$@" >"$dir.log" 2>&1 || {
			cat "$dir.log" >&2
			rm -f "$dir.log"
			exit 3
		}
		rm -f "$dir.log"
	fi
	ninja -C "$dir" --quiet
}
