#!/usr/bin/env bash
# clang-tidy over the layers that carry the contracts: tidy.sh BUILD_FOLDER.
# Kernels are left out for time: they repeat what the op layer's headers, which
# are looked at here, let them do. It takes minutes, so a run after which
# nothing changed is not repeated.
set -euo pipefail
cd "$(dirname "$0")/../.."
passed=$1/tidy_passed
if [[ -e $passed ]] &&
   [[ -z $(find core .clang-tidy -newer "$passed" -type f -print -quit) ]]; then
  echo "nothing changed since it passed"
  exit 0
fi
# clang cannot read GCC's precompiled headers: it gets their text.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
pch=$1/core/tensor/CMakeFiles/core_tensor.dir/cmake_pch.hxx
cp "$pch" "$work/pch.hxx"
sed -E "s#-include [^ ]*/cmake_pch\.hxx#-include $work/pch.hxx#; s#-Winvalid-pch##" \
  "$1/compile_commands.json" >"$work/compile_commands.json"
printf '%s\n' core/{base,op,program,program/passes,plan,exec,session,state}/*.cc |
  xargs -P "$(nproc)" -n 4 clang-tidy-14 --quiet -p "$work" \
    --extra-arg=-Wno-unknown-warning-option
touch -r "$work/compile_commands.json" "$passed"
