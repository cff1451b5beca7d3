#!/usr/bin/env bash
#
# Changes the code in small ways, one at a time, and asks whether a test notices. What none notices is listed in
# OUT/MODULE/mutants.out/missed.txt.
#
#   scripts/mutants.sh OUT [MODULE ...]      judge quant convert hub dataset runner; all by default
#
# SAMPLE   mutants of each module, evenly spread over its list; 0 is all of them (by default 0 for judge, else 60)

set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
out=${1:?usage: scripts/mutants.sh OUT [MODULE ...]}
shift
modules=("$@")
((${#modules[@]} > 0)) || modules=(judge quant convert hub dataset runner)

# Neither the slowest code nor the slowest compiler: a test of simulations takes a minute unoptimised.
export CARGO_PROFILE_DEV_OPT_LEVEL=1 CARGO_PROFILE_DEV_DEBUG=0

# The copies that are changed have no `target` to find MLX by.
mlx=()
[[ ! -f target/mlx-linux.toml ]] || mlx=(--cargo-arg="--config=$PWD/target/mlx-linux.toml")

for module in "${modules[@]}"; do
  sample=${SAMPLE:-60}
  tests=() options=()
  case $module in
    # Without the tests that look at the clock; what only tests use is none of it.
    judge)
      package=gatecheck-judge files='crates/judge/src/**' sample=${SAMPLE:-0} tests=(--lib -- --skip large_tests)
      options=(--exclude crates/judge/src/fixture.rs)
      ;;
    quant) package=gatecheck-model files='crates/model/src/quant/**' ;;
    convert) package=gatecheck-model files='crates/model/src/convert/**' ;;
    hub) package=gatecheck-data files='crates/data/src/hub/**' ;;
    dataset) package=gatecheck-data files='crates/data/src/dataset/**' ;;
    # The runner's own tests, and those of whole runs.
    runner) package=gatecheck files='src/app/runner/**' tests=(--lib --test it -- --test-threads=1 runner run:: resume:: failures:: run_faults::) ;;
    *) echo "no module \`$module\`" >&2; exit 2 ;;
  esac
  options+=(--package "$package" --file "$files")
  count=$(cargo mutants --list "${options[@]}" | wc -l)
  if ((sample > 0 && count > sample)); then
    options+=(--sharding round-robin --shard "0/$((count / sample))")
  fi
  echo "$module: $count mutants"
  mkdir -p "$out/$module"
  # 2 and 3: some were missed, or some never ended.
  cargo mutants --no-shuffle "${mlx[@]}" --output "$out/$module" "${options[@]}" -- "${tests[@]}" ||
    (($? == 2 || $? == 3)) || exit 1
done
