# SPDX-License-Identifier: BSD-2-Clause
# What bench/run measures, a function for each part. They use $linux and $freebsd (targets; the second may be
# empty), $hello_linux and $hello_freebsd (finished modules), $turns, $thousand (trials of the longest run).
# shellcheck disable=SC2154

# ---- the ways to load and unload hello.ko once ----

# The hand-made way: busybox as /init, which loads, unloads, shows the log and powers off.
make_initramfs() {
	mkdir -p "$work/root/bin" "$work/root/proc" "$work/root/dev"
	cp /bin/busybox "$work/root/bin/busybox"
	cp "$hello_linux" "$work/root/hello.ko"
	cat >"$work/root/init" <<'END'
#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox insmod /hello.ko
/bin/busybox rmmod hello
/bin/busybox dmesg | /bin/busybox tail -n 5
/bin/busybox poweroff -f
END
	chmod +x "$work/root/init"
	(cd "$work/root" && find . | cpio --quiet -o -H newc >"$work/initramfs")
	# kmodlab's own flags and kernel command line (src/machine/qemu.c, boot-linux.c).
	append=$(sed -n '/^static const char append/,/;$/p' src/machine/boot-linux.c |
		sed -n 's/^[^"]*"\(.*\)".*$/\1/p' | tr -d '\n')
	if [ "$accel" = KVM ]; then
		accel_flags="-accel kvm -cpu host"
	else
		accel_flags="-accel tcg,thread=multi -cpu max,la57=off"
	fi
}

hand_made() {
	from=$(now_us)
	# shellcheck disable=SC2086
	qemu-system-x86_64 -nodefaults -no-user-config -display none -no-reboot \
		-sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny \
		-machine pc,usb=off,vmport=off,hpet=off $accel_flags \
		-m 256 -smp 2 -kernel "$kernel" -append "$append" -initrd "$work/initramfs" \
		-serial stdio </dev/null >"$work/out" 2>&1 || failed "the hand-made way"
	took=$(($(now_us) - from))
	grep -q 'Goodbye, cruel world' "$work/out" || failed "the hand-made way"
	echo "$took" >>"$work/hand-made.us"
}

# vng writes an index of the modules beside the kernel that it is given, so it is given a copy.
prepare_vng() {
	mkdir -p "$work/vng/boot" "$work/vng/lib/modules"
	cp "$kernel" "$work/vng/boot/"
	cp -a "$modules" "$work/vng/lib/modules/"
	vng_flags="--user root --cpus 2 --memory 256M"
	[ "$accel" = KVM ] || vng_flags="$vng_flags --disable-kvm"
}

# It wants a terminal, which script(1) is. Returns non-zero when the module was not seen to come and go.
virtme_ng() {
	from=$(now_us)
	timeout 60 script -qec "vng -r '$work/vng/boot/${kernel##*/}' $vng_flags -- \
		'insmod $hello_linux && rmmod hello && dmesg | tail -n 5'" /dev/null \
		</dev/null >"$work/out" 2>&1 || return 1
	took=$(($(now_us) - from))
	grep -q 'Goodbye, cruel world' "$work/out" || return 1
	echo "$took" >>"$work/virtme-ng.us"
}

cold() {
	ours "cold-$1" 1 --cold --json -t "$2" "$3"
	sed -n 's/.*"own_cpu_ms": \([0-9.]*\).*/\1/p' "$work/out" >>"$work/cpu-$1.ms"
	awk '/"stage": "boot"/ {seen = 1} seen && /"ms":/ {gsub(/[^0-9.]/, ""); print $0 * 1000; exit}' \
		"$work/out" >>"$work/boot-$1.us"
}

