#!/usr/bin/env bash
# Installs what the build needs on Debian 12 or 13, and only what is missing.
#   deploy/install_packages.sh [--tests|--image]     also what the tests need, or
#                                                    deploy/image/make_root.sh
set -euo pipefail

packages=(g++ cmake ninja-build pkg-config
  libgrpc++-dev libprotobuf-dev protobuf-compiler protobuf-compiler-grpc
  libabsl-dev libeigen3-dev libdnnl-dev libsnappy-dev libgoogle-glog-dev
  libre2-dev zlib1g-dev libjpeg62-turbo-dev libpng-dev libgif-dev libssl-dev
  libcivetweb-dev prometheus-cpp-dev libcli11-dev libyaml-cpp-dev
  nlohmann-json3-dev help2man)
if [[ ${1-} == --tests ]]; then
  packages+=(libgtest-dev libgmock-dev clang-format clang-tidy dpkg-dev file openssl)
elif [[ ${1-} == --image ]]; then
  packages+=(ca-certificates dpkg-dev)
fi

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null |
    grep -q 'ok installed' || missing+=("$package")
done
[[ ${#missing[@]} -gt 0 ]] || exit 0

echo "installing: ${missing[*]}"
sudo=()
[[ $(id -u) -eq 0 ]] || sudo=(sudo)
export DEBIAN_FRONTEND=noninteractive
"${sudo[@]}" apt-get update -qq
"${sudo[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" \
  >/dev/null
