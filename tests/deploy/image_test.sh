#!/usr/bin/env bash
# Runs the image as a cluster would: read-only root, no capabilities, a user
# that nobody knows, 64 MB of memory. image_test.sh BUILD_FOLDER [ARCHIVE]
# Of the archive that deploy/image/build.sh made of this commit; else skipped.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=$(realpath "$1")
archive=${2:-build/image/metagraphd.tar}

skip() { echo "skipped: $*"; exit 77; }
[[ -e $archive ]] || skip "deploy/image/build.sh has not been run"
[[ $(id -u) -eq 0 ]] || skip "starting a container takes root"
for tool in crun umoci python3 unshare; do
  command -v "$tool" >/dev/null || skip "$tool is not installed"
done

work=$(mktemp -d)
name=metagraphd-test-$$ group=
cleanup() {
  crun delete --force "$name" 2>/dev/null || true
  wait 2>/dev/null || true
  [[ -z $group ]] || rmdir "$group" 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT
fail() { echo "FAILED: $*"; cat "$work/log" 2>/dev/null; exit 1; }

mkdir "$work/oci"
tar -C "$work/oci" -xf "$archive"
umoci --log=error unpack --image "$work/oci:latest" "$work/bundle"
root=$work/bundle/rootfs
revision=$("$root/usr/bin/metagraphd" --version | sed -n 's/^commit //p')
[[ -n ${2-} || $revision == "$(git describe --always --dirty --abbrev=12 --exclude '*')" ]] ||
  skip "$archive is of the commit $revision"

# What is in it, and how much.
unpacked=$(du -sb "$root" | cut -f 1) packed=$(stat -c %s "$archive")
echo "unpacked $((unpacked / 1000)) kB, packed $((packed / 1000)) kB"
[[ $unpacked -lt 60000000 && $packed -lt 25000000 ]] || fail "it is too large"
if find "$root" -type f -perm /111 ! -name '*.so*' ! -path '*/usr/bin/metagraph' |
  grep .; then
  fail "it has programs that nobody needs"
fi
[[ ! -e $root/bin/sh && ! -e $root/usr/share/zoneinfo ]] || fail "there is a shell"

# configure ACCESS WORD…: the bundle's settings; ACCESS is rw or ro.
configure() {
  python3 - "$work/bundle/config.json" "$work/models" "$@" <<'END'
import json, sys
path, models, access, *words = sys.argv[1:]
c = json.load(open(path))
p = c['process']
p['args'] = p['args'][:1] + words
p.update(terminal=False, noNewPrivileges=True,
         user={'uid': 345678, 'gid': 345678},
         capabilities={k: [] for k in ('bounding', 'effective', 'inheritable',
                                       'permitted', 'ambient')})
c['root']['readonly'] = True
c['linux'].pop('resources', None)
c['linux']['namespaces'] = [{'type': t} for t in ('pid', 'ipc', 'uts', 'mount')]
c['mounts'] = [m for m in c['mounts'] if m['destination'] not in
               ('/sys/fs/cgroup', '/models')]
c['mounts'].append({'destination': '/models', 'type': 'bind', 'source': models,
                    'options': ['rbind', access]})
json.dump(c, open(path, 'w'))
END
}

# A group of 64 MB, of whichever generation the machine has.
limit_memory() {
  local v1=/sys/fs/cgroup/memory v2=/sys/fs/cgroup
  if [[ -d $v1 ]] && mkdir "$v1/$name" 2>/dev/null; then
    group=$v1/$name
    echo 67108864 >"$group/memory.limit_in_bytes"
  elif [[ -e $v2/cgroup.controllers ]] && mkdir "$v2/$name" 2>/dev/null &&
    [[ -e $v2/$name/memory.max ]]; then
    group=$v2/$name
    echo 67108864 >"$group/memory.max"
  else
    echo "no memory groups here: without a limit"
  fi
}
limit_memory

# start: in the background; the container is $container, process 1 is $daemon.
start() {
  rm -f "$work/models/port"
  started=$(date +%s%N)
  # shellcheck disable=SC2016
  # crun wants version 2 of the groups to look at: an empty one, seen by it only.
  unshare -m --propagation private sh -c '
    [ -z "$3" ] || echo $$ >"$3/cgroup.procs"
    umount -R /sys/fs/cgroup 2>/dev/null
    mount -t cgroup2 none /sys/fs/cgroup
    exec crun --cgroup-manager=disabled run --bundle "$1" "$2"' \
    _ "$work/bundle" "$name" "$group" >"$work/log" 2>&1 &
  container=$!
  until [[ -S $work/models/socket ]]; do
    kill -0 "$container" 2>/dev/null || fail "it does not start"
  done
}
stop() {
  local status=0
  crun kill "$name" TERM
  wait "$container" || status=$?
  [[ $status -eq 0 ]] || fail "TERM ended it with $status"
  rm -f "$work/models/socket"
}
ctl() { "$build/client/metagraphctl" --server "unix:$work/models/socket" "$@"; }
run() { ctl run add --feed 'W3:0=[1,2,3,4]' --fetch add1:0; }

mkdir "$work/models"
cp -r deploy/example/model "$work/models/add"
# A chain of products that takes a while, for calls that are under way.
{
  echo 'node { name: "n" op: "Const" attr { key: "dtype" value { type: DT_INT32 } }
    attr { key: "value" value { tensor { dtype: DT_INT32
      tensor_shape { dim { size: 2 } } int_val: 700 int_val: 700 } } } }
  node { name: "m0" op: "RandomUniform" input: "n"
    attr { key: "dtype" value { type: DT_FLOAT } }
    attr { key: "T" value { type: DT_INT32 } } }'
  for ((i = 1; i <= 200; ++i)); do
    echo "node { name: 'm$i' op: 'MatMul' input: 'm$((i - 1))' input: 'm$((i - 1))'
      attr { key: 'T' value { type: DT_FLOAT } } }"
  done
  echo 'node { name: "end" op: "Shape" input: "m200"
    attr { key: "T" value { type: DT_FLOAT } } }'
} | protoc --proto_path=proto --encode=tensorflow.GraphDef \
  tensorflow/graph.proto >"$work/models/slow.pb"