part_ways() {
	make_initramfs
	no_vng=
	if ! command -v vng >/dev/null; then
		no_vng="vng is not installed"
	else
		prepare_vng
		virtme_ng || no_vng="$(vng --version 2>/dev/null) did not load the module on this kernel"
	fi
	# Each once before it counts; what is left behind by that is thrown away.
	hand_made
	cold linux "$linux" "$hello_linux"
	ours warm-linux 1 -t "$linux" "$hello_linux"
	if [ -n "$freebsd" ]; then
		cold freebsd "$freebsd" "$hello_freebsd"
		ours warm-freebsd 1 -t "$freebsd" "$hello_freebsd"
	fi
	rm -f "$work"/*.us "$work"/*.ms
	turn=0
	while [ "$turn" -lt "$turns" ]; do
		turn=$((turn + 1))
		hand_made
		[ -n "$no_vng" ] || virtme_ng || failed "vng"
		cold linux "$linux" "$hello_linux"
		[ -z "$freebsd" ] || cold freebsd "$freebsd" "$hello_freebsd"
		for _ in 1 2 3 4; do
			ours warm-linux 1 -t "$linux" "$hello_linux"
			[ -z "$freebsd" ] || ours warm-freebsd 1 -t "$freebsd" "$hello_freebsd"
		done
	done

	a=$(median_ms hand-made)
	b=$(median_ms cold-linux)
	c=$(median_ms warm-linux)
	row "hand-made busybox initramfs, $linux" "$a" ms
	plot way "hand-made initramfs" "$a"
	if [ -n "$no_vng" ]; then
		not_measured "virtme-ng, $linux" "$no_vng"
	else
		v=$(median_ms virtme-ng)
		row "virtme-ng, $linux" "$v" ms
		row "  virtme-ng / warm" "$(sum "v=$v; c=$c" v/c)" x
		plot way "virtme-ng" "$v"
	fi
	row "cold: kmodlab run --cold hello.ko, $linux" "$b" ms
	row "  cold / hand-made" "$(sum "a=$a; b=$b" b/a)" x "at most" 1.15
	row "  CPU time of kmodlab itself" "$(median "$work/cpu-linux.ms")" ms "at most" 50
	plot way "cold, Linux" "$b"
	if [ -n "$freebsd" ]; then
		f=$(median_ms cold-freebsd)
		row "cold: kmodlab run --cold hello.ko, $freebsd" "$f" ms "at most" 5500
		row "  boot to agent" "$(median_ms boot-freebsd)" ms "at most" 4500
		plot way "cold, FreeBSD" "$f"
	else
		not_measured "cold: kmodlab run --cold hello.ko, FreeBSD" "$no_freebsd"
	fi
	row "warm: kmodlab run hello.ko, $linux" "$c" ms "at most" 100
	row "  cold / warm" "$(sum "b=$b; c=$c" b/c)" x "at least" 20
	row "  hand-made / warm" "$(sum "a=$a; c=$c" a/c)" x
	plot way "warm, Linux" "$c"
	if [ -n "$freebsd" ]; then
		c=$(median_ms warm-freebsd)
		row "warm: kmodlab run hello.ko, $freebsd" "$c" ms "at most" 100
		row "  cold / warm" "$(sum "f=$f; c=$c" f/c)" x "at least" 20
		plot way "warm, FreeBSD" "$c"
	else
		not_measured "warm: kmodlab run hello.ko, FreeBSD" "$no_freebsd"
	fi
}

# ---- the second and later trials of one process ----

later_trials() {
	# shellcheck disable=SC2046
	ours one-"$1" 1 -j 1 -t "$2" "$3"
	one=$took
	# shellcheck disable=SC2046
	ours many-"$1" 21 -j 1 -t "$2" $(repeat 21 "$3")
	echo $(((took - one) / 20)) >>"$work/later-$1.us"
}

part_second() {
	turn=0
	while [ "$turn" -lt "$turns" ]; do
		turn=$((turn + 1))
		later_trials linux "$linux" "$hello_linux"
		[ -z "$freebsd" ] || later_trials freebsd "$freebsd" "$hello_freebsd"
	done
	row "second and later trials, each, -j 1, $linux" "$(median_ms later-linux)" ms "at most" 60
	plot way "2nd trial, Linux" "$(median_ms later-linux)"
	if [ -n "$freebsd" ]; then
		row "second and later trials, each, -j 1, $freebsd" "$(median_ms later-freebsd)" ms "at most" 60
		plot way "2nd trial, FreeBSD" "$(median_ms later-freebsd)"
	else
		not_measured "second and later trials, each, -j 1, FreeBSD" "$no_freebsd"
	fi
}

# ---- a module of 20 MiB ----

part_size() {
	padded=$(built padded "$linux")
	ours size-first 1 -t "$linux" "$padded"
	turn=0
	while [ "$turn" -lt $((turns * 2)) ]; do
		turn=$((turn + 1))
		ours small 1 -t "$linux" "$hello_linux"
		ours big 1 -t "$linux" "$padded"
	done
	row "20 MiB more of module, $linux" \
		"$(sum "a=$(median_ms small); b=$(median_ms big)" b-a)" ms "at most" 100
}

# ---- watching ----

# Each kind of work that the module `busy` does, in microseconds, from its own log.
busy_run() {
	series=$1
	shift
	"$kmodlab" run --json -t "$linux" "$@" >"$work/out" 2>&1 || failed "kmodlab run $*"
	for kind in $busy_kinds; do
		sed -n "s/.*\"text\": \".*$kind \([0-9]*\) us\".*/\1/p" "$work/out" | tail -n 1 \
			>>"$work/busy-$series-$kind.us"
	done
}

