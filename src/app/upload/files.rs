//! The files of an artefact that are uploaded.

use std::path::Path;

use gatecheck_base::fs::{FileError, sha256_file};
use gatecheck_data::hub::upload::{Content, LocalFile};
use gatecheck_model::convert::{Artefact, METADATA_FILE};

/// The model card, which is written anew.
pub(super) const CARD: &str = "README.md";

/// Those that the conversion wrote. Of what another tool made, all that lie in the folder and the folders in it, but
/// for hidden ones and the card.
pub(super) fn of(artefact: &Artefact) -> Result<Vec<LocalFile>, FileError> {
    let names = match &artefact.metadata {
        Some(metadata) => metadata.outputs.keys().cloned().chain([METADATA_FILE.to_owned()]).collect(),
        None => found(&artefact.folder)?,
    };
    let mut names: Vec<String> = names.into_iter().filter(|name| name != CARD).collect();
    names.sort();
    names.into_iter().map(|name| local(&artefact.folder, name)).collect()
}

fn local(folder: &Path, name: String) -> Result<LocalFile, FileError> {
    let path = folder.join(&name);
    let size = std::fs::metadata(&path).map_err(|error| FileError::new("read", &path, error))?.len();
    Ok(LocalFile { name, size, sha256: sha256_file(&path)?, content: Content::Path(path) })
}

fn found(folder: &Path) -> Result<Vec<String>, FileError> {
    let mut names = Vec::new();
    for (name, is_folder) in entries(folder)? {
        if is_folder {
            let inner = entries(&folder.join(&name))?.into_iter().filter(|(_, is_folder)| !is_folder);
            names.extend(inner.map(|(inner, _)| format!("{name}/{inner}")));
        } else {
            names.push(name);
        }
    }
    Ok(names)
}

/// What is not hidden in a folder, and whether it is one.
fn entries(folder: &Path) -> Result<Vec<(String, bool)>, FileError> {
    let failed = |error| FileError::new("list", folder, error);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') {
            // Follows the links of the Hub cache.
            found.push((name, entry.path().is_dir()));
        }
    }
    Ok(found)
}
