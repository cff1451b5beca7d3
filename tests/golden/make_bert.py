"""Makes the small random BERT models of `tests/golden/bert/` and what PyTorch computes with them.

    python tests/golden/make_bert.py [folder]

Needs torch, transformers, safetensors and numpy; `golden.json` records the versions. The models are
random: they test the graph and nothing else. The initial weights are large (standard deviation 0.3),
so that a wrong activation, epsilon or mask shows far above the tolerance of the tests.

The reference is computed in 32-bit floats with eager attention, all rows in one batch, padded and
masked as transformers does it. The states of padding tokens are left out. Running the script again
with the same versions gives the same bytes, apart from the last digit of a state on another machine.
"""

import json
import shutil
import sys
from pathlib import Path

import torch
import transformers
from safetensors.torch import save_file
from transformers import BertConfig, BertForSequenceClassification, BertModel

SPREAD = 0.3
# Six decimals: the rounding is a two-hundredth of the tolerance of the tests.
DECIMALS = 6


def spread(model, dtype):
    """Draws every parameter anew, and rounds it to the type it is stored in."""
    for name, parameter in model.named_parameters():
        middle = 1.0 if name.endswith("LayerNorm.weight") else 0.0
        values = middle + SPREAD * torch.randn(parameter.shape)
        parameter.data = values.to(dtype).to(torch.float32)


def draw(lengths, config):
    """Rows of random ids; in a row of pairs the second part has token type 1."""
    rows = []
    for index, length in enumerate(lengths):
        ids = torch.randint(1, config.vocab_size, (length,)).tolist()
        second = length // 2 if config.type_vocab_size > 1 and index % 2 == 0 else 0
        rows.append({"ids": ids, "type_ids": [0] * (length - second) + [1] * second})
    # The ends of the tables are where an index that is off by one reads beyond them.
    rows[0]["ids"][:2] = [config.vocab_size - 1, 0]
    return rows


def pad(rows):
    length = max(len(row["ids"]) for row in rows)
    fill = lambda values: values + [0] * (length - len(values))
    return {
        "input_ids": torch.tensor([fill(row["ids"]) for row in rows]),
        "token_type_ids": torch.tensor([fill(row["type_ids"]) for row in rows]),
        "attention_mask": torch.tensor([fill([1] * len(row["ids"])) for row in rows]),
    }


def pooled(states, mask, mode, normalize):
    """As sentence-transformers does it."""
    if mode == "cls":
        vectors = states[:, 0]
    else:
        weights = mask.unsqueeze(-1).to(states.dtype)
        vectors = (states * weights).sum(1) / weights.sum(1).clamp(min=1e-9)
    return torch.nn.functional.normalize(vectors, dim=-1) if normalize else vectors


def run(model, rows, pooling):
    inputs = pad(rows)
    with torch.no_grad():
        result = model(**inputs, output_hidden_states=True)
    mask = inputs["attention_mask"]
    outputs = result.logits if pooling is None else pooled(result.hidden_states[-1], mask, *pooling)
    return [states[mask.bool()] for states in result.hidden_states], outputs


def numbers(tensor):
    return [round(value, DECIMALS) for value in tensor.flatten().tolist()]


def write(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=None if path.name == "golden.json" else 2) + "\n")


def sentence_transformers(folder, pooling, limit):
    mode, normalize = pooling
    modules = [("", "Transformer"), ("1_Pooling", "Pooling")] + [("2_Normalize", "Normalize")] * normalize
    write(
        folder / "modules.json",
        [
            {"idx": index, "name": str(index), "path": path, "type": f"sentence_transformers.models.{kind}"}
            for index, (path, kind) in enumerate(modules)
        ],
    )
    write(folder / "sentence_bert_config.json", {"max_seq_length": limit, "do_lower_case": False})
    write(
        folder / "1_Pooling/config.json",
        {"pooling_mode_cls_token": mode == "cls", "pooling_mode_mean_tokens": mode == "mean"},
    )