watched_and_not() {
	ours "watched-$1" 1 -t "$2" "$3"
	ours "unwatched-$1" 1 --no-watch -t "$2" "$3"
}

part_watch() {
	busy_kinds="compute mixed kmalloc kmem_cache pages vmalloc"
	busy=$(built busy "$linux")
	watched_and_not linux "$linux" "$hello_linux"
	[ -z "$freebsd" ] || watched_and_not freebsd "$freebsd" "$hello_freebsd"
	rm -f "$work"/watched-*.us "$work"/unwatched-*.us
	turn=0
	while [ "$turn" -lt $((turns * 4)) ]; do
		turn=$((turn + 1))
		watched_and_not linux "$linux" "$hello_linux"
		[ -z "$freebsd" ] || watched_and_not freebsd "$freebsd" "$hello_freebsd"
	done
	turn=0
	while [ "$turn" -lt "$turns" ]; do
		turn=$((turn + 1))
		busy_run watched "$busy"
		busy_run unwatched --no-watch "$busy"
	done
	row "watching adds to a warm hello, $linux" \
		"$(sum "a=$(median_ms watched-linux); b=$(median_ms unwatched-linux)" a-b)" ms "at most" 30
	if [ -n "$freebsd" ]; then
		row "watching adds to a warm hello, $freebsd" \
			"$(sum "a=$(median_ms watched-freebsd); b=$(median_ms unwatched-freebsd)" a-b)" ms "at most" 30
	else
		not_measured "watching adds to a warm hello, FreeBSD" "$no_freebsd"
	fi
	for kind in $busy_kinds; do
		slower=$(sum "a=$(median_ms "busy-watched-$kind"); b=$(median_ms "busy-unwatched-$kind")" a/b)
		case $kind in
		compute | mixed) row "  a module's own work, $kind: watched / not" "$slower" x "at most" 2 ;;
		*) row "  nothing but $kind and freeing it: watched / not" "$slower" x ;;
		esac
	done
}

# ---- memory of a running machine ----

# The process IDs of the QEMUs that the process $1 has started.
machines_of() {
	cat /proc/[0-9]*/stat 2>/dev/null | sed 's/(.*)/-/' | awk -v parent="$1" '$4 == parent {print $1}' |
		while read -r pid; do
			tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -q -- ' -name kmodlab ' && echo "$pid"
		done || true
}

# Proportional set size, in MiB a machine, of $1 machines that run at once: the most that was seen of it.
machine_pss() {
	# shellcheck disable=SC2046
	"$kmodlab" run -j "$1" -t "$2" $(repeat "$1" "$3") >"$work/out" 2>&1 &
	runner=$!
	: >"$work/pss"
	while grep -qs . "/proc/$runner/cmdline"; do
		for pid in $(machines_of "$runner"); do
			awk '$1 == "Pss:" {print $2}' "/proc/$pid/smaps_rollup" 2>/dev/null || true
		done | awk -v n="$1" '{sum += $1} END {if (NR == n) print sum / n / 1024}' >>"$work/pss"
		sleep 0.1
	done
	wait "$runner" || failed "kmodlab run -j $1 $3"
	runner=
	all_passed "$1" || failed "kmodlab run -j $1 $3"
	[ -s "$work/pss" ] || failed "catching $1 machines at once"
	sort -n "$work/pss" | tail -n 1 >"$work/most"
}

