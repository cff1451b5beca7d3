#!/usr/bin/env bash
#
# Times both arms beside PyTorch, ONNX Runtime, candle-transformers and Python MLX, alternately and on
# the same batches. Nothing else needs this: no build, no test.
#
#   scripts/compare_peers.sh MODEL [--threads N] [--rounds N] [--dataset FILE.jsonl [--limit N]]
#
# PEERS_PYTHON  a Python that has torch, transformers, onnx, onnxruntime and mlx; by default a fresh
#               environment in a temporary folder, filled from PyPI and deleted at the end
# MLX_PRELOAD   libraries for Python MLX. By default, on Linux, the very MLX that the MLX arm is linked with,
#               as a shared library: the wheel's own is compiled for any CPU, with a slow BLAS

set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=scripts/peers_python.sh
source "$here/peers_python.sh"
mlx=mlx
[[ $(uname -s) == Darwin ]] || mlx='mlx[cpu]'
peers_python torch==2.15.0 transformers==5.23.0 onnx onnxruntime==1.31.1 "$mlx==0.32.2"
cd -- "$here/.."
cargo build --quiet --release --example arm_times
if [[ -z ${MLX_PRELOAD:-} && $(uname -s) == Linux ]]; then
  python3 "$here/shared_mlx.py" "$environment/libmlx.so"
  export MLX_PRELOAD=$environment/libmlx.so
fi
"$python" "$here/compare_peers.py" --arms "${CARGO_TARGET_DIR:-target}/release/examples/arm_times" "$@"
