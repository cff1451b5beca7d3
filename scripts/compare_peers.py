"""Runs all contestants alternately on the same batches and prints medians and ratios (Markdown)."""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

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
    order = sorted(range(len(rows)), key=lambda i: len(coded["input_ids"][i]))
    for start in range(0, len(order), 32):
        part = order[start : start + 32]
        batches.append({"ids": [coded["input_ids"][i] for i in part],
                        "types": [coded["token_type_ids"][i] for i in part]})
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
file = tempfile.NamedTemporaryFile("w", suffix=".json")
json.dump(batches, file)
file.flush()
environment = dict(os.environ, RAYON_NUM_THREADS=str(a.threads), TRANSFORMERS_VERBOSITY="error")


def start(name, command):
    own = dict(environment)
    if name == "Python MLX" and os.environ.get("MLX_PRELOAD"):
        own["LD_PRELOAD"] = os.environ["MLX_PRELOAD"]
    child = subprocess.Popen([*command, a.model, file.name, str(a.threads)], env=own, text=True,
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    while (line := child.stdout.readline()) and line.strip() != "ready":
        pass
    if not line:
        sys.exit(f"{name} did not start: {' '.join(command)}")
    return child


def ask(child, first, end):
    child.stdin.write(f"{first} {end}\n")
    child.stdin.flush()
    return tuple(map(float, child.stdout.readline().split()))


children = {name: start(name, command) for name, command in contestants.items()}
medians = {name: [] for name in children}
for title, first, end, repeat in runs:
    times = {name: [] for name in children}
    for child in children.values():
        ask(child, first, end)
    for _ in range(a.rounds):
        for name, child in children.items():
            # Threads of the one before spin for a while.
            time.sleep(0.1)
            # Many short calls in a turn, so that one of them is not all that a cold cache makes of it.
            times[name].append(statistics.median(ask(child, first, end)[0] for _ in range(repeat)))
    for name in children:
        medians[name].append(statistics.median(times[name]) * 1e3)

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
    for name, child in children.items():
        time.sleep(0.1)
        seconds, total = ask(child, len(SHAPES), len(batches))
        print(f"| {name} | {seconds:.1f} | {tokens / seconds:,.0f} | {total:.3f} |", flush=True)
for child in children.values():
    child.stdin.close()
    child.wait()
