"""MobileBERT: narrow layers between wide states, and two norms of which one is none.

The embeddings' norm and the one after a layer's last feed-forward network have PyTorch's epsilon of
1e-5; `layer_norm_eps` is for the others. Without `layer_norm` states grow from layer to layer, hence
the smaller weights.

With `trigram_input` transformers sees the padding: behind the last token of a padded row it reads the
embedding of padding, where a row on its own has zeros. The reference is that of each row on its own.
"""

import torch
from transformers import MobileBertConfig, MobileBertForSequenceClassification, MobileBertModel

from common import THREE, TWO, Architecture, unused
from sentence import Normalize, Pooling

MOBILEBERT = Architecture(
    "mobilebert",
    __file__,
    MobileBertConfig,
    MobileBertModel,
    MobileBertForSequenceClassification,
    one_by_one=True,
)


def make(_, root):
    MOBILEBERT.start(root)
    # As published, but for the sizes: four feed-forward networks, no norm, a bottleneck shared by
    # queries and keys. The file holds heads that are not used.
    MOBILEBERT.make(
        "classifier-odd",
        seed=801,
        sizes=dict(
            embedding_size=11, hidden_size=26, intra_bottleneck_size=15, num_attention_heads=5,
            num_hidden_layers=2, intermediate_size=19, vocab_size=38, max_position_embeddings=15,
        ),
        spread=0.15,
        lengths=[5, 15, 1],
        dtype=torch.bfloat16,
        labels=THREE,
        extra={
            "mobilebert.embeddings.position_ids": torch.arange(15).unsqueeze(0),
            **unused({
                "cls.predictions.bias": [38],
                "cls.predictions.transform.dense.weight": [26, 26],
                "cls.seq_relationship.weight": [2, 26],
                "cls.seq_relationship.bias": [2],
            }),
        },
    )
    # Every matrix can be quantized in groups of 32.
    MOBILEBERT.make(
        "classifier-blocks",
        seed=802,
        sizes=dict(
            embedding_size=32, hidden_size=64, intra_bottleneck_size=32, num_attention_heads=2,
            num_hidden_layers=2, intermediate_size=32, num_feedforward_networks=2, vocab_size=40,
            max_position_embeddings=7,
        ),
        spread=0.15,
        lengths=[2, 7],
        dtype=torch.float16,
        labels=TWO,
    )
    # A real norm with a large epsilon; the attention works on the bottleneck, beside which the shared one
    # is in the file and not used. The head reads the first token as it is.
    MOBILEBERT.make(
        "classifier-norm",
        seed=803,
        sizes=dict(
            embedding_size=10, hidden_size=18, intra_bottleneck_size=9, num_attention_heads=3,
            num_hidden_layers=2, intermediate_size=14, hidden_act="gelu", layer_norm_eps=1e-2,
            normalization_type="layer_norm", use_bottleneck_attention=True, num_feedforward_networks=1,
            classifier_activation=False, vocab_size=33, max_position_embeddings=12, type_vocab_size=1,
        ),
        lengths=[4, 12, 1],
        labels=TWO,
    )
    # No bottleneck and no trigrams; embeddings as wide as the states are not transformed, though the
    # file has the matrix.
    MOBILEBERT.make(
        "classifier-wide",
        seed=804,
        sizes=dict(
            embedding_size=15, hidden_size=15, num_attention_heads=3, num_hidden_layers=2, intermediate_size=21,
            trigram_input=False, use_bottleneck=False, normalization_type="layer_norm", layer_norm_eps=1e-3,
            num_feedforward_networks=3, vocab_size=33, max_position_embeddings=12,
        ),
        lengths=[4, 12, 1],
        dtype=torch.float16,
        labels=TWO,
    )
    # Queries and keys from the wide states, which are as wide as the bottleneck; no trigrams, but
    # embeddings of another width. Without the `mobilebert.` before each name; the pooler is not used.
    MOBILEBERT.make(
        "embedding-mean",
        seed=805,
        sizes=dict(
            embedding_size=10, hidden_size=21, intra_bottleneck_size=21, num_attention_heads=3,
            num_hidden_layers=2, intermediate_size=16, trigram_input=False, key_query_shared_bottleneck=False,
            num_feedforward_networks=2, vocab_size=36, max_position_embeddings=14,
        ),
        spread=0.15,
        lengths=[5, 14, 2],
        dtype=torch.float16,
        modules=[Pooling("mean"), Normalize()],
    )
