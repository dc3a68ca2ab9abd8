#!/usr/bin/env bash
# Runs all benchmarks on a release build: tests/bench/run.sh [BUILD_FOLDER]
set -euo pipefail
cd "$(dirname "$0")/../.."
build=${1:-build/release}
"$build/tests/bench/executor_bench"
"$build/tests/bench/kernels_bench"
"$build/tests/bench/training_bench"
"$build/tests/bench/call_bench" "$build/server/metagraphd" deploy/example/model
"$build/tests/bench/record_bench"
tests/bench/start_bench.sh "$build"
"$build/tests/bench/checkpoint_bench"
"$build/tests/bench/hot_restore_bench" "$build/server/metagraphd"
"$build/tests/bench/beside_training_bench" "$build/server/metagraphd"
