"""RoBERTa, XLM-RoBERTa and CamemBERT: one graph under three names, and `roberta.` before the names of all.

Positions start behind the id of padding: with `pad_token_id` 1 the first token has position 2, and a
table of n positions holds n - 2 tokens.
"""

import torch
from transformers import (
    CamembertConfig,
    CamembertForSequenceClassification,
    CamembertModel,
    RobertaConfig,
    RobertaForSequenceClassification,
    RobertaModel,
    XLMRobertaConfig,
    XLMRobertaForSequenceClassification,
    XLMRobertaModel,
)

from common import THREE, TWO, Architecture, unused, without_padding_id
from sentence import Normalize, Pooling


def roberta(arch):
    # Heads of 5, states of 15; the first row is as long as the table allows.
    arch.make(
        "classifier-odd",
        seed=101,
        sizes=dict(
            hidden_size=15, num_attention_heads=3, num_hidden_layers=2, intermediate_size=19,
            hidden_act="gelu_new", layer_norm_eps=1e-2, vocab_size=38, max_position_embeddings=17, type_vocab_size=1,
        ),
        lengths=[15, 1, 6],
        labels=THREE,
    )
    blocks(arch, seed=102, dtype=torch.float16)
    # Positions start at 5, and there are token types. The file holds buffers and a head that is not used.
    arch.make(
        "classifier-offset",
        seed=103,
        sizes=dict(
            hidden_size=18, num_attention_heads=3, num_hidden_layers=2, intermediate_size=28, hidden_act="relu",
            layer_norm_eps=1e-5, vocab_size=40, max_position_embeddings=17, type_vocab_size=2, pad_token_id=4,
        ),
        lengths=[6, 12, 3, 1],
        dtype=torch.bfloat16,
        labels=TWO,
        extra={
            "roberta.embeddings.position_ids": torch.arange(17).unsqueeze(0),
            **unused({"lm_head.bias": [40], "lm_head.dense.weight": [18, 18], "lm_head.dense.bias": [18]}),
        },
    )
    # As a checkpoint of pretraining is stored: a prefix, a head for masked words, a pooler nobody asked for.
    arch.make(
        "embedding-mean",
        seed=104,
        sizes=dict(
            hidden_size=15, num_attention_heads=3, num_hidden_layers=1, intermediate_size=22,
            vocab_size=44, max_position_embeddings=20, type_vocab_size=1,
        ),
        lengths=[5, 18, 2],
        dtype=torch.float16,
        modules=[Pooling("mean"), Normalize()],
        rename="roberta.".__add__,
        extra=unused({"lm_head.bias": [44], "lm_head.layer_norm.weight": [15], "lm_head.layer_norm.bias": [15]}),
    )


def xlm_roberta(arch):
    arch.make(
        "classifier-odd",
        seed=111,
        sizes=dict(
            hidden_size=15, num_attention_heads=3, num_hidden_layers=2, intermediate_size=19,
            hidden_act="silu", layer_norm_eps=1e-3, vocab_size=38, max_position_embeddings=19, type_vocab_size=1,
        ),
        lengths=[5, 17, 1],
        labels=THREE,
    )
    blocks(arch, seed=112, dtype=torch.bfloat16)
    arch.make(
        "embedding-cls",
        seed=113,
        sizes=dict(
            hidden_size=20, num_attention_heads=5, num_hidden_layers=2, intermediate_size=30,
            layer_norm_eps=1e-5, vocab_size=42, max_position_embeddings=16, type_vocab_size=1,
        ),
        lengths=[14, 3, 9, 1],
        dtype=torch.float16,
        modules=[Pooling("cls"), Normalize()],
    )


def camembert(arch):
    arch.make(
        "classifier-odd",
        seed=121,
        sizes=dict(
            hidden_size=25, num_attention_heads=5, num_hidden_layers=2, intermediate_size=32,
            hidden_act="gelu_new", layer_norm_eps=1e-4, vocab_size=46, max_position_embeddings=18, type_vocab_size=1,
        ),
        lengths=[3, 16, 1],
        dtype=torch.bfloat16,
        labels=THREE,
    )
    blocks(arch, seed=122, dtype=torch.float16)
    arch.make(
        "embedding-mean",
        seed=123,
        sizes=dict(
            hidden_size=21, num_attention_heads=7, num_hidden_layers=1, intermediate_size=34,
            vocab_size=36, max_position_embeddings=15, type_vocab_size=1,
        ),
        lengths=[13, 6, 2],
        modules=[Pooling("mean")],
        options=dict(add_pooling_layer=False),
    )


def blocks(arch, seed, dtype):
    """Every matrix can be quantized in groups of 32."""
    arch.make(
        "classifier-blocks",
        seed=seed,
        sizes=dict(
            hidden_size=64, num_attention_heads=2, num_hidden_layers=2, intermediate_size=32,
            layer_norm_eps=1e-5, vocab_size=40, max_position_embeddings=9, type_vocab_size=1,
        ),
        lengths=[2, 7],
        dtype=dtype,
        labels=TWO,
    )


FAMILY = {
    "roberta": (roberta, RobertaConfig, RobertaModel, RobertaForSequenceClassification),
    "xlm-roberta": (xlm_roberta, XLMRobertaConfig, XLMRobertaModel, XLMRobertaForSequenceClassification),
    "camembert": (camembert, CamembertConfig, CamembertModel, CamembertForSequenceClassification),
}


def make(name, root):
    models, *classes = FAMILY[name]
    arch = Architecture(name, __file__, *classes, adjust_rows=without_padding_id)
    arch.start(root)
    models(arch)
