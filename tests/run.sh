#!/usr/bin/env bash
# Installs what is missing, builds, runs the tests; the last line is
# "N passed, N failed" (", N skipped").
#
#   tests/run.sh                  the release build
#   tests/run.sh debug|tsan|clang another preset of CMakePresets.json
#   tests/run.sh release -L unit  further words go to ctest
set -euo pipefail
cd "$(dirname "$0")/.."

preset=${1:-release}
[[ $# -eq 0 ]] || shift
deploy/install_packages.sh --tests
log=build/$preset/tests.log
mkdir -p "build/$preset"

cmake --preset "$preset" >"build/$preset/configure.log" 2>&1 ||
  { cat "build/$preset/configure.log"; exit 1; }
cmake --build --preset "$preset"

status=0
ctest --test-dir "build/$preset" --output-on-failure -j "$(nproc)" "$@" \
  >"$log" 2>&1 || status=$?
grep -vE '^ *[0-9]+/[0-9]+ Test .* Passed|^ *Start +[0-9]+:' "$log" || true

# ctest counts skipped tests as passed.
failed=$(sed -nE 's/.* tests passed, ([0-9]+) tests failed out of .*/\1/p' "$log")
all=$(sed -nE 's/.* tests failed out of ([0-9]+).*/\1/p' "$log")
skipped=$(grep -cE '\*\*\*Skipped' "$log" || true)
if [[ -z $all || $all -eq 0 ]]; then
  echo "no tests were run" >&2
  exit 1
fi
echo "$((all - failed - skipped)) passed, $failed failed, $skipped skipped"
exit "$status"
