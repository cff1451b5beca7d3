use std::{collections::BTreeMap, path::Path};

use safetensors::Dtype;
use serde_json::Value;

use super::{
    testing::{Fixture, Tensor, quiet, tensor},
    *,
};
use crate::{
    checkpoint::{Checkpoint, Matrix},
    config::ModelConfig,
    quant::{Float, Mode, Scheme, cast, dequantize},
    weights::WeightStore,
};

mod fault_tests;

fn recipe(bits: u32) -> Recipe {
    Recipe::try_from(bits).unwrap()
}

#[test]
fn size_is_computed_to_the_byte() {
    for float in [Float::Float32, Float::Float16, Float::Bfloat16] {
        for bits in [2, 3, 4, 5, 6, 8, 16, 32] {
            let fixture = Fixture::new(float);
            let outcome = fixture.convert(bits);
            let artefact = Artefact::open(&outcome.folder).unwrap();
            assert_eq!(artefact.size_bytes, outcome.plan.size_bytes(), "{float:?} {bits}");
            assert_eq!(artefact.computed_bytes(), Some(artefact.size_bytes));
            assert_eq!(artefact.recipe_sha256(), Some(outcome.recipe_sha256.as_str()));
            artefact.check_sums().unwrap();
            assert_eq!(fixture.artefacts(), [format!("tiny-mlx-{}", recipe(bits).suffix())]);
        }
    }
}

#[test]
fn artefact_reads_as_a_checkpoint() {
    let fixture = Fixture::new(Float::Float32);
    let folder = fixture.convert(4).folder;
    let checkpoint = Checkpoint::open(&folder, &ModelConfig::open(&folder).unwrap()).unwrap();
    let store = WeightStore::open(&fixture.source()).unwrap();
    for (module, rows, columns, expected) in [
        ("bert.embeddings.word_embeddings", 40, 64, Some(8)),
        ("bert.encoder.layer.0.output.dense", 64, 128, Some(4)),
        ("classifier", 3, 64, None),
    ] {
        let exact = store.find(&format!("{module}.weight")).unwrap().to_f32().unwrap();
        let (values, tolerance) = match checkpoint.matrix(module, rows, columns).unwrap() {
            Matrix::Dense(view) => {
                assert_eq!((expected, view.dtype), (None, Dtype::F16));
                (view.to_f32().unwrap(), 2e-4)
            }
            Matrix::Packed(packed) => {
                assert_eq!(expected, Some(packed.scheme.bits()));
                let scheme = packed.scheme;
                let parts = [packed.words.bytes, packed.scales.bytes, packed.biases.unwrap().bytes];
                let values = dequantize(scheme, parts[0], parts[1], parts[2], Float::Float16).unwrap();
                (values, 0.65 / (2.0f32.powi(packed.scheme.bits() as i32) - 1.0))
            }
        };
        let worst = exact.iter().zip(&values).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < tolerance, "{module}: {worst}");
    }
}

#[test]
fn config_lists_what_differs() {
    let fixture = Fixture::new(Float::Float16);
    let text = std::fs::read_to_string(fixture.convert(4).folder.join("config.json")).unwrap();
    let config: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(config["hidden_size"], 64);
    assert_eq!(config["quantization"], config["quantization_config"]);
    let expected = serde_json::json!({
        "group_size": 64,
        "bits": 4,
        "mode": "affine",
        "bert.embeddings.position_embeddings": false,
        "bert.embeddings.token_type_embeddings": false,
        "bert.embeddings.word_embeddings": { "group_size": 64, "bits": 8, "mode": "affine" },
        "bert.pooler.dense": false,
        "classifier": false,
    });
    assert_eq!(config["quantization"], expected);
    let text = std::fs::read_to_string(fixture.convert(16).folder.join("config.json")).unwrap();
    assert!(!text.contains("quantization"));
}

