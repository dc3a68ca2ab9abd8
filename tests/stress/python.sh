# shellcheck shell=bash
# Sourced: python is that of an environment with requirements.txt in it, made
# beside the build folders once; exit code 77 where it cannot be had.
stress=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
environment=${MG_STRESS_VENV:-$stress/../../build/stress}
python=$environment/bin/python
if ! "$python" -c 'import hpack' 2>/dev/null; then
  if ! { python3 -m venv "$environment" &&
    "$python" -m pip install -q -r "$stress/requirements.txt"; } \
    >"${TMPDIR:-/tmp}/stress_install.log" 2>&1; then
    echo "skipped: what tests/stress/requirements.txt names cannot be installed:"
    tail -n 3 "${TMPDIR:-/tmp}/stress_install.log"
    exit 77
  fi
fi
