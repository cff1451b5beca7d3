use std::path::PathBuf;

use super::*;
use crate::{
    convert::{
        Choices, Recipe, convert,
        testing::{Fixture, quiet},
    },
    quant::{Float, Mode},
};

/// A model and its conversion, made to look like that of another tool.
struct Pair {
    fixture: Fixture,
    folder: PathBuf,
}

impl Pair {
    fn new(choices: Choices) -> Self {
        let fixture = Fixture::new(Float::Float32);
        let folder = convert(&fixture.request(Recipe::of(choices).unwrap()), &mut quiet).unwrap().folder;
        for name in ["conversion_metadata.json", "tokenizer.json", "tokenizer_config.json"] {
            std::fs::remove_file(folder.join(name)).unwrap();
        }
        Self { fixture, folder }
    }

    fn open(&self) -> Result<Candidate, CandidateError> {
        Candidate::open(&self.folder, &self.fixture.source(), false)
    }

    fn error(&self) -> String {
        self.open().unwrap_err().to_string()
    }

    fn edit(&self, change: impl FnOnce(&mut Value)) {
        let path = self.folder.join("config.json");
        let mut config: Value = json::read(&path).unwrap();
        change(&mut config);
        std::fs::write(path, config.to_string()).unwrap();
    }
}

fn bits(bits: u32) -> Choices {
    Choices { bits: Some(bits), ..Choices::default() }
}

#[test]
fn conversions_of_every_mode_are_candidates() {
    let modes = Mode::ALL.map(|mode| Choices { mode, ..Choices::default() });
    for choices in [2, 3, 4, 5, 6, 8, 16, 32].map(bits).into_iter().chain(modes) {
        let pair = Pair::new(choices.clone());
        let candidate = pair.open().unwrap_or_else(|error| panic!("{choices:?}: {error}"));
        assert_eq!(candidate.expected_bytes, candidate.artefact.size_bytes, "{choices:?}");
        assert!(candidate.findings.is_empty(), "{:?}", candidate.findings);
        assert_eq!(candidate.config.labels, ["a", "b", "c"]);
    }
}

#[test]
fn the_size_is_that_of_its_own_recipe() {
    let pair = Pair::new(bits(4));
    // It says that everything is quantized, and the head is not: what it should take is less than what it takes.
    pair.edit(|config| {
        let map = config["quantization"].as_object_mut().unwrap();
        map.shift_remove("bert.pooler.dense");
    });
    let candidate = pair.open().unwrap();
    let saved = 64 * 64 * 2 - (64 * 64 / 2 + 2 * 2 * 64);
    assert_eq!(candidate.artefact.size_bytes - candidate.expected_bytes, saved);
}

#[test]
fn other_weights_are_no_conversion() {
    let mut pair = Pair::new(bits(8));
    let query = "bert.encoder.layer.0.attention.self.query.weight";
    // One weight in ten is another: less than that would be told from rounding by nobody.
    for chunk in pair.fixture.tensor(query).bytes.chunks_mut(40) {
        chunk[..4].copy_from_slice(&0.123f32.to_le_bytes());
    }
    pair.fixture.save();
    let error = pair.error();
    assert!(error.contains("is not a conversion of this model"), "{error}");
    assert!(error.contains(&format!("in 1 of 25 tensors: `{query}` (10 %)")), "{error}");
    let candidate = Candidate::open(&pair.folder, &pair.fixture.source(), true).unwrap();
    assert!(candidate.findings[0].contains("is not a conversion"), "{:?}", candidate.findings);
}

#[test]
fn what_nothing_uses_may_have_any_shape() {
    // A bare encoder has no use for its pooler: loading does not look at it.
    for (rows, columns) in [(32, 64), (128, 64), (0, 64), (64, 0)] {
        let mut pair = Pair::new(bits(8));
        for folder in [pair.folder.clone(), pair.fixture.source()] {
            let path = folder.join("config.json");
            let text = std::fs::read_to_string(&path).unwrap();
            std::fs::write(path, text.replace("BertForSequenceClassification", "BertModel")).unwrap();
        }
        pair.edit(|config| {
            config["quantization"].as_object_mut().unwrap().shift_remove("bert.pooler.dense");
        });
        // Quantized in the candidate; of other rows, or of none, in the original.
        quantize_pooler(&pair.folder);
        *pair.fixture.tensor("bert.pooler.dense.weight") =
            crate::convert::testing::tensor("bert.pooler.dense.weight", &[rows, columns], Float::Float32);
        pair.fixture.save();
        let error = pair.error();
        assert!(error.contains("bert.pooler.dense"), "{rows}×{columns}: {error}");
    }
}