part_memory() {
	for target in $linux $freebsd; do
		sleepy=$(built sleepy "$target")
		ours sleepy-first 1 -t "$target" "$sleepy"
		for n in 1 4; do
			machine_pss "$n" "$target" "$sleepy"
			row "proportional set size a machine, $n running, $target" "$(cat "$work/most")" MiB "at most" 60
		done
	done
	[ -n "$freebsd" ] || not_measured "proportional set size a machine, FreeBSD" "$no_freebsd"
}

# ---- many trials ----

# The most memory that the process $1 has had, in MiB, as it was last seen to say. (What wait4 says counts the
# QEMUs in, which are larger.)
peak_of() {
	peak=0
	while grep -qs . "/proc/$1/cmdline"; do
		while read -r name value _; do
			[ "$name" != VmHWM: ] || peak=$value
		done 2>/dev/null <"/proc/$1/status" || true
		sleep 0.2
	done
	echo "$peak" | awk '{print $1 / 1024}'
}

many() {
	modules_n=$(repeat "$1" "$hello_linux")
	from=$(now_us)
	# shellcheck disable=SC2086
	"$kmodlab" run --json -t "$linux" $modules_n >"$work/out" 2>&1 &
	runner=$!
	peak_of "$runner" >"$work/peak" &
	watcher=$!
	wait "$runner" || failed "kmodlab run with $1 modules"
	took=$(($(now_us) - from))
	runner=
	wait "$watcher"
	all_passed "$1" || failed "kmodlab run with $1 modules"
	echo "$took" >>"$work/many-$1.us"
}

part_throughput() {
	many 1
	rm -f "$work/many-1.us"
	for n in 1 1 1 1 1 10 10 10; do
		many "$n"
	done
	many 100
	peak_small=$(cat "$work/peak")
	[ "$thousand" = 100 ] || many "$thousand"
	for n in 1 10 100 $([ "$thousand" = 100 ] || echo "$thousand"); do
		rate=$(sum "n=$n; ms=$(median_ms "many-$n")" "n * 1000 / ms")
		# One trial is the latency, which has a row of its own.
		if [ "$n" = 1 ]; then
			row "throughput, 1 trial, $linux" "$rate" /s
		else
			row "throughput, $n trials, $linux" "$rate" /s "at least" 12
		fi
		plot rate "$n" "$rate"
	done
	awk '/^      "ms": / {gsub(/[^0-9.]/, ""); v[++n] = $0} END {
		for (i = 1; i <= n; i++) half[i > n / 2] += v[i]
		print half[1] / half[0]
	}' "$work/out" >"$work/halves"
	row "  of $thousand, time a trial: second half / first half" "$(cat "$work/halves")" x "at most" 1.2
	row "kmodlab's own peak memory, 100 trials" "$peak_small" MiB
	[ "$thousand" != 100 ] || return 0
	row "kmodlab's own peak memory, $thousand trials" "$(cat "$work/peak")" MiB
	row "  $thousand trials / 100" "$(sum "a=$peak_small; b=$(cat "$work/peak")" b/a)" x "at most" 1.3
}

# ---- from an edit to the verdict ----

