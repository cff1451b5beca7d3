"""Tries conversions of gatecheck and of mlx-embeddings on each other's program.

    pip install mlx-embeddings mlx mlx-cpu torch transformers safetensors
    python scripts/interop_mlx_embeddings.py --program target/release/gatecheck --model FOLDER --data stsb.jsonl

1. `mlx_embeddings.convert` at 8 and 4 bits; `gatecheck run --candidate` judges both.
2. `gatecheck convert` in every mode; `mlx_embeddings.load` takes the artefact, and its embeddings are compared with
   those of PyTorch's transformers with the weights that the artefact decodes to.

Prints a line for each and ends with code 1 where anything did not hold.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import mlx.core as mx
import numpy
import torch
from safetensors.torch import load_file
from transformers import AutoModel, AutoTokenizer

# Largest difference between an embedding of length 1 by MLX and the same by PyTorch, both in 32 bits.
TOLERANCE = 2e-4
RECIPES = {
    "8 bits": ["--bits", "8"],
    "6 bits, groups of 32": ["--q-bits", "6", "--q-group-size", "32"],
    "5 bits": ["--bits", "5"],
    "4 bits": ["--bits", "4"],
    "3 bits": ["--bits", "3"],
    "2 bits, groups of 128": ["--bits", "2", "--group-size", "128"],
    "4 bits, embeddings too": ["--bits", "4", "--embedding-bits", "4"],
    "mxfp4": ["--mode", "mxfp4"],
    "mxfp8": ["--q-mode", "mxfp8"],
    "nvfp4": ["--mode", "nvfp4"],
    "mixed_4_6": ["--recipe", "mixed_4_6"],
    "float32": ["--bits", "32"],
}


def tensor(array):
    return torch.from_numpy(numpy.array(array.astype(mx.float32)))


def theirs_here(args, scratch):
    from mlx_embeddings.convert import convert

    folders = []
    for bits in (8, 4):
        folders.append(scratch / f"mlx-embeddings-{bits}bit")
        convert(hf_path=str(args.model), mlx_path=str(folders[-1]), quantize=True, q_bits=bits, q_group_size=64)
    command = [args.program, "run", "--model", args.model, "--dataset", "stsb", "--data", args.data, "--json", "-q"]
    for folder in folders:
        command += ["--candidate", folder]
    command += ["--out", scratch / "report", "--latency-queries", "40"] + (["--limit", args.limit] if args.limit else [])
    run = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    if run.returncode not in (0, 4):
        sys.exit(run.stderr)
    report = json.loads(run.stdout)
    for gate in report["gates"]:
        if gate["gate"] != "speed":
            print(f"theirs here: {gate['arm']}: {gate['gate']} {gate['verdict']}: {gate['reason']}")
    return all(gate["verdict"] == "pass" for gate in report["gates"] if gate["gate"] == "size")


def decoded(folder):
    """The weights of an artefact as 32-bit floats, by MLX itself."""
    config = json.loads((folder / "config.json").read_text())
    quantization = config.get("quantization", {})
    weights = mx.load(str(folder / "model.safetensors"))
    result = {}
    for name, value in weights.items():
        module = name.rsplit(".", 1)[0]
        if name.endswith((".scales", ".biases")):
            continue
        if name.endswith(".weight") and f"{module}.scales" in weights:
            own = quantization.get(module) or quantization
            scales, biases = weights[f"{module}.scales"], weights.get(f"{module}.biases")
            if biases is not None:
                scales, biases = scales.astype(mx.float32), biases.astype(mx.float32)
            sizes = {key: own[key] for key in ("group_size", "bits")}
            value = mx.dequantize(value, scales, biases, mode=own.get("mode", "affine"), dtype=mx.float32, **sizes)
        result[name] = tensor(value)
    return result


def reference(model, folder, batch):
    state = decoded(folder)
    expected = load_file(str(Path(model) / "model.safetensors"))
    missing = [name for name in expected if name not in state and not name.endswith("position_ids")]
    if missing:
        sys.exit(f"the artefact lacks {missing[:3]}")
    bert = AutoModel.from_pretrained(model).eval()
    bert.load_state_dict(state, strict=False)
    with torch.no_grad():
        states = bert(**batch).last_hidden_state
    mask = batch["attention_mask"].unsqueeze(-1)
    mean = (states * mask).sum(1) / mask.sum(1)
    return torch.nn.functional.normalize(mean, dim=-1)


def ours_there(args, scratch):
    from mlx_embeddings import load

    lines = [json.loads(line) for line in open(args.data, encoding="utf-8")][: args.texts]
    texts = [line["sentence1"] for line in lines]
    batch = AutoTokenizer.from_pretrained(args.model)(texts, padding=True, truncation=True, return_tensors="pt")
    inputs = {name: mx.array(value.numpy()) for name, value in batch.items()}
    held = True
    for label, flags in RECIPES.items():
        folder = scratch / label.replace(" ", "-").replace(",", "")
        command = [args.program, "convert", "-q", "--hf-path", args.model, "--mlx-path", folder, *flags]
        subprocess.run([str(word) for word in command], check=True, capture_output=True)
        model, _ = load(str(folder))
        # In 32 bits, so that what is compared is the weights and not the arithmetic.
        model.set_dtype(mx.float32)
        found = tensor(model(**inputs).text_embeds)
        difference = (found - reference(args.model, folder, batch)).abs().max().item()
        held &= difference <= TOLERANCE
        print(f"ours there: {label}: largest difference of {len(texts)} embeddings {difference:.1e}")
    return held


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True, type=Path)
    parser.add_argument("--model", required=True, type=Path)
    parser.add_argument("--data", required=True, type=Path)
    parser.add_argument("--limit", help="rows that are judged; all by default")
    parser.add_argument("--texts", type=int, default=32, help="texts that are embedded")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        held = [ours_there(args, Path(scratch)), theirs_here(args, Path(scratch))]
    sys.exit(0 if all(held) else 1)


if __name__ == "__main__":
    main()
