#!/usr/bin/env bash
# Holds the manifests of deploy/kubernetes and deploy/kserve to the schemas of
# Kubernetes and KServe, which Python packages carry: manifests_test.sh
# BUILD_FOLDER. They are installed beside it, once.
set -euo pipefail
build=$(realpath "$1")
here=$(dirname "$(realpath "$0")")
python=$build/../manifests/bin/python
if ! "$python" -c 'import kserve, kubernetes_validate' 2>/dev/null; then
  if ! { python3 -m venv "$build/../manifests" &&
    "$python" -m pip install -q kubernetes-validate kserve; } \
    >"$build/manifests.log" 2>&1; then
    echo "skipped: kubernetes-validate and kserve cannot be installed:"
    tail -n 3 "$build/manifests.log"
    exit 77
  fi
fi
exec "$python" "$here/manifests.py" "$here/../../deploy" \
  "$build/server/metagraphd"
