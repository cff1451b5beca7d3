//! `run` on models and datasets of the Hub, which is played by a small server on the loopback address.

use std::{collections::BTreeMap, fs::File, ops::Deref, process::Command};

use crate::{
    harness::{Output, Place},
    tiny_model::TinyModel,
};
use gatecheck_loopback::{Answer, LoopbackHub, Options, SHA};
use polars::prelude::{NamedFrom, ParquetWriter, Series, df};
use serde_json::json;

/// The tiny model's own card.
const CARD: &str =
    "---\nlicense: other\nlicense_name: tiny\nlicense_link: LICENSE\nlanguage:\n- en\n- no\n---\n# tiny\n";
const TOKEN: &str = "hf_verySecretToken";
const RUN: &str =
    "run --model org/tiny --dataset pairs --config own.yaml --mock mock.json --latency-queries 20 --out out";

/// The server, and commands that ask it.
pub(crate) struct FakeHub(LoopbackHub);

impl Deref for FakeHub {
    type Target = LoopbackHub;

    fn deref(&self) -> &LoopbackHub {
        &self.0
    }
}

impl FakeHub {
    /// Takes 100 ms for 400 kB, so that there are moments within a download.
    pub(crate) fn new(repos: &[(&str, Answer)]) -> Self {
        Self(LoopbackHub::with(repos, Options { pace: Some(4000), ..Options::default() }))
    }

    /// A command that asks this Hub.
    pub(crate) fn ask(&self, place: &Place, arguments: &str) -> Command {
        let mut command = place.command(arguments);
        command.env("HF_ENDPOINT", &self.endpoint).env("HF_TOKEN", TOKEN).env_remove("HF_HUB_OFFLINE");
        command
    }
}

/// The files of a folder, as a repository has them.
pub(crate) fn files_of(place: &Place, folder: &str) -> BTreeMap<String, Vec<u8>> {
    let read = |name: String| (name.clone(), std::fs::read(place.path(&format!("{folder}/{name}"))).unwrap());
    place.files(folder).into_iter().map(read).collect()
}

/// The tiny model as `org/tiny` and 300 pairs as `org/pairs`, and a place that knows the latter.
pub(crate) fn hub() -> (Place, FakeHub) {
    let place = Place::new();
    TinyModel::classifier().save(&place.path("made"));
    let mut tiny = files_of(&place, "made");
    tiny.insert("README.md".to_owned(), CARD.as_bytes().to_vec());
    tiny.insert("pytorch_model.bin".to_owned(), b"a pickle".to_vec());
    let pickled = gatecheck_loopback::files(&[
        ("config.json", "{\"model_type\": \"bert\"}"),
        ("pytorch_model.bin", "a pickle"),
    ]);
    write_pairs(&place);
    let parquet = std::fs::read(place.path("pairs.parquet")).unwrap();
    let pairs = BTreeMap::from([("default/validation/0000.parquet".to_owned(), parquet)]);
    let entry = json!({
        "provider": "huggingface", "name": "org/pairs", "splits": { "validation": "validation" },
        "label_names": ["entailment", "neutral", "contradiction"],
    });
    place.write("own.yaml", &json!({ "datasets": { "pairs": entry } }).to_string());
    place.write("mock.json", &json!({ "candle": {}, "mlx-q8": {} }).to_string());
    let hub = FakeHub::new(&[
        ("models/org/tiny@main", Answer::Files(tiny)),
        ("models/org/pickled@main", pickled),
        ("models/org/gated@main", Answer::Status(403)),
        ("datasets/org/pairs@refs/convert/parquet", Answer::Files(pairs)),
    ]);
    (place, hub)
}

/// `[CLS] wI [SEP] wI [SEP]`, labelled by number, every fifth without a label.
fn write_pairs(place: &Place) {
    let texts: Vec<String> = (0..300).map(|row| format!("w{row}")).collect();
    let labels: Vec<i64> = (0..300).map(|row| if row % 5 == 0 { -1 } else { row % 3 }).collect();
    let columns =
        df!("premise" => &texts, "hypothesis" => &texts, "label" => Series::new("label".into(), &labels));
    ParquetWriter::new(File::create(place.path("pairs.parquet")).unwrap())
        .finish(&mut columns.unwrap())
        .unwrap();
}

/// Runs a command; its token must be nowhere in what it says.
#[track_caller]
pub(crate) fn told(mut command: Command) -> Output {
    let output = Output::of(command.spawn().unwrap());
    assert!(!output.stdout.contains(TOKEN) && !output.stderr.contains(TOKEN));
    output
}

