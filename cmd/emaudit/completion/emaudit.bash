# bash completion for emaudit. What may be completed is asked of emaudit itself,
# so that this file need not change with it, and needs no package bash-completion.
_emaudit() {
	local cur candidates line
	local -a words
	# Bash breaks words at ":" and "=", as in run:12 and --to=run:12; only blanks
	# part the words of emaudit.
	line=${COMP_LINE:0:COMP_POINT}
	read -ra words <<<"$line"
	[[ $line == *[[:blank:]] ]] && words+=('')
	cur=${words[-1]}
	candidates=$("${words[0]/#\~/$HOME}" complete -- "${words[@]:1}" 2>/dev/null | cut -f1)
	local IFS=$'\n'
	if [[ $candidates == _files ]]; then
		compopt -o filenames 2>/dev/null
		cur=${cur#--*=}
		# shellcheck disable=SC2207 # bash 3.2 has no mapfile, and IFS is a line feed
		COMPREPLY=($(compgen -f -- "$cur"))
		return
	fi
	# shellcheck disable=SC2207
	COMPREPLY=($(compgen -W "$candidates" -- "$cur"))
	# Bash replaces only what is behind the last break.
	local breaks=${cur%"${cur##*[:=]}"}
	[[ $breaks == *:* && $COMP_WORDBREAKS != *:* ]] && breaks=
	COMPREPLY=("${COMPREPLY[@]#"$breaks"}")
}
complete -F _emaudit emaudit