/// The fixture without its head, as a checkpoint of the bare encoder.
fn bare(prefix: &str) -> Fixture {
    let mut fixture = Fixture::new(Float::Float16);
    fixture.tensors.retain(|tensor| !tensor.name.starts_with("classifier"));
    for tensor in &mut fixture.tensors {
        tensor.name = tensor.name.replacen("bert.", prefix, 1);
    }
    fixture.tensor(&format!("{prefix}embeddings.LayerNorm.weight")).name =
        format!("{prefix}embeddings.LayerNorm.gamma");
    let config = std::fs::read_to_string(fixture.source().join("config.json")).unwrap();
    fixture.write("config.json", config.replace("BertForSequenceClassification", "BertModel").as_bytes());
    fixture.save();
    fixture
}

#[test]
fn names_are_those_that_loaders_of_artefacts_know() {
    for prefix in ["", "bert."] {
        let folder = bare(prefix).convert_kept(4);
        let store = WeightStore::open(folder.path()).unwrap();
        let names: Vec<_> = store.iter().map(|view| view.name.to_owned()).collect();
        assert!(names.iter().all(|name| !name.starts_with("bert.")), "{names:?}");
        assert!(names.contains(&"embeddings.LayerNorm.weight".to_owned()), "{names:?}");
        let config = ModelConfig::open(folder.path()).unwrap();
        let quantization = config.quantization.clone().unwrap();
        assert_eq!(quantization.of("bert.embeddings.word_embeddings"), Scheme::affine(8, 64).ok());
        let checkpoint = Checkpoint::open(folder.path(), &config).unwrap();
        checkpoint.matrix("bert.embeddings.word_embeddings", 40, 64).unwrap();
    }
}

#[test]
fn every_mode_reads_as_a_checkpoint() {
    for mode in [Mode::Mxfp4, Mode::Mxfp8, Mode::Nvfp4] {
        let fixture = Fixture::new(Float::Float32);
        let recipe = Recipe::of(Choices { mode, ..Choices::default() }).unwrap();
        let outcome = convert(&fixture.request(recipe), &mut quiet).unwrap();
        let artefact = Artefact::open(&outcome.folder).unwrap();
        assert_eq!(artefact.size_bytes, outcome.plan.size_bytes());
        assert!(outcome.folder.ends_with(format!("tiny-mlx-{}", mode.name())));
        let checkpoint =
            Checkpoint::open(&outcome.folder, &ModelConfig::open(&outcome.folder).unwrap()).unwrap();
        let Matrix::Packed(packed) = checkpoint.matrix("bert.encoder.layer.0.output.dense", 64, 128).unwrap()
        else {
            panic!("{mode:?} is not packed");
        };
        assert_eq!((packed.scheme.mode(), packed.biases.is_none()), (mode, true));
    }
}

#[test]
fn what_is_lost_is_told_by_group() {
    let fixture = Fixture::new(Float::Float32);
    let loss = |bits: u32| {
        let outcome = fixture.convert(bits);
        let group = outcome.groups.iter().find(|group| group.tensors.ends_with("*.output.dense.weight"));
        let metadata = Artefact::open(&outcome.folder).unwrap().metadata.unwrap();
        let again: Vec<_> = outcome.groups.iter().map(|group| group.relative_rms_error).collect();
        assert_eq!(again, metadata.groups.iter().map(|group| group.relative_rms_error).collect::<Vec<_>>());
        group.unwrap().relative_rms_error.unwrap()
    };
    // Evenly spread over ±0.3, a weight is 0.3/√3 and its error a step/√12 large, a step being 0.6/(2ᵇ − 1).
    for bits in [2, 4, 8] {
        let expected = 1.0 / (2.0f64.powi(bits as i32) - 1.0);
        let found = loss(bits);
        assert!((0.9..1.35).contains(&(found / expected)), "{bits} bits: {found} beside {expected}");
    }
    assert!(loss(16) < 3e-4 && loss(32) == 0.0);
}