def make(folder, seed, sizes, lengths, dtype, labels=None, pooling=None, pooler=True, rename=str, extra=None):
    torch.manual_seed(seed)
    config = BertConfig(**sizes)
    if labels:
        config.id2label = dict(enumerate(labels))
        config.label2id = {label: index for index, label in enumerate(labels)}
    config._attn_implementation = "eager"
    model = BertForSequenceClassification(config) if labels else BertModel(config, add_pooling_layer=pooler)
    model.eval()
    spread(model, dtype)
    rows = draw(lengths, config)
    stages, outputs = run(model, rows, pooling)

    # The reference itself must not depend on padding.
    for index, row in enumerate(rows):
        _, alone = run(model, [row], pooling)
        assert (alone[0] - outputs[index]).abs().max() < 1e-5, folder.name
    assert all(states.abs().max() < 20 for states in stages)

    folder.mkdir(parents=True)
    config.architectures = [type(model).__name__]
    config.dtype = dtype
    (folder / "config.json").write_text(config.to_json_string())
    tensors = {rename(name): value.to(dtype).contiguous() for name, value in model.state_dict().items()}
    save_file({**tensors, **(extra or {})}, folder / "model.safetensors", metadata={"format": "pt"})
    if pooling:
        sentence_transformers(folder, pooling, config.max_position_embeddings - 2)
    names = ["embeddings"] + [f"layer.{index}" for index in range(config.num_hidden_layers)]
    write(
        folder / "golden.json",
        {
            "made_by": "tests/golden/make_bert.py",
            "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
            "seed": seed,
            "rows": rows,
            "stages": [{"name": name, "states": numbers(states)} for name, states in zip(names, stages)],
            "outputs": [numbers(output) for output in outputs],
        },
    )


def tensorflow_names(name):
    """As checkpoints converted from TensorFlow name layer norms."""
    return name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")


def main():
    torch.set_num_threads(1)
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "bert"
    shutil.rmtree(root, ignore_errors=True)

    # Nothing here is a multiple of a vector register: heads of 7, states of 35.
    make(
        root / "classifier-odd",
        seed=1,
        sizes=dict(
            hidden_size=35,
            num_attention_heads=5,
            num_hidden_layers=3,
            intermediate_size=51,
            hidden_act="gelu_new",
            layer_norm_eps=1e-2,
            vocab_size=50,
            max_position_embeddings=23,
            type_vocab_size=1,
        ),
        lengths=[23, 1, 9, 14, 2, 17],
        dtype=torch.float32,
        labels=["entailment", "neutral", "contradiction"],
    )
    # Every matrix can be quantized in groups of 32.
    make(
        root / "classifier-blocks",
        seed=2,
        sizes=dict(
            hidden_size=64,
            num_attention_heads=2,
            num_hidden_layers=2,
            intermediate_size=96,
            vocab_size=45,
            max_position_embeddings=20,
        ),
        lengths=[7, 20, 3, 12],
        dtype=torch.float32,
        labels=["negative", "positive"],
    )
    make(
        root / "classifier-half",
        seed=3,
        sizes=dict(
            hidden_size=40,
            num_attention_heads=5,
            num_hidden_layers=2,
            intermediate_size=72,
            hidden_act="relu",
            layer_norm_eps=1e-6,
            vocab_size=60,
            max_position_embeddings=32,
        ),
        lengths=[5, 32, 11],
        dtype=torch.float16,
        labels=["negative", "positive"],
    )
    # Without the `bert.` before each name; the pooler is there, and not used.
    make(
        root / "embedding-mean",
        seed=4,
        sizes=dict(
            hidden_size=54,
            num_attention_heads=3,
            num_hidden_layers=1,
            intermediate_size=60,
            vocab_size=40,
            max_position_embeddings=34,
        ),
        lengths=[16, 2, 34, 9],
        dtype=torch.float32,
        pooling=("mean", True),
    )
    make(
        root / "embedding-cls",
        seed=5,
        sizes=dict(
            hidden_size=24,
            num_attention_heads=3,
            num_hidden_layers=2,
            intermediate_size=40,
            hidden_act="silu",
            vocab_size=33,
            max_position_embeddings=16,
        ),
        lengths=[4, 16, 1, 8, 12],
        dtype=torch.bfloat16,
        pooling=("cls", False),
        pooler=False,
        rename=tensorflow_names,
        extra={"embeddings.position_ids": torch.arange(16).unsqueeze(0)},
    )


if __name__ == "__main__":
    main()
