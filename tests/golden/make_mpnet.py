"""MPNet: a bias by distance, shared by all layers; no token types.

Whatever `relative_attention_num_buckets` says, transformers computes 32 buckets: the key is the size
of the table alone. Positions start at 2, whatever `pad_token_id` says.
"""

import torch
from transformers import MPNetConfig, MPNetForSequenceClassification, MPNetModel

from common import THREE, TWO, Architecture, without_padding_id
from sentence import Normalize, Pooling

MPNET = Architecture(
    "mpnet",
    __file__,
    MPNetConfig,
    MPNetModel,
    MPNetForSequenceClassification,
    adjust_rows=lambda rows, config: without_padding_id(rows, config, padding=1),
)


def make(_, root):
    MPNET.start(root)
    # A table of 40 distances, of which 32 are used.
    MPNET.make(
        "classifier-odd",
        seed=501,
        sizes=dict(
            hidden_size=15, num_attention_heads=3, num_hidden_layers=2, intermediate_size=19, hidden_act="relu",
            layer_norm_eps=1e-2, vocab_size=38, max_position_embeddings=17, relative_attention_num_buckets=40,
        ),
        lengths=[15, 1, 6],
        labels=THREE,
    )
    # Every matrix can be quantized in groups of 32.
    MPNET.make(
        "classifier-blocks",
        seed=502,
        sizes=dict(
            hidden_size=64, num_attention_heads=2, num_hidden_layers=2, intermediate_size=32,
            layer_norm_eps=1e-5, vocab_size=40, max_position_embeddings=9,
        ),
        lengths=[2, 7],
        dtype=torch.float16,
        labels=TWO,
    )
    # Distances up to 139: from 8 the buckets grow with the logarithm, from 128 all are one.
    MPNET.make(
        "classifier-long",
        seed=503,
        sizes=dict(
            hidden_size=9, num_attention_heads=3, num_hidden_layers=1, intermediate_size=14, hidden_act="gelu_new",
            vocab_size=33, max_position_embeddings=142,
        ),
        lengths=[140, 12, 3],
        dtype=torch.bfloat16,
        labels=TWO,
        extra={"mpnet.embeddings.position_ids": torch.arange(142).unsqueeze(0)},
    )
    # Without the `mpnet.` before each name; the pooler is there, and not used.
    MPNET.make(
        "embedding-mean",
        seed=504,
        sizes=dict(
            hidden_size=15, num_attention_heads=3, num_hidden_layers=1, intermediate_size=22,
            layer_norm_eps=1e-5, vocab_size=44, max_position_embeddings=20,
        ),
        lengths=[5, 18, 2],
        dtype=torch.float16,
        modules=[Pooling("mean"), Normalize()],
    )
