"""Makes the models of `tests/text/`, and what PyTorch computes with them from texts.

    python tests/text/make_text.py [--into FOLDER] [MODEL ...]
    python tests/text/make_text.py --transformers-4 [--into FOLDER] [MODEL ...]

The first needs torch, transformers 5, tokenizers, sentencepiece, protobuf and safetensors; the second,
run after it, only transformers 4, and adds to the same files what that would have done. README.md
beside this file says what is covered.
"""

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path

import transformers
from transformers import AutoTokenizer
from transformers.models.auto import tokenization_auto

from texts import PAIRS, TEXTS

HERE = Path(__file__).parent
ROWS = [(text, None) for text in TEXTS] + PAIRS
TYPES = ["input_ids", "token_type_ids", "attention_mask"]
NO_TYPES = ["input_ids", "attention_mask"]
SIZES = dict(
    hidden_size=24,
    num_attention_heads=2,
    num_hidden_layers=2,
    intermediate_size=40,
    max_position_embeddings=80,
    id2label={0: "entailment", 1: "neutral", 2: "contradiction"},
    label2id={"entailment": 0, "neutral": 1, "contradiction": 2},
)
# Where states would leave the range of real models.
SPREADS = {"mobilebert": 0.15}
HALF = dict(layers=1, attention_heads=2, ffn_dim=40)
HALVES = {f"{half}_{key}": value for half in ("encoder", "decoder") for key, value in HALF.items()}


def named(name):
    """The tokenizer's class in `tokenizer_config.json`."""
    return lambda settings: {**settings, "tokenizer_class": name}


def with_inputs(names):
    return lambda settings: {**settings, "model_input_names": names}


def cut_on_the_left(settings):
    return {**settings, "truncation_side": "left"}


def unnamed(settings):
    return {key: value for key, value in settings.items() if key != "tokenizer_class"}


def generic_with_types(settings):
    return named("TokenizersBackend")(with_inputs(TYPES)(settings))


# What else `tokenizer_config.json` and `config.json` may say: the cases of a model.
AS_SAVED = {"as saved": (dict, {})}


def older(name):
    return {**AS_SAVED, "older name": (named(name), {})}


def renamed(name):
    """For a class that transformers 5 saves as BERT's."""
    return {
        "older name": (named(f"{name}Fast"), {}),
        "as once saved": (named(name), {}),
        "no class": (unnamed, {}),
    }


BERT_CASES = {
    **older("BertTokenizerFast"),
    "no class": (unnamed, {}),
    "no settings": (None, {}),
    "generic": (named("TokenizersBackend"), {}),
    "generic, older name": (named("PreTrainedTokenizerFast"), {}),
    "unknown class": (named("MyOwnTokenizer"), {}),
    "class of another model": (named("DistilBertTokenizer"), {}),
    "class in config.json": (unnamed, {"tokenizer_class": "PreTrainedTokenizerFast"}),
    "class in both": (dict, {"tokenizer_class": "PreTrainedTokenizerFast"}),
    "inputs without types": (with_inputs(NO_TYPES), {}),
    "generic, inputs with types": (generic_with_types, {}),
    "cut on the left": (cut_on_the_left, {}),
}
ALBERT_CASES = {
    **older("AlbertTokenizerFast"),
    "no class": (unnamed, {}),
    "inputs with types": (with_inputs(TYPES), {}),
}