/// Puts a quantized pooler in the place of the plain one.
fn quantize_pooler(folder: &std::path::Path) {
    use safetensors::{Dtype, tensor::TensorView};
    let store = crate::weights::WeightStore::open(folder).unwrap();
    let name = |part: &str| format!("bert.pooler.dense.{part}");
    let mut tensors: Vec<_> = store
        .iter()
        .filter(|view| view.name != name("weight"))
        .map(|view| (view.name.to_owned(), view.dtype, view.shape.to_vec(), view.bytes.to_vec()))
        .collect();
    tensors.push((name("weight"), Dtype::U32, vec![64, 16], vec![0; 64 * 16 * 4]));
    tensors.push((name("scales"), Dtype::F16, vec![64, 1], vec![0; 128]));
    tensors.push((name("biases"), Dtype::F16, vec![64, 1], vec![0; 128]));
    let views = tensors.iter().map(|(name, dtype, shape, bytes)| {
        (name.clone(), TensorView::new(*dtype, shape.clone(), bytes).unwrap())
    });
    let bytes = safetensors::serialize(views, None).unwrap();
    std::fs::write(folder.join("model.safetensors"), bytes).unwrap();
}

#[test]
fn what_does_not_fit_is_named() {
    let pair = Pair::new(bits(4));
    let check = |change: &dyn Fn(&mut Value), expected: &str| {
        let path = pair.folder.join("config.json");
        let before = std::fs::read(&path).unwrap();
        pair.edit(change);
        let error = pair.error();
        assert!(error.contains(expected), "{error}");
        std::fs::write(path, before).unwrap();
    };
    check(
        &|config| config["model_type"] = "roberta".into(),
        "is of architecture `roberta`, the model of `bert`",
    );
    check(&|config| config["num_attention_heads"] = 1.into(), "`num_attention_heads` is 1 instead of 2");
    check(
        &|config| config["quantization"]["bits"] = 8.into(),
        "`config.json` says 8 bits, groups of 64, what is stored has 4 bits, groups of 64",
    );
    check(
        &|config| config["quantization"]["group_size"] = 32.into(),
        "says 4 bits, groups of 32, what is stored has",
    );
    check(&|config| config["quantization"]["mode"] = "q4_k".into(), "`quantization: mode` is \"q4_k\"");
    let source = pair.fixture.source();
    let same = Candidate::open(&source, &source, false).unwrap_err();
    assert!(same.to_string().ends_with("is the model itself"), "{same}");
    let nothing = Candidate::open(std::path::Path::new("nowhere"), &source, false).unwrap_err();
    assert!(nothing.to_string().contains("no `config.json`"), "{nothing}");
}

#[test]
fn codes_without_scales_are_named() {
    let pair = Pair::new(bits(4));
    let path = pair.folder.join("model.safetensors");
    let bytes = std::fs::read(&path).unwrap();
    // Another name of the same length.
    let text: Vec<u8> = String::from_utf8_lossy(&bytes[..8_000])
        .replace("self.query.scales", "self.query.scalps")
        .into_bytes();
    assert!(bytes[..4_000].windows(6).any(|six| six == b"scales"));
    let header = 8 + u64::from_le_bytes(*bytes.first_chunk().unwrap()) as usize;
    let text = [&text[..header], &bytes[header..]].concat();
    std::fs::write(path, text).unwrap();
    let error = pair.error();
    let expected = "`bert.encoder.layer.0.attention.self.query` are not quantized as they should be: \
                    `bert.encoder.layer.0.attention.self.query.scales` is missing";
    assert!(error.contains(expected), "{error}");
}

#[test]
fn older_weights_are_read_from_an_archive() {
    let pair = Pair::new(bits(32));
    let store = crate::weights::WeightStore::open(&pair.folder).unwrap();
    let mut archive = zip::ZipWriter::new(std::fs::File::create(pair.folder.join("weights.npz")).unwrap());
    let stored = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for view in store.iter() {
        use std::io::Write;
        let shape: Vec<_> = view.shape.iter().map(usize::to_string).collect();
        let comma = if shape.len() == 1 { "," } else { "" };
        let text =
            format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}{comma}), }}\n", shape.join(", "));
        // As mlx-examples names them.
        let name = view
            .name
            .replace("encoder.layer.0.attention.self.query", "encoder.layers.0.attention.query_proj");
        let name = name.replace("encoder.layer.0.attention.output.LayerNorm", "encoder.layers.0.ln1");
        archive.start_file(format!("{name}.npy"), stored).unwrap();
        archive.write_all(b"\x93NUMPY\x01\x00").unwrap();
        archive.write_all(&(text.len() as u16).to_le_bytes()).unwrap();
        archive.write_all(text.as_bytes()).unwrap();
        archive.write_all(view.bytes).unwrap();
    }
    archive.finish().unwrap();
    drop(store);
    std::fs::remove_file(pair.folder.join("model.safetensors")).unwrap();
    let candidate = pair.open().unwrap();
    assert_eq!(candidate.tool, "a converter that writes `weights.npz`");
    assert_eq!(candidate.expected_bytes, candidate.artefact.size_bytes);
}
