//! Artefacts as MLX runs them, from the conversion of golden models.

use std::path::Path;

use gatecheck_backend::{Diagnose, Encode, Model, Trace};
use gatecheck_mlx::{Execution, MlxBackend};
use gatecheck_model::{
    architecture::ALL,
    convert::{Recipe, Request, convert},
    quant::{Float, cast},
    weights::WeightStore,
};
use mlx_rs::Dtype as MlxDtype;
use safetensors::Dtype;

use crate::{
    arms::Turn,
    golden::Golden,
    model_folder::{ModelFolder, Tensor},
    within::{IMPLEMENTATION, KERNEL, SUMMATION, Within, check_trace},
};

/// Unpacked at load, multiplied as floats: what a CPU does.
const DEQUANTIZED: Execution = Execution { dequantize: true, dtype: Some(MlxDtype::Float32) };
/// Multiplied as packed, in 32 bits.
const PACKED: Execution = Execution { dequantize: false, dtype: Some(MlxDtype::Float32) };
/// As packed, in the type that is stored: what a GPU does.
const STORED: Execution = Execution { dequantize: false, dtype: None };

/// Every matrix of this one can be packed in groups of 32.
const BLOCKS: &str = "bert/classifier-blocks";

/// Largest difference of a state or output of the models named `classifier-blocks` to the float reference. Their
/// logits and states are up to ±12, and their weights are as random as can be: real models lose less.
const LOSS_OF_8_BITS: u32 = 700_000;
/// Largest difference of a state, when two layers run in floats of 16 bits.
const LOSS_OF_FLOAT16: u32 = 20_000;
/// As [`LOSS_OF_FLOAT16`], with three bits less.
const LOSS_OF_BFLOAT16: u32 = 100_000;

/// The models whose matrices can all be packed in groups of 32, one of each architecture.
fn blocks() -> impl Iterator<Item = Golden> {
    ALL.iter().map(|architecture| Golden::open(&format!("{}/classifier-blocks", architecture.name())))
}

fn converted(golden: &Golden, folder: &Path, recipe: Recipe) -> std::path::PathBuf {
    convert(&Request::new(&golden.folder, "tiny", folder, recipe, "1.2.3"), &mut |_| {}).unwrap().folder
}

fn eight_bits() -> Recipe {
    Recipe::new(8, Some(32), None, None).unwrap()
}

