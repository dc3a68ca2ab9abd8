#!/usr/bin/env bash
# systemd's own opinion of the unit.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
build=$(realpath "$1")
version=$(systemd-analyze --version 2>/dev/null |
  sed -n 's/^systemd \([0-9]*\).*/\1/p' || true)
if [[ ${version:-0} -lt 252 ]]; then
  echo "skipped: systemd-analyze of 252 or newer is not here"
  exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# The program need not be installed to judge the unit.
sed "s|^ExecStart=[^ ]*|ExecStart=$build/server/metagraphd|; /^Documentation/d" \
  "$here/../../deploy/systemd/metagraphd.service.in" >"$work/metagraphd.service"
verify() {
  local said
  said=$(systemd-analyze verify "$work/metagraphd.service" 2>&1 |
    grep metagraphd.service || true)
  [[ -z $said ]] || { echo "$said"; exit 1; }
}
verify
# In tenths: 2.5 of 10.
systemd-analyze security --offline=true --threshold=25 --no-pager \
  "$work/metagraphd.service" >"$work/security" ||
  { cat "$work/security"; exit 1; }
tail -n 1 "$work/security"
# The same with TLS, and all that tls.conf has in comments.
mkdir "$work/metagraphd.service.d"
sed "s|@bindir@|$build/server|; s|^#\([A-Z]\)|\1|" \
  "$here/../../deploy/systemd/tls.conf.in" \
  >"$work/metagraphd.service.d/tls.conf"
[[ $(grep -c '^LoadCredential=' "$work/metagraphd.service.d/tls.conf") -eq 4 ]]
verify
