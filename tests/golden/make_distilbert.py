"""DistilBERT: no token types, and an epsilon of 1e-12 that no configuration changes."""

import torch
from transformers import DistilBertConfig, DistilBertForSequenceClassification, DistilBertModel

from common import THREE, TWO, Architecture
from sentence import Normalize, Pooling

DISTILBERT = Architecture(
    "distilbert",
    __file__,
    DistilBertConfig,
    DistilBertModel,
    DistilBertForSequenceClassification,
    chains=lambda model: {"": model.transformer.layer},
)


def make(_, root):
    DISTILBERT.start(root)
    # Positions that began as sines are stored like any others; what the file says holds.
    DISTILBERT.make(
        "classifier-odd",
        seed=201,
        sizes=dict(
            dim=15, n_heads=3, n_layers=2, hidden_dim=19, activation="relu", vocab_size=38,
            max_position_embeddings=15, sinusoidal_pos_embds=True,
        ),
        lengths=[15, 1, 6],
        labels=THREE,
    )
    # Every matrix can be quantized in groups of 32.
    DISTILBERT.make(
        "classifier-blocks",
        seed=202,
        sizes=dict(dim=64, n_heads=2, n_layers=2, hidden_dim=32, vocab_size=40, max_position_embeddings=7),
        lengths=[2, 7],
        dtype=torch.float16,
        labels=TWO,
    )
    DISTILBERT.make(
        "classifier-silu",
        seed=203,
        sizes=dict(
            dim=18, n_heads=3, n_layers=2, hidden_dim=28, activation="silu", vocab_size=33, max_position_embeddings=14,
        ),
        lengths=[6, 14, 3, 1],
        dtype=torch.bfloat16,
        labels=TWO,
        extra={"distilbert.embeddings.position_ids": torch.arange(14).unsqueeze(0)},
    )
    # Without the `distilbert.` before each name.
    DISTILBERT.make(
        "embedding-mean",
        seed=204,
        sizes=dict(dim=15, n_heads=3, n_layers=1, hidden_dim=22, vocab_size=44, max_position_embeddings=16),
        lengths=[5, 16, 2],
        dtype=torch.float16,
        modules=[Pooling("mean"), Normalize()],
    )
