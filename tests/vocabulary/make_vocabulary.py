"""Makes `tests/vocabulary/golden.json`: token ids that `BertTokenizer` of transformers gives with a
`vocab.txt`, for texts that try its rules: case, accents, Chinese characters, control characters,
punctuation, spaces of all kinds, special tokens, words out of the vocabulary and words too long. And
for pairs that are cut to a limit, each way there is.

    python tests/vocabulary/make_vocabulary.py

Needs transformers; `golden.json` records the version. The texts are drawn with a fixed seed.
"""

import json
import random
import tempfile
from pathlib import Path

import transformers
from transformers import BertTokenizer

HERE = Path(__file__).parent
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = "the a not un ##able ##ing ##ed re ##do cafe café Café CAFE naive naïve İstanbul straße 北 京 日本 ##本 ﬁ ##ne".split()
SETTINGS = [
    {},
    {"do_lower_case": False},
    {"do_lower_case": True, "strip_accents": False},
    {"do_lower_case": False, "strip_accents": True},
    {"tokenize_chinese_chars": False},
]
PIECES = WORDS + [
    "undoable", "redoing", "Untied", "CAFÉ", "Cafe\u0301", "naïveté", "İ", "ǅ", "ß", "北京", "日本語", "ﬁne", "x" * 101,
    "don't", "e-mail", "3.14", "$5", "a_b", "…", "—", "¿que?", "`x`", "^~", "😀", "👩‍👩‍👧", "\u200b", "\u00ad", "\ufeff",
    "\ufffd", "\x00", "\x07", "\t", "\r\n", "\u00a0", "\u3000", "\u2028", "[MASK]", "[SEP]", "[unk]", "[ MASK ]", "##ing",
    "ไทย", "हिन्दी", "עברית", "العربية", "ﷺ", "Ⅷ", "½", "K", "Å", "\U00020000", "가", "\u1100\u1161", "ｆｕｌｌ", "",
]


def vocabulary():
    letters = [chr(code) for code in range(33, 127)]
    tails = ["##" + letter for letter in letters if letter.isalnum()]
    return list(dict.fromkeys(SPECIAL + letters + tails + WORDS))


def texts():
    draw = random.Random(7)
    drawn = []
    for _ in range(300):
        pieces = draw.choices(PIECES, k=draw.randint(1, 8))
        drawn.append(draw.choice(["", " ", "  "]).join(pieces))
    return drawn


LIMIT = 20


def truncated(tokenizer, texts):
    """Pairs too long for the limit, of which either text alone leaves room for the other."""
    lengths = [len(tokenizer(text, add_special_tokens=False)["input_ids"]) for text in texts]
    long = [text for text, length in zip(texts, lengths) if 9 <= length <= LIMIT - 4]
    short = [text for text, length in zip(texts, lengths) if 5 <= length < 9]
    pairs = list(zip(long, long[1:]))[:8] + list(zip(long, short))[:8] + list(zip(short, long))[:8]
    pairs = [pair for pair in pairs if len(tokenizer(*pair)["input_ids"]) > LIMIT]
    ways = {}
    for way in ["longest_first", "only_first", "only_second"]:
        cut = [tokenizer(*pair, truncation=way, max_length=LIMIT) for pair in pairs]
        ways[way] = [[one["input_ids"], one["token_type_ids"]] for one in cut]
    return {"limit": LIMIT, "pairs": pairs, "ways": ways}


def ids(settings, vocabulary, texts):
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "vocab.txt").write_text("".join(token + "\n" for token in vocabulary), encoding="utf-8")
        tokenizer = BertTokenizer.from_pretrained(folder, **settings)
        pairs = tokenizer(texts[:20], texts[20:40])
        return {
            "settings": settings,
            "ids": [tokenizer(text)["input_ids"] for text in texts],
            "pair_ids": pairs["input_ids"],
            "pair_type_ids": pairs["token_type_ids"],
            "truncated": None if settings else truncated(tokenizer, texts),
        }


def main():
    known, drawn = vocabulary(), texts()
    golden = {
        "transformers": transformers.__version__,
        "vocabulary": known,
        "texts": drawn,
        "cases": [ids(settings, known, drawn) for settings in SETTINGS],
    }
    (HERE / "golden.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
