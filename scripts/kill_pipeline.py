"""Kills a real pipeline at random moments until it is through, and compares what it ends with with an undisturbed one.

    python3 scripts/kill_pipeline.py [--program target/release/gatecheck] [--kills 10] [--seed 1] \\
        --models FOLDER… [--goldens bert/classifier-odd…] --datasets NAME… [-- MORE ARGUMENTS OF `gatecheck pipeline`]

Goldens are models of tests/golden, which get a tokenizer of words that nobody uses; with two classes, those of
entailment.

An undisturbed pipeline is timed first. Then another one, in folders of its own (artefacts, reports, logs), is killed
with SIGKILL at moments drawn at random, so many times on its way, and after each kill the same command is started
again. The last start ends by itself. Compared are the matrix and the report of every cell without times and memory,
and the calls of each record as `kill_and_resume.py` compares them. Also printed: the seconds that the kills cost, which
is the time of all starts less that of the undisturbed pipeline, and what was left running a second after each kill.
Linux only: processes are found by their working folder in /proc.
"""

import argparse
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from kill_and_resume import calls, processes, without_times  # noqa: E402

# Of a cell of the matrix: what follows from times alone.
OF_TIME = {"speedup", "verdict", "exit_code"}


def matrix_without_times(value):
    if isinstance(value, dict):
        if value.get("gate") == "speed":
            return {"gate": "speed", "arm": value.get("arm")}
        return {key: matrix_without_times(inner) for key, inner in value.items() if key not in OF_TIME}
    if isinstance(value, list):
        return [matrix_without_times(inner) for inner in value]
    return value


def verdicts_without_speed(folder):
    """The verdict of a cell may turn on the speed gate, which is a matter of time: without it, what the others say."""
    report = json.loads((folder / "report.json").read_text())
    report = without_times(report)
    for key in ("verdict", "exit_code"):
        report.pop(key)
    return report


def outcome(folder):
    """Everything that must be equal."""
    matrix = json.loads((folder / "reports/matrix.json").read_text())
    cells = {}
    for cell in matrix["cells"]:
        if cell["report"] and not cell["same_as"]:
            place = folder / cell["report"]
            cells[cell["report"]] = (verdicts_without_speed(place), calls(place))
    return matrix_without_times(matrix), cells


def golden(name, to):
    """A copy of a golden model that can read."""
    folder = to / name.replace("/", "-")
    source = pathlib.Path(__file__).resolve().parent.parent / "tests/golden" / name
    shutil.copytree(source, folder)
    config = json.loads((folder / "config.json").read_text())
    words = config["vocab_size"]
    if len(config["id2label"]) == 2:
        config["id2label"] = {"0": "entailment", "1": "not_entailment"}
        config.pop("label2id", None)
        (folder / "config.json").write_text(json.dumps(config))
    special = ["[UNK]", "[CLS]", "[SEP]"]
    vocabulary = {word: at for at, word in enumerate(special + [f"word{at}" for at in range(3, words)])}
    begin, end = ({"SpecialToken": {"id": word, "type_id": 0}} for word in special[1:])
    first, second = ({"Sequence": {"id": word, "type_id": at}} for at, word in enumerate("AB"))
    (folder / "tokenizer.json").write_text(json.dumps({
        "version": "1.0",
        "added_tokens": [],
        "pre_tokenizer": {"type": "WhitespaceSplit"},
        "model": {"type": "WordLevel", "unk_token": "[UNK]", "vocab": vocabulary},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [begin, first, end],
            "pair": [begin, first, end, second, end],
            "special_tokens": {word: {"id": word, "ids": [at], "tokens": [word]}
                               for at, word in enumerate(special) if at},
        },
    }))
    return str(folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default="target/release/gatecheck")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--models", nargs="+", required=True)
    parser.add_argument("--goldens", nargs="*", default=[])
    parser.add_argument("--datasets", nargs="+", required=True)
    parser.add_argument("more", nargs="*")
    a = parser.parse_args()
    draw = random.Random(a.seed)
    program = str(pathlib.Path(a.program).resolve())
    whole_path = lambda word: str(pathlib.Path(word).resolve()) if os.path.exists(word) else word

    with tempfile.TemporaryDirectory() as name:
        root = pathlib.Path(name).resolve()
        models = [*map(whole_path, a.models), *(golden(name, root / "goldens") for name in a.goldens)]
        command = [program, "pipeline", "--models", ",".join(models),
                   "--datasets", ",".join(map(whole_path, a.datasets)), *map(whole_path, a.more)]

        def start(folder):
            folder.mkdir(exist_ok=True)
            environment = {**os.environ, "MLX_TEMP_DIR": str(folder / "mlx"), "GATECHECK_CACHE": str(folder / "cache")}
            return subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL,
                                    stderr=(folder / "stderr.txt").open("a"), start_new_session=True)

        def finished(folder):
            begin = time.monotonic()
            code = start(folder).wait()
            if code not in range(5):
                sys.exit(f"exit code {code}\n{(folder / 'stderr.txt').read_text()}")
            return code, time.monotonic() - begin

        whole, killed = root / "whole", root / "killed"
        code, took = finished(whole)
        expected = outcome(whole)
        print(f"undisturbed: {took:.1f} s, exit code {code}, {len(expected[1])} cells measured", flush=True)

        # The moments lie where the pipeline would be without kills, each drawn from its part of the way.
        spent, left_running, kills = 0.0, 0, 0
        while kills < a.kills:
            moment = draw.uniform(0.2, 1.8 * took / a.kills)
            begin = time.monotonic()
            child = start(killed)
            try:
                child.wait(moment)
                spent += time.monotonic() - begin
                print(f"     through after {kills} kills", flush=True)
                break
            except subprocess.TimeoutExpired:
                child.send_signal(signal.SIGKILL)
                child.wait()
            spent += time.monotonic() - begin
            kills += 1
            time.sleep(1.0)
            left = processes(killed)
            left_running += len(left)
            done = len(list(killed.glob("reports/*/record.json")))
            journals = len(list(killed.glob("reports/*/journal.jsonl")))
            print(f"{kills:3}  killed after {moment:5.1f} s  records {done:2}  journals {journals}  "
                  f"left running 1 s later: {len(left)}", flush=True)
            for process in left:
                os.kill(process, signal.SIGKILL)
        code, last = finished(killed)
        spent += last
        found = outcome(killed)
        same = found == expected
        print(f"last start: {last:.1f} s, exit code {code}")
        for part, before, now in (("matrix", expected[0], found[0]), ("cells", expected[1], found[1])):
            if before != now:
                differing = [key for key in before if before[key] != now.get(key)]
                print(f"DIFFERS: {part}: {differing}")
        leftovers = [str(path.relative_to(killed)) for path in killed.rglob("*")
                     if path.name.endswith((".tmp", ".old", ".part")) or path.name == "journal.jsonl"]
        print(f"{kills} kills: {'equal' if same else 'DIFFERS'}; left over: {leftovers or 'nothing'}; "
              f"all starts {spent:.1f} s, lost {spent - took:.1f} s, {(spent - took) / max(kills, 1):.1f} s a kill")
        # Temporary neighbours of files are what `gatecheck clean` is for.
        unfinished = [name for name in leftovers if not name.endswith(".tmp")]
        sys.exit(not same or bool(left_running) or bool(unfinished))


if __name__ == "__main__":
    main()
