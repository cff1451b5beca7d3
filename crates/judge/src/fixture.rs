//! A synthetic record whose numbers can be worked out by hand, for the tests of what reads records.

use crate::{record::*, task::Task};

const NLI: [(&str, u32); 3] = [("entailment", 0), ("neutral", 1), ("contradiction", 2)];

/// Examples in the record.
pub const EXAMPLES: usize = 600;

/// A classification run of `candle`, the unquantized `mlx` and `mlx-q8`.
///
/// The baseline is wrong on every tenth example: accuracy 0.9. `mlx` answers alike. `mlx-q8` loses
/// example 7 and gains example 50, so its drop is 0 with two flips. Times: `mlx` takes half and
/// `mlx-q8` a quarter of the baseline's, each with up to 2 % of its own jitter.
pub fn record() -> RunRecord {
    let mut reference = arm("mlx", Role::Reference, 2);
    reference.size_bytes = 440_000_000;
    let mut quantized = arm("mlx-q8", Role::Candidate, 4);
    quantized.sessions[0].execution = "quantized".to_owned();
    quantized.quantization =
        Some(Quantization { bits: 8, group_size: 64, mode: "affine".to_owned(), mixed: false });
    quantized.size_bytes = 118_000_000;
    quantized.expected_size_bytes = Some(117_500_000);
    quantized.recipe_sha256 = Some("c".repeat(64));
    quantized.outputs = outputs(|example| if example == 7 { false } else { right(example) || example == 50 });
    quantized.outputs.iter_mut().for_each(|logit| *logit += 0.125);
    quantized.outputs[0] += 0.25;
    RunRecord {
        schema_version: SCHEMA_VERSION,
        tool_version: "0.1.0".to_owned(),
        started_unix_s: 1_700_000_000,
        wall_ns: 42_000_000_000,
        seed: 20_240_229,
        model: model(),
        dataset: dataset(),
        settings: settings(),
        policy: policy(),
        gold: (0..EXAMPLES).map(gold).collect(),
        tokens: (0..EXAMPLES).map(tokens).collect(),
        arms: vec![arm("candle", Role::Baseline, 1), reference, quantized],
        warnings: vec!["made by hand; nothing was measured".to_owned()],
        interrupted: false,
    }
}

/// The record with as many examples as `examples`, each arm wrong at a tenth of them; the candidate at a tenth
/// of its own.
pub fn large(examples: usize) -> RunRecord {
    let mut record = record();
    record.dataset.rows = examples as u64;
    record.gold = (0..examples).map(gold).collect();
    record.tokens = (0..examples).map(tokens).collect();
    for (index, arm) in record.arms.iter_mut().enumerate() {
        let divisor = [1, 2, 4][index];
        let is_right = |example: usize| !(example + index / 2).is_multiple_of(10);
        arm.outputs = (0..examples).flat_map(|example| logits(example, is_right(example))).collect();
        arm.measured = vec![true; examples];
        let calls = examples.div_ceil(15) as u32;
        arm.throughput =
            (0..calls).map(|item| Call { block: item % 40, ..throughput_call(item, divisor) }).collect();
        arm.latency = (0..calls).map(|item| latency_call(item, divisor)).collect();
    }
    record
}

/// The record without its reference arm.
pub fn two_arms() -> RunRecord {
    let mut record = record();
    record.arms.remove(1);
    record
}

/// A similarity run of two arms whose scores differ by a little of their own.
pub fn similarity() -> RunRecord {
    let mut record = two_arms();
    record.dataset.task = Task::Similarity;
    record.model.labels.clear();
    record.dataset.labels = None;
    record.gold = (0..EXAMPLES).map(|example| (example % 51) as f64 / 10.0).collect();
    for (index, arm) in record.arms.iter_mut().enumerate() {
        let score = |example: usize| {
            let shared = (example % 51) as f32 / 50.0 + (example * 7 % 13) as f32 / 40.0;
            shared + index as f32 * (example * 5 % 17) as f32 / 2000.0
        };
        arm.output_width = 1;
        arm.outputs = (0..EXAMPLES).map(score).collect();
    }
    record
}

/// A run whose dataset tells two relations where the model tells three.
pub fn folded() -> RunRecord {
    let mut record = record();
    record.gold = (0..EXAMPLES).map(|example| gold(example).min(1.0)).collect();
    record.dataset.labels = Some(Labels {
        names: ["entailment", "not_entailment"].map(str::to_owned).to_vec(),
        rule: LabelRule::FoldedPredictions,
        dataset: meanings([("entailment", 0), ("not_entailment", 1)]),
        model: meanings([("entailment", 0), ("neutral", 1), ("contradiction", 1)]),
    });
    record
}

