"""The modules that sentence-transformers puts behind an encoder, in plain PyTorch."""

import torch
from safetensors.torch import save_file

# In the order in which the vectors stand side by side where each mode has a switch of its own.
SWITCHES = {
    "cls": "pooling_mode_cls_token",
    "max": "pooling_mode_max_tokens",
    "mean": "pooling_mode_mean_tokens",
    "mean_sqrt_len_tokens": "pooling_mode_mean_sqrt_len_tokens",
    "lasttoken": "pooling_mode_lasttoken",
}
# Of the encoder itself, as sentence-transformers 6 writes it.
TRANSFORMER = {
    "transformer_task": "feature-extraction",
    "modality_config": {"text": {"method": "forward", "method_output_name": "last_hidden_state"}},
    "module_output_name": "token_embeddings",
}
# What sentence-transformers 6 says of each module that takes a vector and gives one.
IN_AND_OUT = {"module_input_name": "sentence_embedding", "module_output_name": "sentence_embedding"}


class Pooling:
    """One vector per text; of several modes the vectors side by side.

    A model with `current` is stored as sentence-transformers 6 does it: with a list of modes, whose order
    counts. The others have a switch per mode, as most published ones; with `brief` two switches and
    nothing else.
    """

    home = "sentence_transformers.sentence_transformer.modules.pooling"

    def __init__(self, *modes, current=False, brief=False):
        self.modes = modes if current else [mode for mode in SWITCHES if mode in modes]
        self.current = current
        self.brief = brief

    def __call__(self, states, mask):
        weights = mask.unsqueeze(-1).to(states.dtype)
        count = weights.sum(1).clamp(min=1e-9)
        ways = {
            "cls": lambda: states[:, 0],
            "max": lambda: states.masked_fill(weights == 0, -1e9).max(1).values,
            "mean": lambda: (states * weights).sum(1) / count,
            "mean_sqrt_len_tokens": lambda: (states * weights).sum(1) / count.sqrt(),
            "lasttoken": lambda: states[torch.arange(len(states)), mask.sum(1) - 1],
        }
        return torch.cat([ways[mode]() for mode in self.modes], dim=-1)

    def config(self, width, current):
        if current:
            return {"embedding_dimension": width, "pooling_mode": self.modes, "include_prompt": True}
        switches = {key: mode in self.modes for mode, key in SWITCHES.items()}
        if self.brief:
            return {SWITCHES[mode]: switches[SWITCHES[mode]] for mode in ("cls", "mean")}
        unused = {"pooling_mode_weightedmean_tokens": False, "include_prompt": True}
        return {"word_embedding_dimension": width, **switches, **unused}


class Dense:
    """A linear layer on the vector."""

    home = "sentence_transformers.base.modules.dense"

    def __init__(self, inputs, outputs, bias, activation):
        self.linear = torch.nn.Linear(inputs, outputs, bias=bias)
        self.activation = activation

    def draw(self, dtype, spread):
        for parameter in self.linear.parameters():
            parameter.data = (spread * torch.randn(parameter.shape)).to(dtype).to(torch.float32)

    def __call__(self, vectors):
        with torch.no_grad():
            return self.activation(self.linear(vectors))

    def config(self, _, current):
        kind = type(self.activation)
        return {
            "in_features": self.linear.in_features,
            "out_features": self.linear.out_features,
            "bias": self.linear.bias is not None,
            "activation_function": f"{kind.__module__}.{kind.__qualname__}",
            **(IN_AND_OUT if current else {}),
        }


class Normalize:
    """The vector at length 1."""

    home = "sentence_transformers.base.modules.normalize"

    def __call__(self, vectors):
        return torch.nn.functional.normalize(vectors, dim=-1)

    def config(self, _, current):
        return IN_AND_OUT if current else None


def write_modules(folder, modules, dtype, width, limit, write):
    """`width` is that of the states, `limit` the number of tokens."""
    current = modules[0].current
    kinds = ["Transformer"] + [type(module).__name__ for module in modules]
    paths = [""] + [f"{index}_{kind}" for index, kind in enumerate(kinds) if index > 0]
    homes = ["sentence_transformers.models"] * len(kinds)
    if current:
        homes = ["sentence_transformers.base.modules.transformer"] + [module.home for module in modules]
    write(
        folder / "modules.json",
        [
            {"idx": index, "name": str(index), "path": path, "type": f"{home}.{kind}"}
            for index, (path, home, kind) in enumerate(zip(paths, homes, kinds))
        ],
    )
    old = {"max_seq_length": limit, "do_lower_case": False}
    write(folder / "sentence_bert_config.json", TRANSFORMER if current else old)
    for path, module in zip(paths[1:], modules):
        config = module.config(width, current)
        if config:
            write(folder / path / "config.json", config)
        if isinstance(module, Dense):
            tensors = {f"linear.{name}": value.to(dtype) for name, value in module.linear.state_dict().items()}
            save_file(tensors, folder / path / "model.safetensors", metadata={"format": "pt"})
