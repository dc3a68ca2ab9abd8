#!/usr/bin/env bash
# All kinds of calls at once for some minutes: memory, descriptors and threads
# must stay on a plateau.
#   tests/stress/soak.sh MINUTES [BUILD_FOLDER]      default: build/release
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
if [[ $# -lt 1 ]]; then
  sed -n '2,4s/^# *//p' "$0"
  exit 2
fi
build=$(realpath "${2:-$here/../../build/release}")
# shellcheck source=tests/stress/python.sh
source "$here/python.sh"
exec "$python" "$here/soak.py" "$build" "$1"
