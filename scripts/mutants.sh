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

for module in "${modules[@]}"; do
  sample=${SAMPLE:-60}
  tests=()
  case $module in
    judge) package=gatecheck-judge files='crates/judge/src/**' sample=${SAMPLE:-0} ;;
    quant) package=gatecheck-model files='crates/model/src/quant/**' ;;
    convert) package=gatecheck-model files='crates/model/src/convert/**' ;;
    hub) package=gatecheck-data files='crates/data/src/hub/**' ;;
    dataset) package=gatecheck-data files='crates/data/src/dataset/**' ;;
    # The runner's own tests, and those of whole runs.
    runner) package=gatecheck files='src/app/runner/**' tests=(--lib --test it -- runner run:: resume:: failures:: run_faults::) ;;
    *) echo "no module \`$module\`" >&2; exit 2 ;;
  esac
  options=(--package "$package" --file "$files")
  count=$(cargo mutants --list "${options[@]}" | wc -l)
  if ((sample > 0 && count > sample)); then
    options+=(--sharding round-robin --shard "0/$((count / sample))")
  fi
  echo "$module: $count mutants"
  # 2 and 3: some were missed, or some never ended.
  cargo mutants --no-shuffle --gitignore=false --output "$out/$module" "${options[@]}" -- "${tests[@]}" ||
    (($? == 2 || $? == 3)) || exit 1
done
