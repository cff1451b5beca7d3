"""Times random models of middling size and writes the table of docs/models.md; see architecture_table.sh.

Reads from stdin what the golden tests print: `ARCHITECTURE/MODEL on ARM: within ERROR`.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
import transformers
from transformers import AutoConfig, AutoModelForSequenceClassification

from contest import Contest

HERE = Path(__file__).resolve().parent
DOCUMENT = HERE.parent / "docs/models.md"
START, END = "<!-- table: scripts/architecture_table.sh -->\n", "<!-- end of table -->\n"
ARMS = ["candle", "mlx", "mlx-q8"]
ROWS, LENGTH, ROUNDS, THREADS = 8, 64, 9, 2

BASE = dict(hidden_size=768, num_hidden_layers=6, num_attention_heads=12, intermediate_size=3072)
# Where the sizes have other names, or a base model other sizes.
SIZES = {
    "bart": dict(
        d_model=768, encoder_layers=3, encoder_attention_heads=12, encoder_ffn_dim=3072, decoder_layers=3,
        decoder_attention_heads=12, decoder_ffn_dim=3072,
    ),
    "deberta-v2": dict(
        **BASE, vocab_size=30522, relative_attention=True, position_buckets=256, norm_rel_ebd="layer_norm",
        share_att_key=True, pos_att_type=["p2c", "c2p"], position_biased_input=False,
    ),
    "distilbert": dict(dim=768, n_layers=6, n_heads=12, hidden_dim=3072),
    "mobilebert": dict(hidden_size=768, num_hidden_layers=6),
    "modernbert": dict(hidden_size=768, num_hidden_layers=6, num_attention_heads=12),
}


def errors(lines):
    """The largest error by architecture and arm."""
    largest = {}
    for line in lines:
        if found := re.search(r"([\w-]+)/[\w-]+ on ([\w-]+): within (\S+)", line):
            name, arm, error = found.groups()
            if arm in ARMS:
                arms = largest.setdefault(name, {})
                arms[arm] = max(arms.get(arm, error), error, key=float)
    return largest


def make(name, folder):
    torch.manual_seed(1)
    config = AutoConfig.for_model(name, num_labels=3, **SIZES.get(name, BASE))
    model = AutoModelForSequenceClassification.from_config(config, dtype=torch.float32)
    model.save_pretrained(folder)


def times(name, programs, place):
    """Times relative to PyTorch by arm."""
    model, artefact = f"{place}/{name}", f"{place}/{name}-mlx-q8"
    make(name, model)
    convert = [f"{programs}/gatecheck", "convert", "--model", model, "--output-dir", place]
    subprocess.run(convert, check=True, stdout=subprocess.DEVNULL)
    # The last token is what BART takes for the end of text.
    row = lambda seed: [1000 + (seed * 997 + i * 37) % 20000 for i in range(LENGTH - 1)] + [2]
    batch = {"ids": [row(seed) for seed in range(ROWS)], "types": [[0] * LENGTH] * ROWS}
    tail = [None, str(THREADS)]
    commands = {
        "PyTorch": [sys.executable, str(HERE / "peer.py"), "torch", model, *tail],
        "candle": [f"{programs}/examples/arm_times", "candle", model, *tail],
        "mlx": [f"{programs}/examples/arm_times", "mlx", model, *tail],
        "mlx-q8": [f"{programs}/examples/arm_times", "mlx", artefact, *tail],
    }
    environment = dict(os.environ, TRANSFORMERS_VERBOSITY="error")
    contest = Contest(commands, [batch], dict.fromkeys(commands, environment))
    sums = {arm: contest.ask(arm, 0, 1)[1] for arm in commands}
    for arm, bound in [("candle", 1e-3), ("mlx", 1e-3), ("mlx-q8", 1)]:
        if not abs(sums[arm] - sums["PyTorch"]) < bound:
            sys.exit(f"{name}: the logits of {arm} are others than PyTorch's: {sums}")
    seconds = contest.rounds(ROUNDS, 0, 1)
    contest.end()
    print(name, {arm: f"{value * 1e3:.0f} ms" for arm, value in seconds.items()}, flush=True)
    return {arm: f"{seconds[arm] / seconds['PyTorch']:.2f}" for arm in ARMS}


def processor():
    try:
        return re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())[1]
    except (OSError, TypeError):
        return subprocess.run(["uname", "-m"], capture_output=True, text=True).stdout.strip()


def main():
    transformers.logging.disable_progress_bar()
    parser = argparse.ArgumentParser()
    parser.add_argument("--programs", required=True)
    parser.add_argument("architectures", nargs="*")
    arguments = parser.parse_args()
    largest = errors(sys.stdin)
    if missing := [name for name, arms in largest.items() if set(arms) != set(ARMS)]:
        sys.exit(f"no errors of every arm for {missing}")
    if unknown := set(arguments.architectures) - set(largest):
        sys.exit(f"no such architecture: {', '.join(sorted(unknown))}")

    text = DOCUMENT.read_text()
    before, rest = text.split(START)
    old, after = rest.split(END)
    # The times that are not measured anew.
    measured = {}
    for line in old.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if cells[0].strip("`") in largest:
            measured[cells[0].strip("`")] = dict(zip(ARMS, cells[4:]))
    for name in arguments.architectures or sorted(largest):
        with tempfile.TemporaryDirectory() as place:
            measured[name] = times(name, arguments.programs, place)

    lines = [
        "| `model_type` | candle: error | MLX: error | MLX 8 bits: error | candle: time | MLX: time | MLX 8 bits: time |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name in sorted(largest):
        cells = [largest[name][arm] for arm in ARMS] + [measured.get(name, {}).get(arm, "") for arm in ARMS]
        lines.append(f"| `{name}` | " + " | ".join(cells) + " |")
    how = (
        f"\nPyTorch {torch.__version__.split('+')[0]}, transformers {transformers.__version__}; {THREADS} threads of "
        f"{processor()}; medians of {ROUNDS} alternating rounds.\n"
    )
    DOCUMENT.write_text(before + START + "\n".join(lines) + "\n" + how + END + after)


if __name__ == "__main__":
    main()
