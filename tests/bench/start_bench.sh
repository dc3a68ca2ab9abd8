#!/usr/bin/env bash
# From exec to the first right answer, and memory then: start_bench.sh
# [BUILD_FOLDER] [RUNS]. The answer is asked for by a client that retries, so its
# own start (a process, some 10 ms) is part of the figure.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=${1:-build/release} runs=${2:-11}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -r deploy/example/model "$work/add"
times=()
for ((i = 0; i < runs; ++i)); do
  rm -f "$work/sock"
  start=$(date +%s%N)
  "$build/server/metagraphd" --model "add=$work/add" \
    --listen "unix:$work/sock" 2>"$work/log" &
  server=$!
  until [[ -S $work/sock ]]; do :; done
  answer=$("$build/client/metagraphctl" --server "unix:$work/sock" run add \
    --feed 'W3:0=[1,2,3,4]' --fetch add1:0)
  end=$(date +%s%N)
  grep -q '5, 9, 15, 37' <<<"$answer" || { echo "wrong: $answer"; exit 1; }
  memory=$(awk '/VmHWM/ {print $2 / 1024}' "/proc/$server/status")
  kill "$server"
  wait "$server"
  times+=($(((end - start) / 1000)))
done
median=$(printf '%s\n' "${times[@]}" | sort -n | sed -n "$((runs / 2 + 1))p")
printf '%-58s %10.2f ms       bar: under 100 ms\n' \
  "exec to first right answer" "$(awk "BEGIN {print $median / 1000}")"
printf '%-58s %10.2f MiB      bar: under 60 MB\n' "peak resident memory" "$memory"
