#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Tests kernel modules with kmodlab in CI. The GitHub workflow and the GitLab template both call this, step by
# step; by hand: ci/run.sh all .
#
#   run.sh install          have kmodlab: what is there, a package, or built from its source
#   run.sh targets [DIR...] add the kernels to test on, unless they are there (from a cache, say)
#   run.sh run [DIR...]     check and run the modules in DIR ("." if there is none)
#   run.sh all [DIR...]     the three of them
#
# What can be set, as environment variables; empty is as good as not set:
#   KMODLAB             the program (default: kmodlab on the PATH, then the one that `install` has built)
#   KMODLAB_PACKAGE     a Debian package of kmodlab to install
#   KMODLAB_SOURCE      a directory with kmodlab's source to build it from
#   KMODLAB_REPOSITORY  where git clones that source from, and KMODLAB_REF, the branch or tag of it
#   KMODLAB_TARGETS     kernels to test on (default: debian:bookworm and debian:trixie if there is a module for
#                       Linux, freebsd:14.3 if there is one for FreeBSD)
#   KMODLAB_OPTIONS     for kmodlab run and check (default: --strict)
#   KMODLAB_SHARD       I/N: of all trials, this job takes every N-th
#   KMODLAB_REPORT      directory for the reports (default: kmodlab-report)
# Exit status: kmodlab's. 0 all passed, 1 something was found, 2 wrong usage, 3 infrastructure error.
set -eu

cache=${XDG_CACHE_HOME:-$HOME/.cache}/kmodlab
source=${KMODLAB_SOURCE:-}
report=${KMODLAB_REPORT:-kmodlab-report}

say() {
	printf '\n== %s\n' "$*"
}

fail() {
	echo "run.sh: $*" >&2
	exit 3
}

as_root() {
	if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# The program, or nothing.
program() {
	if [ -n "${KMODLAB:-}" ]; then
		echo "$KMODLAB"
	elif command -v kmodlab; then
		:
	elif [ -x "${source:-$cache/source}/build/src/kmodlab" ]; then
		echo "${source:-$cache/source}/build/src/kmodlab"
	fi
}

need_program() {
	kmodlab=$(program)
	[ -n "$kmodlab" ] || fail "there is no kmodlab; run.sh install is to come first"
}

# Whether one of the Makefiles below the directories has the words.
has_module() {
	words=$1
	shift
	find "$@" -name '.?*' ! -name .. -prune -o \( -name Makefile -o -name Kbuild -o -name BSDmakefile \) \
		-exec grep -q "$words" {} \; -print | grep -q .
}

targets() {
	if [ -n "${KMODLAB_TARGETS:-}" ]; then
		echo "$KMODLAB_TARGETS"
		return
	fi
	if has_module 'obj-[my]' "$@"; then echo debian:bookworm debian:trixie; fi
	if has_module 'bsd\.kmod\.mk' "$@"; then echo freebsd:14.3; fi
}

# What a hosted runner keeps from its user though the machine has it: KVM (kmodlab does without, slower), and
# user namespaces, in which modules are built (Ubuntu since 24.04 has them restricted).
open_host() {
	if [ -e /dev/kvm ] && [ ! -w /dev/kvm ]; then
		as_root chmod a+rw /dev/kvm || echo "run.sh: /dev/kvm stays closed; this will take longer" >&2
	fi
	restricted=/proc/sys/kernel/apparmor_restrict_unprivileged_userns
	if [ -e "$restricted" ] && [ "$(cat "$restricted")" != 0 ]; then
		as_root sysctl -q kernel.apparmor_restrict_unprivileged_userns=0
	fi
}

# From a checkout; its own scripts know which packages it takes.
build() {
	say "building kmodlab in $source"
	# shellcheck disable=SC2016
	sh -eu -c '. "$(dirname "$0")/lib.sh"
		need_packages $build_packages $run_packages $freebsd_packages busybox-static
		build_in build' "$source/scripts/ci"
}

step_install() {
	open_host
	if [ -n "$(program)" ] && [ -z "$source" ]; then
		say "kmodlab is there: $(program)"
	elif [ -n "${KMODLAB_PACKAGE:-}" ]; then
		say "installing $KMODLAB_PACKAGE"
		as_root apt-get -qq update
		as_root apt-get -qq -y install "$(realpath "$KMODLAB_PACKAGE")"
	elif [ -n "$source" ]; then
		build
	elif [ -n "${KMODLAB_REPOSITORY:-}" ]; then
		source=$cache/source
		rm -rf "$source"
		git clone -q --depth 1 ${KMODLAB_REF:+--branch "$KMODLAB_REF"} "$KMODLAB_REPOSITORY" "$source"
		build
	else
		fail "there is no kmodlab: set KMODLAB_REPOSITORY, KMODLAB_PACKAGE or KMODLAB_SOURCE to where it comes from"
	fi
	"$(program)" --version
}

step_targets() {
	need_program
	for target in $(targets "$@"); do
		if "$kmodlab" target show "$target" >/dev/null 2>&1; then
			say "target $target is there"
			continue
		fi
		say "target $target"
		"$kmodlab" target add "$target"
	done
}

# What is in the directories, on all targets. Both commands run; the worse status counts.
step_run() {
	need_program
	for target in $(targets "$@"); do
		set -- "$@" -t "$target"
	done
	# shellcheck disable=SC2086
	set -- "$@" ${KMODLAB_OPTIONS:---strict} ${KMODLAB_SHARD:+--shard "$KMODLAB_SHARD"}
	# Elsewhere first: the reports' directory may be inside a module's.
	new=$(mktemp -d)
	trap 'rm -rf "$new"' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	name=kmodlab-$(echo "${KMODLAB_SHARD:-1/1}" | tr / -)
	worst=0
	say "kmodlab check $*"
	"$kmodlab" check "$@" || worst=$?
	say "kmodlab run $*"
	status=0
	if "$kmodlab" run --help | grep -q -e '--junit'; then
		"$kmodlab" run "$@" --junit "$new/$name.xml" || status=$?
	else
		"$kmodlab" run "$@" --json >"$new/$name.json" || status=$?
		cat "$new/$name.json"
	fi
	mkdir -p "$report"
	cp "$new"/* "$report" || true
	rm -rf "$new"
	[ "$status" -le "$worst" ] || worst=$status
	return "$worst"
}

step=${1:-}
[ $# = 0 ] || shift
[ $# -gt 0 ] || set -- .
case $step in
install) step_install ;;
targets) step_targets "$@" ;;
run) step_run "$@" ;;
all)
	step_install
	step_targets "$@"
	step_run "$@"
	;;
*)
	sed -n 's/^#   \(run.sh .*\)/\1/p' "$0" >&2
	exit 2
	;;
esac