/// The same numbers as answers to a zero-shot question with three candidates.
pub fn zero_shot() -> RunRecord {
    let mut record = record();
    let names = ["World", "Sports", "Sci/Tech"];
    record.dataset.labels = Some(Labels {
        names: names.map(str::to_owned).to_vec(),
        rule: LabelRule::ZeroShot,
        dataset: meanings([("World", 0), ("Sports", 1), ("Sci/Tech", 2)]),
        model: Vec::new(),
    });
    record.dataset.task = Task::ZeroShot;
    record.dataset.zero_shot = Some(ZeroShot {
        hypothesis_template: "This example is {}.".to_owned(),
        candidate_labels: ["politics", "sports", "science"].map(str::to_owned).to_vec(),
        multi_label: false,
        entailment: "entailment".to_owned(),
        against: "contradiction".to_owned(),
    });
    record
}

fn meanings<const N: usize>(pairs: [(&str, u32); N]) -> Vec<LabelMeaning> {
    pairs.map(|(label, class)| LabelMeaning { label: label.to_owned(), class }).to_vec()
}

/// A run that had no rows: every list is empty.
pub fn empty() -> RunRecord {
    let mut record = record();
    record.dataset.rows = 0;
    record.gold.clear();
    record.tokens.clear();
    record.arms.iter_mut().for_each(clear);
    record
}

/// The record after the arm at `index` died while loading.
pub fn killed(index: usize) -> RunRecord {
    let mut record = record();
    clear(&mut record.arms[index]);
    record.arms[index].measured = vec![false; EXAMPLES];
    record.arms[index].failure = Some(Failure {
        phase: "load".to_owned(),
        message: "killed by signal 9".to_owned(),
        stderr: "out of memory\n".to_owned(),
    });
    record
}

/// Keeps the first `count` examples.
pub fn shortened(mut record: RunRecord, count: usize) -> RunRecord {
    record.dataset.rows = count as u64;
    record.dataset.truncated = 0;
    record.gold.truncate(count);
    record.tokens.truncate(count);
    for arm in &mut record.arms {
        arm.outputs.truncate(count * arm.output_width as usize);
        arm.measured.truncate(count);
    }
    record
}

fn clear(arm: &mut ArmRecord) {
    arm.latency.clear();
    arm.throughput.clear();
    arm.outputs.clear();
    arm.measured.clear();
    arm.sessions.iter_mut().for_each(|session| session.memory = Memory::default());
}

fn gold(example: usize) -> f64 {
    (example % 3) as f64
}

fn tokens(example: usize) -> u32 {
    8 + (example * 37 % 60) as u32
}

fn right(example: usize) -> bool {
    !example.is_multiple_of(10)
}

fn outputs(is_right: impl Fn(usize) -> bool) -> Vec<f32> {
    (0..EXAMPLES).flat_map(|example| logits(example, is_right(example))).collect()
}

/// Logits 2 for the answer and 0 for the others.
fn logits(example: usize, is_right: bool) -> [f32; 3] {
    let answer = (example % 3 + usize::from(!is_right)) % 3;
    [0, 1, 2].map(|class| if class == answer { 2.0 } else { 0.0 })
}

fn arm(name: &str, role: Role, divisor: u64) -> ArmRecord {
    let is_baseline = role == Role::Baseline;
    ArmRecord {
        name: name.to_owned(),
        role,
        backend: if is_baseline { "candle" } else { "mlx" }.to_owned(),
        quantization: None,
        given: None,
        weights: format!("models/{name}"),
        size_bytes: 438_000_000,
        expected_size_bytes: None,
        recipe_sha256: None,
        sessions: vec![session(is_baseline, divisor)],
        latency: (0..200).map(|item| latency_call(item, divisor)).collect(),
        throughput: (0..40).map(|item| throughput_call(item, divisor)).collect(),
        outputs: outputs(right),
        output_width: 3,
        measured: vec![true; EXAMPLES],
        failure: None,
    }
}

