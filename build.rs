//! What the program says of itself: its version with the commit, and versions from Cargo.lock.

use std::{env, error::Error, fs, path::Path, process::Command};

/// Crates that the backends name in their facts.
const NAMED: [&str; 4] = ["candle-core", "gemm", "mlx-rs", "mlx-sys"];

/// What goes into the program. A change here makes a build that is not the commit's.
const SOURCES: [&str; 9] = [
    "Cargo.toml",
    "Cargo.lock",
    "build.rs",
    "src",
    "crates",
    "config",
    "datasets/demo-nli",
    "models/demo-nli",
    "native",
];

fn main() -> Result<(), Box<dyn Error>> {
    let root = env::var("CARGO_MANIFEST_DIR")?;
    for source in SOURCES {
        println!("cargo::rerun-if-changed={}", Path::new(&root).join(source).display());
    }
    println!("cargo::rustc-env=GATECHECK_VERSION={}{}", env::var("CARGO_PKG_VERSION")?, commit(&root));
    let lock = fs::read_to_string(Path::new(&root).join("Cargo.lock"))?;
    let mut packages = Vec::new();
    for name in NAMED {
        packages.push((name, version(&lock, name)?));
    }
    let table = format!("const PACKAGES: [(&str, &str); {}] = {packages:?};\n", NAMED.len());
    Ok(fs::write(Path::new(&env::var("OUT_DIR")?).join("packages.rs"), table)?)
}

/// The one version of a package in Cargo.lock.
fn version<'a>(lock: &'a str, name: &str) -> Result<&'a str, String> {
    let start = format!("\nname = \"{name}\"\nversion = \"");
    let found: Vec<_> = lock.split(&start).skip(1).filter_map(|rest| rest.split('"').next()).collect();
    match found.as_slice() {
        [version] => Ok(version),
        _ => Err(format!("Cargo.lock has {} versions of `{name}`", found.len())),
    }
}

/// `+g1234abc`, with `.dirty` where the sources differ from it; nothing outside a checkout.
fn commit(root: &str) -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").arg("-C").arg(root).args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    // An unpacked archive may lie inside some other checkout.
    let top = git(&["rev-parse", "--show-toplevel"]).and_then(|top| fs::canonicalize(top).ok());
    if top.is_none() || top != fs::canonicalize(root).ok() {
        return String::new();
    }
    let reference = git(&["symbolic-ref", "--quiet", "HEAD"]);
    // The branch may be a file of its own or a line in `packed-refs`; the log grows with every commit.
    for file in ["HEAD", "packed-refs", "logs/HEAD"].into_iter().chain(reference.as_deref()) {
        if let Some(path) = git(&["rev-parse", "--git-path", file]) {
            watch(&Path::new(root).join(path));
        }
    }
    let Some(commit) = git(&["rev-parse", "--short", "HEAD"]) else { return String::new() };
    let status = git(&[&["status", "--porcelain", "--untracked-files=no", "--"], &SOURCES[..]].concat());
    let dirty = if status.is_none_or(|changes| changes.is_empty()) { "" } else { ".dirty" };
    format!("+g{commit}{dirty}")
}

/// Runs this again when it changes. Cargo takes a file that is not there for one that has changed.
fn watch(path: &Path) {
    if path.exists() {
        println!("cargo::rerun-if-changed={}", path.display());
    }
}
