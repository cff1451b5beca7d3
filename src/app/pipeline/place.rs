//! The folder of logs and results: `mlx_conversion` in the system's folder for what is temporary, or
//! `MLX_TEMP_DIR`.

use std::{
    env,
    fs::OpenOptions,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use gatecheck_base::{
    fs::{NO_FOLLOW, create_dir},
    text::time_of_day,
};

/// Its name in the system's folder.
const NAME: &str = "mlx_conversion";
/// Folder of the logs.
const LOGS: &str = "logs";

/// The folder of logs and results.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    folder: PathBuf,
}

impl Place {
    /// Where `MLX_TEMP_DIR` says, or else the usual place.
    pub fn from_env() -> Self {
        let chosen = env::var_os("MLX_TEMP_DIR").filter(|value| !value.is_empty()).map(PathBuf::from);
        Self { folder: chosen.unwrap_or_else(|| env::temp_dir().join(NAME)) }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A file of results, in one of its folders. `name` becomes that of one file.
    pub(super) fn file(&self, folder: &str, name: &str, ending: &str) -> PathBuf {
        self.folder.join(folder).join(format!("{}{ending}", crate::app::run::folder_name(name)))
    }

    /// Adds a line to a log. What cannot be logged is not: the reports do not depend on it.
    pub(super) fn log(&self, name: &str, line: &str) {
        let path = self.file(LOGS, name, ".log");
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let mut options = OpenOptions::new();
        // What a link leads to is somebody else's.
        options.append(true).create(true).custom_flags(NO_FOLLOW);
        if create_dir(&self.folder.join(LOGS)).is_ok()
            && let Ok(mut file) = options.open(path)
        {
            let _ = file.write_all(format!("{} {line}\n", time_of_day(now)).as_bytes());
        }
    }
}
