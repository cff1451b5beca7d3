"""DeBERTa v2 and v3: attention between words and distances.

Distances are exact up to half of `position_buckets`, logarithmic beyond, and clamped where the table
ends; without buckets the table ends at `max_relative_positions`, which is `max_position_embeddings`
where it is not positive. The scores are divided by the square root of head size times (1 + the number
of `pos_att_type`), even where `relative_attention` is false.
"""

import torch
from transformers import DebertaV2Config, DebertaV2ForSequenceClassification, DebertaV2Model

from common import THREE, TWO, Architecture, unused
from sentence import Normalize, Pooling

DEBERTA = Architecture(
    "deberta-v2", __file__, DebertaV2Config, DebertaV2Model, DebertaV2ForSequenceClassification
)

# What the configuration of deberta-v3-base says; the labels are those of a fine-tuned model.
V3_KEYS = [
    "attention_probs_dropout_prob", "hidden_act", "hidden_dropout_prob", "hidden_size", "id2label",
    "initializer_range", "intermediate_size", "label2id", "layer_norm_eps", "max_position_embeddings",
    "max_relative_positions", "model_type", "norm_rel_ebd", "num_attention_heads", "num_hidden_layers",
    "pos_att_type", "position_biased_input", "position_buckets", "relative_attention", "share_att_key",
    "type_vocab_size", "vocab_size",
]


def as_v3(config):
    config["pos_att_type"] = "|".join(config["pos_att_type"])
    return {"architectures": config["architectures"], **{key: config[key] for key in V3_KEYS}}


def make(_, root):
    DEBERTA.start(root)
    # As v3: no positions in the input, shared projections, a norm on the distances. The file holds
    # positions and heads that are not used.
    DEBERTA.make(
        "classifier-v3",
        seed=601,
        sizes=dict(
            hidden_size=15, num_attention_heads=5, num_hidden_layers=2, intermediate_size=21, vocab_size=38,
            max_position_embeddings=24, relative_attention=True, position_buckets=8, norm_rel_ebd="layer_norm",
            share_att_key=True, pos_att_type="p2c|c2p", position_biased_input=False,
        ),
        lengths=[6, 24, 1],
        labels=THREE,
        extra={
            "deberta.embeddings.position_ids": torch.arange(24).unsqueeze(0),
            **unused({
                "deberta.embeddings.position_embeddings.weight": [24, 15],
                "lm_predictions.lm_head.dense.weight": [15, 15],
                "lm_predictions.lm_head.bias": [38],
                "mask_predictions.dense.weight": [15, 15],
                "mask_predictions.LayerNorm.weight": [15],
            }),
        },
        rewrite_config=as_v3,
    )
    # Every matrix can be quantized in groups of 32.
    DEBERTA.make(
        "classifier-blocks",
        seed=602,
        sizes=dict(
            hidden_size=64, num_attention_heads=2, num_hidden_layers=2, intermediate_size=32, vocab_size=40,
            max_position_embeddings=16, relative_attention=True, position_buckets=4, norm_rel_ebd="layer_norm",
            share_att_key=True, pos_att_type=["p2c", "c2p"], position_biased_input=False,
        ),
        lengths=[2, 9],
        dtype=torch.float16,
        labels=TWO,
    )
    # One direction with its own projection; no buckets, and rows beyond the largest distance.
    DEBERTA.make(
        "classifier-c2p",
        seed=603,
        sizes=dict(
            embedding_size=10, hidden_size=18, num_attention_heads=3, num_hidden_layers=2, intermediate_size=28,
            hidden_act="relu", layer_norm_eps=1e-2, vocab_size=33, max_position_embeddings=15, type_vocab_size=2,
            relative_attention=True, max_relative_positions=5, pos_att_type=["c2p"], pooler_hidden_act="tanh",
        ),
        lengths=[6, 15, 3, 1],
        dtype=torch.bfloat16,
        labels=TWO,
    )
    # The other direction, with buckets.
    DEBERTA.make(
        "classifier-p2c",
        seed=604,
        sizes=dict(
            hidden_size=14, num_attention_heads=7, num_hidden_layers=1, intermediate_size=20,
            hidden_act="gelu_new", vocab_size=33, max_position_embeddings=17, relative_attention=True,
            position_buckets=6, pos_att_type=["p2c"], norm_rel_ebd="layer_norm", pooler_hidden_size=14,
        ),
        lengths=[17, 4, 1],
        labels=TWO,
    )
    # As v2-xlarge: a convolution beside the first layer.
    DEBERTA.make(
        "classifier-conv",
        seed=605,
        sizes=dict(
            hidden_size=21, num_attention_heads=3, num_hidden_layers=2, intermediate_size=29, vocab_size=38,
            max_position_embeddings=14, relative_attention=True, position_buckets=8, norm_rel_ebd="layer_norm",
            share_att_key=True, pos_att_type=["p2c", "c2p"], position_biased_input=False, conv_kernel_size=3,
            conv_act="gelu",
        ),
        lengths=[5, 14, 1],
        dtype=torch.float16,
        labels=THREE,
    )
    # Absolute positions alone. The scores are scaled as if there were two directions.
    DEBERTA.make(
        "classifier-absolute",
        seed=606,
        sizes=dict(
            hidden_size=15, num_attention_heads=3, num_hidden_layers=2, intermediate_size=22, vocab_size=33,
            max_position_embeddings=12, type_vocab_size=1, relative_attention=False, pos_att_type=["c2p", "p2c"],
            pooler_hidden_act="relu",
        ),
        lengths=[4, 12, 1],
        dtype=torch.bfloat16,
        labels=TWO,
    )
    # A table of distances that nothing reads.
    DEBERTA.make(
        "classifier-neither",
        seed=607,
        sizes=dict(
            hidden_size=12, num_attention_heads=3, num_hidden_layers=1, intermediate_size=18, vocab_size=33,
            max_position_embeddings=10, relative_attention=True, pos_att_type=[], norm_rel_ebd="layer_norm",
        ),
        lengths=[4, 10],
        dtype=torch.float16,
        labels=TWO,
    )
    # Without the `deberta.` before each name; both directions with their own projections, a convolution
    # with its default, tanh.
    DEBERTA.make(
        "embedding-mean",
        seed=608,
        sizes=dict(
            hidden_size=20, num_attention_heads=5, num_hidden_layers=2, intermediate_size=26, vocab_size=36,
            max_position_embeddings=16, relative_attention=True, position_buckets=-1, pos_att_type=["c2p", "p2c"],
            norm_rel_ebd="none", conv_kernel_size=3,
        ),
        lengths=[5, 16, 2],
        dtype=torch.float16,
        modules=[Pooling("mean"), Normalize()],
    )
