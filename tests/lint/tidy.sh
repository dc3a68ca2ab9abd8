#!/usr/bin/env bash
# clang over every layer: its warnings with -Wthread-safety, and clang-tidy.
#   tests/lint/tidy.sh BUILD_FOLDER [FILE…]       default: all files
# Nearly all time goes into headers, so files of one folder are looked at some
# together. A run after which nothing changed is not repeated.
set -euo pipefail
self=$(realpath "$0")
cd "$(dirname "$0")/../.."
build=$(realpath "$1")
files=("${@:2}")
layers=(core flags server client)

passed=$build/tidy_passed
if [[ ${#files[@]} -eq 0 ]]; then
  if [[ -e $passed && -z $(find "${layers[@]}" .clang-tidy "$self" -type f \
                             -newer "$passed" -print -quit) ]]; then
    echo "nothing changed since it passed"
    exit 0
  fi
  if ! clang-tidy --version | grep -q 'version 14\.'; then
    echo "not looked at: this is not clang-tidy 14, whose finds are mended"
    exit 77
  fi
  mapfile -t files < <(find "${layers[@]}" -name '*.cc' | LC_ALL=C sort)
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
touch "$work/start"

# What the layers are compiled with, but all in one and without optimisation.
# clang cannot read GCC's precompiled headers: it gets their text.
flags=(-std=c++20 -march=x86-64-v3 -DEIGEN_MPL2_ONLY "-I$build/flags/build_info"
       -Wall -Wextra -Wshadow -Wno-unused-parameter -Wthread-safety
       "-isystem$build/proto" -isystem/usr/include/eigen3)
for view in "$build"/views/*; do flags+=("-I$view"); done
for layer in tensor kernels; do
  cp "$build/core/$layer/CMakeFiles/core_$layer.dir/cmake_pch.hxx" \
    "$work/$layer.hxx"
  flags+=("-include$work/$layer.hxx")
done
printf '%s\n' "${flags[@]}" >"$work/compile_flags.txt"

# look WORK FILE…: at all together, at each half if they do not compile so.
look() {
  local work=$1 half=$((($# - 1) / 2)) unit said failed=0
  shift
  unit=$(mktemp "$work/XXXXXX.cc")
  printf "#include \"$PWD/%s\"  // NOLINT\n" "$@" >"$unit"
  said=$(clang-tidy --quiet --config-file=.clang-tidy "$unit" \
         2>/dev/null) && return
  if [[ $half -gt 0 && $said == *'[clang-diagnostic-error'* ]]; then
    look "$work" "${@:1:half}" || failed=1
    look "$work" "${@:half+1}" || failed=1
    return "$failed"
  fi
  echo "${said:-clang-tidy failed, with no finds, over $*}"
  return 1
}
export -f look
# Some files of one folder make a line.
printf '%s\n' "${files[@]}" | sed -E 's#(.*)/#\1 &#' | LC_ALL=C sort |
  awk '{new = $1 != folder || ++count == 12
        if (new) {folder = $1; count = 0}
        printf "%s%s", NR == 1 ? "" : new ? "\n" : " ", $2} END {print ""}' |
  xargs -P "$(nproc)" -L 1 bash -c 'look "$@"' look "$work"
[[ $# -gt 1 ]] || touch -r "$work/start" "$passed"
