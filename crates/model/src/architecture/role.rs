//! What the modules of a model are for, where a conversion treats some apart from the rest.

/// The part of a module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The table of word embeddings.
    Words,
    /// Embeddings of positions, or of distances between them.
    Positions,
    /// The table of token types.
    TokenTypes,
    /// Makes one vector of the first token's state, ahead of the classifier.
    Pooler,
    /// Tells classes apart.
    Head,
}
