"""The modules that sentence-transformers puts behind an encoder, in plain PyTorch."""

import torch
from safetensors.torch import save_file

# In the order in which sentence-transformers concatenates them, with the keys of its configuration.
MODES = {
    "cls": "pooling_mode_cls_token",
    "max": "pooling_mode_max_tokens",
    "mean": "pooling_mode_mean_tokens",
    "mean_sqrt_len": "pooling_mode_mean_sqrt_len_tokens",
    "lasttoken": "pooling_mode_lasttoken",
}


class Module:
    """A module without weights of its own."""

    def draw(self, dtype, spread):
        pass

    def write(self, folder, write):
        pass


class Pooling(Module):
    """One vector per text; of several modes the vectors side by side."""

    def __init__(self, *modes):
        self.modes = modes

    def __call__(self, states, mask):
        weights = mask.unsqueeze(-1).to(states.dtype)
        count = weights.sum(1).clamp(min=1e-9)
        ways = {
            "cls": lambda: states[:, 0],
            "max": lambda: states.masked_fill(weights == 0, -1e9).max(1).values,
            "mean": lambda: (states * weights).sum(1) / count,
            "mean_sqrt_len": lambda: (states * weights).sum(1) / count.sqrt(),
            "lasttoken": lambda: states[torch.arange(len(states)), mask.sum(1) - 1],
        }
        return torch.cat([ways[mode]() for mode in MODES if mode in self.modes], dim=-1)

    def write(self, folder, write):
        usual = ("cls", "mean")
        keys = {key: mode in self.modes for mode, key in MODES.items() if mode in (*usual, *self.modes)}
        write(folder / "config.json", keys)


class Dense(Module):
    """A linear layer on the vector."""

    def __init__(self, inputs, outputs, bias, activation):
        self.linear = torch.nn.Linear(inputs, outputs, bias=bias)
        self.activation = activation

    def draw(self, dtype, spread):
        self.dtype = dtype
        for parameter in self.linear.parameters():
            parameter.data = (spread * torch.randn(parameter.shape)).to(dtype).to(torch.float32)

    def __call__(self, vectors):
        with torch.no_grad():
            return self.activation(self.linear(vectors))

    def write(self, folder, write):
        kind = type(self.activation)
        write(
            folder / "config.json",
            {
                "in_features": self.linear.in_features,
                "out_features": self.linear.out_features,
                "bias": self.linear.bias is not None,
                "activation_function": f"{kind.__module__}.{kind.__qualname__}",
            },
        )
        tensors = {f"linear.{name}": value.to(self.dtype) for name, value in self.linear.state_dict().items()}
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


class Normalize(Module):
    """The vector at length 1."""

    def __call__(self, vectors):
        return torch.nn.functional.normalize(vectors, dim=-1)


def write_modules(folder, modules, limit, write):
    kinds = ["Transformer"] + [type(module).__name__ for module in modules]
    paths = [""] + [f"{index}_{kind}" for index, kind in enumerate(kinds) if index > 0]
    write(
        folder / "modules.json",
        [
            {"idx": index, "name": str(index), "path": path, "type": f"sentence_transformers.models.{kind}"}
            for index, (path, kind) in enumerate(zip(paths, kinds))
        ],
    )
    write(folder / "sentence_bert_config.json", {"max_seq_length": limit, "do_lower_case": False})
    for path, module in zip(paths[1:], modules):
        module.write(folder / path, write)
