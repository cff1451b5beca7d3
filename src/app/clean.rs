//! What is left over: files and folders that processes did not live to finish, and artefacts that today's recipe would
//! not give. Found without following a link or leaving the folders named; nothing is touched that a process holds.

use std::{
    fs::{File, Metadata, TryLockError},
    io::ErrorKind,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use gatecheck_backend::measure::machine::is_running;
use gatecheck_base::fs::{FileError, sha256_file};
use gatecheck_model::convert::{Artefact, METADATA_FILE};
use serde::Serialize;

/// How deep below a folder is looked: a repository of the Hub's cache, its staging folder, the files in it.
const DEPTH: usize = 3;

/// A file is written in far less: what is older is nobody's any more.
const WRITTEN_IN: Duration = Duration::from_secs(600);

/// The staging folder of a repository in the Hub's cache.
const STAGING: &str = ".gatecheck";

/// Something left over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Leftover {
    /// The file or folder.
    pub path: PathBuf,
    /// Its size, with all that is in it.
    pub bytes: u64,
    /// Why it is one.
    pub reason: String,
    /// The lock that whoever uses it holds.
    #[serde(skip)]
    lock: Option<PathBuf>,
}

/// Everything left over in these folders, by path.
pub fn find(folders: &[PathBuf]) -> Vec<Leftover> {
    let mut found = Vec::new();
    folders.iter().for_each(|folder| walk(folder, DEPTH, &mut found));
    found.sort_by(|left, right| left.path.cmp(&right.path));
    found.dedup_by(|left, right| left.path == right.path);
    found
}

/// Removes it, unless somebody holds it by now. Whether it is gone.
pub fn remove(leftover: &Leftover) -> Result<bool, FileError> {
    // Held until it is removed.
    let _lock = match leftover.lock.as_deref().map(File::open) {
        Some(Ok(file)) => match file.try_lock() {
            Ok(()) => Some(file),
            Err(TryLockError::WouldBlock) => return Ok(false),
            Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => None,
            Err(TryLockError::Error(error)) => return Err(FileError::new("lock", &leftover.path, error)),
        },
        Some(Err(_)) | None => None,
    };
    let path = &leftover.path;
    let is_folder = path.symlink_metadata().is_ok_and(|metadata| metadata.is_dir());
    let removed = if is_folder { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(FileError::new("remove", path, error)),
        _ => Ok(true),
    }
}

fn walk(folder: &Path, depth: usize, found: &mut Vec<Leftover>) {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries {
        let path = entry.path();
        // Of the entry itself, not of what a link leads to.
        let Ok(metadata) = path.symlink_metadata() else { continue };
        if metadata.is_symlink() {
            continue;
        }
        match leftover(&path, &metadata) {
            Some(leftover) => found.push(leftover),
            None if metadata.is_dir() && depth > 1 => walk(&path, depth - 1, found),
            None => {}
        }
    }
}

fn leftover(path: &Path, metadata: &Metadata) -> Option<Leftover> {
    let name = path.file_name()?.to_str()?;
    let told = |reason: &str, lock: Option<PathBuf>| {
        let held = lock.as_ref().is_some_and(|lock| is_held(lock));
        (!held).then(|| Leftover {
            path: path.to_owned(),
            bytes: size(path),
            reason: reason.to_owned(),
            lock,
        })
    };
    if metadata.is_dir() {
        return match conversion(name) {
            Some((artefact, process, "tmp")) if !is_running(process) => {
                told("a conversion that was not finished", Some(lock_of(path, artefact)))
            }
            // Without its successor it is the artefact itself: the next conversion puts it back.
            Some((artefact, process, "old"))
                if !is_running(process) && path.with_file_name(artefact).exists() =>
            {
                told("an artefact that was replaced", Some(lock_of(path, artefact)))
            }
            _ => outdated(path).and_then(|reason| told(reason, Some(lock_of(path, name)))),
        };
    }
    let is_old = || {
        let age = metadata.modified().ok().and_then(|time| SystemTime::now().duration_since(time).ok());
        age.is_some_and(|age| age > WRITTEN_IN)
    };
    if path.parent().and_then(Path::file_name).is_some_and(|parent| parent == STAGING) {
        return match path.extension().and_then(|extension| extension.to_str()) {
            Some("part") => told("a download that was not finished", Some(path.with_extension("lock"))),
            Some("tmp") if is_old() => told("a file that was not finished", None),
            _ => None,
        };
    }
    if name.starts_with(".gatecheck-") && name.ends_with(".tmp") && is_old() {
        return told("a file that was not finished", None);
    }
    let artefact =
        name.strip_prefix('.').and_then(|name| name.strip_suffix(".lock")).filter(|it| it.contains("-mlx-"));
    artefact.and_then(|_| told("a lock that nobody holds", Some(path.to_owned())))
}

/// Artefact, process and ending of `.<artefact>.<process>.<tmp or old>`.
fn conversion(name: &str) -> Option<(&str, u32, &str)> {
    let (rest, ending) = name.strip_prefix('.')?.rsplit_once('.')?;
    let (artefact, process) = rest.rsplit_once('.')?;
    Some((artefact, process.parse().ok()?, ending)).filter(|(.., ending)| ["tmp", "old"].contains(ending))
}

/// The lock of an artefact that lies, or goes, beside `path`.
fn lock_of(path: &Path, artefact: &str) -> PathBuf {
    path.with_file_name(format!(".{artefact}.lock"))
}

