"""One contestant of compare_peers.sh and architecture_table.sh: `peer.py NAME MODEL BATCHES THREADS`.

NAME is torch, onnx or mlx. For each line `FIRST END` on stdin it runs these batches and answers with
their seconds, and the sum of all logits.
"""

import inspect
import json
import os
import sys
import tempfile
import time

name, folder, path, threads = sys.argv[1:5]
threads = int(threads)
os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = str(threads)

import numpy as np


def padded(batch):
    length = max(map(len, batch["ids"]))
    fill = lambda rows: np.array([row + [0] * (length - len(row)) for row in rows], np.int64)
    return fill(batch["ids"]), fill(batch["types"]), fill([[1] * len(row) for row in batch["ids"]])


def torch_model():
    import torch
    from transformers import AutoModelForSequenceClassification

    torch.set_num_threads(threads)
    torch.set_grad_enabled(False)
    model = AutoModelForSequenceClassification.from_pretrained(folder).float().eval()
    tensors = lambda batch: [torch.from_numpy(array) for array in padded(batch)]
    names = ["input_ids", "token_type_ids", "attention_mask"]
    known = inspect.signature(type(model).forward).parameters

    def run(arrays):
        return model(**{name: array for name, array in zip(names, arrays) if name in known}).logits.numpy()

    return model, tensors, run


def onnx_model():
    import onnxruntime
    import torch

    model, tensors, _ = torch_model()

    class Logits(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, ids, types, mask):
            return self.model(input_ids=ids, token_type_ids=types, attention_mask=mask).logits

    file = os.path.join(tempfile.mkdtemp(), "model.onnx")
    example = tuple(tensors({"ids": [[5, 6, 7], [5, 6]], "types": [[0] * 3, [0] * 2]}))
    names = ["ids", "types", "mask"]
    torch.onnx.export(Logits(), example, file, input_names=names, output_names=["logits"], opset_version=17,
                      dynamic_axes={key: {0: "rows", 1: "length"} for key in names}, dynamo=False)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    return session, lambda batch: dict(zip(names, padded(batch))), lambda a: session.run(None, a)[0]


def mlx_model():
    import mlx.core as mx

    config = json.load(open(f"{folder}/config.json"))
    heads, hidden, epsilon = config["num_attention_heads"], config["hidden_size"], config["layer_norm_eps"]
    w = {key: value.astype(mx.float32) for key, value in mx.load(f"{folder}/model.safetensors").items()}
    mx.eval(w)

    linear = lambda x, key: mx.addmm(w[key + ".bias"], x, w[key + ".weight"].T)
    norm = lambda x, key: mx.fast.layer_norm(x, w[key + ".weight"], w[key + ".bias"], epsilon)

    def run(arrays):
        ids, types, mask = arrays
        rows, length = ids.shape
        e = "bert.embeddings."
        words, positions = w[e + "word_embeddings.weight"], w[e + "position_embeddings.weight"]
        x = norm(words[ids] + positions[:length] + w[e + "token_type_embeddings.weight"][types], e + "LayerNorm")
        bias = mx.where(mask[:, None, None, :] == 0, -1e9, 0.0)
        split = lambda y: y.reshape(rows, length, heads, hidden // heads).transpose(0, 2, 1, 3)
        for layer in range(config["num_hidden_layers"]):
            n = f"bert.encoder.layer.{layer}."
            q, k, v = (split(linear(x, n + f"attention.self.{key}")) for key in ("query", "key", "value"))
            scale = (hidden // heads) ** -0.5
            y = mx.fast.scaled_dot_product_attention(q, k, v, scale=scale, mask=bias)
            y = y.transpose(0, 2, 1, 3).reshape(rows, length, hidden)
            x = norm(linear(y, n + "attention.output.dense") + x, n + "attention.output.LayerNorm")
            y = linear(x, n + "intermediate.dense")
            y = y * 0.5 * (1 + mx.erf(y * 0.7071067811865476))
            x = norm(linear(y, n + "output.dense") + x, n + "output.LayerNorm")
        return np.array(linear(mx.tanh(linear(x[:, 0], "bert.pooler.dense")), "classifier"))

    def arrays(batch):
        result = [mx.array(array.astype(np.int32)) for array in padded(batch)]
        mx.eval(result)
        return result

    return w, arrays, run


keep, prepare, run = {"torch": torch_model, "onnx": onnx_model, "mlx": mlx_model}[name]()
batches = [prepare(batch) for batch in json.load(open(path))]
print("ready", flush=True)
for line in sys.stdin:
    first, end = map(int, line.split())
    start, total = time.perf_counter(), 0.0
    for batch in batches[first:end]:
        total += float(run(batch).sum())
    print(time.perf_counter() - start, total, flush=True)
