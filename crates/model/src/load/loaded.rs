//! A whole model.

use super::{
    bart::Bart, deberta_v2::DebertaV2, head::Head, loader::Loader, mobilebert::MobileBert,
    modernbert::ModernBert, parts::Parts, post_norm::PostNorm,
};
use crate::{
    blueprint::{self, head},
    checkpoint::Checkpoint,
    config::ModelConfig,
};

/// A model with its weights, made of the parts of a backend.
pub struct LoadedModel<P: Parts> {
    /// From token ids to token states.
    pub graph: Graph<P>,
    /// From token states to what the model gives out.
    pub head: Head<P>,
}

/// As [`blueprint::Graph`], with its weights.
pub enum Graph<P: Parts> {
    /// See [`PostNorm`].
    PostNorm(PostNorm<P>),
    /// See [`Bart`].
    Bart(Bart<P>),
    /// See [`DebertaV2`].
    DebertaV2(DebertaV2<P>),
    /// See [`MobileBert`].
    MobileBert(MobileBert<P>),
    /// See [`ModernBert`].
    ModernBert(ModernBert<P>),
}

impl<P: Parts> LoadedModel<P> {
    /// Loads the graph of `config` and `head`. Every tensor of the checkpoint has to be used.
    pub fn load(
        parts: &P,
        checkpoint: &Checkpoint,
        config: &ModelConfig,
        head: &head::Head,
    ) -> Result<Self, P::Error> {
        let loader = Loader { parts, checkpoint, positions: config.limits.positions };
        let graph = Graph::load(&loader, &config.graph)?;
        let head = Head::load(&loader, head, config.hidden_size)?;
        checkpoint.finish(config.architecture.heads())?;
        Ok(Self { graph, head })
    }
}

impl<P: Parts> Graph<P> {
    fn load(loader: &Loader<'_, P>, graph: &blueprint::Graph) -> Result<Self, P::Error> {
        Ok(match graph {
            blueprint::Graph::PostNorm(graph) => Self::PostNorm(PostNorm::load(loader, graph)?),
            blueprint::Graph::Bart(graph) => Self::Bart(Bart::load(loader, graph)?),
            blueprint::Graph::DebertaV2(graph) => Self::DebertaV2(DebertaV2::load(loader, graph)?),
            blueprint::Graph::MobileBert(graph) => Self::MobileBert(MobileBert::load(loader, graph)?),
            blueprint::Graph::ModernBert(graph) => Self::ModernBert(ModernBert::load(loader, graph)?),
        })
    }
}
