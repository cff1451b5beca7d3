"""What the scripts beside this one share: a small random model, its inputs, and what PyTorch computes.

The models test the graph and nothing else. The initial weights are large (standard deviation 0.3),
so that a wrong activation, epsilon or mask shows far above the tolerance of the tests. Where states
then leave the range of real models, a model names a smaller `spread`.

The reference is computed in 32-bit floats with eager attention, all rows in one batch, padded and
masked as transformers does it. The states of padding tokens are left out. Running a script again
with the same versions gives the same bytes, apart from the last digit of a state on another machine.
"""

import inspect
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import torch
import transformers
from safetensors.torch import save_file

from sentence import Dense, Pooling, write_modules

TWO = ["negative", "positive"]
THREE = ["entailment", "neutral", "contradiction"]
SPREAD = 0.3
# Six decimals: the rounding is a two-hundredth of the tolerance of the tests.
DECIMALS = 6
# Beyond this a 32-bit float no longer resolves a hundredth of the tolerance.
LARGEST_STATE = 20


@dataclass
class Architecture:
    """One folder of models. `chains` gives, for a base model, the modules whose inputs are the stages."""

    name: str
    script: str
    config: type
    model: type
    classifier: type
    chains: Callable = lambda model: {"": model.encoder.layer}
    # A norm after the layers is the last module of the chain.
    final_norm: bool = False
    # For a model that looks at the padding: the reference is what it computes without any.
    one_by_one: bool = False
    # Changes what the random rows may not be: such as ids that mean padding.
    adjust_rows: Callable = lambda rows, config: None
    folder: Path | None = None

    def start(self, root):
        """Makes the folder empty."""
        self.folder = Path(root) / self.name
        shutil.rmtree(self.folder, ignore_errors=True)

    def make(
        self,
        name,
        seed,
        sizes,
        lengths,
        dtype=torch.float32,
        labels=None,
        modules=None,
        spread=SPREAD,
        options={},
        rename=str,
        copies={},
        extra={},
        rewrite_config=None,
    ):
        """Makes one model: with `labels` a classifier, with `modules` an embedding.

        `options` are arguments of the model's class, `rename` changes the names in the file, `copies`
        (new name: name) and `extra` add tensors, `rewrite_config` changes what `config.json` says.
        """
        torch.manual_seed(seed)
        config = self.config(**sizes)
        if labels:
            config.id2label = dict(enumerate(labels))
            config.label2id = {label: index for index, label in enumerate(labels)}
        config._attn_implementation = "eager"
        model = (self.classifier if labels else self.model)(config, **options)
        model.eval()
        draw_weights(model, dtype, spread)
        rows = draw_rows(lengths, config)
        self.adjust_rows(rows, config)
        for module in modules or []:
            if isinstance(module, Dense):
                module.draw(dtype, spread)

        folder = self.folder / name
        folder.mkdir(parents=True)
        config.architectures = [type(model).__name__]
        config.dtype = dtype
        (folder / "config.json").write_text(config.to_json_string())
        if rewrite_config:
            entries = json.loads((folder / "config.json").read_text())
            write(folder / "config.json", rewrite_config(entries) or entries)
        tensors = {rename(key): value.to(dtype).contiguous() for key, value in stored(model).items()}
        tensors |= {copy: tensors[name].clone() for copy, name in copies.items()}
        save_file({**tensors, **extra}, folder / "model.safetensors", metadata={"format": "pt"})
        if modules:
            limit = config.max_position_embeddings - 2
            write_modules(folder, modules, dtype, config.hidden_size, limit, write)

        stages, outputs = self.run(model, rows, modules)
        assert all(states.abs().max() < LARGEST_STATE for _, states in stages), (name, largest(stages))
        # The reference itself must not depend on padding.
        for index, row in enumerate(rows):
            _, alone = self.run(model, [row], modules)
            assert (alone[0] - outputs[index]).abs().max() < 1e-5, name
        # What the files say must be what was computed.
        _, again = self.run(self.reload(folder, model, options), rows, modules)
        assert (again - outputs).abs().max() < 1e-6, name
        write(
            folder / "golden.json",
            {
                "made_by": f"tests/golden/{Path(self.script).name}",
                "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
                "seed": seed,
                "rows": rows,
                "stages": [{"name": stage, "states": numbers(states)} for stage, states in stages],
                "outputs": [numbers(output) for output in outputs],
            },
        )

    def run(self, model, rows, modules):
        """Gives stages, with the states of the real tokens, and outputs."""
        if self.one_by_one and len(rows) > 1:
            alone = [self.run(model, [row], modules) for row in rows]
            stages = zip(*(stages for stages, _ in alone))
            stages = [(same[0][0], torch.cat([states for _, states in same])) for same in stages]
            return stages, torch.cat([outputs for _, outputs in alone])
        inputs = pad(rows, model)
        mask = inputs["attention_mask"]
        chains = self.chains(model.base_model)
        kept = {prefix: [] for prefix in chains}
        hooks = [
            module.register_forward_hook(keep(kept[prefix]), with_kwargs=True)
            for prefix, chain in chains.items()
            for module in dict.fromkeys(chain)
        ]
        with torch.no_grad():
            result = model(**inputs)
        for hook in hooks:
            hook.remove()
        stages = []
        for prefix, calls in kept.items():
            states = [entered for entered, _ in calls] + [calls[-1][1]]
            names = ["embeddings"] + [f"layer.{index}" for index in range(len(calls))]
            if self.final_norm:
                names[-1] = "final"
            stages += [(prefix + stage, values[mask.bool()]) for stage, values in zip(names, states)]
        if not modules:
            return stages, result.logits
        outputs = result.last_hidden_state
        for module in modules:
            outputs = module(outputs, mask) if isinstance(module, Pooling) else module(outputs)
        return stages, outputs

    def reload(self, folder, model, options):
        """The model that transformers itself reads from the folder."""
        again, report = type(model).from_pretrained(
            folder, dtype=torch.float32, attn_implementation="eager", output_loading_info=True, **options
        )
        assert not report["missing_keys"] and not report["mismatched_keys"], report
        return again.eval()


