#!/usr/bin/env bash
# Makes the image as an OCI archive, without a container engine:
#   deploy/image/build.sh [ARCHIVE]       default: build/image/metagraphd.tar
# `skopeo copy oci-archive:ARCHIVE docker://…`, `podman load` and `docker load`
# take it. The same commit, built with packages of the same versions, gives the
# same archive, byte for byte. Needs umoci, and what
# `deploy/install_packages.sh --image` installs.
set -euo pipefail
cd "$(dirname "$0")/../.."
archive=$(realpath -m "${1:-build/image/metagraphd.tar}")
MG_COMMIT=${MG_COMMIT:-$(git describe --always --dirty --abbrev=12 --exclude '*')}
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export MG_COMMIT SOURCE_DATE_EPOCH
created=$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
deploy/image/make_root.sh "$work/root"

# No order, time or owner of this machine's.
pack=(tar --format=gnu --sort=name
  --numeric-owner "--mtime=@$SOURCE_DATE_EPOCH")
"${pack[@]}" --owner=0 --group=0 --exclude=./models -C "$work/root" \
  -cf "$work/layer.tar" .
"${pack[@]}" --owner=65532 --group=65532 -C "$work/root" \
  -rf "$work/layer.tar" ./models

oci=$work/oci
umoci init --layout "$oci"
umoci new --image "$oci:latest"
umoci raw add-layer --image "$oci:latest" --history.created "$created" \
  --history.created_by deploy/image/build.sh "$work/layer.tar"

# The settings of the Dockerfile's last stage.
settings=(--no-history --created "$created" --architecture amd64 --os linux
  --config.label "org.opencontainers.image.created=$created"
  --config.label "org.opencontainers.image.revision=$MG_COMMIT")
version=$(sed -nE 's/^project\(metagraphd VERSION ([0-9.]+).*/\1/p' CMakeLists.txt)
settings+=(--config.label "org.opencontainers.image.version=$version")
while read -r word value; do
  case $word in
    ENV) settings+=(--config.env "$value") ;;
    LABEL) settings+=(--config.label "${value//\"/}") ;;
    EXPOSE) settings+=(--config.exposedports "$value/tcp") ;;
    USER) settings+=(--config.user "$value") ;;
    WORKDIR) settings+=(--config.workingdir "$value") ;;
    ENTRYPOINT) settings+=(--config.entrypoint "$(tr -d '[]"' <<<"$value")") ;;
    '' | FROM | COPY | '#'*) ;;
    *) echo "build.sh does not know the instruction $word" >&2; exit 1 ;;
  esac
done < <(sed -n '/^FROM scratch/,$p' deploy/image/Dockerfile)
umoci config --image "$oci:latest" "${settings[@]}"
umoci gc --layout "$oci" >/dev/null

mkdir -p "$(dirname "$archive")"
"${pack[@]}" --owner=0 --group=0 -C "$oci" -cf "$archive" \
  oci-layout index.json blobs
digest=$(grep -oE 'sha256:[0-9a-f]{64}' "$oci/index.json" | head -n 1)
awk -v name="$archive" -v digest="$digest" -v size="$(stat -c %s "$archive")" \
  -v unpacked="$(du -sb "$work/root" | cut -f 1)" 'BEGIN {
    printf "%s: %s, %.1f MB, unpacked %.1f MB\n", name, digest, size / 1e6,
           unpacked / 1e6 }'
