# SPDX-License-Identifier: BSD-2-Clause
# Completion for bash. What there is to offer, kmodlab itself says (kmodlab __complete).

_kmodlab() {
	local line=${COMP_LINE:0:COMP_POINT} word kind
	local -a words offers=()

	# bash takes "debian:bookworm" and "--target=x" apart; here they are one word each.
	read -ra words <<<"$line"
	case $line in
	*[[:space:]]) words+=("") ;;
	esac
	local current=${words[${#words[@]} - 1]}
	COMPREPLY=()
	while IFS=$'\t' read -r word _; do
		case $word in
		:files) kind=-f ;;
		:dirs) kind=-d ;;
		*) offers+=("$word") ;;
		esac
	done < <("${words[0]}" __complete "${words[@]:1}" 2>/dev/null)
	if [ -n "${kind-}" ]; then
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen "$kind" -- "${current#--*=}")
		return
	fi
	# What stands before the last of bash's own word breaks is typed already, and not to be replaced.
	local before=${current%"${current##*[:=]}"}
	for word in "${offers[@]}"; do
		COMPREPLY+=("${word#"$before"}")
	done
	# After an option that takes its value behind "=", and after a comma, nothing is ended.
	case ${COMPREPLY-} in
	*=) compopt -o nospace 2>/dev/null ;;
	esac
}

complete -F _kmodlab kmodlab
