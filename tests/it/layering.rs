//! What Cargo cannot say of the layers: inside a crate, modules import only what stands below them, no two
//! files import each other in a circle, and a third-party crate keeps to its home.
//!
//! The test reads the sources as text. A macro that builds a path escapes it. Code under `#[cfg(test)]` may
//! look anywhere.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// A module and those that it may name.
type Row = (&'static str, &'static [&'static str]);

/// For a folder of modules each module and the ones beside it that it may name, from the bottom up. Another
/// edge is a design decision, and one that nothing uses any more is taken out. The other crates are small
/// enough for the rule against circles alone.
const LAYERS: &[(&str, &[Row])] = &[
    (
        "crates/judge/src",
        &[
            ("stats", &[]),
            ("histogram", &[]),
            ("engine", &[]),
            ("task", &[]),
            ("record", &["engine", "task"]),
            ("journal", &["record"]),
            ("fixture", &["record", "task"]),
            ("metrics", &["stats"]),
            ("analysis", &["histogram", "metrics", "record", "stats", "task"]),
            ("gate", &["analysis", "record", "stats", "task"]),
            ("report", &["analysis", "gate", "record", "task"]),
        ],
    ),
    ("crates/data/src", &[("dataset", &[]), ("hub", &[])]),
    ("src", &[("app", &[]), ("cli", &["app"])]),
    (
        "src/app",
        &[
            ("version", &[]),
            ("backends", &["version"]),
            ("config", &[]),
            ("defaults", &[]),
            ("event", &[]),
            ("inputs", &[]),
            ("unknown", &[]),
            ("recipe", &["defaults"]),
            ("arms", &["defaults", "unknown"]),
            ("settings", &["arms", "defaults"]),
            ("source", &["settings"]),
            ("cell", &["inputs"]),
            ("resolve", &["config", "settings", "source", "unknown"]),
            ("disk", &[]),
            ("prepare", &["disk", "event", "settings", "source", "version"]),
            ("plan", &["arms", "cell", "defaults", "inputs", "settings", "source"]),
            ("runner", &["backends", "cell", "event", "version"]),
            ("measure", &[]),
            ("alone", &["event", "measure"]),
            ("record", &["cell", "event", "runner", "version"]),
            ("judge", &["record"]),
            ("upload", &["event", "record", "version"]),
            ("verify", &["backends"]),
            (
                "error",
                &["arms", "config", "judge", "plan", "prepare", "record", "resolve", "upload", "verify"],
            ),
            (
                "run",
                &[
                    "alone", "cell", "defaults", "error", "event", "judge", "measure", "plan", "prepare",
                    "record", "settings", "source",
                ],
            ),
            ("clean", &[]),
            ("resume", &["error", "event", "record", "run", "source", "version"]),
            ("demo", &["settings", "source"]),
            ("doctor", &["defaults", "demo", "error", "event", "measure", "plan", "prepare"]),
            (
                "pipeline",
                &[
                    "alone", "cell", "disk", "error", "event", "judge", "measure", "plan", "prepare",
                    "record", "resume", "run", "runner", "source",
                ],
            ),
            (
                "tune",
                &[
                    "arms", "cell", "error", "event", "measure", "plan", "prepare", "recipe", "record",
                    "resume", "run", "runner", "settings", "source", "version",
                ],
            ),
            ("monitor", &["pipeline"]),
            ("catalogue", &["config", "defaults", "error", "plan", "prepare"]),
        ],
    ),
];

/// Third-party crates that have one home inside the crate that depends on them.
const HOMES: &[(&str, &[&str])] = &[
    ("anyhow", &["src/cli"]),
    ("clap", &["src/cli"]),
    ("ctrlc", &["src/cli"]),
    ("indicatif", &["src/cli"]),
    ("ratatui", &["src/cli"]),
    ("serde_saphyr", &["src/app/config", "src/app/recipe.rs", "src/app/upload/original.rs"]),
    ("hf_hub", &["crates/data/src/hub"]),
    ("ureq", &["crates/data/src/hub"]),
    ("polars", &["crates/data/src/dataset"]),
    ("memmap2", &["crates/model/src/weights.rs"]),
    ("tokenizers", &["crates/model/src/tokenizer.rs"]),
    ("half", &["crates/model/src/weights.rs", "crates/model/src/quant"]),
    ("hdrhistogram", &["crates/judge/src/histogram.rs"]),
    ("csv", &["crates/judge/src/report"]),
    ("quick_junit", &["crates/judge/src/report"]),
    ("rand_xoshiro", &["crates/judge/src/stats/rng.rs"]),
    ("sysinfo", &["crates/backend/src/measure"]),
];

/// A source file without comments and tests.
struct Source {
    /// From the root of the workspace, with `/`.
    path: String,
    code: String,
}

impl Source {
    /// Those of all crates, by path.
    fn all() -> Vec<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut sources: Vec<_> = crates(root)
            .iter()
            .flat_map(|folder| rust_files(&root.join(folder)))
            .map(|file| {
                let path = file.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
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

    fn lies_in(&self, place: &str) -> bool {
        self.path == place || self.path.strip_prefix(place).is_some_and(|rest| rest.starts_with('/'))
    }

    /// The `src` folder of its crate.
    fn folder(&self) -> &str {
        let end = self.path.find("src/").unwrap() + "src".len();
        &self.path[..end]
    }

    /// Its module path in the crate: `["report", "csv"]`.
    fn module(&self) -> Vec<&str> {
        let inner = self.path[self.folder().len() + 1..].trim_end_matches(".rs");
        let mut parts: Vec<_> = inner.split('/').collect();
        if matches!(*parts.last().unwrap(), "mod" | "lib" | "main") {
            parts.pop();
        }
        parts
    }

    /// Module paths in its crate that its imports begin with.
    fn imports(&self) -> Vec<Vec<String>> {
        let own: Vec<String> = self.module().into_iter().map(str::to_owned).collect();
        let mut found = Vec::new();
        for (root, base) in [("crate::", Vec::new()), ("self::", own.clone())] {
            found.extend(paths(&self.code, root).into_iter().map(|path| [base.clone(), path].concat()));
        }
        let mut base = own;
        let mut root = String::new();
        while base.pop().is_some() {
            root += "super::";
            found.extend(paths(&self.code, &root).into_iter().map(|path| [base.clone(), path].concat()));
        }
        found
    }
}

/// The `src` folders of the workspace.
fn crates(root: &Path) -> Vec<String> {
    let members = fs::read_dir(root.join("crates")).unwrap();
    let names = members.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.map(|name| format!("crates/{name}/src")).chain(["src".to_owned()]).collect()
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

/// Drops comments, the tests at the foot of a file, and re-exports, which are doors and no dependencies.
fn production_code(text: &str) -> String {
    let lines: Vec<_> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let tests = |pair: &[&str]| pair[0] == "#[cfg(test)]" && pair[1] == "mod tests {";
    let end = lines.windows(2).position(tests).unwrap_or(lines.len());
    let mut code = lines[..end].join("\n");
    while let Some(start) = code.find("pub use ") {
        let length = code[start..].find(';').unwrap_or(code.len() - start);
        code.replace_range(start..start + length, "");
    }
    code
}

/// Whether a character can be part of a name or of the path before one.
fn continues(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The paths after `root` (such as `crate::`), groups taken apart: `a::{b, c::d}` is `a b` and `a c d`.
fn paths(code: &str, root: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for (place, _) in code.match_indices(root) {
        // Not `my_crate::`, nor the rest of `super::super::`.
        if code[..place].ends_with(|c: char| continues(c) || c == ':') {
            continue;
        }
        let rest = &code[place + root.len()..];
        if !rest.starts_with("super::") {
            members(rest, &[], &mut found);
        }
    }
    found
}

/// Reads one path or group; returns what follows it.
fn members<'a>(text: &'a str, base: &[String], found: &mut Vec<Vec<String>>) -> &'a str {
    let text = text.trim_start();
    if let Some(mut rest) = text.strip_prefix('{') {
        loop {
            rest = rest.trim_start_matches(|c: char| c == ',' || c.is_whitespace());
            match rest.strip_prefix('}') {
                Some(after) => return after,
                None if rest.is_empty() => return rest,
                None => {
                    let after = members(rest, base, found);
                    // `as name` and what else may follow a name.
                    rest = &after[after.find([',', '}']).unwrap_or(after.len())..];
                }
            }
        }
    }
    let end = text.find(|c: char| !continues(c)).unwrap_or(text.len());
    let path = [base, &[text[..end].to_owned()]].concat();
    match text[end..].strip_prefix("::") {
        Some(rest) if end > 0 && !rest.starts_with('<') => members(rest, &path, found),
        _ => {
            found.push(path);
            &text[end.max(usize::from(end == 0 && !text.is_empty()))..]
        }
    }
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

/// The module that `path` leads to among those of `place`, such as `src/app`.
fn beside<'a>(place: &str, path: &'a [String]) -> Option<&'a str> {
    let (_, inner) = place.split_once("src").unwrap();
    let outer: Vec<&str> = inner.split('/').filter(|part| !part.is_empty()).collect();
    let starts = path.iter().map(String::as_str).take(outer.len()).eq(outer.iter().copied());
    path.get(outer.len()).filter(|_| starts).map(String::as_str)
}

/// What is wrong in the modules of `place`.
fn offences(sources: &[Source], place: &str, rows: &[Row]) -> Vec<String> {
    let allowed: BTreeMap<_, _> = rows.iter().copied().collect();
    let (mut offences, mut used, mut seen) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    for source in sources.iter().filter(|source| source.lies_in(place)) {
        let path = &source.path;
        let module: Vec<String> = source.module().into_iter().map(str::to_owned).collect();
        let Some(module) = beside(place, &module).map(str::to_owned) else { continue };
        let Some((module, may)) = allowed.get_key_value(module.as_str()) else {
            offences.push(format!("{path}: `{module}` has no place in LAYERS"));
            continue;
        };
        seen.insert(*module);
        for import in source.imports() {
            let Some(name) = beside(place, &import).filter(|name| name != module) else { continue };
            match may.iter().find(|other| **other == name) {
                Some(other) => drop(used.insert((*module, *other))),
                None if allowed.contains_key(name) => {
                    offences.push(format!("{path}: `{module}` must not import `{name}`"));
                }
                None => {}
            }
        }
    }
    for (position, (module, may)) in rows.iter().enumerate() {
        if !seen.contains(module) {
            offences.push(format!("{place}: there is no module `{module}`"));
        }
        for name in *may {
            if !rows[..position].iter().any(|(below, _)| below == name) {
                offences.push(format!("{place}: `{name}` does not stand below `{module}`"));
            }
            if !used.contains(&(*module, *name)) {
                offences.push(format!("{place}: nothing in `{module}` imports `{name}` any more"));
            }
        }
    }
    offences
}

#[test]
fn imports_point_downwards() {
    let sources = Source::all();
    let all: Vec<_> = LAYERS.iter().flat_map(|(place, rows)| offences(&sources, place, rows)).collect();
    assert!(all.is_empty(), "{}", all.join("\n"));
}

#[test]
fn stale_rows_are_found() {
    let source = |path: &str, code: &str| Source { path: path.to_owned(), code: code.to_owned() };
    let sources = [source("src/app/a.rs", ""), source("src/app/b/c.rs", "use crate::app::{a, d};")];
    let rows: &[Row] = &[("a", &[]), ("b", &["a"])];
    assert!(offences(&sources, "src/app", rows).is_empty());
    assert_eq!(
        offences(&sources, "src/app", &[("a", &[]), ("b", &[])]),
        ["src/app/b/c.rs: `b` must not import `a`"]
    );
    let stale: &[Row] = &[("x", &[]), ("a", &["x"]), ("b", &["a"])];
    assert_eq!(offences(&sources, "src/app", stale).len(), 2);
    assert_eq!(offences(&sources, "src/app", &[("a", &[])]).len(), 1);
}

/// For each file the files of its crate that it imports from.
fn graph(sources: &[Source]) -> BTreeMap<&str, BTreeSet<&str>> {
    let files: BTreeMap<_, _> =
        sources.iter().map(|source| ((source.folder(), source.module()), source.path.as_str())).collect();
    let target = |source: &Source, path: &[String]| {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let longest =
            (1..=path.len()).rev().find_map(|end| files.get(&(source.folder(), path[..end].to_vec())));
        longest.copied().filter(|file| *file != source.path)
    };
    sources
        .iter()
        .map(|source| {
            let targets = source.imports().iter().filter_map(|path| target(source, path)).collect();
            (source.path.as_str(), targets)
        })
        .collect()
}

/// A way from `from` back to it.
fn circle<'a>(graph: &BTreeMap<&'a str, BTreeSet<&'a str>>, from: &'a str) -> Option<Vec<&'a str>> {
    let (mut seen, mut ways) = (BTreeSet::new(), vec![vec![from]]);
    while let Some(way) = ways.pop() {
        for next in graph.get(way.last()?).into_iter().flatten() {
            let longer = [way.as_slice(), &[*next]].concat();
            if *next == from {
                return Some(longer);
            }
            if seen.insert(*next) {
                ways.push(longer);
            }
        }
    }
    None
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let sources = Source::all();
    let graph = graph(&sources);
    assert!(graph.values().map(BTreeSet::len).sum::<usize>() > 200, "the imports are not found");
    let circles: Vec<_> = graph.keys().filter_map(|file| circle(&graph, file)).collect();
    let lines: Vec<_> = circles.iter().map(|way| way.join(" → ")).collect();
    assert!(lines.is_empty(), "{}", lines.join("\n"));
}

#[test]
fn every_crate_keeps_to_its_home() {
    let sources = Source::all();
    let mut offences = Vec::new();
    for (name, homes) in HOMES {
        let users: Vec<_> = sources.iter().filter(|source| names_crate(&source.code, name)).collect();
        for source in &users {
            if !homes.iter().any(|home| source.lies_in(home)) {
                offences.push(format!("{}: `{name}` belongs into {}", source.path, homes.join(", ")));
            }
        }
        for home in *homes {
            if !users.iter().any(|source| source.lies_in(home)) {
                offences.push(format!("`{name}` is not used in {home} any more"));
            }
        }
    }
    assert!(offences.is_empty(), "{}", offences.join("\n"));
}

/// The crate that judges must stay free of what runs models, so that a report can be rendered anywhere.
#[test]
fn judging_needs_no_framework() {
    let lock = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.lock")).unwrap();
    let mut needs: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in lock.split("[[package]]").skip(1) {
        let name = package.lines().find_map(|line| line.strip_prefix("name = ")).unwrap().trim_matches('"');
        let list =
            package.split_once("dependencies = [").map_or("", |(_, list)| list.split(']').next().unwrap());
        let names = list.split('"').skip(1).step_by(2).map(|entry| entry.split(' ').next().unwrap());
        needs.entry(name).or_default().extend(names);
    }
    // Dev-dependencies stand in the lock file too; they are named in the manifest.
    let manifest = include_str!("../../crates/judge/Cargo.toml");
    let direct = manifest.split("[dependencies]").nth(1).unwrap().split("\n[").next().unwrap();
    let mut todo: Vec<&str> = direct
        .lines()
        .filter_map(|line| line.split(['.', ' ']).next())
        .filter(|name| !name.is_empty())
        .collect();
    let mut all: BTreeSet<&str> = BTreeSet::new();
    while let Some(name) = todo.pop() {
        if all.insert(name) {
            todo.extend(needs.get(name).into_iter().flatten());
        }
    }
    assert!(all.contains("serde_json") && all.len() > 20, "{all:?}");
    for name in ["candle-core", "mlx-rs", "polars", "tokenizers", "gatecheck-model", "gatecheck-backend"] {
        assert!(!all.contains(name), "gatecheck-judge needs `{name}`");
    }
}

#[test]
fn names_are_found_in_every_form() {
    let code =
        "use crate::{\n    a::{b, c},\n    d,\n};\nfn f() { crate::e::g(); my_crate::h(); }\nuse crate::i;";
    let found: Vec<String> = paths(code, "crate::").iter().map(|path| path.join(" ")).collect();
    assert_eq!(found, ["a b", "a c", "d", "e g", "i"]);
    let found = paths("use crate::{a, b::{c::{d, e}, f as g}, *}; use other::{g};", "crate::");
    let found: Vec<String> = found.iter().map(|path| path.join(" ")).collect();
    assert_eq!(found[..4], ["a", "b c d", "b c e", "b f"]);
    assert!(paths("super::super::a", "super::").is_empty());
    assert_eq!(paths("super::super::a", "super::super::"), [["a"]]);
    for code in ["csv::Writer", "use csv;", "use csv as table;", "use ::csv::Writer;", "(csv::Error)"] {
        assert!(names_crate(code, "csv"), "{code}");
    }
    for code in ["super::csv::Writer", "self::csv::f()", "my_csv::f()", "mod csv;", "let csv = 1;"] {
        assert!(!names_crate(code, "csv"), "{code}");
    }
    let text = "use crate::a;\npub use b::{\n    c,\n};\n// crate::b\n#[cfg(test)]\nmod tests {\n    use crate::c;\n}\n";
    assert_eq!(paths(&production_code(text), "crate::"), [["a"]]);
}
