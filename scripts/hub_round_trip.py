"""Holds uploads and the tests' Hub against `huggingface_hub`: each client downloads what the other one uploaded.

    python3 scripts/hub_round_trip.py --model FOLDER --artefact FOLDER [--target target/release]

Needs `huggingface_hub`, `mlx` and what `cargo build --release --examples` makes. `FOLDER`s are a model, and a
conversion of it by this program. The Hub is `loopback_hub`, with large files whole and in parts, undisturbed and with
faults. Every file must come back byte for byte, and the code of the model card must run. Both clients' requests are
printed in order.
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

FAULTS = [
    "PUT /upload/ 503 1",
    "PUT /upload/ cut-request 1",
    "POST /preupload/ 500 1",
    "POST /objects/batch 429;0 1",
    "POST /complete/ 500 1",
    "POST /lfs/verify 500 1",
    "GET /cdn/ cut-answer 2",
]
UPLOAD = """
import huggingface_hub, sys
api = huggingface_hub.HfApi()
api.create_repo(sys.argv[1], private=True)
print(api.upload_folder(repo_id=sys.argv[1], folder_path=sys.argv[2]).oid)
"""
DOWNLOAD = "import huggingface_hub, sys; print(huggingface_hub.snapshot_download(sys.argv[1]))"


class Hub:
    """The server, as a process, and the requests it prints."""

    def __init__(self, program, arguments):
        self.log = tempfile.NamedTemporaryFile()
        self.process = subprocess.Popen([program, *arguments], stdout=self.log)
        while not (lines := self.lines()) or not lines[0].startswith("http"):
            assert self.process.poll() is None, "the server ended"
        self.endpoint = lines[0]

    def lines(self):
        return pathlib.Path(self.log.name).read_text().split("\n")[:-1]

    def requests(self):
        """What was asked since the last time, without what differs each time."""
        time.sleep(0.1)
        seen = getattr(self, "seen", 1)
        lines, self.seen = self.lines()[seen:], len(self.lines())
        words = [(r"[0-9a-f]{64}", "SHA256"), (r"[0-9a-f]{40}", "COMMIT"), (r"someone/\w+", "ID")]
        for pattern, word in words:
            lines = [re.sub(pattern, word, line) for line in lines]
        return lines


def run(command, endpoint, home, folder):
    names = {"HF_HOME": str(home), "HF_ENDPOINT": endpoint, "HF_TOKEN": "hf_write", "HF_HUB_DISABLE_XET": "1"}
    environment = os.environ | names | {"HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    output = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True)
    if output.returncode:
        sys.exit(f"{command} failed:\n{output.stdout}{output.stderr}")
    return output.stdout


def contents(folder):
    """Name to bytes, without what is hidden and what every repository has."""
    folder = pathlib.Path(folder)
    files = [path for path in folder.rglob("*") if path.is_file()]
    names = {str(path.relative_to(folder)): path for path in files}
    return {name: path.read_bytes() for name, path in names.items() if not name.startswith(".")}


def same(found, expected, words):
    assert set(found) == set(expected), (set(found) ^ set(expected), words)
    for name, content in expected.items():
        assert found[name] == content, (name, words)
    print(f"  {words}: {len(expected)} files, {sum(map(len, expected.values())):,} bytes, the same")


def show(words, requests):
    print(f"  {words}:")
    last, count = None, 0
    for line in [*requests, None]:
        if line != last and last:
            print(f"    {last}" + (f" ({count} times)" if count > 1 else ""))
        last, count = line, count + 1 if line == last else 1


def snippet(card):
    return re.search(r"```python\n(.*?)```", card.decode(), re.S).group(1)


def steps(requests):
    """How the files are sent, once each: what both clients have to do in the same way."""
    sent = [line for line in requests if re.search("/preupload/|/batch|/upload/|/complete/|/lfs/verify", line)]
    return sorted({re.sub(r"partNumber=\d+", "partNumber=N", line) for line in sent})


def from_ours(arguments, hub, program, scratch):
    artefact = contents(arguments.artefact)
    upload = [program, "upload", str(arguments.artefact.resolve()), "--repo", "someone/ours", "--force", "--quiet"]
    run(upload, hub.endpoint, scratch / "ours", scratch)
    sent = hub.requests()
    show("this program uploads", sent)
    python = [sys.executable, "-c"]
    folder = run([*python, DOWNLOAD, "someone/ours"], hub.endpoint, scratch / "theirs", scratch).strip()
    show("huggingface_hub downloads", hub.requests())
    found = contents(folder)
    card = found.pop("README.md")
    artefact.pop("README.md", None)
    same(found, artefact, "from this program to huggingface_hub")
    run([*python, snippet(card) + CHECK], hub.endpoint, scratch / "code", scratch)
    return steps(sent)


def from_theirs(arguments, hub, program, scratch):
    model = contents(arguments.model)
    upload = [sys.executable, "-c", UPLOAD, "someone/theirs", str(arguments.model.resolve())]
    run(upload, hub.endpoint, scratch / "theirs", scratch)
    sent = hub.requests()
    show("huggingface_hub uploads", sent)
    convert = [program, "convert", "--model", "someone/theirs", "--bits", "8", "--quiet"]
    run(convert, hub.endpoint, scratch / "ours", scratch)
    show("this program downloads", hub.requests())
    snapshots = scratch / "ours/hub/models--someone--theirs/snapshots"
    found = contents(next(snapshots.iterdir()))
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= set(found), set(found)
    same(found, {name: model[name] for name in found}, "from huggingface_hub to this program")
    return steps(sent)


def round_trip(arguments, server):
    program, ways = str((arguments.target / "gatecheck").resolve()), []
    for way in (from_ours, from_theirs):
        hub = Hub(arguments.target / "examples/loopback_hub", server)
        try:
            with tempfile.TemporaryDirectory() as scratch:
                ways.append(way(arguments, hub, program, pathlib.Path(scratch)))
        finally:
            hub.process.kill()
    assert ways[0] == ways[1], ways
    print("  both send files in the same way")


# After the card's own code.
CHECK = """
assert weights and not any(name.endswith((".scales", ".biases")) for name in weights), list(weights)
assert all(mx.isfinite(value.astype(mx.float32)).all().item() for value in weights.values())
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=pathlib.Path, required=True)
    parser.add_argument("--artefact", type=pathlib.Path, required=True)
    parser.add_argument("--target", type=pathlib.Path, default="target/release")
    arguments = parser.parse_args()
    faults = [word for fault in FAULTS for word in ("--fault", fault)]
    parts = ["--parts", str(8 << 20)]
    for words, server in [("whole", []), ("in parts", parts), ("in parts, with faults", [*parts, *faults])]:
        print(f"large files {words}")
        round_trip(arguments, server)


if __name__ == "__main__":
    main()
