"""Makes `tests/zero_shot/golden.json`: what the zero-shot pipeline of transformers answers with the
demo model.

    python tests/zero_shot/make_zero_shot.py

Needs torch and transformers; `golden.json` records the versions. The model knows little beyond its own
sentences, so the answers mean nothing: only the scores matter. Some texts are longer than the model's
limit. Each case is asked with the model's own order of classes and with a turned one, since the
pipeline finds its classes by `id2label`.
"""

import hashlib
import json
from pathlib import Path

import torch
import transformers
from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
MODEL = ROOT / "models" / "demo-nli"
ORDERS = [["entailment", "neutral", "contradiction"], ["contradiction", "neutral", "entailment"]]
CASES = [
    {"hypothesis_template": "This example is {}.", "multi_label": False},
    {"hypothesis_template": "Someone was {} on Monday.", "multi_label": False},
    {"hypothesis_template": "This example is {}.", "multi_label": True},
]
CANDIDATES = ["in the garden", "about a Sale", "blue", "not cooking"]


def texts():
    lines = (ROOT / "datasets" / "demo-nli" / "validation.jsonl").read_text().splitlines()
    premises = [json.loads(line)["premise"] for line in lines[:40]]
    long = [" ".join(premises[start : start + 10]) for start in (0, 10)]
    return premises[:22] + long


def answers(order, case):
    model = AutoModelForSequenceClassification.from_pretrained(MODEL, dtype=torch.float32)
    model.config.id2label = dict(enumerate(order))
    model.config.label2id = {label: index for index, label in enumerate(order)}
    tokenizer = AutoTokenizer.from_pretrained(MODEL)
    classify = pipeline("zero-shot-classification", model=model.eval(), tokenizer=tokenizer, device="cpu")
    rows = []
    for text in texts():
        found = classify(text, candidate_labels=CANDIDATES, **case)
        scores = dict(zip(found["labels"], found["scores"]))
        rows.append([round(scores[candidate], 7) for candidate in CANDIDATES])
    return rows


def main():
    torch.set_num_threads(1)
    golden = {
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "model_sha256": hashlib.sha256((MODEL / "model.safetensors").read_bytes()).hexdigest(),
        "candidate_labels": CANDIDATES,
        "texts": texts(),
        "cases": [
            {**case, "labels": order, "scores": answers(order, case)} for case in CASES for order in ORDERS
        ],
    }
    (HERE / "golden.json").write_text(json.dumps(golden, indent=1) + "\n")


if __name__ == "__main__":
    main()
