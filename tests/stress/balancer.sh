#!/usr/bin/env bash
# Two daemons over one checkpoint folder behind HAProxy, 8 callers: a rolling
# restart and a rolling restore must cost no call.
# Run by hand: tests/stress/balancer.sh [BUILD_FOLDER] [ROUNDS]
set -euo pipefail
cd "$(dirname "$0")/../.."
build=$(realpath "${1:-build/release}")
rounds=${2:-2}
haproxy=$(command -v haproxy || echo /usr/sbin/haproxy)
if [[ ! -x $haproxy ]]; then
  echo "skipped: install haproxy first"
  exit 77
fi

work=$(mktemp -d)
callers=() replica=() balancer=
cleanup() {
  touch "$work/stop"
  kill "${callers[@]}" "${replica[@]}" $balancer 2>/dev/null || true
  wait 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT
cp -r deploy/example/model "$work/add"

free_port() {
  python3 -c 'import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])'
}
address=() admin=()
for n in 1 2; do
  address[n]=127.0.0.1:$(free_port)
  admin[n]=unix:$work/admin_$n
done

wait_for() {  # COMMAND…: until it succeeds, a minute at most
  local _
  for _ in {1..600}; do
    if "$@"; then return; fi
    sleep 0.1
  done
  echo "FAILED: waited in vain for: $*"
  tail -n 20 "$work"/*.log
  exit 1
}

start() {  # N: returns when it serves
  rm -f "$work/port_$1"
  "$build/server/metagraphd" --model "add=$work/add" --drain_grace 3s \
    --listen "${address[$1]}" --admin_listen "${admin[$1]}" \
    --port_file "$work/port_$1" 2>>"$work/replica_$1.log" &
  replica[$1]=$!
  wait_for test -s "$work/port_$1"
}

# in_rotation N: whether the balancer sends calls there.
in_rotation() {
  python3 - "$work/haproxy" "replica_$1" <<'END'
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall(b'show servers state replicas\n')
rows = [line.split() for line in s.makefile()]
# Column 5 is the operational state: 2 is running.
sys.exit(not any(r[3:4] == [sys.argv[2]] and r[5] == '2' for r in rows))
END
}

start 1
start 2
LISTEN=127.0.0.1:$(free_port)
export LISTEN REPLICA_1=${address[1]} REPLICA_2=${address[2]} \
  ADMIN_SOCKET=$work/haproxy
"$haproxy" -f deploy/balancer/haproxy.cfg >"$work/haproxy.log" 2>&1 &
balancer=$!
wait_for in_rotation 1
wait_for in_rotation 2

# Calls until told to stop; 5000 by each client, which stops at the first that fails.
call() {  # N
  while [[ ! -e $work/stop ]]; do
    "$build/client/metagraphctl" --server "$LISTEN" bench add --runs 5000 \
      --feed 'W3:0=[1,2,3,4]' --fetch add1:0 >/dev/null 2>>"$work/failures" ||
      { echo "a call failed" >>"$work/failures"; sleep 0.1; }
    echo 5000 >>"$work/calls_$1"
  done
}
for n in {1..8}; do
  call "$n" &
  callers+=($!)
done
ctl() { "$build/client/metagraphctl" --server "${admin[$1]}" "${@:2}"; }

for ((round = 1; round <= rounds; ++round)); do
  for n in 1 2; do
    kill "${replica[n]}"
    wait "${replica[n]}" || { echo "FAILED: drained with $?"; exit 1; }
    start "$n"
    wait_for in_rotation "$n"
  done
  echo "round $round: both replicas were restarted"
  ctl 1 assign add "W1=[$round,$round,$round,$round]" >/dev/null
  ctl 1 save add --global-step $((1000 + round)) >/dev/null
  for n in 1 2; do
    ctl "$n" restore add >/dev/null
    ctl "$n" read add W1 | grep -q "$round" ||
      { echo "FAILED: replica $n has not the new weights"; exit 1; }
  done
  echo "round $round: both replicas restored step $((1000 + round))"
done
touch "$work/stop"
wait "${callers[@]}"

calls=$(cat "$work"/calls_* | awk '{ n += $1 } END { print n }')
failed=$(grep -c 'a call failed' "$work/failures" || true)
if [[ $failed -gt 0 ]]; then sort "$work/failures" | uniq -c; fi
echo "$calls calls, $failed failed"
[[ $failed -eq 0 ]]
