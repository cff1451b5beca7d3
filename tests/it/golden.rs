//! Every arm against what PyTorch computes, stage by stage, on the models of `tests/golden/`.

use std::path::{Path, PathBuf};

use gatecheck_backend::{Diagnose, Encode, Trace};
use gatecheck_model::{
    architecture::ALL,
    batch::{Batch, Encoded},
};

use crate::{
    arms::{Encoder, Turn},
    model_folder::ModelFolder,
    within::{IMPLEMENTATION, SUMMATION, Within, check_trace},
};

/// A small model with inputs and the reference, as `tests/golden/make.py` writes it.
pub(crate) struct Golden {
    /// Folder and name of the model.
    pub(crate) folder: PathBuf,
    /// Architecture and name, such as `bert/classifier-odd`.
    pub(crate) name: String,
    /// The inputs.
    pub(crate) rows: Vec<Encoded>,
    /// What PyTorch computes for all rows in one batch.
    pub(crate) expected: Trace,
}

impl Golden {
    /// One model of one architecture, such as `bert/classifier-odd`.
    pub(crate) fn open(place: &str) -> Self {
        Self::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(place))
    }

    /// Every model of every architecture.
    pub(crate) fn all() -> Vec<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
        let folders = ALL.iter().flat_map(|architecture| subfolders(&root.join(architecture.name())));
        folders.map(|folder| Self::read(&folder)).collect()
    }

    /// The model of a folder.
    pub(crate) fn read(folder: &Path) -> Self {
        #[derive(serde::Deserialize)]
        struct Row {
            ids: Vec<u32>,
            type_ids: Vec<u32>,
        }
        #[derive(serde::Deserialize)]
        struct Stage {
            name: String,
            states: Vec<f32>,
        }
        #[derive(serde::Deserialize)]
        struct File {
            rows: Vec<Row>,
            stages: Vec<Stage>,
            outputs: Vec<Vec<f32>>,
        }
        let text = std::fs::read_to_string(folder.join("golden.json")).unwrap();
        let File { rows, stages, outputs } = serde_json::from_str(&text).unwrap();
        let row = |Row { ids, type_ids }| Encoded { ids, type_ids, truncated: false };
        let stages = stages.into_iter().map(|Stage { name, states }| (name, states)).collect();
        Self {
            folder: folder.to_owned(),
            name: name(folder),
            rows: rows.into_iter().map(row).collect(),
            expected: Trace { stages, outputs },
        }
    }

    /// All rows in one batch.
    pub(crate) fn batch(&self) -> Batch {
        Batch::new(&self.rows)
    }
}

fn name(folder: &Path) -> String {
    let last = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    format!("{}/{}", last(folder.parent().unwrap()), last(folder))
}