fn engine(is_baseline: bool) -> Engine {
    let kernel = |of: &str, by: &str| Kernel { of: of.to_owned(), by: by.to_owned() };
    let library = |name: &str, version: Option<&str>| Library {
        name: name.to_owned(),
        version: version.map(str::to_owned),
    };
    if is_baseline {
        return Engine {
            name: "candle-core".to_owned(),
            version: Some("1.2.3".to_owned()),
            kernels: vec![
                kernel("linear layers", "Accelerate"),
                kernel("attention", "gatecheck's packed kernels, NEON"),
            ],
            libraries: vec![library("Accelerate", None)],
        };
    }
    Engine {
        name: "MLX".to_owned(),
        version: Some("4.5.6".to_owned()),
        kernels: vec![kernel("matrix products of floats", "MLX, metal")],
        libraries: vec![library("mlx-rs", Some("7.8.9"))],
    }
}

fn session(is_baseline: bool, divisor: u64) -> Session {
    Session {
        started_unix_s: 1_700_000_000,
        device: if is_baseline { "cpu" } else { "metal" }.to_owned(),
        execution: "float32".to_owned(),
        engine: Some(engine(is_baseline)),
        environment: environment(),
        memory: Memory {
            before_load: 20_000_000,
            after_load: 500_000_000 / divisor,
            samples: vec![510_000_000 / divisor, 530_000_000 / divisor],
            peak: 600_000_000 / divisor,
            backend_peak: (!is_baseline).then_some(550_000_000 / divisor),
        },
    }
}

/// Call `k` of 200 takes 10 ms plus `k` tenths of a millisecond, before division.
fn latency_call(item: u32, divisor: u64) -> Call {
    let ns = (10_000_000 + u64::from(item * 73 % 200) * 100_000) / divisor;
    Call { block: item / 10, item, examples: 1, tokens: tokens(item as usize), ns, session: 0 }
}

/// Batch `k` of 40 has fifteen examples; two batches make a block.
fn throughput_call(item: u32, divisor: u64) -> Call {
    let first = item as usize * 15;
    let tokens = (first..first + 15).map(tokens).sum();
    let jitter = u64::from(item) * 7 * divisor % 11;
    let ns = u64::from(tokens) * 1_000_000 / divisor;
    Call { block: item / 2, item, examples: 15, tokens, ns: ns + ns * jitter / 500, session: 0 }
}

fn model() -> ModelFacts {
    ModelFacts {
        name: "synthetic-nli".to_owned(),
        source: "models/synthetic-nli".to_owned(),
        revision: None,
        architecture: "bert".to_owned(),
        sha256: "a".repeat(64),
        parameters: 109_484_547,
        labels: ["entailment", "neutral", "contradiction"].map(str::to_owned).to_vec(),
    }
}

fn dataset() -> DatasetFacts {
    let real_tokens = (0..EXAMPLES).map(|example| u64::from(tokens(example))).sum();
    DatasetFacts {
        name: "synthetic".to_owned(),
        split: "validation".to_owned(),
        source: "datasets/synthetic".to_owned(),
        revision: None,
        sha256: "b".repeat(64),
        task: Task::Classification,
        metrics: Vec::new(),
        labels: Some(Labels {
            names: model().labels,
            rule: LabelRule::ByName,
            dataset: meanings(NLI),
            model: meanings(NLI),
        }),
        zero_shot: None,
        token_types: Some(TokenTypes {
            fed: true,
            rule: "tokenizer class `BertTokenizer`".to_owned(),
            unlike: Vec::new(),
        }),
        rows: EXAMPLES as u64,
        dropped_without_label: 0,
        truncated: 6,
        max_length: 64,
        real_tokens,
        padded_tokens: real_tokens * 5 / 4,
    }
}

fn settings() -> RunSettings {
    RunSettings {
        batch_size: 15,
        threads: 4,
        padding_rule: "to the longest row of the batch".to_owned(),
        confidence: 0.95,
        resamples: 2_000,
    }
}

fn policy() -> Policy {
    Policy {
        max_accuracy_drop: 0.015,
        min_speedup: 1.2,
        speed_on: SpeedOn::Accelerator,
        size_tolerance: 0.1,
        target_size_mb: None,
        max_truncated_share: 0.05,
        strict: false,
    }
}

fn environment() -> Environment {
    Environment {
        os: "macOS 15.5".to_owned(),
        arch: "aarch64".to_owned(),
        cpu: "none".to_owned(),
        cores: 8,
        memory_bytes: 16_000_000_000,
        virtualised: Some(false),
        libraries: Vec::new(),
        load_before: Some(0.5),
        load_after: Some(1.25),
        power: Some("mains".to_owned()),
    }
}
