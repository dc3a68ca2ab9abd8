#!/usr/bin/env bash
# Completes some command lines as bash would, with BUILD_FOLDER's programs.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
build=$(realpath "$1")
PATH=$build/server:$build/client:$PATH
# shellcheck source=/dev/null
source "$here/../../deploy/completion/metagraphd.bash"
# shellcheck source=/dev/null
source "$here/../../deploy/completion/metagraphctl.bash"

# expect FUNCTION ANSWER WORD…: completes the last word.
expect() {
  COMP_WORDS=("${@:3}")
  COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
  "$1" "$3"
  [[ ${COMPREPLY[*]} == "$2" ]] ||
    { echo "FAILED: ${*:3} → ${COMPREPLY[*]}"; exit 1; }
}
expect _metagraphd '--max_inflight' metagraphd --max_inf
expect _metagraphd '--skip_missing' metagraphd --skip_
expect _metagraphctl 'restore' metagraphctl rest
expect _metagraphctl 'restore' metagraphctl --server 127.0.0.1:1 rest
expect _metagraphctl '--generation' metagraphctl run add --gen
expect _metagraphctl '--server' metagraphctl run add --serv

work=$(mktemp -d)
cp -r "$here/../../deploy/example/model" "$work/add"
metagraphd --model "summing=$work/add" --listen "unix:$work/socket" \
  --port_file "$work/port" 2>"$work/log" &
server=$!
trap 'kill "$server"; rm -rf "$work"' EXIT
until [[ -s $work/port ]]; do
  kill -0 "$server" || { cat "$work/log"; exit 1; }
done
expect _metagraphctl summing \
  metagraphctl --server "unix:$work/socket" show summ
echo "all lines complete"
