//! Models and datasets as they were named, before anything is fetched, and as they lie here.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

use gatecheck_data::dataset::{DatasetSpec, Part};

use super::settings::Texts;

/// A model as named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelReference {
    /// Name as given or configured; artefacts are named after it.
    pub name: String,
    /// Where its files are.
    pub place: ModelPlace,
    /// Folder or Hub id, for the record.
    pub source: String,
}

/// Converted models that are there already, measured beside the arms.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidates {
    /// The models.
    pub references: Vec<ModelReference>,
    /// Whether their weights may be others than those of the original.
    pub any_weights: bool,
}

/// Where a model's files are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ModelPlace {
    /// Here.
    Folder(PathBuf),
    /// On the Hub, or in its cache.
    Hub {
        /// Its id.
        id: String,
        /// Commit, tag or branch.
        revision: Option<String>,
        /// Whether the configuration says so. A word that merely reads as an id may be a folder misspelt.
        configured: bool,
    },
}

/// A model whose files are here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelSource {
    /// Name as given or configured; artefacts are named after it.
    pub name: String,
    /// Its files.
    pub folder: PathBuf,
    /// Folder or Hub id, for the record.
    pub source: String,
    /// Commit on the Hub.
    pub revision: Option<String>,
}

/// A dataset as named.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DatasetReference {
    /// What is known of its rows.
    pub spec: DatasetSpec,
    /// Where they are.
    pub place: DatasetPlace,
    /// How its texts are put to a model.
    pub texts: Texts,
    /// One half of its rows.
    #[serde(default)]
    pub part: Option<Part>,
    /// Only so many labelled rows, from the first.
    pub limit: Option<usize>,
}

/// Where a dataset's rows are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum DatasetPlace {
    /// Here.
    Files(Vec<PathBuf>),
    /// On the Hub, or in its cache.
    Hub {
        /// Its id.
        id: String,
        /// Its configuration.
        subset: Option<String>,
        /// Commit, tag or branch.
        revision: Option<String>,
    },
}