/// Whether a process holds a lock. One that cannot be asked is taken to be held.
fn is_held(lock: &Path) -> bool {
    match File::open(lock) {
        Ok(file) => !matches!(file.try_lock(), Ok(())),
        Err(error) => error.kind() != ErrorKind::NotFound,
    }
}

/// Why the artefact in a folder is not what would be made today; nothing where it is, or that cannot be told.
fn outdated(folder: &Path) -> Option<&'static str> {
    if !folder.join(METADATA_FILE).is_file() {
        return None;
    }
    let metadata = Artefact::open(folder).ok()?.metadata?;
    if !metadata.recipe.is_current() || metadata.recipe.sha256(&metadata.inputs) != metadata.recipe_sha256 {
        return Some("an artefact of a recipe that is not today's");
    }
    let source = Path::new(&metadata.source);
    if !source.is_dir() {
        return None;
    }
    let is_same = |(name, sha256): (&String, &String)| {
        let path = source.join(name);
        !path.is_file() || sha256_file(&path).is_ok_and(|now| now == *sha256)
    };
    (!metadata.inputs.iter().all(is_same)).then_some("an artefact of a model that has changed since")
}

/// Bytes of a file, or of all files in a folder.
fn size(path: &Path) -> u64 {
    match path.symlink_metadata() {
        Ok(metadata) if metadata.is_dir() => {
            let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
            entries.map(|entry| size(&entry.path())).sum()
        }
        Ok(metadata) if metadata.is_file() => metadata.len(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn aged(path: &Path) {
        let file = File::options().write(true).open(path).unwrap();
        file.set_modified(SystemTime::now() - WRITTEN_IN * 2).unwrap();
    }

    fn put(path: &Path, bytes: usize) -> &Path {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, vec![0; bytes]).unwrap();
        path
    }

    /// A number that no process has: beyond the largest of Linux.
    const NOBODY: u32 = 5_000_000;

    fn names(found: &[Leftover]) -> Vec<&str> {
        found.iter().map(|leftover| leftover.path.file_name().unwrap().to_str().unwrap()).collect()
    }

    #[test]
    fn what_the_dead_left_is_found_and_the_rest_is_not() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        aged(put(&at("cell/.gatecheck-abc.tmp"), 5));
        put(&at("cell/.gatecheck-new.tmp"), 5);
        put(&at(&format!(".m-mlx-q8.{NOBODY}.tmp/model.safetensors")), 100);
        put(&at(&format!(".m-mlx-q4.{}.tmp/model.safetensors", std::process::id())), 100);
        put(&at(&format!(".m-mlx-q6.{NOBODY}.old/config.json")), 7);
        put(&at(&format!(".m-mlx-q5.{NOBODY}.old/config.json")), 7);
        put(&at("m-mlx-q6/config.json"), 7);
        put(&at(".m-mlx-q3.lock"), 0);
        put(&at("models--a--b/.gatecheck/abc.part"), 9);
        put(&at("precious.tmp"), 9);
        put(&at("report.json"), 9);
        let found = find(&[root.path().to_owned(), root.path().to_owned()]);
        let expected = [
            ".m-mlx-q3.lock".to_owned(),
            format!(".m-mlx-q6.{NOBODY}.old"),
            format!(".m-mlx-q8.{NOBODY}.tmp"),
            ".gatecheck-abc.tmp".to_owned(),
            "abc.part".to_owned(),
        ];
        assert_eq!(names(&found), expected);
        assert_eq!(found.iter().map(|leftover| leftover.bytes).collect::<Vec<_>>(), [0, 7, 100, 5, 9]);
        assert!(found.iter().all(|leftover| remove(leftover).unwrap()));
        assert!(find(&[root.path().to_owned()]).is_empty());
        for name in ["precious.tmp", "report.json", "cell/.gatecheck-new.tmp", "m-mlx-q6/config.json"] {
            assert!(at(name).exists(), "{name}");
        }
    }

    #[test]
    fn what_somebody_holds_is_left_alone() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        put(&at(&format!(".m-mlx-q8.{NOBODY}.tmp/model.safetensors")), 100);
        let part = at("models--a--b/.gatecheck/abc.part");
        put(&part, 9);
        assert_eq!(find(&[root.path().to_owned()]).len(), 2);
        let found = find(&[root.path().to_owned()]);
        let locks = [at(".m-mlx-q8.lock"), part.with_extension("lock")];
        let held: Vec<_> = locks.iter().map(|lock| File::create(lock).unwrap()).collect();
        held.iter().for_each(|lock| lock.try_lock().unwrap());
        assert!(find(&[root.path().to_owned()]).is_empty());
        // Taken between the look and the removal.
        assert!(found.iter().all(|leftover| !remove(leftover).unwrap()));
        assert!(part.exists());
    }

    #[test]
    fn links_are_not_followed() {
        let (root, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        aged(put(&elsewhere.path().join("cell/.gatecheck-abc.tmp"), 5));
        std::os::unix::fs::symlink(elsewhere.path(), root.path().join("link")).unwrap();
        let inside = root.path().join(format!(".m-mlx-q8.{NOBODY}.tmp"));
        std::os::unix::fs::symlink(elsewhere.path(), inside).unwrap();
        assert!(find(&[root.path().to_owned()]).is_empty());
    }
}
