#!/usr/bin/env bash
# Installs real TensorFlow in a virtual environment under build/ and checks what
# it reads of ours. Needs a package index and some minutes the first time; not
# part of tests/run.sh, which must not need a network.
#   tests/interop/run.sh [BUILD_FOLDER]        default: build/release
set -euo pipefail
cd "$(dirname "$0")/../.."
build=$(realpath "${1:-build/release}")
venv=${MG_TENSORFLOW_VENV:-build/tensorflow}
if [[ ! -x $venv/bin/python ]]; then
  python3 -m venv "$venv"
  "$venv/bin/pip" install -q -r tests/interop/requirements.txt
fi
for story in save_is_read_by_tensorflow fine_tune; do
  "$venv/bin/python" "tests/interop/$story.py" \
    "$build/server/metagraphd" "$build/client/metagraphctl" deploy/example/model
done
