#!/usr/bin/env bash
# Attacks the daemon, each script beside this one in its own way (README.md has
# them in a table), and sums up.
#   tests/stress/run.sh [BUILD_FOLDER] [NAME…]      default: build/release, all
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
build=$(realpath "${1:-$here/../../build/release}")
shift || true
# shellcheck source=tests/stress/python.sh
source "$here/python.sh"
names=("$@")
if [[ ${#names[@]} -eq 0 ]]; then
  mapfile -t names < <(sed -nE 's/^\| [0-9]+ \|.*`([a-z_]+)\.py`.*/\1/p' \
    "$here/README.md")
fi

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
broken=()
for name in "${names[@]}"; do
  echo "$name:"
  timeout 120 "$python" "$here/$name.py" "$build" 2>&1 | tee "$out/$name" || true
  grep -q '^ *took ' "$out/$name" || broken+=("$name")
done
passed=$(cat "$out"/* | grep -c '^ok ' || true)
failed=$(cat "$out"/* | grep -c '^FAILED ' || true)
echo
cat "$out"/* | grep '^FAILED ' || true
echo "${#names[@]} scripts: $passed bars held, $failed not"
if [[ ${#broken[@]} -gt 0 ]]; then
  echo "not played to their end: ${broken[*]}"
fi
[[ $failed -eq 0 && ${#broken[@]} -eq 0 && $passed -gt 0 ]]