chown -R 345678:345678 "$work/models"

flags=(--listen unix:/models/socket --model add=/models/add
  --model slow=/models/slow.pb)
configure rw "${flags[@]}" --admin_listen unix:/models/admin
times=()
for _ in 1 2 3 4 5; do
  start
  run >"$work/answer" || fail "no answer"
  times+=($((($(date +%s%N) - started) / 1000000)))
  grep -q '5, 9, 15, 37' "$work/answer" || fail "it answers $(cat "$work/answer")"
  stop
done
mapfile -t times < <(printf '%s\n' "${times[@]}" | sort -n)
echo "start to first answer, with crun's own part: ${times[*]} ms"

start
# metagraphctl is inside, for probes and by hand; calls that change state go to
# the address that is not reached from outside.
crun exec --user 345678:345678 "$name" /usr/bin/metagraphctl --server unix:/models/admin \
  save add --global-step 30 >"$work/answer" 2>&1 || fail "$(cat "$work/answer")"
[[ -e $work/models/add/model-30.index ]] || fail "nothing was saved"
# No zombies, no capabilities, nobody's user.
daemon=$(crun list --format json | python3 -c 'import json, sys
print([c["pid"] for c in json.load(sys.stdin) if c["id"] == sys.argv[1]][0])' "$name")
grep -qE '^CapEff:\s+0+$' "/proc/$daemon/status" || fail "it has capabilities"
grep -qE '^Uid:\s+345678\s' "/proc/$daemon/status" || fail "it is somebody else"
! grep -l '^State:\s*Z' /proc/[0-9]*/task/"$daemon"/children 2>/dev/null || fail zombies
awk '/VmHWM/ { printf "peak resident memory %.1f MB\n", $2 / 1000 }' "/proc/$daemon/status"
[[ -z $group ]] || echo "of the limit's $((67108864 / 1000000)) MB: at most \
$(cat "$group"/memory.max_usage_in_bytes "$group"/memory.peak 2>/dev/null)"

# TERM while a call is under way: it is answered, then the daemon ends with 0.
ticks() { awk '{ print $14 + $15 }' "/proc/$daemon/stat"; }
before=$(ticks)
ctl run slow --fetch end:0 >"$work/answer" 2>&1 &
caller=$!
while [[ $(ticks) -lt $((before + 20)) ]]; do
  kill -0 "$caller" 2>/dev/null || fail "the slow call is too fast: $(cat "$work/answer")"
done
stop
wait "$caller" || fail "the call under way was cut: $(cat "$work/answer")"
grep -q '700' "$work/answer" || fail "$(cat "$work/answer")"
echo "TERM: the call under way was answered, exit code 0"

# Models that cannot be written: they are served, a save says why not.
mkdir "$work/run"
chown 345678:345678 "$work/run"
python3 - "$work" <<'END'
import json, sys
path = sys.argv[1] + '/bundle/config.json'
c = json.load(open(path))
c['mounts'] = [m for m in c['mounts'] if m['destination'] != '/run']
c['mounts'].append({'destination': '/run', 'type': 'bind',
                    'source': sys.argv[1] + '/run', 'options': ['rbind', 'rw']})
json.dump(c, open(path, 'w'))
END
configure ro --listen unix:/run/socket --admin_listen unix:/run/admin \
  --model add=/models/add
ln -s ../run/socket "$work/models/socket"
start
run | grep -q '5, 9, 15, 37' || fail "no answer from a read-only folder"
if METAGRAPHCTL_SERVER=unix:$work/run/admin "$build/client/metagraphctl" \
  save add --global-step 31 >"$work/answer" 2>&1; then
  fail "it saved into a read-only folder"
fi
grep -qiE 'read-only' "$work/answer" || fail "$(cat "$work/answer")"
tail -n 2 "$work/answer"
stop
echo "the image is right"
