"""Measures what a run of many rows costs its own process: memory at its peak, and seconds of `report`.

    python3 scripts/many_rows.py --model FOLDER [--program target/release/gatecheck] [--rows 100000 1000000]
        [--at-most MB]

Makes a dataset of pairs as long as those of MNLI (some 20 and 10 words, from a fixed seed), measures it with
scripted arms, and renders it again. The artefact is made beforehand, by a run of ten rows. Linux only: peaks are
`VmHWM` of /proc.
"""

import argparse
import json
import pathlib
import random
import subprocess
import sys
import tempfile
import time

WORDS = """the a of to in and that is was for on with as it by at from are be this his her they their not have had
which one but were all we when there can more if would who what so up out about said some into them then two other
could time these may like than only been do new first also people after any work should how because through where
government report company public program study evidence several number during including agency between important
little world problem question however service national development information available possible""".split()
LABELS = ["entailment", "neutral", "contradiction"]


def write_rows(path, count):
    draw = random.Random(7)

    def sentence(mean):
        length = max(2, round(draw.gammavariate(4.0, mean / 4.0)))
        return " ".join(draw.choices(WORDS, k=length)).capitalize() + "."

    with open(path, "w") as file:
        for index in range(count):
            row = {"premise": sentence(20), "hypothesis": sentence(10), "label": LABELS[index % 3], "idx": index}
            file.write(json.dumps(row) + "\n")


def watched(command, folder):
    """Runs a command. Returns its seconds and its peak of resident memory in MB."""
    start = time.monotonic()
    child = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    peak = 0
    while child.poll() is None:
        try:
            status = pathlib.Path(f"/proc/{child.pid}/status").read_text()
            peak = max([peak] + [int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")])
        except (OSError, ValueError):
            pass
        time.sleep(0.01)
    errors = child.stderr.read()
    if child.returncode not in (0, 1, 4):
        sys.exit(f"{' '.join(command)}: {child.returncode}\n{errors}")
    return time.monotonic() - start, peak * 1024 / 1e6


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--program", default="target/release/gatecheck")
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--at-most", type=float, help="fail where a process needs more MB than that")
    a = parser.parse_args()
    program, model = str(pathlib.Path(a.program).resolve()), str(pathlib.Path(a.model).resolve())
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "mock.json").write_text(json.dumps({"candle": {}, "mlx-q8": {"flip_every": 50}}))

        def run(out, *more):
            words = [program, "run", "--model", model, "--dataset", "rows.jsonl", "--mock", "mock.json"]
            return watched([*words, "--out", out, *more], folder)

        write_rows(folder / "rows.jsonl", 10)
        run("few")
        for rows in a.rows:
            write_rows(folder / "rows.jsonl", rows)
            size = (folder / "rows.jsonl").stat().st_size / 1e6
            run_s, run_mb = run(f"out-{rows}")
            report_s, report_mb = watched([program, "report", f"out-{rows}"], folder)
            print(f"{rows:9,} rows, {size:6.1f} MB: run {run_s:6.1f} s, parent at most {run_mb:6.1f} MB; "
                  f"report {report_s:5.1f} s, at most {report_mb:6.1f} MB", flush=True)
            if a.at_most and max(run_mb, report_mb) > a.at_most:
                sys.exit(f"{rows:,} rows need {max(run_mb, report_mb):.1f} MB, the limit is {a.at_most} MB")


if __name__ == "__main__":
    main()