pub(crate) fn subfolders(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<_> = entries.filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

/// Runs `check` on every model in every arm.
fn in_every_arm(check: impl Fn(&str, &Golden, &mut dyn Encoder)) {
    let turn = Turn::take();
    for golden in Golden::all() {
        for (arm, backend) in turn.all(&golden.folder) {
            check(&format!("{} on {arm}", golden.name), &golden, backend.unwrap().as_mut());
        }
    }
}

pub(crate) fn same<const MICROS: u32>(label: &str, expected: &[Vec<f32>], found: &[Vec<f32>]) {
    assert_eq!(expected.len(), found.len(), "{label}");
    for (row, (expected, found)) in expected.iter().zip(found).enumerate() {
        assert!(
            Within::<MICROS>(expected) == Within(found),
            "{label}, row {row}: {found:?} instead of {expected:?}"
        );
    }
}

#[test]
fn every_stage_agrees_with_pytorch() {
    in_every_arm(|label, golden, backend| {
        let found = backend.trace(&golden.batch()).unwrap();
        match check_trace::<IMPLEMENTATION>(&golden.expected, &found) {
            Ok(worst) => println!("{label}: within {worst:.1e}"),
            Err(message) => panic!("{label}: {message}"),
        }
    });
}

#[test]
fn encoding_is_tracing_without_the_stages() {
    in_every_arm(|label, golden, backend| {
        let traced = backend.trace(&golden.batch()).unwrap().outputs;
        assert_eq!(backend.encode(&golden.batch()).unwrap(), traced, "{label}");
    });
}

#[test]
fn batched_equals_single() {
    in_every_arm(|label, golden, backend| {
        let alone = |row| backend.encode(&Batch::new([row])).unwrap().remove(0);
        let singles: Vec<_> = golden.rows.iter().map(alone).collect();
        same::<SUMMATION>(label, &backend.encode(&golden.batch()).unwrap(), &singles);
    });
}

#[test]
fn neither_order_nor_company_matters() {
    in_every_arm(|label, golden, backend| {
        let expected = backend.encode(&golden.batch()).unwrap();
        let mut reversed = backend.encode(&Batch::new(golden.rows.iter().rev())).unwrap();
        reversed.reverse();
        same::<SUMMATION>(label, &expected, &reversed);
        // Without the longest row there is less padding, or none.
        let longest = golden.rows.iter().map(|row| row.ids.len()).max().unwrap();
        let kept = |row: usize| golden.rows[row].ids.len() < longest;
        let rows: Vec<_> = (0..golden.rows.len()).filter(|row| kept(*row)).collect();
        let shorter = backend.encode(&Batch::new(rows.iter().map(|row| &golden.rows[*row]))).unwrap();
        let expected: Vec<_> = rows.iter().map(|row| expected[*row].clone()).collect();
        same::<SUMMATION>(label, &expected, &shorter);
    });
}

#[test]
fn candle_gives_the_same_on_any_number_of_threads() {
    let turn = Turn::take();
    for golden in Golden::all() {
        let one = turn.candle(&golden.folder, 1).unwrap().trace(&golden.batch()).unwrap();
        for threads in [2, 3, 5] {
            let mut backend = turn.candle(&golden.folder, threads).unwrap();
            let many = backend.trace(&golden.batch()).unwrap();
            check_trace::<SUMMATION>(&one, &many).unwrap();
            // A single short row takes other paths, where heads and columns are shared out.
            for (row, expected) in golden.rows.iter().zip(&golden.expected.outputs) {
                let single = backend.encode(&Batch::new([row])).unwrap();
                same::<IMPLEMENTATION>(&golden.name, std::slice::from_ref(expected), &single);
            }
        }
    }
}

#[test]
fn facts_name_device_and_execution() {
    in_every_arm(|label, _, backend| {
        let facts = backend.facts();
        assert_eq!((facts.device.as_str(), facts.execution.as_str()), ("cpu", "float32"), "{label}");
    });
}

#[test]
fn a_wrong_graph_is_seen() {
    let turn = Turn::take();
    for (key, value, stage) in [
        ("layer_norm_eps", serde_json::json!(1e-12), "embeddings"),
        ("hidden_act", serde_json::json!("gelu"), "layer.0"),
        ("num_attention_heads", serde_json::json!(7), "layer.0"),
    ] {
        let golden = Golden::open("bert/classifier-odd");
        let folder = ModelFolder::of("bert/classifier-odd");
        folder.configure(key, value);
        let found = turn.candle(folder.path(), 1).unwrap().trace(&golden.batch()).unwrap();
        let message = check_trace::<IMPLEMENTATION>(&golden.expected, &found).unwrap_err();
        assert!(message.starts_with(&format!("`{stage}` is the first")), "{key}: {message}");
    }
}

#[test]
fn the_set_stays_small() {
    fn bytes(folder: &Path) -> u64 {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
        let size = |entry: std::fs::DirEntry| match entry.metadata().unwrap() {
            metadata if metadata.is_dir() => bytes(&entry.path()),
            metadata => metadata.len(),
        };
        entries.map(size).sum()
    }
    assert!(bytes(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")) < 5_000_000);
}
