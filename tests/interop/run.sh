#!/usr/bin/env bash
# Installs real TensorFlow in a virtual environment under build/ and checks what
# it reads of ours, and that we read the same of what others wrote, if ../shared
# is there. Needs a package index and some minutes the first time; not part of
# tests/run.sh, which must not need a network.
#   tests/interop/run.sh [BUILD_FOLDER]        default: build/release
set -euo pipefail
cd "$(dirname "$0")/../.."
build=$(realpath "${1:-build/release}")
venv=${MG_TENSORFLOW_VENV:-build/tensorflow}
if [[ ! -x $venv/bin/python ]]; then
  python3 -m venv "$venv"
  "$venv/bin/pip" install -q -r tests/interop/requirements.txt
fi
story() { "$venv/bin/python" "tests/interop/$1.py" "${@:2}"; }
daemon=("$build/server/metagraphd" "$build/client/metagraphctl")
story save_is_read_by_tensorflow "${daemon[@]}" deploy/example/model
story fine_tune "${daemon[@]}" deploy/example/model
story saved_model_is_loaded "${daemon[@]}"
story corpus_values "$build/tests/interop/checkpoint_values" ../shared
story corpus_round_trip "${daemon[@]}" ../shared
story op_fuzz "$build/tests/interop/op_runner" --count 20000
