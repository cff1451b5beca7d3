"""Small tokenizers, each as a class of transformers makes and saves it."""

import collections
import io
import json
import tempfile
from pathlib import Path

import sentencepiece
import transformers
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

from texts import CORPUS

LINES = CORPUS.strip().split("\n")
# A limit that some of the texts exceed.
LIMIT = 24
BERT = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
MPNET = ["<s>", "<pad>", "</s>", "[UNK]", "<mask>"]
ROBERTA = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
# Some of SentencePiece's own rules; all of them would be a quarter of a megabyte.
RULES = {"\t": " ", "\n": " ", "\u00a0": " ", "½": "1/2", "…": "...", "ﬁ": "fi", "Ａ": "A", "Ｂ": "B"}
ALBERT_PIECES = dict(pad_id=0, unk_id=1, bos_id=-1, eos_id=-1, control_symbols=["[CLS]", "[SEP]", "[MASK]"])
DEBERTA_PIECES = dict(
    pad_id=0,
    pad_piece="[PAD]",
    bos_id=1,
    bos_piece="[CLS]",
    eos_id=2,
    eos_piece="[SEP]",
    unk_id=3,
    unk_piece="[UNK]",
)


def word_piece(name, special=BERT, do_lower_case=True):
    """A tokenizer of BERT's kind. The library's own training gives another vocabulary every time."""
    normalizer = normalizers.BertNormalizer(lowercase=do_lower_case)
    pieces = collections.Counter()
    for line in LINES:
        for word, _ in pre_tokenizers.BertPreTokenizer().pre_tokenize_str(normalizer.normalize_str(line)):
            pieces.update(word[:end] for end in range(2, len(word) + 1))
            pieces.update("##" + word[start:] for start in range(1, len(word) - 1))
    letters = sorted(set("".join(pieces).replace("#", "")) | set("0123456789.,;:!?'\"()-`"))
    worth = lambda piece: (-pieces[piece] * len(piece), piece)
    tokens = special + letters + ["##" + letter for letter in letters if letter.isalnum()]
    tokens += sorted(pieces, key=worth)[:160]
    vocabulary = {token: index for index, token in enumerate(tokens)}
    made = getattr(transformers, name)(vocab=vocabulary, do_lower_case=do_lower_case, model_max_length=LIMIT)
    return saved(made)


def byte_pairs(name):
    """A tokenizer of RoBERTa's kind."""
    vocabulary, merges = learned_pairs(ROBERTA)
    return saved(getattr(transformers, name)(vocab=vocabulary, merges=merges, model_max_length=LIMIT))


def generic():
    """A tokenizer of no class of its own, put together as ModernBERT's is."""
    vocabulary, merges = learned_pairs(BERT)
    tokenizer = Tokenizer(models.BPE(vocabulary, merges))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1",
        special_tokens=[("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])],
    )
    named = dict(zip(["pad_token", "unk_token", "cls_token", "sep_token", "mask_token"], BERT))
    made = transformers.TokenizersBackend(tokenizer_object=tokenizer, model_max_length=LIMIT, **named)
    return saved(made)


def learned_pairs(special):
    """Vocabulary and merges, the special tokens first."""
    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=360, initial_alphabet=alphabet, show_progress=False)
    learner.train_from_iterator(LINES, trainer)
    model = json.loads(learner.to_str())["model"]
    tokens = special + sorted(model["vocab"], key=model["vocab"].get)
    return {token: index for index, token in enumerate(tokens)}, [tuple(merge) for merge in model["merges"]]


def sentence_piece(name, file, **pieces):
    """A tokenizer that transformers converts from a SentencePiece model."""
    points = lambda text: " ".join(f"{ord(letter):X}" for letter in text)
    rules = "".join(f"{points(left)}\t{points(right)}\n" for left, right in RULES.items())
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "rules.tsv").write_text(rules)
        model = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(LINES),
            model_writer=model,
            vocab_size=180,
            character_coverage=1.0,
            normalization_rule_tsv=str(Path(folder, "rules.tsv")),
            num_threads=1,
            minloglevel=2,
            **pieces,
        )
        Path(folder, file).write_bytes(model.getvalue())
        return saved(getattr(transformers, name).from_pretrained(folder, model_max_length=LIMIT))


def saved(tokenizer):
    """What `save_pretrained` writes: `tokenizer.json` and `tokenizer_config.json`."""
    with tempfile.TemporaryDirectory() as folder:
        tokenizer.save_pretrained(folder)
        files = ("tokenizer.json", "tokenizer_config.json")
        return [json.loads(Path(folder, name).read_text()) for name in files]
