//! The files of one split of a dataset.

use std::{collections::BTreeSet, path::PathBuf};

use hf_hub::RepoType;

use super::{
    Hub, HubError,
    download::{Alone, Commit},
};

/// The branch where the Hub keeps every dataset as parquet, one folder a split.
pub(super) const PARQUET: &str = "refs/convert/parquet";
/// Endings that can be read, the preferred first.
const ENDINGS: &[&str] = &[".parquet", ".jsonl", ".csv", ".tsv"];

/// One split in the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatasetFiles {
    /// Its files, in order.
    pub files: Vec<PathBuf>,
    /// The commit; without a revision asked for, one of the Hub's parquet branch where it has one.
    pub revision: String,
}

impl Hub {
    /// Brings one split into the cache, from `revision`, or from the Hub's parquet branch, or from the
    /// head of `main`; when the network is down, from whichever of them the cache has.
    pub fn dataset_files(
        &self,
        id: &str,
        subset: Option<&str>,
        split: &str,
        revision: Option<&str>,
        observer: &mut dyn FnMut(super::Progress<'_>),
    ) -> Result<DatasetFiles, HubError> {
        let commit = match revision {
            Some(revision) => self.commit(RepoType::Dataset, id, revision)?,
            None => match self.commit(RepoType::Dataset, id, PARQUET) {
                Err(HubError::NotFound { .. } | HubError::Offline { .. }) => {
                    self.commit(RepoType::Dataset, id, "main")?
                }
                // Not asked of the Hub again: rows must not depend on which of two requests came through.
                Err(HubError::Unreachable { what, endpoint, source }) => self
                    .cached_commit(RepoType::Dataset, id, "main", Alone::Down(source.clone()))
                    .ok_or(HubError::Unreachable { what, endpoint, source })?,
                other => other?,
            },
        };
        let files =
            choose(&commit.what, &commit.files, subset, split).and_then(|files| complete(&commit, files));
        let files = files.map_err(|error| commit.incomplete().unwrap_or(error))?;
        // The first shard comes last: where it is, the others are, which the cache alone could not tell.
        let mut paths: Vec<PathBuf> =
            files.iter().rev().map(|file| commit.fetch(file, observer)).collect::<Result<_, _>>()?;
        paths.reverse();
        commit.remember()?;
        Ok(DatasetFiles { files: paths, revision: commit.sha })
    }
}

/// Refuses what an interrupted download may have left: shards without the first.
fn complete(commit: &Commit<'_>, files: Vec<String>) -> Result<Vec<String>, HubError> {
    let first = files.first().and_then(|file| shard_number(file));
    let incomplete = commit.incomplete().filter(|_| first.is_some_and(|number| number != 0));
    incomplete.map_or(Ok(files), Err)
}

/// A data file's place, read from its path.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    subset: Option<String>,
    split: String,
}

/// The file name without its ending, when it is one that can be read.
fn stem(file: &str) -> Option<&str> {
    ENDINGS.iter().find_map(|ending| file.strip_suffix(ending))
}

/// The number in `0000` and `train-00000-of-00002`.
fn shard_number(file: &str) -> Option<u32> {
    let name = stem(file)?.rsplit('/').next()?;
    let number = name.split_once("-of-").map_or(name, |(start, _)| start).rsplit('-').next()?;
    number.parse().ok()
}

/// Understands `mnli/train/0000.parquet`, `mnli/train-00000-of-00002.parquet`, `data/train.csv` and
/// `train.jsonl`.
fn place(file: &str) -> Option<Place> {
    let mut parts: Vec<_> = stem(file)?.split('/').collect();
    let name = parts.pop()?;
    let name = match name.split_once("-of-").and_then(|(start, _)| start.rsplit_once('-')) {
        Some((split, _)) => split,
        None if name.chars().all(|c| c.is_ascii_digit()) => parts.pop()?,
        None => name,
    };
    let subset = parts.pop().filter(|folder| *folder != "data");
    Some(Place { subset: subset.map(str::to_owned), split: name.to_owned() })
}

