# Completion of metagraphd's flags, as its --help tells them.
_metagraphd() {
  local current=${COMP_WORDS[COMP_CWORD]}
  COMPREPLY=()
  if [[ $current == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W \
      "$("$1" --help 2>/dev/null | grep -oE '^ +-[^ ]+' | tr ', ' '\n')" \
      -- "$current")
  else
    mapfile -t COMPREPLY < <(compgen -f -- "$current")
  fi
}
complete -o filenames -F _metagraphd metagraphd
