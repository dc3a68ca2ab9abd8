#!/usr/bin/env bash
# clang-tidy over the layers that carry the contracts: tidy.sh BUILD_FOLDER.
# Kernels are left out for time: they repeat what the op layer's headers, which
# are looked at here, let them do.
set -euo pipefail
cd "$(dirname "$0")/../.."
git ls-files -- core/base/*.cc core/op/*.cc core/plan/*.cc core/exec/*.cc \
    core/session/*.cc core/state/*.cc |
  xargs -P "$(nproc)" -n 4 clang-tidy-14 --quiet -p "$1" \
    --extra-arg=-Wno-unknown-warning-option
