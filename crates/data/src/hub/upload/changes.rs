//! What an upload changes.

use gatecheck_base::fs::FileError;

use super::{remote::RemoteFile, request::LocalFile};

/// What has to change in a repository.
#[derive(Debug, Default)]
pub(super) struct Changes<'a> {
    /// Not there, or other.
    pub(super) new: Vec<&'a LocalFile>,
    /// There under the name of one of ours, and other.
    pub(super) replaced: Vec<String>,
    /// Not ours.
    pub(super) foreign: Vec<String>,
}

/// What every repository has, and is nobody's content.
const ATTRIBUTES: &str = ".gitattributes";
/// Files that a loader takes for weights.
const WEIGHTS: [&str; 3] = [".safetensors", ".safetensors.index.json", ".npz"];

impl<'a> Changes<'a> {
    pub(super) fn of(files: &'a [LocalFile], there: &[RemoteFile]) -> Result<Self, FileError> {
        let mut changes = Self::default();
        for file in files {
            let same_name = there.iter().find(|other| other.path == file.name);
            if let Some(other) = same_name {
                if other.is(file)? {
                    continue;
                }
                changes.replaced.push(file.name.clone());
            }
            changes.new.push(file);
        }
        let ours = |name: &str| name == ATTRIBUTES || files.iter().any(|file| file.name == name);
        let foreign = there.iter().map(|file| file.path.clone()).filter(|name| !ours(name));
        changes.foreign.extend(foreign);
        Ok(changes)
    }

    /// What goes of that which is not ours, and what stays: with `force`, weights that a loader would take for a part
    /// of ours go.
    pub(super) fn foreign_weights(&self, force: bool) -> (Vec<String>, Vec<String>) {
        let goes = |name: &String| force && WEIGHTS.iter().any(|ending| name.ends_with(ending));
        self.foreign.iter().cloned().partition(goes)
    }
}
