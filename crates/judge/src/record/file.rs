//! Records on disk: `record.json` with the scalars, `record.safetensors` with the columns.

use std::path::{Path, PathBuf};

use gatecheck_base::fs::{FileError, read as read_bytes, read_text, sha256, write_together};
use serde_json::Value;

use super::{OLDEST_VERSION, RunRecord, SCHEMA_VERSION, columns::Columns, older};

/// The file of the scalars.
pub const RECORD: &str = "record.json";

/// The file of the columns.
pub const COLUMNS: &str = "record.safetensors";

/// Where the scalars keep the checksum of the columns.
const CHECKSUM: &str = "columns_sha256";

/// The last version with the columns among the scalars.
const LAST_WITH_COLUMNS: u64 = 2;

/// Why there is no record.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// A file that cannot be read.
    #[error(transparent)]
    Read(FileError),
    /// A file that cannot be written.
    #[error(transparent)]
    Write(FileError),
    /// The file is something else, or damaged.
    #[error("`{}` is not a record: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Another program's version.
    #[error("`{}` has format version {version}; this program reads {OLDEST_VERSION} to {SCHEMA_VERSION}", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u64,
    },
    /// Columns of another record.
    #[error("`{}` is not the file that was written with `{RECORD}`", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
}

impl RecordError {
    /// The way out, where there is one.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Write(FileError { path, .. }) => Some(format!(
                "make room there, then go on with `gatecheck run --resume {}`",
                path.parent().unwrap_or(Path::new(".")).display()
            )),
            Self::Read(_) => Some("give the folder that `gatecheck run --out` wrote".to_owned()),
            Self::Version { .. } => {
                Some("use the version of gatecheck that measured it (`tool_version`)".to_owned())
            }
            Self::Foreign { .. } => {
                Some("copy both files from one and the same folder, or measure again".to_owned())
            }
            Self::Malformed { .. } => None,
        }
    }
}

/// Reads the record in `folder`, of this format version or an older one.
pub fn read(folder: &Path) -> Result<RunRecord, RecordError> {
    let path = folder.join(RECORD);
    let malformed = |reason: String| RecordError::Malformed { path: path.clone(), reason };
    let text = read_text(&path).map_err(RecordError::Read)?;
    let mut json: Value = serde_json::from_str(&text).map_err(|error| malformed(error.to_string()))?;
    let version =
        json["schema_version"].as_u64().ok_or_else(|| malformed("no `schema_version`".to_owned()))?;
    if !(u64::from(OLDEST_VERSION)..=u64::from(SCHEMA_VERSION)).contains(&version) {
        return Err(RecordError::Version { path, version });
    }
    if version <= LAST_WITH_COLUMNS {
        older::upgrade(&mut json);
        return serde_json::from_value(json).map_err(|error| malformed(error.to_string()));
    }
    let checksum = json.as_object_mut().and_then(|fields| fields.shift_remove(CHECKSUM));
    let mut record: RunRecord = serde_json::from_value(json).map_err(|error| malformed(error.to_string()))?;
    let path = folder.join(COLUMNS);
    let bytes = read_bytes(&path).map_err(RecordError::Read)?;
    if checksum != Some(Value::String(sha256(&bytes))) {
        return Err(RecordError::Foreign { path });
    }
    Columns::from_bytes(&bytes, &record.arms)
        .map_err(|reason| RecordError::Malformed { path, reason })?
        .put_into(&mut record);
    Ok(record)
}

/// Writes a record into `folder`. Each of the two files is whole at any time, and none is replaced unless the disk
/// has room for both. The columns come first, and the scalars hold their checksum: between the two, a reader gets
/// [`RecordError::Foreign`], and never the columns of one record with the scalars of another.
pub fn write(folder: &Path, record: &mut RunRecord) -> Result<(), RecordError> {
    let columns = Columns::take(record);
    let written = write_both(folder, record, &columns);
    columns.put_into(record);
    written
}

fn write_both(folder: &Path, scalars: &RunRecord, columns: &Columns) -> Result<(), RecordError> {
    let path = folder.join(RECORD);
    let malformed = |reason: String| RecordError::Malformed { path: path.clone(), reason };
    let bytes = columns.to_bytes(&scalars.arms).map_err(|error| malformed(error.to_string()))?;
    let mut json = serde_json::to_value(scalars).map_err(|error| malformed(error.to_string()))?;
    json[CHECKSUM] = Value::String(sha256(&bytes));
    let mut text = json.to_string();
    text.push('\n');
    let files = [(Path::new(COLUMNS), bytes.as_slice()), (Path::new(RECORD), text.as_bytes())];
    write_together(folder, &files).map_err(RecordError::Write)
}

#[cfg(test)]
mod tests {
    use gatecheck_base::fs::write_atomic;

    use super::*;
    use crate::fixture;

    #[test]
    fn a_record_survives_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        for record in [fixture::record(), fixture::similarity(), fixture::empty(), fixture::killed(1)] {
            let mut written = record.clone();
            write(folder.path(), &mut written).unwrap();
            assert_eq!(written, record, "the columns are put back");
            assert_eq!(read(folder.path()).unwrap(), record);
        }
        let scalars = read_text(&folder.path().join(RECORD)).unwrap();
        assert!(!scalars.contains("outputs\"") && scalars.len() < 10_000, "{scalars}");
    }

    #[test]
    fn columns_of_another_record_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &mut fixture::record()).unwrap();
        let scalars = read_bytes(&folder.path().join(RECORD)).unwrap();
        write(folder.path(), &mut fixture::similarity()).unwrap();
        write_atomic(&folder.path().join(RECORD), &scalars).unwrap();
        assert!(matches!(read(folder.path()), Err(RecordError::Foreign { .. })));
        std::fs::remove_file(folder.path().join(COLUMNS)).unwrap();
        assert!(matches!(read(folder.path()), Err(RecordError::Read(_))));
    }

    #[test]
    fn older_records_are_one_session_per_arm() {
        let folder = tempfile::tempdir().unwrap();
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/record/record-2.json");
        for version in ["1", "2"] {
            let text = read_text(&path).unwrap().replacen(
                "\"schema_version\":2",
                &format!("\"schema_version\":{version}"),
                1,
            );
            write_atomic(&folder.path().join(RECORD), text.as_bytes()).unwrap();
            let mut record = read(folder.path()).unwrap();
            assert_eq!(record.schema_version.to_string(), version);
            record.schema_version = SCHEMA_VERSION;
            let mut expected = fixture::shortened(fixture::two_arms(), 3);
            expected.dataset.token_types = None;
            for arm in &mut expected.arms {
                arm.latency.truncate(2);
                arm.throughput.truncate(2);
                // Nor did they name engines.
                arm.sessions[0].engine = None;
                arm.sessions[0].environment.libraries =
                    vec!["candle: accelerate".to_owned(), "mlx: metal".to_owned()];
            }
            assert_eq!(record, expected);
        }
    }
}
