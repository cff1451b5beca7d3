//! What is asked for, in one struct.

use std::path::PathBuf;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Request {
    /// The artefact's folder.
    pub artefact: PathBuf,
    /// Where to: `owner/name`.
    pub repo: String,
    /// Folder of the run that the artefact passed.
    pub record: Option<PathBuf>,
    /// The original on the Hub, where the artefact does not say.
    pub base_model: Option<String>,
    /// Whether a repository that has to be made is one that others do not see.
    pub private: bool,
    /// Whether the files are proposed in a pull request.
    pub pull_request: bool,
    /// Whether to go on with an artefact that is not fit, and over other content.
    pub force: bool,
}
