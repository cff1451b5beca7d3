"""BERT: the models of `tests/golden/bert/`."""

import torch
from torch import nn
from transformers import BertConfig, BertForSequenceClassification, BertModel

from common import Architecture
from sentence import Dense, Normalize, Pooling

BERT = Architecture("bert", __file__, BertConfig, BertModel, BertForSequenceClassification)


# For what follows the encoder the encoder itself does not matter.
SMALL = dict(
    hidden_size=9,
    num_attention_heads=3,
    num_hidden_layers=1,
    intermediate_size=8,
    vocab_size=24,
    max_position_embeddings=12,
)


def tensorflow_names(name):
    """As checkpoints converted from TensorFlow name layer norms."""
    return name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")


def make(_, root):
    BERT.start(root)
    # Nothing here is a multiple of a vector register: heads of 7, states of 35.
    BERT.make(
        "classifier-odd",
        seed=1,
        sizes=dict(
            hidden_size=35,
            num_attention_heads=5,
            num_hidden_layers=3,
            intermediate_size=51,
            hidden_act="gelu_new",
            layer_norm_eps=1e-2,
            vocab_size=50,
            max_position_embeddings=23,
            type_vocab_size=1,
        ),
        lengths=[23, 1, 9, 14, 2, 17],
        labels=["entailment", "neutral", "contradiction"],
    )
    # Every matrix can be quantized in groups of 32.
    BERT.make(
        "classifier-blocks",
        seed=2,
        sizes=dict(
            hidden_size=64,
            num_attention_heads=2,
            num_hidden_layers=2,
            intermediate_size=96,
            vocab_size=45,
            max_position_embeddings=20,
        ),
        lengths=[7, 20, 3, 12],
        labels=["negative", "positive"],
    )
    BERT.make(
        "classifier-half",
        seed=3,
        sizes=dict(
            hidden_size=40,
            num_attention_heads=5,
            num_hidden_layers=2,
            intermediate_size=72,
            hidden_act="relu",
            layer_norm_eps=1e-6,
            vocab_size=60,
            max_position_embeddings=32,
        ),
        lengths=[5, 32, 11],
        dtype=torch.float16,
        labels=["negative", "positive"],
    )
    # Without the `bert.` before each name; the pooler is there, and not used.
    BERT.make(
        "embedding-mean",
        seed=4,
        sizes=dict(
            hidden_size=54,
            num_attention_heads=3,
            num_hidden_layers=1,
            intermediate_size=60,
            vocab_size=40,
            max_position_embeddings=34,
        ),
        lengths=[16, 2, 34, 9],
        modules=[Pooling("mean", brief=True), Normalize()],
    )
    BERT.make(
        "embedding-cls",
        seed=5,
        sizes=dict(
            hidden_size=24,
            num_attention_heads=3,
            num_hidden_layers=2,
            intermediate_size=40,
            hidden_act="silu",
            vocab_size=33,
            max_position_embeddings=16,
        ),
        lengths=[4, 16, 1, 8, 12],
        dtype=torch.bfloat16,
        modules=[Pooling("cls", brief=True)],
        options=dict(add_pooling_layer=False),
        rename=tensorflow_names,
        extra={"embeddings.position_ids": torch.arange(16).unsqueeze(0)},
    )
    # Every mode at once, in the order of the switches.
    BERT.make(
        "embedding-modes",
        seed=6,
        sizes=SMALL,
        lengths=[4, 9, 1],
        modules=[Pooling("cls", "max", "mean", "mean_sqrt_len_tokens", "lasttoken")],
        options=dict(add_pooling_layer=False),
    )
    # A linear layer with bias and tanh before the length is made 1.
    BERT.make(
        "embedding-dense",
        seed=7,
        sizes=SMALL,
        lengths=[5, 2, 8],
        modules=[Pooling("mean"), Dense(9, 7, bias=True, activation=nn.Tanh()), Normalize()],
        options=dict(add_pooling_layer=False),
    )
    # Two modes side by side, then a linear layer with neither bias nor activation.
    BERT.make(
        "embedding-two",
        seed=8,
        sizes=SMALL,
        lengths=[3, 7, 1],
        dtype=torch.bfloat16,
        modules=[Pooling("cls", "mean"), Dense(18, 5, bias=False, activation=nn.Identity())],
        options=dict(add_pooling_layer=False),
    )
    # As sentence-transformers 6 stores it: the modes are a list, whose order counts.
    BERT.make(
        "embedding-list",
        seed=9,
        sizes=SMALL,
        lengths=[6, 3],
        dtype=torch.float16,
        modules=[
            Pooling("lasttoken", "mean_sqrt_len_tokens", current=True),
            Dense(18, 5, bias=True, activation=nn.Identity()),
            Normalize(),
        ],
        options=dict(add_pooling_layer=False),
    )
