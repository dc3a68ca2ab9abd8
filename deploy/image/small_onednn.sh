#!/usr/bin/env bash
# Builds oneDNN with only what the kernels call (core/kernels/onednn.h) from
# Debian's own source package, as a static library: 18 MB of the image, not 40.
#   deploy/image/small_onednn.sh FOLDER     headers and library, made once
# Needs apt-get source, so dpkg-dev, and the packages that the project needs.
set -euo pipefail
out=$(realpath -m "${1:?where to}")
[[ ! -e $out/lib/libdnnl.a ]] || exit 0
release=trixie  # whose source package is taken, on any release

# The machine's own package sources, asked for source packages; what the system
# is set up with stays as it is.
work=$out/source
mkdir -p "$work/apt/sources" "$work/apt/lists/partial"
# shellcheck source=/dev/null
own=$(. /etc/os-release && echo "$VERSION_CODENAME")
for file in /etc/apt/sources.list /etc/apt/sources.list.d/*; do
  if [[ -f $file ]] && grep -qE "(^|[ :])$own( |-|$)" "$file"; then
    sed -E "s/^Types:.*/Types: deb-src/; s/^deb /deb-src /
      s/(^|[ :])$own( |-|$)/\1$release\2/g" "$file" \
      >"$work/apt/sources/${file##*/}"
  fi
done
apt=(-qq -o Dir::Etc::sourcelist=/dev/null
  -o "Dir::Etc::sourceparts=$work/apt/sources"
  -o "Dir::State::Lists=$work/apt/lists" -o "APT::Sandbox::User=$(id -un)")
cd "$work"
apt-get "${apt[@]}" update
# Its checksums are signed through apt; dpkg-source would ask for keys again.
apt-get "${apt[@]}" source --download-only onednn
dpkg-source --no-check --extract onednn_*.dsc onednn >/dev/null
# Debian's patch wants it for logging, which is off.
sed -i '/find_package(spdlog/d' onednn/src/CMakeLists.txt

# Size before speed: what computes is written by it when it is needed. Without
# git, which would tell the commit of the project that it finds around.
cmake -S onednn -B build -G Ninja -DCMAKE_BUILD_TYPE=MinSizeRel \
  -DCMAKE_CXX_FLAGS="-ffile-prefix-map=$work=. -ffunction-sections -fdata-sections" \
  -DDNNL_LIBRARY_TYPE=STATIC -DONEDNN_ARCH_OPT_FLAGS= \
  -DDNNL_ENABLE_WORKLOAD=INFERENCE \
  -DDNNL_ENABLE_PRIMITIVE="CONVOLUTION;REORDER" \
  -DDNNL_ENABLE_PRIMITIVE_CPU_ISA=AVX512 \
  -DONEDNN_ENABLE_GEMM_KERNELS_ISA=AVX512 \
  -DONEDNN_BUILD_GRAPH=OFF -DONEDNN_EXPERIMENTAL_LOGGING=OFF \
  -DDNNL_ENABLE_JIT_PROFILING=OFF -DDNNL_ENABLE_ITT_TASKS=OFF \
  -DCMAKE_DISABLE_FIND_PACKAGE_Git=ON \
  -DDNNL_BUILD_TESTS=OFF -DDNNL_BUILD_EXAMPLES=OFF -DDNNL_BUILD_DOC=OFF \
  -DCMAKE_INSTALL_PREFIX="$out" -DCMAKE_INSTALL_LIBDIR=lib \
  ${MG_CCACHE:+-DCMAKE_CXX_COMPILER_LAUNCHER="$MG_CCACHE"} >configure.log
cmake --build build >build.log
cmake --install build >install.log
cp onednn/debian/copyright "$out/copyright"
