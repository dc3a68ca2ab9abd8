#!/usr/bin/env bash
# Shows the main job: installs what is missing, builds, serves the example
# model, and does with it what a user would, printing each command.
set -euo pipefail
cd "$(dirname "$0")/.."

deploy/install_packages.sh
echo "building metagraphd and metagraphctl (some minutes the first time)"
mkdir -p build
# The build that tests/run.sh goes on with; tests need more packages.
[[ -e build/release/build.ninja ]] ||
  cmake --preset release -DMG_BUILD_TESTS=OFF -DMG_BUILD_BENCHMARKS=OFF \
    >build/demo.log 2>&1 || { cat build/demo.log; exit 1; }
cmake --build build/release --target metagraphd metagraphctl \
  >>build/demo.log 2>&1 || { cat build/demo.log; exit 1; }

work=$(mktemp -d)
server=
cleanup() {
  if [[ -n $server ]]; then
    kill "$server" 2>/dev/null && wait "$server" || true
  fi
  rm -rf "$work"
}
trap cleanup EXIT
cp -r deploy/example/model "$work/add"
PATH=$PWD/build/release/server:$PWD/build/release/client:$PATH

say() { printf '\n\033[1m# %s\033[0m\n' "$*"; }
run() { printf '$ %s\n' "$*"; "$@"; }

say "a folder that TensorFlow's Saver wrote"
run ls "$work/add"

say "serve it"
echo "\$ metagraphd --model add=$work/add --listen 127.0.0.1:0 --port_file $work/port &"
metagraphd --model "add=$work/add" --listen 127.0.0.1:0 \
  --port_file "$work/port" 2>"$work/log" &
server=$!
for _ in $(seq 200); do
  [[ -s $work/port ]] && break
  kill -0 "$server" 2>/dev/null || { cat "$work/log"; exit 1; }
  sleep 0.05
done
METAGRAPHCTL_SERVER=$(head -n 1 "$work/port")
ctl() { printf '$ metagraphctl %s\n' "$*"
  metagraphctl --server "$METAGRAPHCTL_SERVER" "$@"; }

say "find a tensor by name"
ctl tensors add add1:0
say "find tensors by collection"
ctl collections add
ctl collections add add1
say "run: W1 + W2 + what is fed"
ctl run add --feed 'W3:0=[1,2,3,4]' --fetch add1:0
say "the same, the tensor taken from a collection"
ctl run add --feed 'W3:0=[1,2,3,4]' --fetch collection:add1
say "restore another checkpoint while it serves"
ctl restore add model-10
ctl run add --feed 'W3:0=[1,2,3,4]' --fetch add1:0
say "save a checkpoint that TensorFlow reads"
ctl save add --global-step 30
run ls "$work/add"
say "stop: calls under way finish first"
echo "\$ kill $server"
kill "$server"
wait "$server" && echo "exit code 0"
server=
