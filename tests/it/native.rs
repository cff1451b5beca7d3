//! What `make` looks for on a Mac before Cargo starts, with stand-ins for the tools of macOS.
#![cfg(unix)]

use std::{os::unix::fs::PermissionsExt, path::Path, process::Command};

use crate::harness::Place;

/// Runs the script where `uname` says Darwin and only these tools exist beside the system's own.
fn prepare(tools: &[Tool]) -> (i32, String) {
    let place = Place::new();
    let system = ["bash", "sed", "sort", "dirname", "env"];
    for name in system {
        let found = ["/bin", "/usr/bin"].map(|folder| Path::new(folder).join(name));
        let found = found.iter().find(|path| path.exists()).unwrap();
        std::fs::create_dir_all(place.path("bin")).unwrap();
        std::os::unix::fs::symlink(found, place.path(&format!("bin/{name}"))).unwrap();
    }
    for (name, script) in tools.iter().chain(&[("uname", "echo Darwin")]) {
        place.write(&format!("bin/{name}"), &format!("#!/bin/bash\n{script}\n"));
        let executable = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(place.path(&format!("bin/{name}")), executable).unwrap();
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("native/build-mlx-linux.sh");
    let mut command = Command::new(place.path("bin/bash"));
    let output = command.arg(script).env_clear().env("PATH", place.path("bin")).output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

/// A tool, and the script that stands in for it.
type Tool = (&'static str, &'static str);

const CMAKE: Tool = ("cmake", "echo cmake version 4.1.0");

#[test]
fn what_a_mac_lacks_is_named() {
    let table: [(&[Tool], &str, &str); 5] = [
        (&[], "CMake is missing", "`brew install cmake`"),
        (&[("cmake", "echo cmake version 3.20.1")], "needs CMake 3.25 or newer", "pip install"),
        (&[CMAKE], "developer tools are missing", "install Xcode"),
        (&[CMAKE, ("xcrun", "exit 72")], "the Metal compiler is missing", "xcode-select --switch"),
        (
            &[CMAKE, ("xcrun", "[[ $* == *--find* ]]")],
            "the Metal toolchain is missing",
            "xcodebuild -downloadComponent MetalToolchain",
        ),
    ];
    for (tools, what, way_out) in table {
        let (code, said) = prepare(tools);
        assert_eq!(code, 1, "{said}");
        assert!(said.starts_with("mlx: error: ") && said.contains(what), "{said}");
        let hint = said.lines().find(|line| line.starts_with("hint: "));
        assert!(hint.is_some_and(|hint| hint.contains(way_out)), "{said}");
    }
}

#[test]
fn a_complete_mac_is_left_alone() {
    let (code, said) = prepare(&[CMAKE, ("xcrun", "exit 0")]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("mlx-rs builds MLX itself"), "{said}");
}
