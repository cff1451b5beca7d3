//! Loading, written once for all backends: what a blueprint names is taken out of the checkpoint and goes to
//! the backend as numbers. The backend makes its parts of them ([`Parts`]); what is left to it is the forward
//! pass over the structs here, which have the names of their blueprints.

pub mod bart;
pub mod deberta_v2;
pub mod head;
mod loaded;
mod loader;
pub mod mobilebert;
pub mod modernbert;
mod parts;
pub mod post_norm;

pub use self::{
    loaded::{Graph, LoadedModel},
    parts::{Parts, attention_scale},
};
