#!/usr/bin/env bash
# All C++ is formatted as .clang-format says. `format.sh --fix` does it.
set -euo pipefail
cd "$(dirname "$0")/../.."
mode=(--dry-run --Werror)
[[ ${1-} == --fix ]] && mode=(-i)
find core flags server client tests -name '*.h' -o -name '*.cc' | xargs clang-format-14 "${mode[@]}"
