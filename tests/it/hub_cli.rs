//! `run` on models and datasets of the Hub, which is played by a small server on the loopback address.

use std::{
    collections::BTreeMap,
    fs::File,
    io::Read,
    process::Command,
    sync::{Arc, Mutex},
    time::Duration,
};

use polars::prelude::{NamedFrom, ParquetWriter, Series, df};
use serde_json::json;
use tiny_http::{Header, Request, Response, Server, StatusCode};

use crate::{
    harness::{Output, Place},
    tiny_model::TinyModel,
};

const SHA: &str = "0123456789abcdef0123456789abcdef01234567";
const TOKEN: &str = "hf_verySecretToken";
const RUN: &str =
    "run --model org/tiny --dataset pairs --config own.yaml --mock mock.json --latency-queries 20 --out out";

/// Files by their path on the Hub, such as `org/tiny/config.json`.
type Files = BTreeMap<String, Vec<u8>>;

/// The server, its address, and the methods, paths and tokens it was asked with.
pub(crate) struct FakeHub {
    server: Arc<Server>,
    endpoint: String,
    pub(crate) requests: Arc<Mutex<Vec<(String, String)>>>,
}

impl Drop for FakeHub {
    fn drop(&mut self) {
        self.server.unblock();
    }
}

impl FakeHub {
    fn new(files: Files) -> Self {
        let server = Arc::new(Server::http("127.0.0.1:0").unwrap());
        let endpoint = format!("http://{}", server.server_addr());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (own, seen, files) = (server.clone(), requests.clone(), Arc::new(files));
        std::thread::spawn(move || {
            for request in own.incoming_requests() {
                let token = header(&request, "Authorization");
                seen.lock().unwrap().push((format!("{} {}", request.method(), request.url()), token));
                let files = files.clone();
                std::thread::spawn(move || answer(request, &files));
            }
        });
        Self { server, endpoint, requests }
    }

    /// A command that asks this Hub.
    pub(crate) fn ask(&self, place: &Place, arguments: &str) -> Command {
        let mut command = place.command(arguments);
        command.env("HF_ENDPOINT", &self.endpoint).env("HF_TOKEN", TOKEN).env_remove("HF_HUB_OFFLINE");
        command
    }
}

fn header(request: &Request, name: &'static str) -> String {
    let found = request.headers().iter().find(|header| header.field.equiv(name));
    found.map(|header| header.value.as_str().to_owned()).unwrap_or_default()
}

/// `/api/models/ID/revision/REVISION`, or `/[datasets/]ID/resolve/SHA/FILE`.
fn answer(request: Request, files: &Files) {
    let url = request.url().replace("%2F", "/");
    let status = |request: Request, status: u16| {
        let _ = request.respond(Response::from_string("").with_status_code(status));
    };
    if url.contains("/gated") {
        return status(request, 403);
    }
    if let Some(rest) = url.strip_prefix("/api/") {
        let id = rest.split_once("/revision/").unwrap().0;
        let prefix = format!("{}/", id.strip_prefix("models/").unwrap_or(id));
        let names = files.keys().filter_map(|path| path.strip_prefix(&prefix));
        let siblings: Vec<_> = names.map(|name| json!({ "rfilename": name })).collect();
        if siblings.is_empty() {
            return status(request, 404);
        }
        let info = json!({ "sha": SHA, "siblings": siblings });
        return request.respond(Response::from_string(info.to_string())).unwrap();
    }
    match files.get(&url[1..].replace(&format!("resolve/{SHA}/"), "")) {
        Some(content) => send(request, content),
        None => status(request, 404),
    }
}

/// A body that takes its time, 100 ms for 400 kB, so that there are moments within it.
struct Slow<'a>(&'a [u8]);

impl Read for Slow<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        std::thread::sleep(Duration::from_millis(1));
        let count = buffer.len().min(4000);
        self.0.read(&mut buffer[..count])
    }
}

/// Sends the file, from the byte asked for on.
fn send(request: Request, content: &[u8]) {
    let range = header(&request, "Range");
    let start = range.strip_prefix("bytes=").and_then(|range| range.trim_end_matches('-').parse().ok());
    let (start, total) = (start.unwrap_or(0), content.len());
    let header = |name: &str, value: &str| Header::from_bytes(name, value).unwrap();
    let status = StatusCode(if range.is_empty() { 200 } else { 206 });
    let response = Response::new(status, Vec::new(), Slow(&content[start..]), Some(total - start), None)
        // Even where only headers are asked for, the length is told.
        .with_chunked_threshold(usize::MAX)
        .with_header(header("ETag", &format!("\"{}\"", gatecheck_base::fs::sha256(content))))
        .with_header(header("X-Repo-Commit", SHA))
        .with_header(header("Content-Range", &format!("bytes {start}-{}/{total}", total.max(1) - 1)));
    let _ = request.respond(response);
}

/// The tiny model as `org/tiny` and 300 pairs as `org/pairs`, and a place that knows the latter.
pub(crate) fn hub() -> (Place, FakeHub) {
    let place = Place::new();
    TinyModel::classifier().save(&place.path("made"));
    let mut files = Files::new();
    for name in place.files("made") {
        files.insert(format!("org/tiny/{name}"), std::fs::read(place.path(&format!("made/{name}"))).unwrap());
    }
    files.insert("org/tiny/pytorch_model.bin".to_owned(), b"a pickle".to_vec());
    files.insert("org/pickled/config.json".to_owned(), b"{\"model_type\": \"bert\"}".to_vec());
    files.insert("org/pickled/pytorch_model.bin".to_owned(), b"a pickle".to_vec());
    write_pairs(&place);
    let parquet = std::fs::read(place.path("pairs.parquet")).unwrap();
    files.insert("datasets/org/pairs/default/validation/0000.parquet".to_owned(), parquet);
    let entry = json!({
        "provider": "huggingface", "name": "org/pairs", "splits": { "validation": "validation" },
        "label_names": ["entailment", "neutral", "contradiction"],
    });
    place.write("own.yaml", &json!({ "datasets": { "pairs": entry } }).to_string());
    place.write("mock.json", &json!({ "candle": {}, "mlx-q8": {} }).to_string());
    (place, FakeHub::new(files))
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
    assert!(requests.iter().all(|(url, token)| token.ends_with(TOKEN) && !url.contains("pytorch_model")));

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
