//! Every architecture has all that belongs to one: golden models, both arms, names without prefix, a model that takes
//! texts, a row in `docs/models.md`. What is missing is told by name.

use std::path::{Path, PathBuf};

use gatecheck_model::{
    architecture::{ALL, Architecture, Canonical},
    batch::Batch,
    weights::WeightStore,
};

use crate::{
    arms::Turn,
    golden::{Golden, subfolders},
    model_folder::copy,
};

/// Golden models that an architecture has at least.
const MODELS: usize = 3;
/// The one whose matrices can all be quantized in groups of 32.
const BLOCKS: &str = "classifier-blocks";

/// Where the parts of an architecture are looked for.
struct Tree {
    golden: PathBuf,
    /// The model types of `tests/text/`.
    text: Vec<String>,
    table: String,
}

impl Tree {
    /// This checkout.
    fn here() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        Self {
            golden: root.join("tests/golden"),
            text: subfolders(&root.join("tests/text")).iter().map(|folder| model_type(folder)).collect(),
            table: std::fs::read_to_string(root.join("docs/models.md")).unwrap(),
        }
    }

    /// What `architecture` lacks.
    fn missing(&self, architecture: &Architecture, turn: &Turn) -> Vec<String> {
        let name = architecture.name();
        let folder = self.golden.join(name);
        let models = if folder.is_dir() { subfolders(&folder) } else { Vec::new() };
        let mut missing = Vec::new();
        if models.len() < MODELS {
            missing.push(format!("{name} has {} golden models instead of {MODELS}", models.len()));
        }
        if models.iter().all(|model| model.file_name().unwrap() != BLOCKS) {
            missing.push(format!("{name} has no golden model `{BLOCKS}`"));
        }
        if !self.text.iter().any(|model_type| model_type == name) {
            missing.push(format!("{name} has no model in tests/text"));
        }
        if !self.table.contains(&format!("\n| `{name}` |")) {
            missing.push(format!("{name} has no row in docs/models.md"));
        }
        missing.extend(models.iter().flat_map(|model| broken_arms(model, turn)));
        missing.extend(models.iter().flat_map(|model| names_not_found(model, architecture)));
        missing
    }

    /// Folders of golden models that belong to no architecture.
    fn strangers(&self) -> Vec<String> {
        let folders = subfolders(&self.golden).into_iter();
        let names = folders.map(|folder| folder.file_name().unwrap().to_string_lossy().into_owned());
        names.filter(|name| ALL.iter().all(|architecture| architecture.name() != name)).collect()
    }
}

fn model_type(folder: &Path) -> String {
    let config = std::fs::read_to_string(folder.join("config.json")).unwrap();
    let config: serde_json::Value = serde_json::from_str(&config).unwrap();
    config["model_type"].as_str().unwrap().to_owned()
}

/// Arms that cannot load or run a model.
fn broken_arms(model: &Path, turn: &Turn) -> Vec<String> {
    let golden = Golden::read(model);
    let run = |(arm, backend): (&str, crate::arms::Loaded)| {
        let outputs = backend.and_then(|mut backend| backend.encode(&Batch::new(&golden.rows)));
        outputs.err().map(|error| format!("{} on {arm}: {error}", golden.name))
    };
    turn.all(model).into_iter().filter_map(run).collect()
}

/// Names of a base model, without the prefix, that are not recognised.
fn names_not_found(model: &Path, architecture: &Architecture) -> Vec<String> {
    let Ok(store) = WeightStore::open(model) else {
        return vec![format!("{} has no weights", model.display())];
    };
    let with_prefix = store.iter().filter_map(|view| match architecture.canonical(view.name) {
        Canonical::Tensor(name) => Some(name),
        _ => None,
    });
    let with_prefix: Vec<_> = with_prefix.collect();
    // Most tensors lie below the prefix; the others are the head's.
    let starts = with_prefix.iter().filter_map(|name| name.split_once('.').map(|(start, _)| start));
    let starts: Vec<_> = starts.collect();
    let count = |start: &str| starts.iter().filter(|other| **other == start).count();
    let Some(prefix) = starts.iter().copied().max_by_key(|start| count(start)) else { return Vec::new() };
    let known = |bare: &str, name: &str| architecture.canonical(bare) == Canonical::Tensor(name.to_owned());
    let bare =
        with_prefix.iter().filter_map(|name| Some((name, name.strip_prefix(prefix)?.strip_prefix('.')?)));
    let lost = bare.filter(|(name, bare)| !known(bare, name));
    lost.map(|(name, bare)| format!("{}: `{bare}` is not `{name}`", architecture.name())).collect()
}

#[test]
fn every_architecture_is_complete() {
    let (turn, tree) = (Turn::take(), Tree::here());
    let missing: Vec<_> = ALL.iter().flat_map(|architecture| tree.missing(architecture, &turn)).collect();
    assert!(missing.is_empty(), "{missing:#?}");
    assert_eq!(tree.strangers(), [""; 0], "golden models without an architecture");
}

/// The same check where parts are missing, one after the other.
#[test]
fn what_is_missing_is_told() {
    let (turn, here) = (Turn::take(), Tree::here());
    let bert = Architecture::from_model_type("bert").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut tree = Tree { golden: folder.path().to_owned(), text: Vec::new(), table: String::new() };
    assert_eq!(
        tree.missing(bert, &turn),
        [
            "bert has 0 golden models instead of 3",
            "bert has no golden model `classifier-blocks`",
            "bert has no model in tests/text",
            "bert has no row in docs/models.md"
        ]
    );

    // Nothing is missing, then a model that no arm can load.
    for model in ["classifier-odd", "classifier-blocks", "embedding-mean"] {
        copy(&here.golden.join("bert").join(model), &tree.golden.join("bert").join(model));
    }
    tree.text = vec!["bert".to_owned()];
    tree.table = "| a | b |\n| `bert` | 1e-6 |\n".to_owned();
    assert_eq!(tree.missing(bert, &turn), [""; 0]);
    std::fs::create_dir(tree.golden.join("unheard-of")).unwrap();
    assert_eq!(tree.strangers(), ["unheard-of"]);
    let config = tree.golden.join("bert/classifier-odd/config.json");
    let text = std::fs::read_to_string(&config).unwrap().replace("\"vocab_size\": 50", "\"vocab_size\": 51");
    std::fs::write(config, text).unwrap();
    let missing = tree.missing(bert, &turn);
    assert!(missing.iter().all(|line| line.starts_with("bert/classifier-odd on ")), "{missing:?}");
    assert_eq!(missing.len(), turn.all(&tree.golden.join("bert/classifier-odd")).len());

    // An architecture that knows no names but its own: those of another.
    let other = Architecture::from_model_type("mpnet").unwrap();
    let lost = names_not_found(&here.golden.join("distilbert/classifier-blocks"), other);
    assert!(lost[0].starts_with("mpnet: `"), "{lost:?}");
}