# make as somebody would type it in the target's own tree: same kernel, same compiler, and what the sandbox for
# builds shows (src/build/sandbox.c), with make's directory in the place of the mirror.
make_alone() {
	from=$(now_us)
	bwrap --unshare-all --die-with-parent --new-session --as-pid-1 --clearenv \
		--setenv PATH /usr/bin:/bin:/usr/sbin:/sbin --setenv LC_ALL C --setenv HOME /tmp \
		--ro-bind "$root/usr" /usr --ro-bind "$root/etc" /etc \
		--symlink usr/bin /bin --symlink usr/sbin /sbin --symlink usr/lib /lib --symlink usr/lib64 /lib64 \
		--proc /proc --dev /dev --tmpfs /tmp --bind "$work/theirs" "$work/theirs" --chdir "$work/theirs" \
		make -C "$tree" M="$work/theirs" "-j$(nproc)" modules >"$work/out" 2>&1 || failed "make alone"
	took=$(($(now_us) - from))
	echo "$took" >>"$work/make.us"
}

# One line of hello.c is changed, and then the two take turns, each on a copy of its own.
part_edit() {
	cp -r examples/hello/linux "$work/mine"
	cp -r examples/hello/linux "$work/theirs"
	ours edit 1 --json -t "$linux" "$work/mine"
	make_alone
	rm -f "$work/edit.us" "$work/make.us"
	turn=0
	while [ "$turn" -lt $((turns + 2)) ]; do
		turn=$((turn + 1))
		printf 'int edited_%s;\n' "$turn" >>"$work/theirs/hello.c"
		make_alone
		printf 'int edited_%s;\n' "$turn" >>"$work/mine/hello.c"
		ours edit 1 --json -t "$linux" "$work/mine"
		awk '/"stage": "build"/ {seen = 1} seen && /"ms":/ {gsub(/[^0-9.]/, ""); print $0 * 1000; exit}' \
			"$work/out" >>"$work/build.us"
	done
	row "hello.c edited: make alone, $linux" "$(median_ms make)" ms
	row "hello.c edited: kmodlab run, edit to verdict" "$(median_ms edit)" ms
	row "  of that, its build" "$(median_ms build)" ms
	row "  edit to verdict / make alone" "$(sum "a=$(median_ms make); b=$(median_ms edit)" b/a)" x "at most" 0.6
}

# ---- check ----

# Twenty at a time: one is a few milliseconds, of which date(1) would be a part.
check_one() {
	from=$(now_us)
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		"$kmodlab" check -t "$1" "$2" >"$work/out" 2>&1 || failed "kmodlab check $2"
	done
	echo $((($(now_us) - from) / 20)) >>"$work/check-one.us"
}

# All modules of the full kernel if that was added, which are some 4,000; else of the one at hand.
part_check() {
	many=debian:bookworm/amd64
	"$kmodlab" target show "$many" >"$work/target" 2>/dev/null || {
		many=$linux
		"$kmodlab" target show "$many" >"$work/target"
	}
	all=$(awk '$1 == "modules" {print $2; exit}' "$work/target")
	find "$all" -name '*.ko' >"$work/list"
	count=$(wc -l <"$work/list")
	for _ in $(repeat "$turns" x); do
		check_one "$linux" "$hello_linux"
	done
	# Once, so that all of it is in the page cache for both.
	xargs cat <"$work/list" >/dev/null
	for _ in $(repeat "$turns" x); do
		from=$(now_us)
		# With the warnings that it may give of such old code; an error would be a false one.
		/usr/bin/time -f %M -o "$work/memory" "$kmodlab" check -t "$many" "$all" >"$work/out" 2>&1 ||
			failed "kmodlab check $all"
		echo $(($(now_us) - from)) >>"$work/check-all.us"
	done
	from=$(now_us)
	xargs modinfo <"$work/list" >"$work/modinfo" 2>/dev/null || true
	xargs objdump -d <"$work/list" 2>/dev/null | wc -c >"$work/objdump" || true
	echo $(($(now_us) - from)) >>"$work/objdump.us"
	one=$(median_ms check-one) a=$(median_ms check-all) o=$(median_ms objdump)
	row "check: kmodlab check hello.ko, $linux" "$one" ms "at most" 10
	row "check: $count modules of $many" "$(sum "a=$a" a/1000)" s "at most" 8
	row "  the most memory" "$(awk '{print $1 / 1024}' "$work/memory")" MiB "at most" 300
	row "  modinfo and objdump -d, as they are typed / check" "$(sum "a=$a; o=$o" o/a)" x "at least" 20
}
