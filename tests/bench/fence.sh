#!/usr/bin/env bash
# Whether a build has become slower than another one, that of the last release
# say:
#   tests/bench/fence.sh OLD_BUILD NEW_BUILD MODEL...
# MODEL is a folder with a model and request.pb (see program_bench.cc). Both
# builds run each of them in turns, ROUNDS times (5), in one run on this machine.
# Prints the ratio of the medians, new to old; exits with 1 if one is above
# LIMIT (1.10). Run it on a machine that does nothing else.
set -euo pipefail
if [ $# -lt 3 ]; then
  sed -n '2,9s/^# \{0,1\}//p' "$0"
  exit 2
fi
old=$1/tests/bench/program_bench
new=$2/tests/bench/program_bench
shift 2
level=${LEVEL:-hot}

# Microseconds of one run.
time_of() {
  "$1" --levels="$level" "$2" | awk '{
    for (i = 2; i <= NF; ++i) if ($i == "us") { print $(i - 1); exit } }'
}
median() {
  sort -n | awk '{ value[NR] = $1 }
    END { print (value[int((NR + 1) / 2)] + value[int(NR / 2) + 1]) / 2 }'
}

printf '%-28s %12s %12s %7s\n' model 'old us' 'new us' ratio
slower=0
for model; do
  model=$(realpath "$model")
  olds=() news=()
  for ((i = 0; i < ${ROUNDS:-5}; ++i)); do
    olds+=("$(time_of "$old" "$model")")
    news+=("$(time_of "$new" "$model")")
  done
  before=$(printf '%s\n' "${olds[@]}" | median)
  after=$(printf '%s\n' "${news[@]}" | median)
  awk -v name="${model##*/}" -v a="$before" -v b="$after" \
    -v limit="${LIMIT:-1.10}" 'BEGIN {
      printf "%-28s %12.2f %12.2f %6.2fx\n", name, a, b, b / a
      exit b / a > limit }' || slower=1
done
exit "$slower"
