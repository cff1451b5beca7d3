//! Whether there is room on the disk, asked before anything long.

use std::path::{Path, PathBuf};

use gatecheck_base::{
    fs::{FileError, free_bytes, nearest},
    text::megabytes,
};

/// What is left free besides: journals, reports, and what else goes on.
const SPARE: u64 = 64_000_000;

/// Too little room.
#[derive(Debug, thiserror::Error)]
#[error(
    "the disk of `{}` has {:.0} MB free; {:.0} MB are needed for {what}",
    folder.display(), megabytes(*free), megabytes(*needed)
)]
pub struct NoSpace {
    folder: PathBuf,
    what: String,
    free: u64,
    needed: u64,
}

impl NoSpace {
    /// The way out.
    pub fn hint(&self) -> String {
        "make room there (`gatecheck clean` lists what is left over), or choose a folder on another disk"
            .to_owned()
    }
}

/// What goes to a folder.
#[derive(Debug, Clone)]
pub struct Need<'a> {
    /// The folder, which need not be there yet.
    pub folder: &'a Path,
    /// In words.
    pub what: &'a str,
    /// How much.
    pub bytes: u64,
}

/// Fails where all that goes to a disk is more than it has room for. A disk that does not tell is taken to have it.
pub fn check(needs: &[Need<'_>]) -> Result<(), NoSpace> {
    let there: Vec<_> = needs.iter().filter(|need| need.bytes > 0).collect();
    let device = |need: &Need<'_>| device(nearest(need.folder)).ok();
    for need in &there {
        let same: Vec<_> = there.iter().filter(|other| device(other) == device(need)).collect();
        let needed = same.iter().map(|other| other.bytes).sum::<u64>() + SPARE;
        let Ok(free) = free_bytes(nearest(need.folder)) else { continue };
        if free < needed {
            let what: Vec<&str> = same.iter().map(|other| other.what).collect();
            return Err(NoSpace { folder: need.folder.to_owned(), what: what.join(" and "), free, needed });
        }
    }
    Ok(())
}

fn device(folder: &Path) -> Result<u64, FileError> {
    use std::os::unix::fs::MetadataExt;
    let metadata = std::fs::metadata(folder).map_err(|error| FileError::new("look at", folder, error))?;
    Ok(metadata.dev())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_to_one_disk_is_added_up() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("not/there/yet");
        let free = free_bytes(folder.path()).unwrap();
        let need = |bytes| Need { folder: &inside, what: "a conversion", bytes };
        check(&[need(1), need(0)]).unwrap();
        check(&[need(free)]).unwrap_err();
        let error = check(&[need(free / 2 + 1), need(free / 2 + 1)]).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("MB are needed for a conversion and a conversion"), "{text}");
    }
}