def draw_weights(model, dtype, spread):
    """Draws every parameter anew, and rounds it to the type it is stored in."""
    for name, parameter in model.named_parameters():
        middle = 1.0 if name.endswith("weight") and "norm" in name.lower() else 0.0
        values = middle + spread * torch.randn(parameter.shape)
        parameter.data = values.to(dtype).to(torch.float32)


def draw_rows(lengths, config):
    """Rows of random ids; in a row of pairs the second part has token type 1."""
    types = getattr(config, "type_vocab_size", 0)
    rows = []
    for index, length in enumerate(lengths):
        ids = torch.randint(1, config.vocab_size, (length,)).tolist()
        second = length // 2 if types > 1 and index % 2 == 0 else 0
        rows.append({"ids": ids, "type_ids": [0] * (length - second) + [1] * second})
    # The ends of the tables are where an index that is off by one reads beyond them.
    rows[0]["ids"][:2] = [config.vocab_size - 1, 0]
    return rows


def without_padding_id(rows, config, padding=None):
    """For models that count positions by the ids: a real token never has the id of padding."""
    padding = config.pad_token_id if padding is None else padding
    for row in rows:
        row["ids"] = [padding + 1 if token == padding else token for token in row["ids"]]


def pad(rows, model):
    length = max(len(row["ids"]) for row in rows)
    fill = lambda values, filler=0: values + [filler] * (length - len(values))
    inputs = {
        "input_ids": torch.tensor([fill(row["ids"], model.config.pad_token_id or 0) for row in rows]),
        "attention_mask": torch.tensor([fill([1] * len(row["ids"])) for row in rows]),
    }
    if "token_type_ids" in inspect.signature(type(model).forward).parameters:
        inputs["token_type_ids"] = torch.tensor([fill(row["type_ids"]) for row in rows])
    return inputs


def unused(shapes):
    """Tensors that the model does not have, uneven so that nobody reads them without a trace."""
    count = lambda shape: torch.arange(torch.Size(shape).numel()).reshape(shape)
    return {name: (count(shape) % 7 - 3).float() for name, shape in shapes.items()}


def keep(calls):
    """A hook that keeps what enters a module and what leaves it."""

    def hook(_, arguments, keywords, output):
        entered = arguments[0] if arguments else keywords["hidden_states"]
        calls.append((entered, output[0] if isinstance(output, tuple) else output))

    return hook


def stored(model):
    """The tensors of the file: of tied ones the first."""
    tensors, seen = {}, set()
    for name, value in model.state_dict().items():
        if value.data_ptr() not in seen:
            tensors[name] = value
            seen.add(value.data_ptr())
    return tensors


def largest(stages):
    return {name: states.abs().max().item() for name, states in stages}


def numbers(tensor):
    return [round(value, DECIMALS) for value in tensor.flatten().tolist()]


def write(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=None if path.name == "golden.json" else 2) + "\n")
