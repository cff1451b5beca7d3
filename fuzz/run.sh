#!/usr/bin/env bash
#
# Runs the fuzz targets, each for so many seconds, from the corpus that earlier runs left.
#
#   fuzz/run.sh SECONDS [TARGET ...]
#
# A crash, a hang of 10 seconds, or more than 1 GB stops a target; what did it lies in artifacts/TARGET.

set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
seconds=${1:?usage: fuzz/run.sh SECONDS [TARGET ...]}
shift
targets=("$@")
((${#targets[@]} > 0)) || mapfile -t targets < <(cargo fuzz list)

TMPDIR=$(mktemp -d)
export TMPDIR
trap 'rm -rf -- "$TMPDIR"' EXIT
# With the features of the whole workspace, as everything else is built.
cargo build --quiet --release --locked --workspace --example fuzz_seeds
"${CARGO_TARGET_DIR:-target}/release/examples/fuzz_seeds"
export RUSTUP_TOOLCHAIN=${FUZZ_TOOLCHAIN:-nightly}
failed=()
for target in "${targets[@]}"; do
  # Without a sanitizer: what is read here is safe Rust, and four times as much of it is.
  cargo fuzz run --sanitizer "${FUZZ_SANITIZER:-none}" "$target" -- \
    -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 || failed+=("$target")
done
if ((${#failed[@]} > 0)); then
  echo "stopped: ${failed[*]}" >&2
  exit 1
fi