#[test]
fn what_is_lost_of_a_few_elements_is_told_exactly() {
    let fixture = Fixture::new(Float::Float32);
    let bias = fixture.tensors.iter().find(|tensor| tensor.name == "classifier.bias").unwrap();
    let floats = |bytes: &[u8]| -> Vec<f64> {
        bytes.as_chunks::<4>().0.iter().map(|bytes| f64::from(f32::from_le_bytes(*bytes))).collect()
    };
    let halves = cast(&bias.bytes, Float::Float32, Float::Float16);
    let (exact, stored) = (floats(&bias.bytes), floats(&cast(&halves, Float::Float16, Float::Float32)));
    let errors: f64 = exact.iter().zip(&stored).map(|(exact, stored)| (exact - stored).powi(2)).sum();
    let expected = (errors / exact.iter().map(|exact| exact.powi(2)).sum::<f64>()).sqrt();
    let outcome = fixture.convert(16);
    let group = outcome.groups.iter().find(|group| group.tensors == "classifier.bias").unwrap();
    let found = group.relative_rms_error.unwrap();
    assert!(expected > 0.0 && (found / expected - 1.0).abs() < 1e-6, "{found} beside {expected}");
}

#[test]
fn weights_of_32_bits_are_rounded_to_the_type_of_the_scales_first() {
    let weights = |float: Float| {
        let fixture = Fixture::new(float);
        std::fs::read(fixture.convert(4).folder.join("model.safetensors")).unwrap()
    };
    assert!(
        weights(Float::Float32) == weights(Float::Float16),
        "as MLX does, which quantizes what it has rounded"
    );
}

#[test]
fn every_matrix_is_counted_with_what_it_is_stored_as() {
    let fixture = Fixture::new(Float::Float32);
    let folder = fixture.convert(4).folder;
    let config = ModelConfig::open(&folder).unwrap();
    let found = holdings(&folder, &folder, &config).unwrap();
    let told: Vec<_> = found.iter().map(|one| (one.stored_as.as_str(), one.matrices, one.weights)).collect();
    let rows = 4 * 64 + 128 + 2 * 64;
    assert_eq!(
        told,
        [
            ("4 bits, groups of 64", 6, rows * 64),
            ("8 bits, groups of 64", 1, 40 * 64),
            ("f16", 4, (16 + 2 + 64 + 3) * 64),
        ]
    );
}

#[test]
fn large_tensors_are_whole() {
    // More than a task has, and no multiple of it.
    let fixture = Fixture::with_inner(Float::Float32, 1536 + 64);
    let module = "bert.encoder.layer.0.intermediate.dense";
    let source = WeightStore::open(&fixture.source()).unwrap();
    let exact = source.find(&format!("{module}.weight")).unwrap().to_f32().unwrap();
    for (bits, most) in [(4, 0.045), (32, 0.0)] {
        let folder = fixture.convert(bits).folder;
        let checkpoint = Checkpoint::open(&folder, &ModelConfig::open(&folder).unwrap()).unwrap();
        let stored = match checkpoint.matrix(module, 1600, 64).unwrap() {
            Matrix::Dense(view) => view.to_f32().unwrap(),
            Matrix::Packed(packed) => {
                let parts = [packed.words.bytes, packed.scales.bytes, packed.biases.unwrap().bytes];
                dequantize(packed.scheme, parts[0], parts[1], parts[2], Float::Float16).unwrap()
            }
        };
        let worst =
            exact.iter().zip(&stored).map(|(exact, stored)| (exact - stored).abs()).fold(0.0, f32::max);
        assert!(stored.len() == 1600 * 64 && worst <= most, "{bits} bits: {worst}");
    }
}

#[test]
fn an_artefact_may_have_a_name_of_its_own() {
    let fixture = Fixture::new(Float::Float16);
    let folder = fixture.folder.path().join("elsewhere/mine");
    let request = Request { folder: Some(folder.clone()), ..fixture.request(recipe(8)) };
    assert_eq!(convert(&request, &mut quiet).unwrap().folder, folder);
    assert!(convert(&request, &mut quiet).unwrap().skipped);
}

#[test]
fn metadata_says_what_was_left_and_why() {
    let mut fixture = Fixture::new(Float::Float16);
    let ids = Tensor {
        name: "bert.embeddings.position_ids".to_owned(),
        dtype: Dtype::I64,
        shape: vec![1, 2],
        bytes: vec![0; 16],
    };
    fixture.tensors.push(ids);
    fixture.save();
    let metadata = Artefact::open(&fixture.convert(8).folder).unwrap().metadata.unwrap();
    let reason = |name: &str| {
        metadata.unquantized.iter().find(|kept| kept.name == name).map(|kept| kept.reason.as_str())
    };
    assert_eq!(reason("classifier.weight"), Some("classification head"));
    assert_eq!(reason("classifier.bias"), Some("one-dimensional (norm or bias)"));
    assert_eq!(reason("bert.encoder.layer.0.output.dense.weight"), None);
    assert!(metadata.ignored.contains_key("bert.embeddings.position_ids"));
    let inputs: Vec<_> = metadata.inputs.keys().collect();
    assert_eq!(inputs, ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]);
}

