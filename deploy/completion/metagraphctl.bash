# Completion of metagraphctl: verbs and flags as --help tells them, models as
# the daemon does.
_metagraphctl() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
  local word verbs verb='' words='' server=()
  local -i i
  COMPREPLY=()
  verbs=$("$1" --help 2>/dev/null |
    sed -n '/^Subcommands:/,/^$/s/^  \([a-z]*\) .*/\1/p')
  for ((i = 1; i < COMP_CWORD; ++i)); do
    word=${COMP_WORDS[i]}
    if [[ $word == --server || $word == --local ]]; then
      server=("$word" "${COMP_WORDS[i + 1]}")
    elif [[ -z $verb && $'\n'$verbs$'\n' == *$'\n'$word$'\n'* ]]; then
      verb=$word
    fi
  done
  if [[ $current == -* ]]; then
    words=$("$1" ${verb:+"$verb"} --help 2>/dev/null |
      grep -oE '^ +-[^ ]+' | tr ', ' '\n')
    [[ -z $verb ]] || words+=' --server --local --output --timeout'
  elif [[ -z $verb ]]; then
    words=$verbs
  elif [[ $previous == "$verb" && ${server[0]-} != --local ]]; then
    words=$("$1" "${server[@]}" --timeout 1s models 2>/dev/null |
      cut -f 1)
  fi
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
  [[ ${#COMPREPLY[@]} -gt 0 || $current == -* ]] ||
    mapfile -t COMPREPLY < <(compgen -f -- "$current")
}
complete -F _metagraphctl metagraphctl