#[test]
fn model_and_dataset_come_from_the_hub_once() {
    let (place, hub) = hub();
    let output = told(hub.ask(&place, RUN));
    assert!(matches!(output.code, 1 | 4), "{}", output.stderr);
    let report = place.report();
    assert_eq!([&report["model"]["source"], &report["model"]["revision"]], ["org/tiny", SHA]);
    assert_eq!([&report["dataset"]["source"], &report["dataset"]["revision"]], ["org/pairs", SHA]);
    assert_eq!([&report["dataset"]["rows"], &report["dataset"]["dropped_without_label"]], [240, 60]);
    assert!(!place.read("out/record.json").contains(TOKEN));
    let requests = hub.requests.lock().unwrap().clone();
    let all = |ask: &gatecheck_loopback::Ask| {
        ask.headers["authorization"].ends_with(TOKEN) && !ask.path.contains("pytorch_model")
    };
    assert!(requests.iter().all(all));

    // Without the Hub the cache is enough, and gives the same.
    drop(hub);
    std::fs::remove_dir_all(place.path("out")).unwrap();
    assert_eq!(place.gatecheck(RUN).code, output.code);
    assert_eq!(
        [&place.report()["dataset"]["sha256"], &place.report()["model"]],
        [&report["dataset"]["sha256"], &report["model"]]
    );
}

/// A configured model for zero-shot classification, whose candidates are the labels of a file.
fn zero_shot(place: &Place) {
    let model = json!({
        "name": "tiny", "hf_name": "org/tiny", "task": "zero-shot-classification", "quantization": { "bits": 8 },
    });
    place.write("models.yaml", &json!({ "models": [model] }).to_string());
    let topics = json!({ "provider": "local", "name": "topics.csv", "label_names": ["w8", "w9"] });
    place.write("topics.yaml", &json!({ "datasets": { "topics": topics } }).to_string());
    place.write("topics.csv", "text,label\nw1,w8\nw2,w9\n");
}

#[test]
fn a_model_for_zero_shot_classification_takes_labels_for_candidates() {
    let (place, hub) = hub();
    zero_shot(&place);
    let run = "run --model tiny --config models.yaml topics.yaml own.yaml --mock mock.json --latency-queries 3 --out out";
    let output = told(hub.ask(&place, &format!("{run} --dataset topics")));
    assert_eq!(output.code, 4, "{}", output.stderr);
    assert_eq!(place.report()["dataset"]["zero_shot"]["candidate_labels"], json!(["w8", "w9"]));
    // Labels that it has classes for are asked as ever.
    told(hub.ask(&place, &format!("{run} --dataset pairs")));
    assert_eq!(place.report()["dataset"]["zero_shot"], json!(null));
    assert_eq!(place.report()["dataset"]["labels"]["rule"], "by-name");
}

#[test]
fn a_configured_model_may_overrule_its_tokenizer() {
    let (place, hub) = hub();
    let model = json!({ "name": "tiny", "hf_name": "org/tiny", "token_types": false });
    place.write("models.yaml", &json!({ "models": [model] }).to_string());
    let run = "run --model tiny --config models.yaml own.yaml --mock mock.json --latency-queries 3 --out out --dataset";
    let output = told(hub.ask(&place, &format!("{run} pairs")));
    let rule = "`token_types` of the configuration";
    let expected = json!({ "fed": false, "rule": rule, "unlike": ["transformers 5", "transformers 4"] });
    assert_eq!(place.report()["dataset"]["token_types"], expected);
    let note =
        format!("note: no token types are fed ({rule}); transformers 5 and transformers 4 would feed them\n");
    assert!(output.stdout.contains(&note), "{}", output.stdout);
}

