"""Runs all contestants alternately on the same batches and prints medians and ratios (Markdown)."""

import argparse
import json
import os
import sys
import time

from contest import Contest

SHAPES = [(1, 32), (8, 64), (32, 128)]
HERE = os.path.dirname(os.path.abspath(__file__))

p = argparse.ArgumentParser()
p.add_argument("model")
p.add_argument("--arms", required=True, help="the program arm_times")
p.add_argument("--threads", type=int, default=2)
p.add_argument("--rounds", type=int, default=9)
p.add_argument("--dataset", help="JSON lines with premise and hypothesis: whole, in sorted batches of 32")
p.add_argument("--limit", type=int, default=None, help="rows of the dataset")
p.add_argument("--without", nargs="*", default=[], help="contestants to leave out")
a = p.parse_args()

row = lambda length: [1000 + i * 37 % 20000 for i in range(length)]
batches = [{"ids": [row(n)] * r, "types": [[0] * n] * r} for r, n in SHAPES]
runs = [(f"{r} × {n}", index, index + 1, 10 if r == 1 else 1) for index, (r, n) in enumerate(SHAPES)]
tokens = 0
if a.dataset:
    from transformers import AutoTokenizer

    rows = [json.loads(line) for line in open(a.dataset)][: a.limit]
    coded = AutoTokenizer.from_pretrained(a.model)(
        [r["premise"] for r in rows], [r["hypothesis"] for r in rows], truncation=True, max_length=512)
    # A tokenizer that feeds no token types leaves them out; the models then take zeros.
    types = coded.get("token_type_ids") or [[0] * len(ids) for ids in coded["input_ids"]]
    order = sorted(range(len(rows)), key=lambda i: len(coded["input_ids"][i]))
    for start in range(0, len(order), 32):
        part = order[start : start + 32]
        batches.append({"ids": [coded["input_ids"][i] for i in part],
                        "types": [types[i] for i in part]})
    tokens = sum(map(len, coded["input_ids"]))

contestants = {
    "PyTorch": [sys.executable, f"{HERE}/peer.py", "torch"],
    "ONNX Runtime fp32": [sys.executable, f"{HERE}/peer.py", "onnx"],
    "candle-transformers": [a.arms, "candle-transformers"],
    "Python MLX": [sys.executable, f"{HERE}/peer.py", "mlx"],
    "baseline (candle arm)": [a.arms, "candle"],
    "MLX arm": [a.arms, "mlx"],
}
contestants = {name: command for name, command in contestants.items() if name not in a.without}
environment = dict(os.environ, RAYON_NUM_THREADS=str(a.threads), TRANSFORMERS_VERBOSITY="error")
own = {name: environment for name in contestants}
if os.environ.get("MLX_PRELOAD"):
    own["Python MLX"] = dict(environment, LD_PRELOAD=os.environ["MLX_PRELOAD"])
commands = {name: [*command, a.model, None, str(a.threads)] for name, command in contestants.items()}
contest = Contest(commands, batches, own)
medians = {name: [] for name in contestants}
for _, first, end, repeat in runs:
    for name, seconds in contest.rounds(a.rounds, first, end, repeat).items():
        medians[name].append(seconds * 1e3)

print(f"Milliseconds, medians of {a.rounds} alternating rounds, {a.threads} threads.\n")
print("| | " + " | ".join(title for title, *_ in runs) + " |")
print("| --- |" + " ---: |" * len(runs))
for name, values in medians.items():
    print(f"| {name} | " + " | ".join(f"{value:.1f}" for value in values) + " |")
for ours, peer in [("baseline (candle arm)", "PyTorch"), ("baseline (candle arm)", "ONNX Runtime fp32"),
                   ("baseline (candle arm)", "candle-transformers"), ("MLX arm", "Python MLX")]:
    if ours in medians and peer in medians:
        ratios = [x / y for x, y in zip(medians[ours], medians[peer])]
        print(f"| {ours} ÷ {peer} | " + " | ".join(f"{ratio:.2f}" for ratio in ratios) + " |")

if a.dataset:
    print(f"\n{len(rows)} rows, {tokens} real tokens, batches of 32 sorted by length.\n")
    print("| | seconds | real tokens/s | sum of the logits |\n| --- | ---: | ---: | ---: |")
    for name in contestants:
        time.sleep(0.1)
        seconds, total = contest.ask(name, len(SHAPES), len(batches))
        print(f"| {name} | {seconds:.1f} | {tokens / seconds:,.0f} | {total:.3f} |", flush=True)
contest.end()
