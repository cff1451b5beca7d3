"""ELECTRA: embeddings of their own size, and a head with gelu, whatever the layers have."""

import torch
from transformers import ElectraConfig, ElectraForSequenceClassification, ElectraModel

from common import THREE, TWO, Architecture, unused
from sentence import Normalize, Pooling

ELECTRA = Architecture("electra", __file__, ElectraConfig, ElectraModel, ElectraForSequenceClassification)


def make(_, root):
    ELECTRA.start(root)
    # Embeddings of 13 are projected to 15.
    ELECTRA.make(
        "classifier-odd",
        seed=301,
        sizes=dict(
            embedding_size=13, hidden_size=15, num_attention_heads=3, num_hidden_layers=2, intermediate_size=19,
            hidden_act="relu", layer_norm_eps=1e-2, vocab_size=38, max_position_embeddings=17, type_vocab_size=2,
        ),
        lengths=[17, 1, 6],
        labels=THREE,
    )
    # Every matrix can be quantized in groups of 32.
    ELECTRA.make(
        "classifier-blocks",
        seed=302,
        sizes=dict(
            embedding_size=32, hidden_size=64, num_attention_heads=4, num_hidden_layers=2, intermediate_size=32,
            vocab_size=40, max_position_embeddings=7,
        ),
        lengths=[2, 7],
        dtype=torch.float16,
        labels=TWO,
    )
    # No projection where the sizes are equal. The file holds the heads of pretraining, which are not used.
    ELECTRA.make(
        "classifier-equal",
        seed=303,
        sizes=dict(
            embedding_size=18, hidden_size=18, num_attention_heads=3, num_hidden_layers=2, intermediate_size=28,
            hidden_act="gelu_new", layer_norm_eps=1e-6, vocab_size=33, max_position_embeddings=14, type_vocab_size=1,
        ),
        lengths=[6, 14, 3, 1],
        dtype=torch.bfloat16,
        labels=TWO,
        extra={
            "electra.embeddings.position_ids": torch.arange(14).unsqueeze(0),
            **unused({
                "discriminator_predictions.dense.weight": [18, 18],
                "discriminator_predictions.dense.bias": [18],
            }),
        },
    )
    # Without the `electra.` before each name.
    ELECTRA.make(
        "embedding-mean",
        seed=304,
        sizes=dict(
            embedding_size=10, hidden_size=15, num_attention_heads=3, num_hidden_layers=1, intermediate_size=22,
            vocab_size=44, max_position_embeddings=16,
        ),
        lengths=[5, 16, 2],
        dtype=torch.float16,
        modules=[Pooling("mean"), Normalize()],
    )
