//! Modules import only what stands below them, and each third-party crate has one home.
//!
//! The test reads `src/` as text. A macro that builds a path escapes it; so does a chain of `super`
//! that climbs to the crate root, which is why those are refused. Code under `#[cfg(test)]` may look
//! anywhere.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// Each module and the modules it may name, from the bottom up. Another edge is a design decision.
/// `cli` stands above all of them; `lib.rs` and `main.rs` only list modules.
const ALLOWED: &[(&str, &[&str])] = &[
    ("stats", &[]),
    ("fs", &[]),
    ("text", &[]),
    ("quant", &[]),
    ("measure", &[]),
    ("event", &[]),
    ("model", &["fs", "quant", "text"]),
    ("metrics", &["stats"]),
    ("dataset", &["fs", "text"]),
    ("hub", &["fs", "text"]),
    ("convert", &["fs", "model", "quant", "text"]),
    ("backend", &["fs", "model", "text"]),
    ("worker", &["backend", "measure", "model"]),
    ("record", &[]),
    ("fixture", &["record"]),
    ("cell", &["model", "record", "worker"]),
    ("analysis", &["fs", "measure", "metrics", "record", "stats", "text"]),
    ("history", &["analysis", "fs", "record", "stats", "text"]),
    ("gate", &["analysis", "record", "stats", "text"]),
    ("config", &["dataset", "fs", "gate", "model", "record", "text"]),
    ("report", &["analysis", "fs", "gate", "record", "stats", "text"]),
    ("runner", &["backend", "cell", "event", "fs", "measure", "model", "record", "stats", "text", "worker"]),
    (
        "plan",
        &[
            "backend", "cell", "config", "convert", "dataset", "fs", "hub", "model", "record", "runner",
            "text", "worker",
        ],
    ),
    ("doctor", &["backend", "config", "fs", "hub", "measure", "text", "worker"]),
];

/// Each crate and the only places below `src/` that may name it.
const HOMES: &[(&str, &[&str])] = &[
    ("anyhow", &["cli"]),
    ("clap", &["cli"]),
    ("ctrlc", &["cli"]),
    ("indicatif", &["cli"]),
    ("glob", &["config", "dataset"]),
    ("serde_saphyr", &["config"]),
    ("hf_hub", &["hub"]),
    ("polars", &["dataset"]),
    // `backend/mod.rs` wraps the errors of candle.
    ("candle_core", &["backend/candle", "backend/mod.rs"]),
    ("candle_nn", &["backend/candle"]),
    ("mlx_rs", &["backend/mlx"]),
    ("safetensors", &["backend/mlx", "convert", "model"]),
    ("memmap2", &["model/weights.rs"]),
    ("tokenizers", &["model/tokenizer.rs"]),
    ("half", &["model/weights.rs", "quant"]),
    ("hdrhistogram", &["measure"]),
    ("sysinfo", &["measure"]),
    ("libc", &["measure", "worker"]),
    ("csv", &["report"]),
    ("quick_junit", &["report"]),
    ("sha2", &["fs.rs"]),
    ("strsim", &["text.rs"]),
];

/// A source file without comments and tests.
struct Source {
    /// Below `src/`, with `/`.
    path: String,
    code: String,
}

impl Source {
    /// All of the crate, by path.
    fn all() -> Vec<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut sources: Vec<_> = rust_files(&root)
            .into_iter()
            .map(|file| {
                let path = file.strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/");
                Self { path, code: production_code(&fs::read_to_string(&file).unwrap()) }
            })
            .filter(|source| !source.is_test())
            .collect();
        sources.sort_by(|left, right| left.path.cmp(&right.path));
        sources
    }

    /// Files that a `#[cfg(test)]` elsewhere takes in.
    fn is_test(&self) -> bool {
        let name = self.path.rsplit('/').next().unwrap();
        matches!(name, "tests.rs" | "testing.rs") || name.ends_with("_tests.rs")
    }

    /// The top-level module it belongs to.
    fn module(&self) -> &str {
        self.path.split('/').next().unwrap().trim_end_matches(".rs")
    }

    /// How many `super` lead from its module to the crate root.
    fn depth(&self) -> usize {
        self.path.trim_end_matches("/mod.rs").matches('/').count() + 1
    }

    fn lies_in(&self, place: &str) -> bool {
        self.path == place || self.path.strip_prefix(place).is_some_and(|rest| rest.starts_with('/'))
    }
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// Drops comments, and the tests at the foot of a file.
fn production_code(text: &str) -> String {
    let lines: Vec<_> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let tests = |pair: &[&str]| pair[0] == "#[cfg(test)]" && pair[1] == "mod tests {";
    let end = lines.windows(2).position(tests).unwrap_or(lines.len());
    lines[..end].join("\n")
}

