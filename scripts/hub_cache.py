"""Shows that this program and `huggingface_hub` find in the Hub's cache what the other one put there.

    python3 scripts/hub_cache.py --model FOLDER [--program target/release/gatecheck]

Needs `huggingface_hub`. Plays the Hub on loopback with the files of a small model: large files come by a redirect
to another host, small ones directly, as from the real one. First the program downloads (`convert`) and Python reads
the cache without a network; then Python downloads, and the program reads.
"""

import argparse
import hashlib
import http.server
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading

SHA = "0123456789abcdef0123456789abcdef01234567"
REPO = "org/model"


def handler(folder):
    names = sorted(path.name for path in folder.iterdir() if path.is_file())

    class Hub(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def answer(self, status, body, headers):
            self.send_response(status)
            for name, value in {"Content-Length": len(body), **headers}.items():
                self.send_header(name, str(value))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def do_GET(self):
            path = self.path.split("?")[0]
            name = path.rsplit("/", 1)[-1]
            if path.startswith(f"/api/models/{REPO}"):
                info = {"id": REPO, "sha": SHA, "siblings": [{"rfilename": name} for name in names]}
                return self.answer(200, json.dumps(info).encode(), {"Content-Type": "application/json"})
            if name not in names:
                return self.answer(404, b"", {"X-Error-Code": "EntryNotFound"})
            content = (folder / name).read_bytes()
            if path.startswith("/bytes/"):
                assert "Authorization" not in self.headers, "the token went to another host"
                return self.answer(200, content, {})
            if name.endswith(".safetensors"):
                sha256 = hashlib.sha256(content).hexdigest()
                port = self.server.server_address[1]
                headers = {"Location": f"http://localhost:{port}/bytes/{name}", "X-Linked-Size": len(content)}
                return self.answer(302, b"", {**headers, "X-Repo-Commit": SHA, "X-Linked-Etag": f'"{sha256}"'})
            git = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
            return self.answer(200, content, {"X-Repo-Commit": SHA, "ETag": f'"{git}"'})

        do_HEAD = do_GET

    return Hub


def python(home, endpoint, names):
    """Downloads `names` with Python, and tells the snapshot's folder and warnings; in a process of its own, since
    the library reads its variables once."""
    code = (
        "import json, huggingface_hub as h\n"
        f"for name in {names!r}: h.hf_hub_download({REPO!r}, name)\n"
        f"folder = h.snapshot_download({REPO!r}, local_files_only=True)\n"
        "print(json.dumps([folder, [str(w) for w in h.scan_cache_dir().warnings]]))"
    )
    environment = os.environ | {"HF_HOME": str(home), "HF_ENDPOINT": endpoint, "HF_TOKEN": "hf_secret"}
    output = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    if output.returncode:
        sys.exit(f"huggingface_hub failed:\n{output.stderr}")
    return json.loads(output.stdout.splitlines()[-1])


def program(arguments, home, endpoint, folder):
    environment = os.environ | {"HF_HOME": str(home), "HF_TOKEN": "hf_secret"}
    environment |= {"HF_ENDPOINT": endpoint} if endpoint else {"HF_HUB_OFFLINE": "1"}
    command = [arguments.program.resolve(), "convert", "--model", REPO, "--bits", "8"]
    output = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True)
    if output.returncode:
        sys.exit(f"{arguments.program} failed:\n{output.stderr}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=pathlib.Path, required=True)
    parser.add_argument("--program", type=pathlib.Path, default="target/release/gatecheck")
    arguments = parser.parse_args()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler(arguments.model))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    with tempfile.TemporaryDirectory() as scratch:
        ours, theirs = pathlib.Path(scratch, "ours"), pathlib.Path(scratch, "theirs")
        for folder in (ours, theirs):
            folder.mkdir()
        program(arguments, ours / "hf", endpoint, ours)
        folder, warnings = python(ours / "hf", "http://127.0.0.1:9", [])
        assert not warnings, warnings
        found = {path.name: path.read_bytes() for path in pathlib.Path(folder).iterdir()}
        assert {"config.json", "model.safetensors", "tokenizer.json"} <= set(found), set(found)
        for name, content in found.items():
            assert content == (arguments.model / name).read_bytes(), name
        print(f"huggingface_hub finds {', '.join(sorted(found))} of ours, and nothing to warn of")
        python(theirs / "hf", endpoint, sorted(found))
        program(arguments, theirs / "hf", None, theirs)
        print("this program finds what huggingface_hub downloaded")


if __name__ == "__main__":
    main()
