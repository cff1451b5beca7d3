"""ALBERT: few layers used many times. A stage is one of `num_hidden_layers`, not one of the layers inside."""

import torch
from transformers import AlbertConfig, AlbertForSequenceClassification, AlbertModel

from common import THREE, TWO, Architecture, unused
from sentence import Normalize, Pooling

ALBERT = Architecture(
    "albert",
    __file__,
    AlbertConfig,
    AlbertModel,
    AlbertForSequenceClassification,
    chains=lambda model: {"": model.encoder.albert_layer_groups},
)


def make(_, root):
    ALBERT.start(root)
    # Five layers in two groups: the first three are one, the last two another.
    ALBERT.make(
        "classifier-odd",
        seed=401,
        sizes=dict(
            embedding_size=13, hidden_size=15, num_attention_heads=5, num_hidden_layers=5, num_hidden_groups=2,
            intermediate_size=19, hidden_act="gelu", layer_norm_eps=1e-2, vocab_size=38, max_position_embeddings=15,
            type_vocab_size=1,
        ),
        lengths=[15, 1, 5],
        labels=THREE,
    )
    # Every matrix can be quantized in groups of 32.
    ALBERT.make(
        "classifier-blocks",
        seed=402,
        sizes=dict(
            embedding_size=32, hidden_size=64, num_attention_heads=4, num_hidden_layers=2, intermediate_size=32,
            vocab_size=40, max_position_embeddings=7,
        ),
        lengths=[2, 7],
        dtype=torch.float16,
        labels=TWO,
    )
    # Two layers inside each of three; the head for masked words in the file is not used.
    ALBERT.make(
        "classifier-inner",
        seed=403,
        sizes=dict(
            embedding_size=18, hidden_size=18, num_attention_heads=3, num_hidden_layers=3, inner_group_num=2,
            intermediate_size=28, hidden_act="relu", layer_norm_eps=1e-6, vocab_size=33, max_position_embeddings=14,
        ),
        lengths=[6, 14, 3, 1],
        dtype=torch.bfloat16,
        labels=TWO,
        extra={
            "albert.embeddings.position_ids": torch.arange(14).unsqueeze(0),
            **unused({"predictions.dense.weight": [18, 18], "predictions.dense.bias": [18], "predictions.bias": [33]}),
        },
    )
    # Without the `albert.` before each name; the pooler is there, and not used.
    ALBERT.make(
        "embedding-mean",
        seed=404,
        sizes=dict(
            embedding_size=10, hidden_size=21, num_attention_heads=3, num_hidden_layers=2, num_hidden_groups=2,
            inner_group_num=2, intermediate_size=26, vocab_size=44, max_position_embeddings=16,
        ),
        lengths=[5, 16, 2],
        dtype=torch.float16,
        modules=[Pooling("mean"), Normalize()],
    )
