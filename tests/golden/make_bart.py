"""BART as a classifier: the decoder reads the text once more, shifted, and the last end of text decides.

Position n of either table belongs to token n - 2, whatever `pad_token_id` says. The epsilon of the
norms is 1e-5, whatever the configuration says.
"""

from dataclasses import replace

import torch
from transformers import BartConfig, BartForSequenceClassification, BartModel

from common import TWO, Architecture, unused

MNLI = ["contradiction", "neutral", "entailment"]


def end_rows(rows, config):
    """Every row ends with the end of text, and has no other."""
    for row in rows:
        special = (config.pad_token_id, config.eos_token_id)
        row["ids"] = [token + config.vocab_size // 2 if token in special else token for token in row["ids"]]
        row["ids"][-1] = config.eos_token_id


def end_pairs(rows, config):
    """In a pair the first text has an end too."""
    end_rows(rows, config)
    for row in rows:
        row["ids"][len(row["ids"]) // 2 - 1] = config.eos_token_id


BART = Architecture(
    "bart",
    __file__,
    BartConfig,
    BartModel,
    BartForSequenceClassification,
    chains=lambda model: {"": model.encoder.layers, "decoder.": model.decoder.layers},
    adjust_rows=end_rows,
)


def as_published(config):
    """The further keys of bart-large-mnli; none of them changes the graph."""
    config |= {
        "_num_labels": 3,
        "add_final_layer_norm": False,
        "classif_dropout": 0.0,
        "gradient_checkpointing": False,
        "normalize_before": False,
        "num_hidden_layers": config["encoder_layers"],
        "output_past": False,
    }
    del config["dtype"]


def make(_, root):
    BART.start(root)
    # Encoder and decoder of different depth, width and heads. As bart-large-mnli is stored: its
    # keys, and the table of words three times.
    BART.make(
        "classifier-odd",
        seed=901,
        sizes=dict(
            d_model=15, encoder_layers=1, encoder_attention_heads=3, encoder_ffn_dim=19, decoder_layers=2,
            decoder_attention_heads=5, decoder_ffn_dim=14, activation_function="gelu_new", scale_embedding=True,
            vocab_size=38, max_position_embeddings=14,
        ),
        lengths=[14, 2, 6],
        labels=MNLI,
        copies={f"model.{part}.embed_tokens.weight": "model.shared.weight" for part in ("encoder", "decoder")},
        rewrite_config=as_published,
        extra=unused({"model.encoder.version": [1], "model.decoder.version": [1]}),
    )
    # Every matrix can be quantized in groups of 32. The table of words is stored once.
    BART.make(
        "classifier-blocks",
        seed=902,
        sizes=dict(
            d_model=64, encoder_layers=1, encoder_attention_heads=2, encoder_ffn_dim=32, decoder_layers=1,
            decoder_attention_heads=4, decoder_ffn_dim=32, vocab_size=40, max_position_embeddings=7,
        ),
        lengths=[2, 7],
        dtype=torch.float16,
        labels=TWO,
    )
    # Pairs of texts, each with its end; the ids of the special tokens are others.
    replace(BART, adjust_rows=end_pairs).make(
        "classifier-pairs",
        seed=903,
        sizes=dict(
            d_model=18, encoder_layers=2, encoder_attention_heads=3, encoder_ffn_dim=22, decoder_layers=1,
            decoder_attention_heads=2, decoder_ffn_dim=20, activation_function="relu", vocab_size=33,
            max_position_embeddings=12, pad_token_id=0, bos_token_id=1, eos_token_id=3, decoder_start_token_id=2,
        ),
        lengths=[6, 12, 4],
        dtype=torch.bfloat16,
        labels=TWO,
    )
