#!/usr/bin/env bash
# kill -9 at random moments of saves: afterwards the folder must hold a whole
# checkpoint, of the values before or of those that were being saved.
# Run by hand: tests/stress/kill_during_save.sh [BUILD_FOLDER] [KILLS]
set -euo pipefail
cd "$(dirname "$0")/../.."
build=$(realpath "${1:-build/release}")
kills=${2:-300}
daemon=$build/server/metagraphd
ctl=$build/client/metagraphctl

work=$(mktemp -d)
server=
saver=
cleanup() {
  for process in $saver $server; do kill -9 "$process" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT
cp -r deploy/example/model "$work/m"

# The value that all elements of W1 and W2 on the disk have.
value_on_disk() {
  "$ctl" --local "$work/m" --output json read W1 W2 |
    grep -o '"value":[^]]*]' | tr -dc '0-9,\n' | tr ',' '\n' | sort -u |
    grep .
}

declare -A seen
before=
for ((n = 1; n <= kills; ++n)); do
  rm -f "$work/port"
  "$daemon" --model "m=$work/m" --listen 127.0.0.1:0 \
    --port_file "$work/port" 2>>"$work/log" &
  server=$!
  until [[ -s $work/port ]]; do
    kill -0 "$server" 2>/dev/null || { cat "$work/log"; exit 1; }
    sleep 0.01
  done
  export METAGRAPHCTL_SERVER
  METAGRAPHCTL_SERVER=$(head -n 1 "$work/port")
  "$ctl" assign m "W1=[$n,$n,$n,$n]" "W2=[$n,$n,$n,$n]" >/dev/null
  # One prefix is overwritten, another one moves on; with one file and three.
  (for step in 1 2 3 4 5 6; do
    "$ctl" save m --global-step $((step % 2 ? 100 : 100 + n)) \
      --shards $((step % 3 ? 1 : 3)) >/dev/null 2>&1 || exit 0
  done) &
  saver=$!
  sleep "0.0$((RANDOM % 90 + 10))"
  kill -9 "$server"
  wait "$server" "$saver" 2>/dev/null || true
  server=
  saver=
  found=$(value_on_disk) || { echo "kill $n: the folder cannot be read"; exit 1; }
  if [[ $found != "$n" && -n $before && $found != "$before" ]]; then
    echo "kill $n: found '$found', expected $n or $before"
    exit 1
  fi
  seen[$([[ $found == "$n" ]] && echo new || echo old)]=1
  before=$found
done
echo "$kills kills: every time one whole checkpoint, old or new" \
  "(found: ${!seen[*]}); $(find "$work/m" -name '*tempstate*' | wc -l) stray files"