#[test]
fn packed_and_unpacked_weights_agree() {
    let turn = Turn::take();
    // With scales of 16 bits every unpacked weight is exact, and both ways may give the very same bits.
    let recipes =
        [(4, Float::Float16), (8, Float::Float16), (4, Float::Float32), (8, Float::Float32)].into_iter();
    for ((bits, scales), golden) in recipes.flat_map(|recipe| blocks().map(move |golden| (recipe, golden))) {
        let recipe = Recipe::new(bits, Some(32), None, Some(scales)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let artefact = converted(&golden, folder.path(), recipe);
        let trace = |backend: &mut MlxBackend| backend.trace(&golden.batch()).unwrap();
        let mut unpacked = turn.mlx_as(&artefact, DEQUANTIZED).unwrap();
        let mut packed = turn.mlx_as(&artefact, PACKED).unwrap();
        assert_eq!(unpacked.facts().execution, "dequantized");
        assert_eq!(packed.facts().execution, "quantized");
        check_trace::<KERNEL>(&trace(&mut unpacked), &trace(&mut packed))
            .unwrap_or_else(|message| panic!("{} in {bits} bits: {message}", golden.name));
    }
}

#[test]
fn eight_bits_stay_near_the_float_reference() {
    let turn = Turn::take();
    for golden in blocks() {
        let folder = tempfile::tempdir().unwrap();
        let artefact = converted(&golden, folder.path(), eight_bits());
        for (arm, execution) in
            [("mlx-q8", DEQUANTIZED), ("packed mlx-q8", PACKED), ("packed mlx-q8 in its type", STORED)]
        {
            let mut backend = turn.mlx_as(&artefact, execution).unwrap();
            let found = backend.trace(&golden.batch()).unwrap();
            match check_trace::<LOSS_OF_8_BITS>(&golden.expected, &found) {
                Ok(worst) => println!("{} on {arm}: within {worst:.1e}", golden.name),
                Err(message) => panic!("{} on {arm}: {message}", golden.name),
            }
            // Quantization does change something; with no change at all the float weights were run.
            let (found, expected) = (found.outputs.concat(), golden.expected.outputs.concat());
            assert!(Within::<KERNEL>(&found) != Within(&expected), "{} on {arm}", golden.name);
        }
    }
}

#[test]
fn an_unquantized_artefact_is_the_model() {
    let turn = Turn::take();
    for golden in Golden::all() {
        let folder = tempfile::tempdir().unwrap();
        let artefact = converted(&golden, folder.path(), Recipe::try_from(32).unwrap());
        for (arm, backend) in turn.all(&artefact) {
            let found = backend.unwrap().trace(&golden.batch()).unwrap();
            check_trace::<IMPLEMENTATION>(&golden.expected, &found)
                .unwrap_or_else(|message| panic!("{} on {arm}: {message}", golden.name));
        }
    }
}

#[test]
fn models_in_half_precision_run_in_it() {
    let turn = Turn::take();
    type Check = fn(&Trace, &Trace) -> Result<f32, String>;
    let models: [(_, _, Check); 4] = [
        ("bert/classifier-half", "float16", check_trace::<LOSS_OF_FLOAT16>),
        ("bert/embedding-cls", "bfloat16", check_trace::<LOSS_OF_BFLOAT16>),
        ("mobilebert/classifier-blocks", "float16", check_trace::<LOSS_OF_FLOAT16>),
        // Rows much longer than the window, one of them mostly padding: nothing there may become NaN.
        ("modernbert/embedding-mean", "float16", check_trace::<LOSS_OF_FLOAT16>),
    ];
    for (place, execution, check) in models {
        let golden = Golden::open(place);
        let mut backend = turn.mlx_as(&golden.folder, STORED).unwrap();
        assert_eq!(backend.facts().execution, execution);
        let found = backend.trace(&golden.batch()).unwrap();
        match check(&golden.expected, &found) {
            Ok(worst) => println!("{execution}: within {worst:.1e}"),
            Err(message) => panic!("{execution}: {message}"),
        }
    }
}

/// A part that 16 bits do not hold stays as it is, and the model then runs in a type that holds it.
#[test]
fn the_type_holds_every_part() {
    const POSITIONS: &str = "bert.embeddings.position_embeddings.weight";
    let (turn, golden) = (Turn::take(), Golden::open(BLOCKS));
    let source = ModelFolder::of(BLOCKS);
    source.edit_weights(|tensors| {
        let positions = tensors.iter_mut().find(|tensor| tensor.name == POSITIONS).unwrap();
        positions.bytes[..4].copy_from_slice(&70_000f32.to_le_bytes());
    });
    let expected = turn.candle(source.path(), 1).unwrap().trace(&golden.batch()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let recipe = Recipe::try_from(16).unwrap();
    let request = Request::new(source.path(), "tiny", folder.path(), recipe, "1.2.3");
    let artefact = convert(&request, &mut |_| {}).unwrap().folder;
    let mut backend = turn.mlx_as(&artefact, STORED).unwrap();
    assert_eq!(backend.facts().execution, "float32");
    let found = backend.trace(&golden.batch()).unwrap();
    check_trace::<LOSS_OF_FLOAT16>(&expected, &found).unwrap();

    // Neither of two 16-bit types holds the other.
    let half = |tensor: &mut Tensor, to: Float, dtype: Dtype| {
        (tensor.bytes, tensor.dtype) = (cast(&tensor.bytes, Float::Float32, to), dtype);
    };
    let mixed = |other: Float, dtype: Dtype| {
        let folder = ModelFolder::of(BLOCKS);
        folder.edit_weights(|tensors| {
            let (last, rest) = tensors.split_last_mut().unwrap();
            half(last, other, dtype);
            rest.iter_mut().for_each(|tensor| half(tensor, Float::Float16, Dtype::F16));
        });
        turn.mlx_as(folder.path(), STORED).unwrap().facts().execution
    };
    assert_eq!(mixed(Float::Float16, Dtype::F16), "float16");
    assert_eq!(mixed(Float::Bfloat16, Dtype::BF16), "float32");
}

#[test]
fn a_quantized_batch_equals_its_rows() {
    let (turn, golden) = (Turn::take(), Golden::open(BLOCKS));
    let folder = tempfile::tempdir().unwrap();
    let artefact = converted(&golden, folder.path(), eight_bits());
    for execution in [DEQUANTIZED, PACKED] {
        let mut backend = turn.mlx_as(&artefact, execution).unwrap();
        let batched = backend.encode(&golden.batch()).unwrap().concat();
        let single = |row| backend.encode(&gatecheck_model::batch::Batch::new([row])).unwrap().remove(0);
        let singles: Vec<f32> = golden.rows.iter().flat_map(single).collect();
        assert!(Within::<SUMMATION>(&batched) == Within(&singles), "{execution:?}");
    }
}

#[test]
fn the_baseline_refuses_an_artefact() {
    let (turn, golden) = (Turn::take(), Golden::open(BLOCKS));
    let folder = tempfile::tempdir().unwrap();
    let artefact = converted(&golden, folder.path(), eight_bits());
    let error = turn.candle(&artefact, 1).err().unwrap().to_string();
    assert!(error.ends_with("is quantized; the candle arm runs original weights only"), "{error}");
}

#[test]
fn a_table_that_two_halves_share_is_stored_once() {
    let golden = Golden::open("bart/classifier-odd");
    let folder = tempfile::tempdir().unwrap();
    let artefact = converted(&golden, folder.path(), Recipe::try_from(16).unwrap());
    let store = WeightStore::open(&artefact).unwrap();
    let tables: Vec<_> = store.iter().map(|view| view.name).filter(|name| is_table(name)).collect();
    assert_eq!(tables, ["model.shared.weight"]);
    let metadata = std::fs::read_to_string(artefact.join("conversion_metadata.json")).unwrap();
    let metadata: serde_json::Value = serde_json::from_str(&metadata).unwrap();
    for half in ["encoder", "decoder"] {
        let reason = &metadata["ignored"][format!("model.{half}.embed_tokens.weight")];
        assert_eq!(reason, "the same tensor as `model.shared.weight`");
    }
}

fn is_table(name: &str) -> bool {
    name.contains("shared") || name.contains("embed_tokens")
}
