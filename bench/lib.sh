# SPDX-License-Identifier: BSD-2-Clause
# How things are measured here: a timed run of kmodlab that has to pass, medians, rows of the table.
# To be sourced after scripts/lib.sh. Times are in microseconds; $work is a directory of this run's own.
# shellcheck disable=SC2154,SC2034

kmodlab=build/src/kmodlab
# The process that is to go when this run is ended early.
runner=

# The last words of what did not pass, which is never a time.
failed() {
	{
		echo "bench: this did not pass: $1"
		tail -n 20 "$work/out" | cut -c1-300
	} >&2
	exit 3
}

now_us() {
	echo $(($(date +%s%N) / 1000))
}

# ours SERIES TRIALS ARGUMENT...: a timed `kmodlab run` from process start to exit. All trials have to pass.
# The time is in $took afterwards and at the end of the series.
ours() {
	series=$1
	trials=$2
	shift 2
	from=$(now_us)
	"$kmodlab" run "$@" >"$work/out" 2>&1 || failed "kmodlab run $*"
	took=$(($(now_us) - from))
	all_passed "$trials" || failed "kmodlab run $*"
	echo "$took" >>"$work/$series.us"
}

# Whether $work/out, a story, a table or JSON, says that this many trials passed, and nothing else.
all_passed() {
	if [ "$(head -c 1 "$work/out")" = "{" ]; then
		[ "$(grep -c '^      "verdict": "pass",$' "$work/out")" = "$1" ]
	elif [ "$1" = 1 ]; then
		tail -n 1 "$work/out" | grep -q '^PASS'
	else
		tail -n 1 "$work/out" | grep -q "^$1 passed, 0 failed, 0 in error, 0 skipped"
	fi
}

# repeat N WORD: the word N times, for a module that is to be tested more than once.
repeat() {
	awk -v n="$1" -v word="$2" 'BEGIN {while (n-- > 0) printf "%s ", word}'
}

# The median of a file of numbers, one a line; the lower of the two in the middle.
median() {
	sort -n "$1" | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}'
}

# The median of a series in milliseconds.
median_ms() {
	median "$work/$1.us" | awk '{print $1 / 1000}'
}

# What an expression comes to, with numbers as a=1 b=2 before it.
sum() {
	awk "BEGIN {$1; print $2}"
}

# row WHAT NUMBER UNIT ["at most"|"at least" NUMBER]: a line of the table. Units: ms, s, MiB, /s, x (a ratio).
row() {
	printf '%s|%s|%s|%s|%s\n' "$1" "$2" "$3" "${4:-}" "${5:-}" >>"$work/rows"
}

# not_measured WHAT WHY
not_measured() {
	printf '%s||%s||\n' "$1" "$2" >>"$work/rows"
}

# plot KIND LABEL NUMBER: a bar for the picture. Kinds: way (ms a trial), rate (trials a second).
plot() {
	printf '%s|%s|%s\n' "$1" "$2" "$3" >>"$work/plot"
}

# show plain|markdown: the rows as a table. Exit status 1 if something was missed.
show() {
	awk -F '|' -v how="$1" '
	function number(v, unit) {
		if (unit == "x") return sprintf("%.2f", v)
		return sprintf(unit == "s" ? "%.2f %s" : "%.1f %s", v, unit)
	}
	{
		what[NR] = $1
		if ($2 == "") {
			measured[NR] = "-"
			verdict[NR] = "not measured: " $3
		} else {
			measured[NR] = number($2, $3)
			if ($4 != "") {
				owed[NR] = $4 " " number($5, $3)
				by = ($4 == "at most") ? $2 - $5 : $5 - $2
				verdict[NR] = by <= 0 ? "met" : "MISSED by " number(by, $3)
				if (by > 0) missed++
				judged++
			}
		}
		if (length($1) > w) w = length($1)
	}
	END {
		if (how == "markdown") {
			print "| what | measured | owed | |"
			print "| --- | ---: | ---: | --- |"
		} else
			printf "%-" w "s  %11s  %17s\n", "what", "measured", "owed"
		for (i = 1; i <= NR; i++)
			if (how == "markdown")
				printf "| %s | %s | %s | %s |\n", what[i], measured[i], owed[i], verdict[i]
			else {
				line = sprintf("%-" w "s  %11s  %17s  %s", what[i], measured[i], owed[i], verdict[i])
				sub(/ +$/, "", line)
				print line
			}
		printf "\n%d met, %d missed\n", judged - missed, missed
		exit (missed > 0)
	}' "$work/rows"
}
