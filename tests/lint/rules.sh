#!/usr/bin/env bash
# The project's own rules, each with the place that may break it.
set -uo pipefail
cd "$(dirname "$0")/../.."
bad=0

# sources FOLDER…: their C++ files.
sources() { find "$@" -name '*.h' -o -name '*.cc'; }

# forbid WHAT PATTERN EXCEPT PATH…: no line may match, but in files that match
# EXCEPT.
forbid() {
  local what=$1 pattern=$2 except=$3
  shift 3
  local found
  found=$(sources "$@" | grep -vE "$except" | xargs -r grep -nE "$pattern" /dev/null)
  if [[ -n $found ]]; then
    printf '%s:\n%s\n' "$what" "$found"
    bad=1
  fi
}
none='^$'
forbid 'includes go from the root, never "../"' '#include "\.\./' "$none" core flags server client tests
forbid 'headers are guarded by #pragma once' '#ifndef [A-Z_]+_H_?$' "$none" core flags server client tests
forbid 'clocks are read in core/base/clock.cc' '(steady|system|high_resolution)_clock::now|absl::Now\(' \
  '^core/base/clock\.cc$|^tests/|^client/' core flags server client
forbid 'files are touched in core/io/posix_file_system.cc' \
  '(::(open|rename|unlink|fsync|fdatasync|mkdir|rmdir)|\bopendir)\(' \
  '^core/io/posix_file_system\.cc$' core server
forbid 'text protos are parsed in core/io/text_proto.cc' 'TextFormat::(Parse|Merge)' \
  '^core/io/text_proto\.cc$' core flags server client
forbid "no exceptions are thrown but by an allocator" "^[^\"/]*\bthrow [A-Za-z:]+[({;]" \
  '^core/tensor/scratch\.h$' core flags server client
forbid 'core never sees gRPC' 'grpcpp|grpc\.pb\.h' "$none" core server/handlers
forbid 'core does not log' 'glog/|std::cerr' "$none" core
forbid 'std::mutex only under core/base/mutex.h' 'std::(mutex|condition_variable)\b|absl::Mutex' \
  '^core/base/mutex\.h$' core flags server client
forbid 'tests do not sleep' 'sleep_for|sleep_until|usleep\(|absl::SleepFor' "$none" tests
forbid 'no using namespace in headers' '^using namespace' '\.cc$' core flags server client tests

for header in $(sources core flags server client tests | grep '\.h$'); do
  grep -q '^#pragma once' "$header" || { echo "$header has no #pragma once"; bad=1; }
done

# Every op is named by some test.
for op in $(sources core/kernels | xargs grep -ohE 'REGISTER_OP\("\w+",' |
            grep -oE '"\w+"'); do
  sources tests | xargs grep -qF "$op" ||
    { echo "no test names the op $op"; bad=1; }
done
# The ladder of core/README.md: what a layer declares stands on lower rows.
mapfile -t lists < <(find core flags server client -name CMakeLists.txt)
awk '
  function target(name) {
    if (name !~ /^(client|server|flags)/) name = "core_" name
    sub("/", "_", name)
    return name
  }
  FILENAME ~ /README/ {
    if ($1 ~ /^[0-9]+$/ && $2 ~ /^[a-z\/]+$/) row[target($2)] = $1
    next
  }
  {
    for (i = 1; i <= NF; ++i) {
      name = $i
      end = name ~ /\)$/
      sub(/\)$/, "", name)
      if (sub(/^add_layer\(/, "", name)) {
        layer = name
        sub("/", "_", layer)
        if (!(layer in row)) { print layer " has no row in core/README.md"; bad = 1 }
      } else if (layer != "" && name in row && row[name] >= row[layer]) {
        print layer " depends on " name ", which is not on a lower row of core/README.md"
        bad = 1
      }
      if (end) layer = ""
    }
  }
  END { exit bad }' core/README.md "${lists[@]}" || bad=1
exit "$bad"