def models():
    """For each model: its type, how its tokenizer is made, its cases, and sizes of its own."""
    import tokenizers_of as of

    bpe_file = "sentencepiece.bpe.model"
    return {
        "albert": (
            "albert",
            lambda: of.sentence_piece("AlbertTokenizer", "spiece.model", **of.ALBERT_PIECES),
            ALBERT_CASES,
            dict(embedding_size=16),
        ),
        "bart": (
            "bart",
            lambda: of.byte_pairs("BartTokenizer"),
            older("BartTokenizerFast"),
            dict(d_model=24, **HALVES),
        ),
        "bert": ("bert", lambda: of.word_piece("BertTokenizer"), BERT_CASES, {}),
        "bert-generic": ("bert", of.generic, AS_SAVED, {}),
        "camembert": (
            "camembert",
            lambda: of.sentence_piece("CamembertTokenizer", bpe_file),
            older("CamembertTokenizerFast"),
            {},
        ),
        "deberta-v2": (
            "deberta-v2",
            lambda: of.sentence_piece("DebertaV2Tokenizer", "spm.model", **of.DEBERTA_PIECES),
            older("DebertaV2TokenizerFast"),
            dict(type_vocab_size=2, relative_attention=True, pos_att_type=["c2p", "p2c"]),
        ),
        "distilbert": (
            "distilbert",
            lambda: of.word_piece("DistilBertTokenizer", do_lower_case=False),
            older("DistilBertTokenizerFast"),
            dict(dim=24, n_heads=2, n_layers=2, hidden_dim=40),
        ),
        "electra": (
            "electra",
            lambda: of.word_piece("ElectraTokenizer"),
            renamed("ElectraTokenizer"),
            dict(embedding_size=16),
        ),
        "mobilebert": (
            "mobilebert",
            lambda: of.word_piece("MobileBertTokenizer"),
            renamed("MobileBertTokenizer"),
            dict(embedding_size=16, intra_bottleneck_size=16, num_feedforward_networks=2),
        ),
        "modernbert": ("modernbert", of.generic, older("PreTrainedTokenizerFast"), dict(pad_token_id=0)),
        "mpnet": (
            "mpnet",
            lambda: of.word_piece("MPNetTokenizer", of.MPNET),
            older("MPNetTokenizerFast"),
            {},
        ),
        "roberta": (
            "roberta",
            lambda: of.byte_pairs("RobertaTokenizer"),
            older("RobertaTokenizerFast"),
            dict(type_vocab_size=2),
        ),
        "xlm-roberta": (
            "xlm-roberta",
            lambda: of.sentence_piece("XLMRobertaTokenizer", bpe_file),
            older("XLMRobertaTokenizerFast"),
            {},
        ),
    }


