"""Kills a real run at random moments, resumes it, and compares its report with that of an undisturbed one.

    python3 scripts/kill_and_resume.py [--program target/release/gatecheck] [--kills 20] [--seed 1] -- ARGUMENTS

ARGUMENTS are those of `gatecheck run` without `--out`, for example

    --model models/minilm-l6-mnli --dataset mnli --data validation_matched.jsonl --limit 500

Each round starts a run, kills its process with SIGKILL at a moment drawn at random from the time that the
undisturbed run took, looks a second later whether any process of it is left, resumes it, and compares what
`report.json` says of everything but times, sessions and memory, and the calls in the record: all of the latency
phase and those of the first pass of the throughput phase. How many passes follow is a matter of time. Prints one
line a round, and how many held.
Linux only: processes are found by their working folder in /proc.
"""

import argparse
import json
import os
import pathlib
import random
import signal
import struct
import subprocess
import sys
import tempfile
import time

# What two runs of the same work may differ in: times, and what follows from them.
OF_TIME = {"started_unix_s", "wall_s", "environment", "warnings", "gains"}
# Metrics of time and memory.
METRICS = ("qpm", "tokens_per_second", "padded_tokens_per_second", "latency_", "memory_")


def without_times(value):
    """The report without times; of the speed gate only that it was judged."""
    if isinstance(value, dict):
        if value.get("name") == "speed":
            return {"name": "speed", "arm": value.get("arm")}
        return {key: without_times(inner) for key, inner in value.items() if key not in OF_TIME}
    if isinstance(value, list):
        # Metrics are a list of values with ids.
        of_time = lambda inner: isinstance(inner, dict) and str(inner.get("id", "")).startswith(METRICS)
        return [without_times(inner) for inner in value if not of_time(inner)]
    return value


def calls(folder):
    """The calls of each arm, as far as the seed says what they are: a resumed run makes the same, no fewer, no more."""
    file = (folder / "record.safetensors").read_bytes()
    start = 8 + int.from_bytes(file[:8], "little")
    header = json.loads(file[8:start])

    def column(name):
        first, end = header[name]["data_offsets"]
        return [number for (number,) in struct.iter_unpack("<I", file[start + first : start + end])]

    def of_phase(name):
        return list(zip(*(column(f"{name}.{part}") for part in ("block", "item", "examples", "tokens"))))

    made = {}
    for arm in (name.removesuffix(".outputs") for name in header if name.endswith(".outputs")):
        passes = of_phase(f"{arm}.throughput")
        # A pass makes one call with each batch.
        batches = len({item for _, item, _, _ in passes})
        made[arm] = {"latency": of_phase(f"{arm}.latency"), "first pass": passes[:batches]}
    return made


def processes(folder):
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if os.readlink(entry / "cwd") == str(folder):
                    found.append(int(entry.name))
            except OSError:
                pass
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default="target/release/gatecheck")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("arguments", nargs="+")
    a = parser.parse_args()
    draw = random.Random(a.seed)
    program = str(pathlib.Path(a.program).resolve())
    arguments = [str(pathlib.Path(word).resolve()) if os.path.exists(word) else word for word in a.arguments]

    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name).resolve()
        quiet = {"cwd": folder, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}

        def run(words):
            done = subprocess.run([program, *words], **quiet)
            if done.returncode not in (0, 1, 4):
                sys.exit(f"{' '.join(words)}: {done.returncode}\n{done.stderr}")
            return done

        # Once to have the artefact, once to be timed.
        run(["run", *arguments, "--out", "first"])
        start = time.monotonic()
        whole = run(["run", *arguments, "--out", "whole"])
        took = time.monotonic() - start
        expected = without_times(json.loads((folder / "whole/report.json").read_text()))
        expected_calls = calls(folder / "whole")
        made = {arm: {phase: len(of_phase) for phase, of_phase in phases.items()}
                for arm, phases in expected_calls.items()}
        print(f"undisturbed: {took:.1f} s, exit code {whole.returncode}, calls compared: {made}", flush=True)

        held = 0
        for number in range(a.kills):
            out, moment = f"killed-{number}", draw.uniform(0.0, took)
            child = subprocess.Popen([program, "run", *arguments, "--out", out], start_new_session=True, **quiet)
            time.sleep(moment)
            child.send_signal(signal.SIGKILL)
            child.wait()
            child.stderr.close()
            time.sleep(1.0)
            left = processes(folder)
            journal = folder / out / "journal.jsonl"
            lines = len(journal.read_text().splitlines()) if journal.exists() else 0
            if (folder / out / "record.json").exists() or lines:
                run(["run", "--resume", out])
                how = f"resumed after {lines} lines"
            else:
                # Killed while it planned: nothing was begun.
                run(["run", *arguments, "--out", out])
                how = "begun again"
            report = without_times(json.loads((folder / out / "report.json").read_text()))
            same = report == expected and calls(folder / out) == expected_calls and not journal.exists()
            held += same and not left
            print(f"{number + 1:3}  killed at {moment:6.2f} s  {how:26}  "
                  f"{'equal' if same else 'DIFFERS'}  left running 1 s later: {len(left)}", flush=True)
            for process in left:
                os.kill(process, signal.SIGKILL)
        print(f"{held} of {a.kills} held")
        sys.exit(held != a.kills)


if __name__ == "__main__":
    main()
