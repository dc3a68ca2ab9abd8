#!/usr/bin/env bash
# What of the attacks is quick and certain: small_test.sh BUILD_FOLDER.
set -euo pipefail
build=$(realpath "$1")
here=$(dirname "$(realpath "$0")")
export MG_STRESS_VENV=${MG_STRESS_VENV:-$build/../stress}
# shellcheck source=tests/stress/python.sh
source "$here/python.sh"
exec "$python" "$here/small.py" "$build"