/// The files of one split, in order.
pub(super) fn choose(
    what: &str,
    files: &[String],
    subset: Option<&str>,
    split: &str,
) -> Result<Vec<String>, HubError> {
    let readable =
        ENDINGS.iter().map(|ending| files.iter().filter(|file| file.ends_with(ending)).collect::<Vec<_>>());
    let placed: Vec<_> = readable
        .map(|files| files.into_iter().filter_map(|file| Some((file, place(file)?))).collect::<Vec<_>>())
        .find(|files| !files.is_empty())
        .ok_or_else(|| HubError::NoData { what: what.to_owned() })?;
    let subsets: BTreeSet<_> = placed.iter().map(|(_, place)| place.subset.clone()).collect();
    let wanted = choose_subset(&subsets, subset).ok_or_else(|| HubError::Subset {
        what: what.to_owned(),
        subset: subset.map(str::to_owned),
        subsets: subsets.iter().flatten().cloned().collect(),
    })?;
    let of_subset: Vec<_> = placed.iter().filter(|(_, place)| place.subset == wanted).collect();
    let mut chosen: Vec<_> =
        of_subset.iter().filter(|(_, place)| place.split == split).map(|(file, _)| (*file).clone()).collect();
    chosen.sort();
    if chosen.is_empty() {
        let splits: BTreeSet<_> = of_subset.iter().map(|(_, place)| place.split.clone()).collect();
        let splits = splits.into_iter().collect();
        return Err(HubError::Split { what: what.to_owned(), split: split.to_owned(), splits });
    }
    Ok(chosen)
}

/// The subset asked for; or, when none was, the only one, the nameless or the one called `default`.
fn choose_subset(subsets: &BTreeSet<Option<String>>, wanted: Option<&str>) -> Option<Option<String>> {
    let default = Some("default".to_owned());
    match wanted {
        Some(name) => subsets.get(&Some(name.to_owned())).cloned(),
        None if subsets.len() == 1 => subsets.first().cloned(),
        None => subsets.get(&None).or_else(|| subsets.get(&default)).cloned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GLUE: &[&str] = &[
        ".gitattributes",
        "mnli/train/0001.parquet",
        "mnli/train/0000.parquet",
        "mnli/validation_matched/0000.parquet",
        "sst2/validation/0000.parquet",
    ];

    fn run(files: &[&str], subset: Option<&str>, split: &str) -> Result<Vec<String>, HubError> {
        let files: Vec<_> = files.iter().map(|file| (*file).to_owned()).collect();
        choose("dataset `d`", &files, subset, split)
    }

    #[test]
    fn the_parquet_branch() {
        let shards = ["mnli/train/0000.parquet", "mnli/train/0001.parquet"];
        assert_eq!(run(GLUE, Some("mnli"), "train").unwrap(), shards);
        let one = ["default/test/0000.parquet", "other/test/0000.parquet"];
        assert_eq!(run(&one, None, "test").unwrap(), &one[..1]);
    }

    #[test]
    fn the_repository_s_own_files() {
        let snli = [
            "README.md",
            "plain_text/test-00000-of-00001.parquet",
            "plain_text/train-00000-of-00001.parquet",
        ];
        assert_eq!(run(&snli, None, "test").unwrap(), &snli[1..2]);
        assert_eq!(run(&["data/test-00000-of-00001-abc.parquet"], None, "test").unwrap().len(), 1);
        let both = ["test.csv", "test.jsonl", "train.jsonl"];
        assert_eq!(run(&both, None, "test").unwrap(), ["test.jsonl"]);
        assert_eq!(shard_number("d/train-00003-of-00004.parquet"), Some(3));
        assert_eq!(shard_number("d/train.parquet"), None);
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = run(GLUE, Some("mnlli"), "train").unwrap_err();
        assert_eq!(error.to_string(), "dataset `d` has no subset `mnlli`; its subsets are `mnli` and `sst2`");
        assert_eq!(error.hint().unwrap(), "did you mean `mnli`?");
        let error = run(GLUE, None, "train").unwrap_err();
        assert_eq!(
            error.to_string(),
            "dataset `d` has no subset of its own; its subsets are `mnli` and `sst2`"
        );
        let error = run(GLUE, Some("mnli"), "validation").unwrap_err();
        assert!(error.to_string().ends_with("its splits are `train` and `validation_matched`"));
        assert_eq!(error.hint().unwrap(), "did you mean `validation_matched`?");
        assert!(matches!(run(&["README.md", "x.zip"], None, "test"), Err(HubError::NoData { .. })));
    }
}