#[test]
fn same_conversion_gives_same_bytes() {
    let fixture = Fixture::new(Float::Float32);
    let first = fixture.convert(4).folder;
    fixture.save_sharded();
    let request = Request { output: fixture.folder.path().join("other"), ..fixture.request(recipe(4)) };
    let second = convert(&request, &mut quiet).unwrap().folder;
    let read = |folder: &Path| std::fs::read(folder.join("model.safetensors")).unwrap();
    assert_eq!(read(&first), read(&second), "from one file and from two");
}

#[test]
fn output_is_sharded_above_the_limit() {
    let fixture = Fixture::new(Float::Float16);
    let request = Request { shard_bytes: 8_000, ..fixture.request(recipe(8)) };
    let outcome = convert(&request, &mut quiet).unwrap();
    assert!(outcome.plan.shards().len() > 2);
    let artefact = Artefact::open(&outcome.folder).unwrap();
    assert_eq!(artefact.size_bytes, outcome.plan.size_bytes());
    let text = std::fs::read_to_string(outcome.folder.join("model.safetensors.index.json")).unwrap();
    let index: Value = serde_json::from_str(&text).unwrap();
    let store = WeightStore::open(&outcome.folder).unwrap();
    let total: usize = store.iter().map(|view| view.bytes.len()).sum();
    assert_eq!(index["metadata"]["total_size"], total);
    assert_eq!(store.iter().count(), index["weight_map"].as_object().unwrap().len());
    let one = fixture.folder.path().join("one");
    let whole = convert(&Request { output: one, ..fixture.request(recipe(8)) }, &mut quiet).unwrap();
    for view in WeightStore::open(&whole.folder).unwrap().iter() {
        assert_eq!(store.find(view.name).unwrap().bytes, view.bytes, "{}", view.name);
    }
}

#[test]
fn skips_refuses_and_replaces() {
    let fixture = Fixture::new(Float::Float16);
    assert!(!fixture.convert(8).skipped);
    assert!(fixture.convert(8).skipped);

    let other = Recipe::new(8, Some(32), None, None).unwrap();
    let mut request = fixture.request(other);
    let error = convert(&request, &mut quiet).unwrap_err();
    assert!(error.to_string().ends_with("is there already, of another recipe or other inputs"), "{error}");
    request.force = true;
    assert!(!convert(&request, &mut quiet).unwrap().skipped);
    let quantization = Artefact::open(&fixture.output().join("tiny-mlx-q8")).unwrap().quantization;
    assert_eq!(quantization.unwrap().default.group_size(), 32);
    assert_eq!(fixture.artefacts(), ["tiny-mlx-q8"], "nothing else is left");

    fixture.write("tokenizer.json", b"{ }");
    request.force = false;
    assert!(matches!(convert(&request, &mut quiet), Err(ConvertError::Exists { .. })), "an input changed");
}

#[test]
fn never_replaces_what_is_no_artefact() {
    let fixture = Fixture::new(Float::Float16);
    let place = fixture.output().join("tiny-mlx-q8");
    std::fs::create_dir_all(&place).unwrap();
    std::fs::write(place.join("thesis.txt"), "").unwrap();
    let request = Request { force: true, ..fixture.request(recipe(8)) };
    assert!(matches!(convert(&request, &mut quiet), Err(ConvertError::Foreign { .. })));
    assert!(place.join("thesis.txt").is_file());
}

