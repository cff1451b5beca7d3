//! Loading, written once for all backends: what a blueprint names is taken out of the checkpoint and goes to
//! the backend as numbers. The backend makes its parts of them ([`Parts`]); what is left to it is the forward
//! pass over the structs here.

mod bart;
mod deberta_v2;
mod head;
mod loader;
mod mobilebert;
mod model;
mod modernbert;
mod parts;
mod post_norm;

pub use self::{
    bart::{Bart, Cross},
    deberta_v2::{Convolution, DebertaV2, Distances, LayerDistances},
    head::{Head, Step},
    loader::Dense,
    mobilebert::{MobileBert, MobileBertEmbeddings, MobileBertLayer, Projections},
    model::{Graph, Model},
    modernbert::{ModernBert, ModernBertLayer},
    parts::{Parts, attention_scale},
    post_norm::{Embeddings, Layer, PostNorm},
};
