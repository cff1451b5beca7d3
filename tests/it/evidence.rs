//! The record says what ran, and each part of it is held against where it comes from.

use std::{path::Path, process::Command};

use gatecheck::app::backends::{PROGRAM, engine};
use gatecheck_backend::Facts;
use gatecheck_judge::record::{Engine, Library};
use serde_json::Value;

use crate::{arms::Turn, golden::Golden, harness::Place};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// What git prints, where it knows this folder as the root of a checkout.
fn git(arguments: &[&str]) -> Option<String> {
    let run = |arguments: &[&str]| {
        let output = Command::new("git").current_dir(ROOT).args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8(output.stdout).unwrap().trim().to_owned())
    };
    let top = run(&["rev-parse", "--show-toplevel"])?;
    (Path::new(&top).canonicalize().unwrap() == Path::new(ROOT).canonicalize().unwrap())
        .then(|| run(arguments))?
}

/// Version and commit of this checkout; of an unpacked archive the version alone.
pub(crate) fn version() -> String {
    let plain = env!("CARGO_PKG_VERSION");
    let Some(commit) = git(&["rev-parse", "--short", "HEAD"]) else { return plain.to_owned() };
    // Only what the program is built from makes it another one.
    let built = ["Cargo.toml", "Cargo.lock", "build.rs", "src", "crates", "config", "native"];
    let embedded = ["models/demo-nli", "datasets/demo-nli"];
    let changed = git(&[&["diff", "--name-only", "HEAD", "--"][..], &built, &embedded].concat()).unwrap();
    format!("{plain}+g{commit}{}", if changed.is_empty() { "" } else { ".dirty" })
}

/// The version of a package in Cargo.lock.
fn locked(name: &str) -> String {
    let lock = std::fs::read_to_string(Path::new(ROOT).join("Cargo.lock")).unwrap();
    let mut lines = lock.lines().skip_while(|line| *line != format!("name = \"{name}\""));
    let line = lines.nth(1).unwrap_or_else(|| panic!("`{name}` is not in Cargo.lock"));
    line.strip_prefix("version = \"").unwrap().trim_end_matches('"').to_owned()
}

/// The instruction set that the baseline's kernels are to use, by what the system says of the CPU.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn instructions() -> &'static str {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap();
    let flags: Vec<_> =
        cpu.lines().find(|line| line.starts_with("flags")).unwrap().split_whitespace().collect();
    let all = |names: &[&str]| names.iter().all(|name| flags.contains(name));
    match (all(&["avx512f", "avx512vl", "avx512dq", "avx512bw"]), all(&["avx2", "fma"])) {
        (true, true) => "AVX-512",
        (false, true) => "AVX2",
        (_, false) => "portable",
    }
}

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
fn instructions() -> &'static str {
    if cfg!(target_arch = "aarch64") { "NEON" } else { "portable" }
}

/// The facts of an arm as they go into a record.
fn recorded(facts: Facts) -> Engine {
    engine(facts.with_versions(PROGRAM.version_of))
}

fn library<'a>(engine: &'a Engine, name: &str) -> Option<&'a Library> {
    engine.libraries.iter().find(|library| library.name == name)
}

/// The version of the OpenBLAS that lies in this process, by its file's name.
#[cfg(target_os = "linux")]
fn mapped_openblas() -> Option<String> {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let (_, rest) = maps.lines().find_map(|line| line.rsplit_once("libopenblasp-r"))?;
    Some(rest.split(".so").next()?.to_owned())
}

#[cfg(not(target_os = "linux"))]
fn mapped_openblas() -> Option<String> {
    None
}

/// OpenBLAS is named where it multiplies and nowhere else.
fn check_openblas(engine: &Engine) {
    let multiplies = engine.kernels.iter().any(|kernel| kernel.by.starts_with("OpenBLAS, "));
    let named = library(engine, "OpenBLAS");
    assert_eq!(named.is_some(), multiplies, "{engine}");
    if let Some(version) = named.map(|library| library.version.as_ref().unwrap()) {
        assert!(version.starts_with(|c: char| c.is_ascii_digit()), "{engine}");
        assert!(mapped_openblas().is_none_or(|mapped| mapped == *version), "{engine}");
    }
}