#[test]
fn what_does_not_divide_stays_and_nothing_at_all_is_an_error() {
    let fixture = Fixture::with_inner(Float::Float16, 96);
    let table = super::plan(&fixture.source(), &recipe(8), SHARD_BYTES).unwrap().to_string();
    assert!(table.contains("last dimension 96 not divisible by group size 64"), "{table}");
    let wide = Recipe::new(4, Some(128), None, None).unwrap();
    let error = convert(&fixture.request(wide), &mut quiet).unwrap_err();
    assert!(error.to_string().ends_with("can be quantized to 4 bits in groups of 128"), "{error}");
    assert!(error.hint().unwrap().contains("group size"));
}

#[test]
fn what_overflows_keeps_its_type() {
    let mut fixture = Fixture::new(Float::Float32);
    for position in [0, 1] {
        fixture.tensors[position].bytes[..4].copy_from_slice(&70_000f32.to_le_bytes());
    }
    fixture.save();
    let outcome = fixture.convert(8);
    let store = WeightStore::open(&outcome.folder).unwrap();
    let dtype = |name: &str| store.find(name).unwrap().dtype;
    assert_eq!(dtype("bert.embeddings.word_embeddings.scales"), Dtype::F32);
    assert_eq!(dtype("bert.embeddings.position_embeddings.weight"), Dtype::F32);
    assert_eq!(dtype("bert.pooler.dense.weight"), Dtype::F16);
    let artefact = Artefact::open(&outcome.folder).unwrap();
    assert_eq!(artefact.size_bytes, outcome.plan.size_bytes());
    let kept = artefact.metadata.unwrap().unquantized;
    let reason = "position embeddings; values up to 7e4 do not fit float16, kept as float32";
    assert!(kept.iter().any(|kept| kept.reason == reason), "{kept:?}");
}

