#!/usr/bin/env bash
# Installs BUILD_FOLDER aside, by component and as a package, and looks at it.
set -euo pipefail
build=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "FAILED: $*"; exit 1; }

install_component() {
  DESTDIR=$work/$1 cmake --install "$build" --prefix /usr --strip \
    --component "$1" >/dev/null
  (cd "$work/$1" && find . -type f | LC_ALL=C sort | sed 's|^\./||')
}
expect_files() {  # COMPONENT FILE…
  local found
  found=$(install_component "$1")
  [[ $found == "$(printf '%s\n' "${@:2}")" ]] ||
    fail "component $1 installs: $found"
}
expect_files daemon usr/bin/metagraphd
expect_files cli usr/bin/metagraphctl
expect_files systemd usr/lib/systemd/system/metagraphd.service \
  usr/share/doc/metagraphd/examples/tls.conf
expect_files completion usr/share/bash-completion/completions/metagraphctl \
  usr/share/bash-completion/completions/metagraphd
expect_files man usr/share/man/man1/metagraphctl.1 usr/share/man/man8/metagraphd.8
expect_files licences usr/share/doc/metagraphd/licences/libcli11-dev \
  usr/share/doc/metagraphd/licences/libeigen3-dev \
  usr/share/doc/metagraphd/licences/nlohmann-json3-dev
install_component protos >"$work/protos.txt"
grep -qx usr/share/metagraph/proto/metagraph/v1/inference.proto \
  "$work/protos.txt" || fail "protos are missing"
protoc --proto_path="$work/protos/usr/share/metagraph/proto" \
  --descriptor_set_out="$work/all.pb" metagraph/v1/admin.proto \
  metagraph/v1/inference.proto metagraph/v1/inspect.proto ||
  fail "the installed protos do not compile by themselves"
grep -q '^ExecStart=/usr/bin/metagraphd$' \
  "$work/systemd/usr/lib/systemd/system/metagraphd.service" ||
  fail "the unit starts another program"
grep -q '^ExecStart=/usr/bin/metagraphd --tls_cert=' \
  "$work/systemd/usr/share/doc/metagraphd/examples/tls.conf" ||
  fail "the example of TLS starts another program"
grep -q 'max_inflight' "$work/man/usr/share/man/man8/metagraphd.8" ||
  fail "the man page tells no flags"

for program in daemon/usr/bin/metagraphd cli/usr/bin/metagraphctl; do
  # Everything comes from the system's folders: no path of the build is kept.
  if readelf -d "$work/$program" | grep -E 'R(UN)?PATH'; then
    fail "$program has a path for libraries"
  fi
  if readelf -S "$work/$program" | grep -q '\.symtab'; then
    fail "$program is not stripped"
  fi
  text=$("$work/$program" --version)
  [[ $text == *commit*gRPC*oneDNN* ]] || fail "$program --version: $text"
done

(cd "$work" && cpack -G DEB --config "$build/CPackConfig.cmake" \
  -B "$work/package" >"$work/cpack.log" 2>&1) ||
  { cat "$work/cpack.log"; fail cpack; }
deb=$(echo "$work"/package/*.deb)
depends=$(dpkg-deb --field "$deb" Depends)
for library in libgrpc++ libprotobuf libdnnl libstdc++6 libc6; do
  [[ $depends == *$library* ]] || fail "the package depends on: $depends"
done
dpkg-deb --contents "$deb" >"$work/contents"
for file in ./usr/bin/metagraphd ./usr/bin/metagraphctl \
  ./usr/lib/systemd/system/metagraphd.service ./usr/share/man/man8/metagraphd.8; do
  grep -q " $file" "$work/contents" || fail "the package lacks $file"
done
if grep -vE ' \./(usr/.*)?$' "$work/contents"; then
  fail "the package has files outside of /usr"
fi
echo "$(basename "$deb") depends on $depends"
