//! The right to measure: one process at a time on a machine. Two at once would measure each other.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, ErrorKind, Read, Seek, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    time::Duration,
};

use gatecheck_base::fs::{FileError, create_dir};
use serde::{Deserialize, Serialize};

/// How long to wait before the next look.
const PAUSE: Duration = Duration::from_millis(100);

/// Who measures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Its process.
    pub pid: u32,
    /// Its command line.
    pub command: String,
    /// Since when, seconds since 1970-01-01 UTC.
    pub since_unix_s: u64,
}

/// The right to measure. The system takes it from a process that ends, however it ends.
#[derive(Debug)]
pub struct Alone {
    /// The lock is the open file's; closing it gives the lock back.
    _file: File,
}

/// Waits until no other process measures on this machine, as far as they use the same `folder`. `on_wait` hears
/// again and again who does, where that can be read, and says whether to wait on. Nothing is returned where it said
/// no, or the disk knows no locks. The file is never removed: who waits for one that is would wait for nobody.
pub fn take(
    folder: &Path,
    me: &Holder,
    on_wait: &mut dyn FnMut(Option<&Holder>) -> bool,
) -> Result<Option<Alone>, FileError> {
    create_dir(folder)?;
    // A home may be that of several machines.
    let host = sysinfo::System::host_name().unwrap_or_default();
    let host: String = host.chars().filter(|letter| letter.is_ascii_alphanumeric()).collect();
    let path = folder.join(format!("measuring-{host}.lock"));
    let failed = |error| FileError::new("lock", &path, error);
    let mut options = OpenOptions::new();
    // What a link leads to is somebody else's.
    options.read(true).write(true).create(true).truncate(false).custom_flags(libc::O_NOFOLLOW);
    let mut file = options.open(&path).map_err(failed)?;
    loop {
        match file.try_lock() {
            Ok(()) => {
                sign(&mut file, me).map_err(failed)?;
                return Ok(Some(Alone { _file: file }));
            }
            Err(TryLockError::WouldBlock) => {
                if !on_wait(holder(&mut file).as_ref()) {
                    return Ok(None);
                }
                std::thread::sleep(PAUSE);
            }
            Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
    }
}

fn sign(file: &mut File, me: &Holder) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(&serde_json::to_vec(me)?)
}

/// Who has signed; nobody where the signature is being written.
fn holder(file: &mut File) -> Option<Holder> {
    file.rewind().ok()?;
    let mut text = Vec::new();
    file.take(1 << 16).read_to_end(&mut text).ok()?;
    serde_json::from_slice(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn me(pid: u32) -> Holder {
        Holder { pid, command: format!("gatecheck run {pid}"), since_unix_s: 7 }
    }

    #[test]
    fn the_second_waits_and_knows_for_whom() {
        let folder = tempfile::tempdir().unwrap();
        let first = take(folder.path(), &me(1), &mut |_| panic!("there is nobody")).unwrap().unwrap();
        let (mut first, mut seen) = (Some(first), Vec::new());
        let second = take(folder.path(), &me(2), &mut |holder| {
            seen.push(holder.cloned());
            first = None;
            true
        });
        assert!(second.unwrap().is_some() && first.is_none());
        assert_eq!(seen, [Some(me(1))]);
    }

    #[test]
    fn who_will_not_wait_goes_without() {
        let folder = tempfile::tempdir().unwrap();
        let _first = take(folder.path(), &me(1), &mut |_| true).unwrap().unwrap();
        assert!(take(folder.path(), &me(2), &mut |_| false).unwrap().is_none());
    }

    #[test]
    fn a_link_in_its_place_is_not_followed() {
        let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::NamedTempFile::new().unwrap());
        std::fs::write(elsewhere.path(), "precious").unwrap();
        drop(take(folder.path(), &me(1), &mut |_| true).unwrap());
        let lock = std::fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
        std::fs::remove_file(&lock).unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), &lock).unwrap();
        take(folder.path(), &me(2), &mut |_| true).unwrap_err();
        assert_eq!(std::fs::read(elsewhere.path()).unwrap(), b"precious");
    }
}
