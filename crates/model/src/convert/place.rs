//! Where an artefact goes: its name, what is there already, and how it gets there in one piece.

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use gatecheck_base::fs::FileError;

use super::{Artefact, ConvertError, METADATA_FILE, Recipe};
use crate::weights::weight_files;

/// The folder of an artefact under the output folder, such as `minilm-mlx-q8`.
pub fn artefact_name(name: &str, recipe: &Recipe) -> Result<String, ConvertError> {
    let plain = |c: char| c.is_alphanumeric() || "-_.".contains(c);
    if name.is_empty() || name.starts_with('.') || !name.chars().all(plain) {
        return Err(ConvertError::Name { name: name.to_owned() });
    }
    Ok(format!("{name}-mlx-{}", recipe.suffix()))
}

/// Whether the wanted artefact is there, to the last byte. Fails if something else is in its place that may not be
/// replaced.
pub(super) fn is_there(target: &Path, recipe_sha256: &str, force: bool) -> Result<bool, ConvertError> {
    let folder = || target.to_owned();
    if target.symlink_metadata().is_err() {
        return Ok(false);
    }
    let has_config = target.join("config.json").is_file();
    if !has_config || (!target.join(METADATA_FILE).is_file() && weight_files(target).is_err()) {
        return Err(ConvertError::Foreign { folder: folder() });
    }
    let spoiled = |error: ConvertError| match error {
        ConvertError::Damaged { folder, reason } => ConvertError::Spoiled { folder, reason },
        other => ConvertError::Spoiled { folder: folder(), reason: other.to_string() },
    };
    if force {
        return Ok(false);
    }
    let what = match Artefact::open(target).map_err(spoiled)? {
        artefact if artefact.recipe_sha256() == Some(recipe_sha256) => {
            return artefact.check_sums().map(|()| true).map_err(spoiled);
        }
        Artefact { metadata: Some(_), .. } => "of another recipe or other inputs",
        _ => "made by another tool",
    };
    Err(ConvertError::Exists { folder: folder(), what })
}

/// A temporary neighbour of the artefact. It is removed when it is dropped before [`Scratch::publish`].
pub(super) struct Scratch {
    path: PathBuf,
    target: PathBuf,
}

impl Scratch {
    /// Makes an empty folder. Whoever calls it holds the lock of the target and has swept.
    pub(super) fn claim(target: &Path) -> Result<Self, ConvertError> {
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        let path = target.with_file_name(format!(".{name}.{}.tmp", std::process::id()));
        std::fs::create_dir(&path).map_err(|error| FileError::new("create", &path, error))?;
        Ok(Self { path, target: target.to_owned() })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the artefact its name. An older one stays until then, and comes back if that fails.
    pub(super) fn publish(self) -> Result<(), ConvertError> {
        let failed = |error| FileError::new("replace", &self.target, error);
        let old = self.path.with_extension("old");
        let replaces = self.target.symlink_metadata().is_ok();
        if replaces {
            std::fs::rename(&self.target, &old).map_err(failed)?;
        }
        if let Err(error) = std::fs::rename(&self.path, &self.target) {
            if replaces {
                let _ = std::fs::rename(&old, &self.target);
            }
            return Err(failed(error).into());
        }
        // The new name is on disk before the old artefact goes.
        if let Some(parent) = self.target.parent() {
            let _ = File::open(parent).and_then(|folder| folder.sync_all());
        }
        if replaces {
            remove(&old)?;
        }
        Ok(())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

/// Clears away what killed conversions left: `.name.<process>.tmp`, and `.name.<process>.old` of one that
/// was killed while it replaced an artefact. Without its successor the old artefact gets its name back. Whoever
/// calls it holds the lock of the target, so none of them is in use.
pub(super) fn sweep(target: &Path) -> Result<(), ConvertError> {
    let Some(parent) = target.parent().filter(|parent| parent.is_dir()) else { return Ok(()) };
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    let mut replaced = Vec::new();
    for entry in std::fs::read_dir(parent).map_err(|error| FileError::new("list", parent, error))? {
        let path = entry.map_err(|error| FileError::new("list", parent, error))?.path();
        match leftover(&path, &name) {
            Some("tmp") => remove(&path)?,
            Some(_) => replaced.push(path),
            None => {}
        }
    }
    for path in replaced {
        if target.symlink_metadata().is_ok() {
            remove(&path)?;
        } else {
            std::fs::rename(&path, target).map_err(|error| FileError::new("restore", target, error))?;
        }
    }
    Ok(())
}

/// `tmp` or `old`, if `path` is a temporary neighbour of the artefact `name`.
fn leftover(path: &Path, name: &str) -> Option<&'static str> {
    let rest = path.file_name()?.to_str()?.strip_prefix('.')?.strip_prefix(name)?.strip_prefix('.')?;
    let (process, extension) = rest.split_once('.')?;
    let known = ["tmp", "old"].into_iter().find(|known| *known == extension)?;
    process.bytes().all(|byte| byte.is_ascii_digit()).then_some(known)
}

fn remove(path: &Path) -> Result<(), FileError> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(FileError::new("remove", path, error))
        }
        _ => Ok(()),
    }
}