#[test]
fn listings_know_the_cache_and_the_artefacts() {
    let (place, hub) = hub();
    zero_shot(&place);
    let listed = |what: &str| -> serde_json::Value {
        let output = place.gatecheck(&format!("{what} --json --config models.yaml own.yaml"));
        let json: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
        let lines = json[what].as_array().unwrap();
        lines.iter().find(|line| ["tiny", "pairs"].contains(&line["name"].as_str().unwrap())).unwrap().clone()
    };
    assert_eq!([&listed("models")["cached"], &listed("models")["architecture"]], [&json!(null); 2]);
    assert_eq!(listed("datasets")["cached"], json!([]));
    let run =
        "run --model tiny --config models.yaml own.yaml --dataset pairs --mock mock.json --latency-queries 3";
    told(hub.ask(&place, run));
    drop(hub);
    let model = listed("models");
    assert_eq!([&model["architecture"], &model["cached"]["name"]], ["bert", SHA]);
    assert!((0.35..0.4).contains(&model["cached"]["size_mb"].as_f64().unwrap()), "{model}");
    assert_eq!(model["converted"][0]["name"], "q8");
    assert!((0.1..0.15).contains(&model["converted"][0]["size_mb"].as_f64().unwrap()), "{model}");
    assert_eq!(listed("datasets")["cached"][0]["name"], "validation");
    let table = place.gatecheck("models --config models.yaml").stdout;
    let line = table.lines().last().unwrap();
    assert!(line.starts_with("tiny ") && line.contains(" bert ") && line.contains(" q8 0.1 MB "), "{line}");
}

#[test]
fn what_the_cache_lacks_is_told_offline() {
    let (place, _hub) = hub();
    let output = place.gatecheck(RUN);
    assert_eq!((output.code, output.stdout.as_str()), (2, ""));
    assert!(
        output.stderr.contains("error: model `org/tiny` is not complete in the cache"),
        "{}",
        output.stderr
    );
    assert!(output.stderr.contains("unset `HF_HUB_OFFLINE` once to download it"), "{}", output.stderr);
}

/// The error of asking for another model, and its exit code.
fn refusal(model: &str) -> (i32, String) {
    let (place, hub) = hub();
    let output = told(hub.ask(&place, &RUN.replace("org/tiny", model)));
    assert_eq!(output.stdout, "", "{}", output.stderr);
    (output.code, output.stderr.replace(&hub.endpoint, "[hub]"))
}

#[test]
fn a_model_that_the_hub_does_not_know() {
    assert_eq!(
        refusal("org/tyni"),
        (2, "error: model `org/tyni` was not found on [hub]\n\nhint: there is no folder `org/tyni`; if a Hub id is \
             meant, check the spelling, on the Hub's own page\n".to_owned())
    );
}

#[test]
fn a_gated_model() {
    assert_eq!(
        refusal("org/gated"),
        (2, "error: [hub] refused access to model `org/gated` (status 403)\n\nhint: there is no folder `org/gated`; \
             if a Hub id is meant, check the spelling; accept its terms on its page with the account of the token in \
             use\n".to_owned())
    );
}

#[test]
fn a_model_with_pickles_only() {
    let words = "error: model `org/pickled` has its weights only as `pytorch_model.bin`, which are never opened: such \
                 files can run code\n";
    let (code, error) = refusal("org/pickled");
    assert_eq!((code, error.starts_with(words)), (3, true), "{error}");
}

#[test]
fn a_split_that_is_not_there() {
    let (place, hub) = hub();
    let output = told(hub.ask(&place, &format!("{RUN} --split validaton")));
    assert_eq!(output.code, 2);
    assert_eq!(
        output.stderr,
        "error: dataset `org/pairs` has no split `validaton`; its splits are `validation`\n\nhint: did you mean \
         `validation`?\n"
    );
}

#[test]
fn a_hub_that_is_not_there() {
    let (place, hub) = hub();
    let mut command = hub.ask(&place, RUN);
    drop(hub);
    command.env("HF_ENDPOINT", "http://127.0.0.1:9");
    let output = told(command);
    assert_eq!(output.code, 3);
    assert!(
        output
            .stderr
            .starts_with("error: failed to fetch model `org/tiny` from http://127.0.0.1:9\n  caused by: ")
    );
}

#[test]
#[cfg(unix)]
#[expect(unsafe_code, reason = "sets how the child begins; `signal` may be called between fork and exec")]
fn ctrl_c_ends_a_download() {
    let place = Place::new();
    // It takes connections and never answers.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut command = place.command("run --model org/tiny --dataset mnli");
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    command.env("HF_ENDPOINT", endpoint).env_remove("HF_HUB_OFFLINE");
    // Shells start background jobs with the signal ignored, and a test run may be one.
    let heed = || match unsafe { libc::signal(libc::SIGINT, libc::SIG_DFL) } {
        libc::SIG_ERR => Err(std::io::Error::last_os_error()),
        _ => Ok(()),
    };
    let child = unsafe { std::os::unix::process::CommandExt::pre_exec(&mut command, heed) }.spawn().unwrap();
    let (_connection, _) = listener.accept().unwrap();
    crate::failures::signal("INT", child.id());
    assert_eq!(Output::of(child).code, -1);
    place.is_left_alone();
}
