//! A folder of a test's own, the program in it, and what the program said.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::tiny_model::{TinyModel, WORDS};

/// Class names of the tiny classifier.
const CLASSES: [&str; 3] = ["entailment", "neutral", "contradiction"];

/// A temporary folder in which the program runs.
pub(crate) struct Place {
    folder: TempDir,
    /// Where the lock of measuring lies: tests wait for no other process than their own.
    cache: TempDir,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Place {
    /// An empty folder.
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), cache: tempfile::tempdir().unwrap() }
    }

    /// With the tiny classifier in `model` and 600 rows in `rows.jsonl`.
    pub(crate) fn with_model() -> Self {
        let place = Self::new();
        TinyModel::classifier().save(&place.path("model"));
        place.write("rows.jsonl", &rows(WORDS));
        place
    }

    /// The same, and scripts for arms in `mock.json`.
    pub(crate) fn scripted(arms: &Value) -> Self {
        let place = Self::with_model();
        place.write("mock.json", &arms.to_string());
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The cache of the program.
    pub(crate) fn cache(&self) -> &Path {
        self.cache.path()
    }

    pub(crate) fn write(&self, name: &str, content: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// The journal in `out` so far; empty if there is none.
    pub(crate) fn journal(&self) -> String {
        std::fs::read_to_string(self.path("out/journal.jsonl")).unwrap_or_default()
    }

    pub(crate) fn json(&self, name: &str) -> Value {
        serde_json::from_str(&self.read(name)).unwrap()
    }

    /// Names of the files in a folder, sorted.
    pub(crate) fn files(&self, folder: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.path(folder)).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// The program with its arguments, words set apart by spaces. It finds no Hub and no cache.
    pub(crate) fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gatecheck"));
        command.args(arguments.split_whitespace()).current_dir(self.folder.path());
        for (name, _) in
            std::env::vars().filter(|(name, _)| name.starts_with("HF_") || name.starts_with("HUGGING"))
        {
            command.env_remove(name);
        }
        command.env("HF_HOME", self.path("hf")).env("HF_HUB_OFFLINE", "1");
        command.env("GATECHECK_CACHE", self.cache.path()).env("MLX_TEMP_DIR", self.path("mlx"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs the program to its end.
    pub(crate) fn gatecheck(&self, arguments: &str) -> Output {
        Output::of(self.command(arguments).spawn().unwrap())
    }

    /// Measures the 600 rows with the scripted arms into `out`.
    pub(crate) fn measure(&self, more: &str) -> Output {
        self.gatecheck(&format!("{MEASURE} {more}"))
    }

    /// Runs a command that must be refused as wrong, with exactly these words.
    #[track_caller]
    pub(crate) fn refuses(&self, arguments: &str, words: &str) {
        let Output { code, stdout, stderr } = self.gatecheck(arguments);
        assert_eq!((code, stdout.as_str(), stderr.trim_end()), (2, "", words));
    }

    /// Runs a command that is not wrong and cannot be carried out, which must end with exactly these words.
    #[track_caller]
    pub(crate) fn fails(&self, arguments: &str, words: &str) {
        let Output { code, stdout, stderr } = self.gatecheck(arguments);
        assert_eq!((code, stdout.as_str(), stderr.trim_end()), (3, "", words));
    }

    /// The report in `out`, which must keep to its schema whatever happened.
    #[track_caller]
    pub(crate) fn report(&self) -> Value {
        let report = self.json("out/report.json");
        let schema = serde_json::from_str(include_str!("../../reports/schema.json")).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        let errors: Vec<_> = validator.iter_errors(&report).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?}");
        report
    }

    /// The record in `out` with its columns, or what there is of one in a journal.
    pub(crate) fn record(&self) -> Value {
        let opened = gatecheck::app::record::open(&self.path("out")).unwrap();
        serde_json::to_value(opened.record).unwrap()
    }

    /// Processes that run in this folder, by their id. A zombie is none.
    pub(crate) fn processes(&self) -> Vec<u32> {
        use sysinfo::{ProcessRefreshKind, ProcessesToUpdate, System, UpdateKind};
        let mut system = System::new();
        let kind = ProcessRefreshKind::nothing().with_cwd(UpdateKind::Always).without_tasks();
        system.refresh_processes_specifics(ProcessesToUpdate::All, true, kind);
        let folder = self.folder.path().canonicalize().unwrap();
        let here = system.processes().values().filter(|process| process.cwd() == Some(&folder));
        here.map(|process| process.pid().as_u32()).collect()
    }

    /// Waits until no process runs here any more.
    #[track_caller]
    pub(crate) fn is_left_alone(&self) {
        wait_for(|| self.processes().is_empty());
    }
}

/// The command line of [`Place::measure`].
pub(crate) const MEASURE: &str =
    "run --model model --dataset rows.jsonl --mock mock.json --batch-size 30 --latency-queries 20 --out out";

impl Output {
    /// Waits for a started program.
    pub(crate) fn of(child: Child) -> Self {
        let output = child.wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        // A program that a signal ended has no code.
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// Exit code, standard output and standard error in one text, without what differs between machines.
    pub(crate) fn snapshot(&self) -> String {
        let Self { code, stdout, stderr } = self;
        format!("exit code {code}\n--- stdout\n{}--- stderr\n{}", redacted(stdout), redacted(stderr))
    }
}

/// The entry of a metric in a list of a report; `null` if there is none.
pub(crate) fn by_id<'a>(list: &'a Value, id: &str) -> &'a Value {
    list.as_array().unwrap().iter().find(|entry| entry["id"] == id).unwrap_or(&Value::Null)
}

/// The entry of a metric of an arm.
pub(crate) fn metric<'a>(report: &'a Value, arm: usize, id: &str) -> &'a Value {
    by_id(&report["arms"][arm]["metrics"], id)
}

/// How many classes of an arm have a recall.
pub(crate) fn recalls(report: &Value, arm: usize) -> usize {
    report["arms"][arm]["metrics"].as_array().unwrap().iter().filter(|entry| entry["id"] == "recall").count()
}

/// The one list of what is left out of snapshots.
fn redacted(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.starts_with("warning: the machine was busy"));
    let line = |line: &str| {
        let cells: Vec<&str> = line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect();
        match cells.as_slice() {
            [label, cells @ ..] if label.starts_with("memory ") => {
                format!("{label}{}\n", "  [MB]".repeat(cells.len()))
            }
            _ => format!("{}\n", cells.join("  ")),
        }
    };
    lines.map(line).collect()
}

/// Rows whose scripted class is the gold class, but for every tenth. Row `i` is the word `wi`, whose
/// scripted class is `i` modulo 3.
pub(crate) fn rows(count: usize) -> String {
    let row = |index: usize| {
        let class = (index + usize::from(index.is_multiple_of(10))) % 3;
        format!("{}\n", json!({ "text": format!("w{index}"), "label": CLASSES[class] }))
    };
    (0..count).map(row).collect()
}

/// Waits until something is so, at most ten seconds.
#[track_caller]
pub(crate) fn wait_for(is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(10), "waited in vain");
        std::thread::sleep(Duration::from_millis(20));
    }
}