/// Whether a character can be part of a name or of the path before one.
fn continues(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The first names after `crate::`, in both `crate::a::b` and `crate::{a, b::{c, d}}`.
fn crate_names(code: &str) -> Vec<String> {
    let mut names = Vec::new();
    for (place, _) in code.match_indices("crate::") {
        // Not `pub(in crate::a)` of a name that merely ends so, such as `my_crate::`.
        if code[..place].ends_with(continues) {
            continue;
        }
        let rest = &code[place + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(group) => names.extend(group_names(group)),
            None => names.push(first_name(rest)),
        }
    }
    names
}

fn first_name(text: &str) -> String {
    text.trim_start().chars().take_while(|c| continues(*c)).collect()
}

/// The first names of the members of `a, b::{c, d}}`.
fn group_names(group: &str) -> Vec<String> {
    let (mut names, mut depth, mut member) = (Vec::new(), 0, 0);
    for (place, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' if depth > 0 => {}
            ',' | '}' => {
                names.push(first_name(&group[member..place]));
                member = place + 1;
                if c == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

/// Whether `name` stands in the code as the first part of a path.
fn names_crate(code: &str, name: &str) -> bool {
    code.match_indices(name).any(|(place, _)| {
        let (before, after) = (&code[..place], &code[place + name.len()..]);
        let absolute = before.strip_suffix("::").unwrap_or(before);
        !absolute.ends_with(continues)
            && (after.starts_with("::") || (before.ends_with("use ") && after.starts_with([';', ' '])))
    })
}

#[test]
fn imports_point_downwards() {
    let allowed: BTreeMap<_, _> = ALLOWED.iter().copied().collect();
    let mut offences = Vec::new();
    for source in Source::all() {
        let (module, path) = (source.module(), &source.path);
        if ["lib", "main", "cli"].contains(&module) {
            continue;
        }
        let Some(may) = allowed.get(module) else {
            offences.push(format!("src/{path}: `{module}` has no place in ALLOWED"));
            continue;
        };
        for name in crate_names(&source.code) {
            if name != module && !may.contains(&name.as_str()) {
                offences.push(format!("src/{path}: `{module}` must not import `{name}`"));
            }
        }
        if source.code.contains(&"super::".repeat(source.depth())) {
            offences.push(format!("src/{path}: `super` climbs to the crate root; write `crate`"));
        }
    }
    assert!(offences.is_empty(), "{}", offences.join("\n"));
}

#[test]
fn every_crate_keeps_to_its_home() {
    let mut offences = Vec::new();
    for source in Source::all() {
        for (name, homes) in HOMES {
            if names_crate(&source.code, name) && !homes.iter().any(|home| source.lies_in(home)) {
                offences.push(format!("src/{}: `{name}` belongs into {}", source.path, homes.join(", ")));
            }
        }
    }
    assert!(offences.is_empty(), "{}", offences.join("\n"));
}

#[test]
fn the_tables_are_sound() {
    for (place, (module, may)) in ALLOWED.iter().enumerate() {
        let below: Vec<_> = ALLOWED[..place].iter().map(|(module, _)| *module).collect();
        assert!(!below.contains(module), "`{module}` stands there twice");
        for name in *may {
            assert!(below.contains(name), "`{module}` may import `{name}`, which does not stand below it");
        }
    }
    let manifest = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap();
    for (name, homes) in HOMES {
        let package = name.replace('_', "-");
        assert!(manifest.contains(&format!("\n{package} = ")), "`{package}` is no dependency");
        assert!(!homes.is_empty());
    }
}

#[test]
fn names_are_found_in_every_form() {
    let code =
        "use crate::{\n    a::{b, c},\n    d,\n};\nfn f() { crate::e::g(); my_crate::h(); }\nuse crate::i;";
    assert_eq!(crate_names(code), ["a", "d", "e", "i"]);
    assert_eq!(crate_names("use crate::{a, b::{c::{d, e}, f}}; use other::{g};"), ["a", "b"]);
    for code in ["csv::Writer", "use csv;", "use csv as table;", "use ::csv::Writer;", "(csv::Error)"] {
        assert!(names_crate(code, "csv"), "{code}");
    }
    for code in ["super::csv::Writer", "self::csv::f()", "my_csv::f()", "mod csv;", "let csv = 1;"] {
        assert!(!names_crate(code, "csv"), "{code}");
    }
    let text = "use crate::a;\n// crate::b\n#[cfg(test)]\nmod tests {\n    use crate::c;\n}\n";
    assert_eq!(crate_names(&production_code(text)), ["a"]);
}
