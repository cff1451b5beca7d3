//! Writes a seed corpus for every fuzz target into `fuzz/corpus/`, from the fixtures of the tests and from what the
//! program itself writes. Built like the program, not like the targets: what they are compiled with does not link here.

use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
};

use gatecheck_backend::{
    Phase,
    worker::{
        protocol::{MAGIC, PROTOCOL, Request, Response},
        wire::{send_request, send_response},
    },
};
use gatecheck_judge::{
    journal::{self, Block, Event, Header, Journal},
    record::{self, Call, Session},
};
use gatecheck_model::batch::{Batch, Encoded};

type Outcome = Result<(), Box<dyn Error>>;

fn main() -> Outcome {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let fuzz = root.join("fuzz");
    let put = |target: &str, name: &str, bytes: &[u8]| -> Outcome {
        let folder = fuzz.join("corpus").join(target);
        fs::create_dir_all(&folder)?;
        Ok(fs::write(folder.join(format!("seed-{name}")), bytes)?)
    };
    for (target, file) in [
        ("config", "config.json"),
        ("safetensors", "model.safetensors"),
        ("tokenizer", "tokenizer.json"),
        ("modules", "modules.json"),
    ] {
        for tree in ["tests/text", "tests/golden"] {
            for path in files(&root.join(tree), file)? {
                let name = path.strip_prefix(root)?.display().to_string().replace('/', "-");
                put(target, &name, &fs::read(&path)?)?;
            }
        }
    }
    put(
        "index",
        "one",
        br#"{"metadata": {"total_size": 4}, "weight_map": {"a.weight": "model-1.safetensors"}}"#,
    )?;
    put("npz", "small", SMALL_NPZ)?;
    put("vocabulary", "bert", b"[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n##text\nand\n,\n")?;
    let rows = fs::read_to_string(root.join("datasets/demo-nli/validation.jsonl"))?;
    let rows: String = rows.split_inclusive('\n').take(8).collect();
    put("jsonl", "demo", rows.as_bytes())?;
    put(
        "jsonl",
        "odd",
        b"{\"text\": \"a\", \"label\": 1.0}\n{\"text\": \"b\", \"label\": null, \"x\": [[{}]]}\n",
    )?;
    put("csv", "pair", b"premise,hypothesis,label\n\"a, b\",c,1\n\"d \"\"e\"\"\",f,-1\n")?;
    put("parquet", "rows", &fs::read(fuzz.join("rows.parquet"))?)?;
    for name in ["models.yaml", "datasets.yaml"] {
        put("yaml", name, &fs::read(root.join("config").join(name))?)?;
    }
    put("frames", "requests", &requests()?)?;
    put("frames", "hello", &hello()?)?;
    put("hub", "model", &hub())?;
    let sample = root.join("reports/sample");
    let (scalars, columns) =
        (fs::read(sample.join(record::RECORD))?, fs::read(sample.join("record.safetensors"))?);
    // Padded, so that the cut falls between the two.
    let mut whole = scalars;
    let cut = whole.len() * 256 / (whole.len() + columns.len()) + 1;
    while (whole.len() + columns.len()) * cut / 256 > whole.len() {
        whole.push(b' ');
    }
    put("record", "sample", &[&[cut as u8], whole.as_slice(), &columns].concat())?;
    put("journal", "sample", &journal_of(&sample)?)
}

/// What `numpy.savez_compressed` makes of one vector and one matrix.
const SMALL_NPZ: &[u8] = include_bytes!("../fuzz/small.npz");

/// Files of this name below a folder.
fn files(folder: &Path, name: &str) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path, name)?);
        } else if path.file_name().is_some_and(|own| own == name) {
            found.push(path);
        }
    }
    Ok(found)
}

fn requests() -> Result<Vec<u8>, Box<dyn Error>> {
    let row = Encoded { ids: vec![1, 2, 3], type_ids: vec![0, 0, 1], truncated: false };
    let mut bytes = Vec::new();
    for request in
        [Request::Phase(Phase::Latency), Request::Encode { batch: Batch::new(&[row]) }, Request::Memory]
    {
        send_request(&mut bytes, &request)?;
    }
    Ok(bytes)
}

fn hello() -> Result<Vec<u8>, Box<dyn Error>> {
    let mut bytes = Vec::new();
    let hello = Response::Hello { magic: MAGIC.to_owned(), protocol: PROTOCOL, version: "1".to_owned() };
    send_response(&mut bytes, &hello)?;
    Ok(bytes)
}

/// A Hub's answers for a model of two small files, with two zeros between them (`fuzz/src/hub.rs`).
fn hub() -> Vec<u8> {
    let commit = "0123456789abcdef0123456789abcdef01234567";
    let answer = |headers: &str, length: usize, body: &str| {
        format!("HTTP/1.1 200 OK\r\nConnection: close\r\n{headers}Content-Length: {length}\r\n\r\n{body}")
            .into_bytes()
    };
    let list = format!(
        r#"{{"sha": "{commit}", "siblings": [{{"rfilename": "config.json"}}, {{"rfilename": "model.safetensors"}}]}}"#
    );
    let mut answers = vec![answer("", list.len(), &list)];
    // What git and SHA-256 make of these two bodies.
    for (etag, body) in [
        ("9e26dfeeb6e641a33dae4961196235bdb965b21b", "{}"),
        ("44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a", "{}"),
    ] {
        let headers = format!("X-Repo-Commit: {commit}\r\nETag: \"{etag}\"\r\n");
        answers.extend([answer(&headers, body.len(), ""), answer("", body.len(), body)]);
    }
    answers.join(&b"\0\0"[..])
}

/// A journal as a run writes it: two arms, a block each, the end.
fn journal_of(sample: &Path) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut record = record::read(sample)?;
    for arm in &mut record.arms {
        (arm.latency, arm.throughput, arm.sessions) = Default::default();
        (arm.outputs, arm.measured) = Default::default();
    }
    let header = Header { schema_version: journal::SCHEMA_VERSION, record, run: serde_json::Value::Null };
    let folder = tempfile::tempdir()?;
    let mut journal = Journal::begin(folder.path(), header)?;
    journal.write(Event::Phase("latency".to_owned()))?;
    for arm in 0..2 {
        journal.write(Event::Session { arm, session: Session::default() })?;
        let mut block = Block::new(arm, journal::Phase::Latency, 0, 0);
        block.push(&Call { block: 0, item: 1, examples: 1, tokens: 9, ns: 1000, session: 0 });
        journal.write(Event::Block(block))?;
    }
    journal.write(Event::Finished { load_after: None })?;
    Ok(fs::read(folder.path().join(journal::JOURNAL))?)
}
