#!/usr/bin/env bash
# Has prometheus_client, the Python library, read /metrics: metrics_test.sh
# BUILD_FOLDER. Any Python that has it will do (Debian:
# python3-prometheus-client); else it is installed beside BUILD_FOLDER, once.
set -euo pipefail
build=$(realpath "$1")
here=$(dirname "$(realpath "$0")")
own=$build/../prometheus_client
has_it() { "$1" -c 'import prometheus_client.parser' 2>/dev/null; }
for python in python3 /usr/bin/python3 "$own/bin/python"; do
  has_it "$python" && break
done
if ! has_it "$python"; then
  if ! { python3 -m venv "$own" &&
    "$python" -m pip install -q prometheus_client; } \
    >"$build/prometheus_client.log" 2>&1; then
    echo "skipped: prometheus_client is not here and cannot be installed:"
    tail -n 3 "$build/prometheus_client.log"
    exit 77
  fi
fi
exec "$python" "$here/metrics.py" "$build/server/metagraphd" \
  "$build/client/metagraphctl" "$here/../../deploy/example/model"
