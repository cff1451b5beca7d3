#!/usr/bin/env bash
#
# Makes the table of docs/models.md: for each architecture how far each arm is from PyTorch on the golden
# models, and how long it takes beside PyTorch on a random model of middling size.
#
#   scripts/architecture_table.sh [ARCHITECTURE ...]
#
# Errors are measured for all architectures, times for those that are named, or all.
#
# PEERS_PYTHON  a Python that has torch and transformers; by default a fresh environment in a temporary
#               folder, filled from PyPI and deleted at the end

set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=scripts/peers_python.sh
source "$here/peers_python.sh"
peers_python torch==2.15.0 transformers==5.23.0
cd -- "$here/.."
cargo build --quiet --release --bin gatecheck --example arm_times
# These tests print what they measure.
errors=$(cargo test --quiet --release --test it -- --test-threads=1 --nocapture \
  every_stage_agrees_with_pytorch eight_bits_stay_near_the_float_reference)
"$python" "$here/architecture_table.py" --programs "${CARGO_TARGET_DIR:-target}/release" "$@" <<<"$errors"