#[test]
fn the_baseline_names_its_kernels() {
    let golden = Golden::open("bert/classifier-odd");
    let engine = recorded(Turn::take().all(&golden.folder).remove(0).1.unwrap().facts());
    assert_eq!(
        (engine.name.as_str(), engine.version.as_ref()),
        ("candle-core", Some(&locked("candle-core")))
    );
    let by = |of: &str| &engine.kernels.iter().find(|kernel| kernel.of.contains(of)).unwrap().by;
    let own = format!("gatecheck's packed kernels, {}", instructions());
    assert_eq!(*by("attention"), own);
    // Only these are faster than a matrix library.
    let packed = matches!(instructions(), "AVX-512" | "AVX2");
    assert_eq!(*by("linear layers") == own, packed, "{engine}");
    assert_eq!(engine.libraries.is_empty(), packed, "{engine}");
    check_openblas(&engine);
}

#[test]
#[cfg(feature = "mlx")]
fn mlx_names_itself() {
    use gatecheck_backend::Model;
    let golden = Golden::open("bert/classifier-odd");
    let engine = recorded(Turn::take().mlx(&golden.folder).unwrap().facts());
    assert_eq!(engine.name, "MLX");
    // The version that the native build pins, or that the sources of mlx-sys ask for: 0.32.2 as of now.
    let script = std::fs::read_to_string(Path::new(ROOT).join("native/build-mlx-linux.sh")).unwrap();
    let pinned = script.lines().find_map(|line| line.strip_prefix("readonly mlx_version=")).unwrap();
    assert_eq!(engine.version.as_deref(), Some(pinned));
    for name in ["mlx-rs", "mlx-sys"] {
        assert_eq!(library(&engine, name).unwrap().version, Some(locked(name)));
    }
    assert_eq!(engine.kernels.len(), 1, "{engine}");
    check_openblas(&engine);
    let blas = if cfg!(target_os = "macos") { "Accelerate" } else { "OpenBLAS" };
    assert!(engine.kernels[0].by.starts_with(blas) && library(&engine, blas).is_some(), "{engine}");
}

#[test]
fn a_record_says_what_ran() {
    let place = Place::new();
    let output = place.gatecheck("demo --limit 30 --latency-queries 3 --threads 1");
    assert!(matches!(output.code, 0 | 1 | 4), "{}", output.stderr);
    let (record, report) = (place.json("reports/demo/record.json"), place.json("reports/demo/report.json"));
    assert_eq!((&record["tool_version"], &report["tool_version"]), (&version().into(), &version().into()));
    let page = place.read("reports/demo/report.md");
    // The arms of this process name the same: it is the same build.
    let arms = Turn::take();
    for (name, arm) in arms.all(&Golden::open("bert/classifier-odd").folder) {
        let expected = recorded(arm.unwrap().facts());
        let of_backend = |file: &Value| {
            let arms = file["arms"].as_array().unwrap().iter().filter(|arm| arm["backend"] == name);
            arms.cloned().collect::<Vec<_>>()
        };
        let told =
            of_backend(&record).into_iter().flat_map(|arm| arm["sessions"].as_array().unwrap().clone());
        let engines: Vec<Value> = told.map(|session| session["engine"].clone()).collect();
        let shown = of_backend(&report).into_iter().all(|arm| engines.contains(&arm["engine"]));
        // On an accelerator MLX takes others than the CPU, on which the tests run it.
        let on_cpu = report["arms"].as_array().unwrap().iter().all(|arm| arm["device"] == "cpu");
        assert!(!engines.is_empty() && shown, "{name}");
        for engine in engines {
            let engine: Engine = serde_json::from_value(engine).unwrap();
            assert_eq!((&engine.name, &engine.version), (&expected.name, &expected.version));
            assert!(!on_cpu || engine == expected, "{engine} is not {expected}");
            // As in the page, where a few letters are escaped.
            assert!(page.contains(engine.version.as_ref().unwrap()), "{page}");
            assert!(page.contains(&engine.kernels[0].by), "{page}");
        }
    }
}

#[test]
fn the_program_tells_its_commit() {
    let place = Place::new();
    assert_eq!(place.gatecheck("--version").stdout, format!("gatecheck {}\n", version()));
    let greeting = place.gatecheck("__worker").stdout;
    assert!(greeting.contains(&format!("\"version\":\"{}\"", version())), "{greeting}");
}

#[test]
fn an_artefact_tells_which_program_made_it() {
    let place = Place::with_model();
    let output = place.gatecheck("convert --model model --output-dir converted");
    assert_eq!(output.code, 0, "{}", output.stderr);
    let folder = place.files("converted").remove(0);
    let metadata = place.json(&format!("converted/{folder}/conversion_metadata.json"));
    assert_eq!(metadata["tool_version"], version());
}
