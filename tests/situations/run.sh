#!/usr/bin/env bash
# Plays situations that people report: each file beside this one is a
# situation, told in calls of the daemon and of metagraphctl, and what they have
# to answer. The models are small and lie in models/ (see make_models.py).
#   tests/situations/run.sh [BUILD_FOLDER] [SITUATION…]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
build=$(realpath "${1:-$here/../../build/release}")
shift || true

work=$(mktemp -d)
daemon=
stop() {
  [[ -n $daemon ]] || return 0
  kill "$daemon" 2>/dev/null || true
  wait "$daemon" 2>/dev/null || true
  daemon=
}
trap 'stop; rm -rf "$work"' EXIT

# Nothing here takes long: what does not end is a failure.
ctl() { timeout 60 "$build/client/metagraphctl" "$@"; }
metagraphd() { exec "$build/server/metagraphd" --listen 127.0.0.1:0 --threads 1 "$@"; }

# serve FLAG…: a daemon that later calls of ctl go to; its log is in $log.
serve() {
  stop
  log=$work/log
  rm -f "$work/port"
  metagraphd --port_file "$work/port" "$@" 2>"$log" &
  daemon=$!
  until [[ -s $work/port ]]; do
    kill -0 "$daemon" 2>/dev/null || { cat "$log"; return 1; }
    sleep 0.05
  done
  export METAGRAPHCTL_SERVER
  METAGRAPHCTL_SERVER=$(head -n 1 "$work/port")
}

checks=0
failed=0
report() {  # CLAIM RIGHT OUTPUT
  checks=$((checks + 1))
  if [[ $2 == yes ]]; then
    echo "ok      $situation: $1"
  else
    failed=$((failed + 1))
    printf 'FAILED  %s: %s\n%s\n' "$situation" "$1" "$(sed 's/^/        /' <<<"$3")"
  fi
}

# says CLAIM PATTERN COMMAND…: what the command prints holds the pattern (an
# extended regular expression). denies: it does not.
says() {
  local output
  output=$("${@:3}" 2>&1) || true
  report "$1" "$(grep -qE -- "$2" <<<"$output" && echo yes || echo no)" "$output"
}
denies() {
  local output
  output=$("${@:3}" 2>&1) || true
  report "$1" "$(grep -qE -- "$2" <<<"$output" && echo no || echo yes)" "$output"
}
# The same for a change that takes a moment: asks again for up to 20 seconds.
eventually() {
  local output
  for ((i = 0; i < 200; ++i)); do
    output=$("${@:3}" 2>&1) || true
    grep -qE -- "$2" <<<"$output" && break
    sleep 0.1
  done
  report "$1" "$(grep -qE -- "$2" <<<"$output" && echo yes || echo no)" "$output"
}
# exits CLAIM CODE COMMAND…
exits() {
  local code=0 output
  output=$("${@:3}" 2>&1) || code=$?
  report "$1" "$([[ $code == "$2" ]] && echo yes || echo no)" \
    "exit code $code: $output"
}

ones='x:0=[[1,1,1]]'

situations=("$@")
if [[ ${#situations[@]} -eq 0 ]]; then
  for file in "$here"/*.sh; do
    [[ $file == */run.sh ]] || situations+=("$(basename "$file" .sh)")
  done
fi
for situation in "${situations[@]}"; do
  folder=$work/$situation
  mkdir -p "$folder"
  [[ ! -d $here/models/$situation ]] ||
    cp -r "$here/models/$situation/." "$folder"
  cd "$folder"
  # shellcheck disable=SC1090
  source "$here/$situation.sh"
  stop
done
echo "${#situations[@]} situations: $((checks - failed)) passed, $failed failed"
[[ $failed -eq 0 && $checks -gt 0 ]]
