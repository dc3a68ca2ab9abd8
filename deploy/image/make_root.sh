#!/usr/bin/env bash
# Makes the image's files: deploy/image/make_root.sh ROOT
# Builds the programs with a small oneDNN and copies what they load. Works in
# build/image, but for ROOT, which must not be there yet.
set -euo pipefail
root=$(realpath -m "${1:?where to}")
cd "$(dirname "$0")/../.."
[[ ! -e $root ]] || { echo "$root is there already" >&2; exit 1; }
work=$PWD/build/image

deploy/image/small_onednn.sh "$work/onednn"
# The same program wherever the sources stand.
cmake -S . -B "$work/build" -G Ninja -DCMAKE_BUILD_TYPE=Release \
  -DMG_BUILD_TESTS=OFF -DMG_BUILD_BENCHMARKS=OFF \
  -DMG_COMMIT="${MG_COMMIT-}" -DCMAKE_PREFIX_PATH="$work/onednn" \
  -DCMAKE_CXX_FLAGS="-ffile-prefix-map=$PWD=." >"$work/configure.log"
cmake --build "$work/build" --target metagraph >"$work/build.log" ||
  { tail -n 50 "$work/build.log"; exit 1; }

# put FILE…: with the folders that they stand in, links followed.
put() {
  local file
  for file in "$@"; do
    install -D -p -m "$(stat -L -c %a "$file")" "$file" "$root$file"
  done
}
put_copyright() { put "/usr/share/doc/$1/copyright"; }

mkdir -p "$root"/{etc,models,tmp,usr/bin,usr/lib,usr/lib64}
# As the distribution has it: its paths for libraries begin with either.
ln -s usr/lib "$root/lib"
ln -s usr/lib64 "$root/lib64"
install -s -m 755 "$work/build/deploy/image/metagraph" "$root/usr/bin/"
ln -s metagraph "$root/usr/bin/metagraphd"
ln -s metagraph "$root/usr/bin/metagraphctl"

mapfile -t libraries < <(ldd "$root/usr/bin/metagraph" |
  grep -oE '/[^ ]+' | sed -E 's|^/lib|/usr/lib|' | LC_ALL=C sort -u)
put "${libraries[@]}" /etc/ssl/certs/ca-certificates.crt
cat >"$root/etc/passwd" <<'END'
root:x:0:0:root:/:/sbin/nologin
metagraph:x:65532:65532:metagraph:/models:/sbin/nologin
END
printf 'root:x:0:\nmetagraph:x:65532:\n' >"$root/etc/group"
echo 'hosts: files dns' >"$root/etc/nsswitch.conf"

# Licences, and which versions these are.
mapfile -t packages < <(for library in "${libraries[@]}"; do
  dpkg-query -S "$library" "${library#/usr}" 2>/dev/null | sed 's/[:,].*//'
done | LC_ALL=C sort -u)
for package in "${packages[@]}" ca-certificates libeigen3-dev libcli11-dev \
  nlohmann-json3-dev; do
  put_copyright "$package"
done
install -D -m 644 "$work/onednn/copyright" \
  "$root/usr/share/doc/onednn/copyright"
put /usr/share/common-licenses/{Apache-2.0,GPL-3,LGPL-2.1,MPL-2.0}
dpkg-query -W -f='${Package} ${Version}\n' "${packages[@]}" ca-certificates \
  >"$root/usr/share/doc/packages"

chmod 1777 "$root/tmp"
chmod -R u=rwX,go=rX "$root"/{etc,usr}
# Volumes that are made from this folder belong to the image's user.
if [[ $(id -u) -eq 0 ]]; then chown 65532:65532 "$root/models"; fi