def make(root, name, seed):
    """One folder: the model, its tokenizer, and `golden.json`."""
    import tokenizers
    import torch
    from transformers import AutoConfig, AutoModelForSequenceClassification

    from common import LARGEST_STATE, SPREAD, draw_weights, numbers, stored, write
    from safetensors.torch import save_file

    model_type, tokenizer, cases, sizes = models()[name]
    tokenizer, settings = tokenizer()
    # Where the tokenizer was made is nobody's business; the extra tokens are in `tokenizer.json` as well,
    # and a list of them is not what transformers 4 reads.
    needless = ("is_local", "local_files_only", "extra_special_tokens")
    settings = {key: value for key, value in settings.items() if key not in needless}
    folder = root / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    text = json.dumps(tokenizer, ensure_ascii=False, separators=(",", ":"))
    (folder / "tokenizer.json").write_text(text + "\n")
    torch.manual_seed(seed)
    config = AutoConfig.for_model(model_type, vocab_size=tokens(tokenizer) + 3, **{**SIZES, **sizes})
    model = AutoModelForSequenceClassification.from_config(config).eval()
    draw_weights(model, torch.float16, SPREADS.get(name, SPREAD))
    config.architectures, config.dtype = [type(model).__name__], torch.float16
    (folder / "config.json").write_text(config.to_json_string())
    tensors = {key: value.to(torch.float16).contiguous() for key, value in stored(model).items()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    golden = {
        "made_by": f"tests/text/{Path(__file__).name}",
        "versions": {module.__name__: module.__version__ for module in (torch, transformers, tokenizers)},
        "seed": seed,
        "texts": ROWS,
        "cases": [],
    }
    for case, (edit, more) in cases.items():
        edited = None if edit is None else edit(settings)
        with folder_of(folder, edited, more) as place:
            found = AutoTokenizer.from_pretrained(place)
            again = AutoModelForSequenceClassification.from_pretrained(place, dtype=torch.float32).eval()
        rows, outputs = [], []
        for row in ROWS:
            fed = encode(found, row)
            with torch.no_grad():
                inputs = {key: torch.tensor([values]) for key, values in fed.items()}
                result = again(**inputs, output_hidden_states=True)
            states = result.encoder_hidden_states if model_type == "bart" else result.hidden_states
            assert max(state.abs().max() for state in states) < LARGEST_STATE, name
            outputs.append(numbers(result.logits[0]))
            ids = fed["input_ids"]
            rows.append({"ids": ids, "type_ids": fed.get("token_type_ids", [0] * len(ids))})
        golden["cases"].append({
            "name": case,
            "tokenizer_config": edited,
            "config": more,
            "class": type(found).__name__,
            "fed": "token_type_ids" in encode(found, ROWS[0]),
            "rows": rows,
            "outputs": outputs,
        })
        print(f"  {case}: {type(found).__name__}, {list(encode(found, ROWS[0]))}")
    write(folder / "golden.json", golden)


def tokens(tokenizer):
    """Highest id of a tokenizer plus one."""
    vocabulary = tokenizer["model"]["vocab"]
    return max(len(vocabulary), *(token["id"] + 1 for token in tokenizer["added_tokens"]))


def encode(tokenizer, row):
    """A batch of one: alone, an empty second text would count as none."""
    text, pair = row
    coded = tokenizer([text], pair if pair is None else [pair], truncation=True)
    return {name: values[0] for name, values in coded.items()}


def folder_of(folder, settings, more):
    """A copy of a model's folder in which `tokenizer_config.json` and `config.json` are those of a case."""
    place = tempfile.TemporaryDirectory()
    for file in ("config.json", "model.safetensors", "tokenizer.json"):
        shutil.copy(folder / file, place.name)
    config = {**json.loads((folder / "config.json").read_text()), **more}
    Path(place.name, "config.json").write_text(json.dumps(config))
    if settings is not None:
        Path(place.name, "tokenizer_config.json").write_text(json.dumps(settings))
    return place


def add_transformers_4(root, name):
    """Adds to each case the class that transformers 4 takes and whether it feeds token types."""
    path = root / name / "golden.json"
    golden = json.loads(path.read_text())
    golden["versions"]["transformers 4"] = transformers.__version__
    for case in golden["cases"]:
        with folder_of(root / name, case["tokenizer_config"], case["config"]) as place:
            try:
                found = AutoTokenizer.from_pretrained(place)
            except ValueError as error:
                # It knows no such class.
                assert "does not exist" in str(error), error
                case["transformers_4"] = None
                continue
        fed = [encode(found, row) for row in golden["texts"]]
        case["transformers_4"] = {"class": type(found).__name__, "fed": "token_type_ids" in fed[0]}
        for row, expected, text in zip(fed, case["rows"], golden["texts"]):
            if row["input_ids"] != expected["ids"]:
                print(f"  {case['name']}: transformers 4 gives other ids for {text}")
    path.write_text(json.dumps(golden) + "\n")


def classes():
    """For each tokenizer class that this transformers knows whether it feeds token types."""
    named = tokenization_auto.TOKENIZER_MAPPING_NAMES.values()
    named = {name for names in named for name in (names if isinstance(names, tuple) else [names]) if name}
    named |= {name for name in dir(transformers) if name.endswith(("Tokenizer", "TokenizerFast", "Backend"))}
    # transformers 5 still knows the name, and does not list it.
    named.add("LayoutLMTokenizer")
    known = {}
    for name in sorted({name.removesuffix("Fast") for name in named}):
        # As `AutoTokenizer` does; some classes need a library that is not there, and some are no tokenizers.
        find = tokenization_auto.tokenizer_class_from_name
        try:
            inputs = getattr(find(name + "Fast") or find(name), "model_input_names", None)
        except ImportError:
            continue
        if isinstance(inputs, list):
            known[name] = "token_type_ids" in inputs
    return known


def defaults():
    """For the model type of each folder the class that is taken where no file names one."""
    types = sorted({json.loads(path.read_text())["model_type"] for path in HERE.glob("*/config.json")})
    named = {model_type: tokenization_auto.TOKENIZER_MAPPING_NAMES[model_type] for model_type in types}
    return {
        model_type: tokenization_auto.tokenizer_class_from_name(name).__name__ for model_type, name in named.items()
    }


def main():
    parser = argparse.ArgumentParser(description="Makes the models of tests/text.")
    parser.add_argument("--into", type=Path, default=HERE, metavar="FOLDER")
    parser.add_argument("--transformers-4", action="store_true")
    parser.add_argument("models", nargs="*", metavar="MODEL")
    arguments = parser.parse_args()
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(HERE.parent / "golden"))
    transformers.logging.set_verbosity_error()
    wanted = "4" if arguments.transformers_4 else "5"
    if transformers.__version__.split(".")[0] != wanted:
        parser.error(f"this is transformers {transformers.__version__}, not {wanted}")
    names = [path.parent.name for path in sorted(arguments.into.glob("*/golden.json"))]
    if not arguments.transformers_4:
        import torch

        torch.set_num_threads(1)
        transformers.logging.disable_progress_bar()
        names = list(models())
    for name in arguments.models or names:
        print(name)
        if arguments.transformers_4:
            add_transformers_4(arguments.into, name)
        else:
            make(arguments.into, name, list(models()).index(name) + 1)
    path = arguments.into / "classes.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    known[wanted] = {"version": transformers.__version__, "feeds_token_types": classes()}
    if not arguments.transformers_4:
        known[wanted]["defaults"] = defaults()
    path.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
