# bash completion for emaudit. What may be completed is asked of emaudit itself,
# so that this file need not change with it.
_emaudit() {
	local words cword cur candidates
	if declare -F _get_comp_words_by_ref >/dev/null; then
		_get_comp_words_by_ref -n := words cword cur
	else
		words=("${COMP_WORDS[@]}") cword=$COMP_CWORD cur=${COMP_WORDS[COMP_CWORD]}
	fi
	candidates=$("${words[0]}" complete -- "${words[@]:1:cword}" 2>/dev/null | cut -f1)
	local IFS=$'\n'
	if [[ $candidates == _files ]]; then
		compopt -o filenames 2>/dev/null
		COMPREPLY=($(compgen -f -- "$cur"))
		return
	fi
	COMPREPLY=($(compgen -W "$candidates" -- "$cur"))
	if declare -F __ltrim_colon_completions >/dev/null; then
		__ltrim_colon_completions "$cur"
	fi
}
complete -F _emaudit emaudit