#[test]
fn whole_numbers_are_refused() {
    let mut fixture = Fixture::new(Float::Float32);
    fixture.tensors[0].dtype = Dtype::U32;
    fixture.save();
    let error = plan(&fixture.source(), &recipe(8), SHARD_BYTES).unwrap_err();
    let expected =
        "tensor `bert.embeddings.word_embeddings.weight` has element type U32, which cannot be converted";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn opens_what_other_tools_made() {
    let fixture = Fixture::new(Float::Float16);
    let folder = fixture.convert(4).folder;
    std::fs::remove_file(folder.join(METADATA_FILE)).unwrap();
    let artefact = Artefact::open(&folder).unwrap();
    assert_eq!(artefact.quantization.as_ref().unwrap().default.bits(), 4);
    assert_eq!((artefact.computed_bytes(), artefact.recipe_sha256()), (None, None));
    std::fs::write(folder.join(METADATA_FILE), r#"{"quantization": {"bits": 8}}"#).unwrap();
    assert!(Artefact::open(&folder).unwrap().metadata.is_none());
    std::fs::write(folder.join(METADATA_FILE), r#"{"tool": "gatecheck", "schema_version": 99}"#).unwrap();
    assert!(Artefact::open(&folder).unwrap_err().to_string().contains("later version"));
    for folder in [fixture.folder.path().join("nowhere"), fixture.output()] {
        assert!(matches!(Artefact::open(&folder), Err(ConvertError::NotAnArtefact { .. })));
    }
}

#[test]
fn sentence_transformers_come_along_and_code_does_not() {
    let fixture = Fixture::new(Float::Float16);
    let modules = r#"[{"path": "", "type": "a.Transformer"}, {"path": "1_Pooling", "type": "a.Pooling"},
                      {"path": "2_Normalize", "type": "a.Normalize"}]"#;
    fixture.write("modules.json", modules.as_bytes());
    fixture.write("sentence_bert_config.json", br#"{"max_seq_length": 16}"#);
    fixture.write("1_Pooling/config.json", br#"{"pooling_mode_mean_tokens": true}"#);
    fixture.write("modeling_tiny.py", b"import os");
    fixture.write("pytorch_model.bin", b"x");
    fixture.write("1_Pooling/pooling.py", b"import os");
    let outcome = fixture.convert(8);
    let files: Vec<_> = artefact::files(&outcome.folder).unwrap().into_keys().collect();
    let expected = [
        "1_Pooling/config.json",
        "config.json",
        "model.safetensors",
        "modules.json",
        "sentence_bert_config.json",
        "tokenizer.json",
        "tokenizer_config.json",
    ];
    assert_eq!(files, expected);
    assert_eq!(Artefact::open(&outcome.folder).unwrap().size_bytes, outcome.plan.size_bytes());

    let dense = modules.replace("2_Normalize", "2_Dense").replace("a.Normalize", "a.Dense");
    fixture.write("modules.json", dense.as_bytes());
    fixture.write("2_Dense/config.json", br#"{"in_features": 64, "out_features": 8}"#);
    fixture.write("2_Dense/pytorch_model.bin", b"x");
    let error = plan(&fixture.source(), &recipe(8), SHARD_BYTES).unwrap_err();
    assert!(error.to_string().contains("2_Dense`: neither `model.safetensors` nor"), "{error}");
    assert!(error.hint().unwrap().contains("is a pickle"));
    fixture.write("2_Dense/model.safetensors", b"weights");
    let error = plan(&fixture.source(), &recipe(8), SHARD_BYTES).unwrap_err();
    assert!(error.to_string().contains("2_Dense/model.safetensors` is not a valid safetensors"), "{error}");
    let linear = [("linear.weight", vec![8, 64]), ("linear.bias", vec![8])];
    fixture.save_module("2_Dense", &linear.map(|(name, shape)| tensor(name, &shape, Float::Float32)));
    let plan_of = |fixture: &Fixture| plan(&fixture.source(), &recipe(8), SHARD_BYTES);
    assert!(plan_of(&fixture).is_ok());
    fixture.write("modules.json", modules.replace("2_Normalize", "2/Normalize").as_bytes());
    let error = plan_of(&fixture).unwrap_err();
    assert!(error.to_string().contains("names the module folder `2/Normalize`"), "{error}");
}

#[test]
fn names_are_one_folder() {
    assert_eq!(artefact_name("all-MiniLM-L6-v2", &recipe(8)).unwrap(), "all-MiniLM-L6-v2-mlx-q8");
    for name in ["", ".", "..", ".hidden", "a/b", "a\\b", "a\0"] {
        assert!(matches!(artefact_name(name, &recipe(8)), Err(ConvertError::Name { .. })), "{name}");
    }
}

#[test]
fn progress_ends_each_stage() {
    let fixture = Fixture::new(Float::Float16);
    let mut last: Vec<Progress> = Vec::new();
    let mut watch = |progress: Progress| {
        last.retain(|earlier| {
            earlier.stage != progress.stage || {
                assert!(earlier.done_bytes <= progress.done_bytes);
                false
            }
        });
        last.push(progress);
    };
    convert(&fixture.request(recipe(8)), &mut watch).unwrap();
    assert_eq!(last.iter().map(|progress| progress.stage).collect::<Vec<_>>(), [Stage::Write, Stage::Verify]);
    assert!(last.iter().all(|progress| progress.done_bytes == progress.total_bytes));
}

#[test]
fn table_groups_layers() {
    let fixture = Fixture::new(Float::Float16);
    let table = plan(&fixture.source(), &recipe(4), SHARD_BYTES).unwrap().to_string();
    assert!(table.contains("bert.encoder.layer.*.output.dense.weight"), "{table}");
    assert!(table.contains("64×128  4 bits, groups of 64, float16"), "{table}");
    assert!(table.contains("8 bits, groups of 64, float16"), "{table}");
    assert!(table.lines().last().unwrap().ends_with("one weight file"), "{table}");
    let mut plan = super::plan(&fixture.source(), &recipe(4), SHARD_BYTES).unwrap();
    let first = plan.tensors.iter().find(|tensor| tensor.name.ends_with("0.output.dense.weight")).unwrap();
    plan.tensors.push(PlannedTensor { name: first.name.replace(".0.", ".1."), ..first.clone() });
    let groups = super::table::groups(&plan);
    let of_layers = groups.iter().find(|group| group.tensors.ends_with("*.output.dense.weight")).unwrap();
    // Per row of 128: 64 bytes of codes, and two scales and biases of two bytes each.
    assert_eq!(
        (of_layers.count, of_layers.bytes_before, of_layers.bytes_after),
        (2, 2 * 64 * 256, 2 * 64 * 72)
    );
}
