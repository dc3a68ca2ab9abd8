#!/usr/bin/env bash
# Installs what is missing, builds, runs the tests; the last line is
# "N passed, N failed, N skipped".
#
#   tests/run.sh                  the release build and its tests, without tidy
#   tests/run.sh all              everything that must pass, in stages
#   tests/run.sh debug|tsan|…     one preset of CMakePresets.json
#   tests/run.sh release -L unit  further words go to ctest
set -euo pipefail
cd "$(dirname "$0")/.."

passed=0 failed=0 skipped=0
took=()

# stage NAME COMMAND…: runs it and notes what it took.
stage() {
  local start=$SECONDS status=0
  echo "== $1"
  "${@:2}" || status=$?
  took+=("$(printf '%3d:%02d  %s' $(((SECONDS - start) / 60)) \
    $(((SECONDS - start) % 60)) "$1")")
  return "$status"
}

build() {  # PRESET
  local log=build/$1/configure.log
  mkdir -p "build/$1"
  cmake --preset "$1" >"$log" 2>&1 || { cat "$log"; return 1; }
  cmake --build --preset "$1"
}

check() {  # PRESET WORD…: its tests; the words go to ctest
  local log=build/$1/tests.log all bad none
  ctest --test-dir "build/$1" --output-on-failure -j "$(nproc)" "${@:2}" \
    >"$log" 2>&1 || true
  grep -vE '^ *[0-9]+/[0-9]+ Test .* Passed|^ *Start +[0-9]+:' "$log" || true
  all=$(sed -nE 's/.* tests failed out of ([0-9]+).*/\1/p' "$log")
  bad=$(sed -nE 's/.* tests passed, ([0-9]+) tests failed out of .*/\1/p' "$log")
  if [[ -z $all || $all -eq 0 ]]; then
    echo "no tests were run" >&2
    return 1
  fi
  # ctest counts skipped tests as passed.
  none=$(grep -cE '\*\*\*Skipped' "$log" || true)
  passed=$((passed + all - bad - none))
  failed=$((failed + bad))
  skipped=$((skipped + none))
}

[[ $# -gt 0 ]] || set -- release -LE tidy
# Also where a stage ends the script: the count shows that something failed.
finish() {
  local status=$?
  [[ $status -eq 0 || $failed -gt 0 ]] || failed=1
  printf '%s\n' "minutes" "${took[@]}"
  echo "$passed passed, $failed failed, $skipped skipped"
}

deploy/install_packages.sh --tests
trap finish EXIT
if [[ $1 != all ]]; then
  stage "$1: build" build "$1"
  stage "$1: tests" check "$@"
else
  stage "release: build" build release
  stage "release: tests" check release -LE tidy
  stage "clang: warnings, thread safety, tidy" check release -L tidy
  stage "ASan and UBSan: build" build debug
  stage "ASan and UBSan: tests" check debug -L 'unit|fuzz'
  stage "TSan: build" build tsan
  stage "TSan: tests" check tsan -L unit
fi

[[ $failed -eq 0 ]]
