"""ModernBERT: rotary positions, and a window around each token in most layers.

The window reaches `local_attention // 2` tokens to each side. The first half of `mlp.Wi` goes through
the activation, the second is the gate. There is no table of positions, so no row is too long for one.
No norm follows a layer, so the states add up, and the weights are smaller than those of other models.
"""

import torch
from transformers import ModernBertConfig, ModernBertForSequenceClassification, ModernBertModel

from common import THREE, TWO, Architecture, unused
from sentence import Normalize, Pooling

MODERNBERT = Architecture(
    "modernbert",
    __file__,
    ModernBertConfig,
    ModernBertModel,
    ModernBertForSequenceClassification,
    chains=lambda model: {"": [*model.layers, model.final_norm]},
    final_norm=True,
)
SPREAD = 0.2
IDS = dict(pad_token_id=3, bos_token_id=1, cls_token_id=1, eos_token_id=2, sep_token_id=2)


def rope(everywhere, nearby):
    return {
        "full_attention": {"rope_type": "default", "rope_theta": everywhere},
        "sliding_attention": {"rope_type": "default", "rope_theta": nearby},
    }


def as_4(config, every):
    """As transformers 4 wrote it, and as nearly all published checkpoints have it."""
    thetas = config.pop("rope_parameters")
    del config["layer_types"]
    config["global_attn_every_n_layers"] = every
    config["global_rope_theta"] = thetas["full_attention"]["rope_theta"]
    config["local_rope_theta"] = thetas["sliding_attention"]["rope_theta"]
    config["position_embedding_type"] = "absolute"
    config["transformers_version"] = "4.48.0"
    config["torch_dtype"] = config.pop("dtype")


def make(_, root):
    MODERNBERT.start(root)
    # A window of 4 to each side; layers 0 and 3 see everything. As a checkpoint of transformers 4, with
    # the rest of a head for masked words.
    MODERNBERT.make(
        "classifier-odd",
        seed=701,
        sizes=dict(
            hidden_size=20, num_attention_heads=5, num_hidden_layers=4, intermediate_size=13,
            hidden_activation="gelu_new", norm_eps=1e-3, vocab_size=38, max_position_embeddings=17,
            local_attention=8, rope_parameters=rope(160000.0, 100.0), classifier_pooling="mean", **IDS,
        ),
        spread=SPREAD,
        lengths=[17, 1, 3],
        labels=THREE,
        extra=unused({"decoder.bias": [38]}),
        rewrite_config=lambda config: as_4(config, every=3),
    )
    # Every matrix can be quantized in groups of 32.
    MODERNBERT.make(
        "classifier-blocks",
        seed=702,
        sizes=dict(
            hidden_size=64, num_attention_heads=2, num_hidden_layers=2, intermediate_size=32, vocab_size=40,
            max_position_embeddings=12, local_attention=4, **IDS,
        ),
        spread=SPREAD,
        lengths=[2, 8],
        dtype=torch.float16,
        labels=TWO,
    )
    # Biases everywhere; an odd window, 3 to each side; every second layer sees everything.
    MODERNBERT.make(
        "classifier-biases",
        seed=703,
        sizes=dict(
            hidden_size=18, num_attention_heads=3, num_hidden_layers=3, intermediate_size=14,
            hidden_activation="silu", classifier_activation="relu", vocab_size=33, max_position_embeddings=13,
            local_attention=7, layer_types=["full_attention", "sliding_attention", "full_attention"],
            rope_parameters=rope(500.0, 20.0), classifier_pooling="cls", norm_bias=True, attention_bias=True,
            mlp_bias=True, classifier_bias=True, **IDS,
        ),
        spread=SPREAD,
        lengths=[13, 5, 1],
        dtype=torch.bfloat16,
        labels=TWO,
    )
    # As the above in the words of transformers 4, and with the defaults for both thetas.
    MODERNBERT.make(
        "classifier-defaults",
        seed=704,
        sizes=dict(
            hidden_size=12, num_attention_heads=3, num_hidden_layers=3, intermediate_size=10, vocab_size=33,
            max_position_embeddings=16, local_attention=2, layer_types=None, global_attn_every_n_layers=2,
            attention_bias=True, classifier_pooling="mean", **IDS,
        ),
        spread=SPREAD,
        lengths=[4, 11],
        dtype=torch.float16,
        labels=TWO,
        rewrite_config=without_thetas,
    )
    # Without the `model.` before each name; the layers in an order that no interval gives.
    MODERNBERT.make(
        "embedding-mean",
        seed=705,
        sizes=dict(
            hidden_size=24, num_attention_heads=3, num_hidden_layers=3, intermediate_size=17, vocab_size=36,
            max_position_embeddings=16, local_attention=6, rope_parameters=rope(8000.0, 300.0), mlp_bias=True,
            layer_types=["sliding_attention", "full_attention", "sliding_attention"], **IDS,
        ),
        spread=SPREAD,
        lengths=[5, 14, 2],
        dtype=torch.float16,
        modules=[Pooling("mean"), Normalize()],
    )


def without_thetas(config):
    as_4(config, every=2)
    del config["global_rope_theta"], config["local_rope_theta"]
