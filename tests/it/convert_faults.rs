//! Conversions that are killed, that find no room, and that go on at the same time: nothing half written is ever
//! taken for an artefact, and the same command ends right after that.
#![cfg(unix)]

use std::{
    os::unix::fs::PermissionsExt,
    process::{Child, Command},
    time::{Duration, Instant},
};

use gatecheck_model::convert::Artefact;

use crate::{
    failures::signal,
    harness::{Output, Place},
    tiny_model::TinyModel,
};

const MADE: &str = "models/mlx_converted";
const CONVERT: &str = "convert --model model";
const AGAIN: &str = "convert --model model --no-skip";

/// With a model of so many layers, so that there is time to interrupt.
fn with_layers(count: usize) -> Place {
    let mut model = TinyModel::classifier();
    model.config["num_hidden_layers"] = count.into();
    let first: Vec<_> = model.tensors.iter().filter(|(name, _)| name.contains(".layer.0.")).collect();
    let more = |at: usize| {
        let renamed = move |name: &str| name.replace(".layer.0.", &format!(".layer.{at}."));
        first.iter().map(move |(name, tensor)| (renamed(name), (*tensor).clone())).collect::<Vec<_>>()
    };
    let more: Vec<_> = (1..count).flat_map(more).collect();
    model.tensors.extend(more);
    let place = Place::new();
    model.save(&place.path("model"));
    place
}

/// Fails unless the artefact is not there at all or whole to the last byte.
#[track_caller]
fn is_whole_or_absent(place: &Place) {
    let folder = place.path(MADE).join("model-mlx-q8");
    if folder.symlink_metadata().is_ok() {
        Artefact::open(&folder).unwrap().check_sums().unwrap();
    }
}

/// The checksums that an artefact says of itself.
fn paper(place: &Place) -> String {
    place.read(&format!("{MADE}/model-mlx-q8/conversion_metadata.json"))
}

/// Kills so many conversions, each after another share of the time that one takes.
fn survives_kills(count: u32) {
    let place = with_layers(30);
    assert_eq!(place.gatecheck(CONVERT).code, 0);
    let whole = paper(&place);
    let start = Instant::now();
    assert_eq!(place.gatecheck(AGAIN).code, 0);
    let time = start.elapsed();
    let mut killed = 0;
    for round in 0..count {
        // Half of them find no artefact, the others replace one.
        let command = if round % 2 == 0 { CONVERT } else { AGAIN };
        if round % 2 == 0 {
            std::fs::remove_dir_all(place.path(MADE)).unwrap();
        }
        let mut child = place.command(command).spawn().unwrap();
        // Multiples of the golden ratio, which spread evenly however many there are.
        std::thread::sleep(time.mul_f64(f64::from(round) * 0.618_034 % 1.0));
        child.kill().unwrap();
        killed += u32::from(!child.wait().unwrap().success());
        is_whole_or_absent(&place);
        let output = place.gatecheck(CONVERT);
        assert_eq!(output.code, 0, "{}", output.stderr);
        assert_eq!(place.files(MADE), ["model-mlx-q8"]);
        assert_eq!(paper(&place), whole);
        is_whole_or_absent(&place);
    }
    assert!(killed * 4 > count, "only {killed} of {count} were still at work");
}

#[test]
fn a_killed_conversion_is_made_good() {
    survives_kills(6);
}

#[test]
#[ignore = "slow: make faults"]
fn fifty_killed_conversions_are_made_good() {
    survives_kills(50);
}

/// Runs a command that cannot write a file of more than so many KiB.
fn on_a_full_disk(place: &Place, arguments: &str, kib: u32) {
    let gatecheck = place.command(arguments);
    let mut full = Command::new("bash");
    full.args(["-c", &format!("trap '' XFSZ; ulimit -f {kib}; exec \"$0\" \"$@\"")]);
    full.arg(gatecheck.get_program()).args(gatecheck.get_args()).current_dir(place.path(""));
    let output = full.output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    assert!(stderr.contains("error: failed to write `models/mlx_converted/.model-mlx-q8."), "{stderr}");
    assert!(stderr.contains("File too large"), "{stderr}");
}

#[test]
fn a_full_disk_leaves_what_was_there() {
    let place = Place::with_model();
    // What fits is nothing, or some of the weights.
    for kib in [0, 40, 90] {
        on_a_full_disk(&place, CONVERT, kib);
        assert!(place.files(MADE).is_empty(), "{:?}", place.files(MADE));
    }
    assert_eq!(place.gatecheck(CONVERT).code, 0);
    let whole = paper(&place);
    on_a_full_disk(&place, AGAIN, 40);
    assert_eq!(place.files(MADE), ["model-mlx-q8"]);
    is_whole_or_absent(&place);
    assert_eq!(place.gatecheck(AGAIN).code, 0);
    assert_eq!(paper(&place), whole);
}

/// Runs a command for which the permissions of folders hold, whoever runs it.
fn without_privileges(place: &Place, arguments: &str) -> Output {
    let command = place.command(arguments);
    let root = std::fs::write(place.path(MADE).join(".probe"), "").is_ok();
    if !root {
        return Output::of(place.command(arguments).spawn().unwrap());
    }
    std::fs::remove_file(place.path(MADE).join(".probe")).unwrap();
    let mut bare = Command::new("setpriv");
    bare.args(["--bounding-set=-all", "--inh-caps=-all"]).arg(command.get_program()).args(command.get_args());
    bare.current_dir(place.path(""))
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    Output::of(bare.spawn().unwrap())
}

#[test]
fn a_folder_that_cannot_be_written_is_an_error_or_enough() {
    let place = Place::with_model();
    let mode = |mode| {
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(place.path(MADE), permissions).unwrap();
    };
    std::fs::create_dir_all(place.path(MADE)).unwrap();
    mode(0o555);
    let output = without_privileges(&place, CONVERT);
    assert_eq!(output.code, 3, "{}", output.stderr);
    assert!(
        output.stderr.starts_with("error: failed to create `models/mlx_converted/."),
        "{}",
        output.stderr
    );
    assert!(output.stderr.contains("Permission denied"), "{}", output.stderr);
    assert!(place.files(MADE).is_empty());
    mode(0o755);
    assert_eq!(place.gatecheck(CONVERT).code, 0);
    // What is there already needs no writing.
    mode(0o555);
    let output = without_privileges(&place, CONVERT);
    assert!(output.stdout.starts_with("Skipped, already converted"), "{}", output.stderr);
    let output = without_privileges(&place, AGAIN);
    assert_eq!(output.code, 3, "{}", output.stderr);
    mode(0o755);
    is_whole_or_absent(&place);
    assert_eq!(place.gatecheck(AGAIN).code, 0);
}

/// What two conversions at once come to.
fn together(place: &Place, one: &str, other: &str) -> [Output; 2] {
    let children = [one, other].map(|arguments| place.command(arguments).spawn().unwrap());
    children.map(Output::of)
}

#[test]
fn two_at_once_are_as_one_after_the_other() {
    for round in 0..4 {
        let place = with_layers(10);
        // The same recipe: one is made and one is found.
        let outputs = together(&place, CONVERT, CONVERT);
        let mut words = outputs.each_ref().map(|output| output.stdout.split(' ').next().unwrap());
        words.sort_unstable();
        assert_eq!(words, ["Converted:", "Skipped,"], "{round}: {outputs:?}");
        assert_eq!(outputs.each_ref().map(|output| output.code), [0, 0]);
        std::fs::remove_dir_all(place.path(MADE)).unwrap();
        // Two recipes of one name: the first is made, the second refused.
        let outputs = together(
            &place,
            "convert --model model --group-size 32",
            "convert --model model --group-size 64",
        );
        let mut codes = outputs.each_ref().map(|output| output.code);
        codes.sort_unstable();
        assert_eq!(codes, [0, 2], "{round}: {outputs:?}");
        let refused = outputs.iter().find(|output| output.code == 2).unwrap();
        let words = "is there already, of another recipe or other inputs";
        assert!(refused.stderr.contains(words), "{}", refused.stderr);
        is_whole_or_absent(&place);
        // Each replaces what is there, one after the other.
        let outputs = together(&place, AGAIN, &format!("{AGAIN} --group-size 32"));
        assert_eq!(outputs.each_ref().map(|output| output.code), [0, 0], "{round}: {outputs:?}");
        is_whole_or_absent(&place);
        assert_eq!(place.files(MADE), ["model-mlx-q8"]);
    }
}

/// A conversion that is stopped in the middle of its writing.
fn stopped(place: &Place) -> Child {
    let made = place.path(MADE);
    for _ in 0..20 {
        let _ = std::fs::remove_dir_all(&made);
        let mut child = place.command(CONVERT).spawn().unwrap();
        let is_writing = || made.is_dir() && place.files(MADE).iter().any(|name| name.ends_with(".tmp"));
        while !is_writing() && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
        if child.try_wait().unwrap().is_some() {
            // It was faster.
            continue;
        }
        signal("STOP", child.id());
        if !made.join("model-mlx-q8").exists() {
            return child;
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    panic!("every conversion was faster")
}

#[test]
fn a_conversion_that_is_killed_frees_the_next() {
    let place = with_layers(30);
    let mut first = stopped(&place);
    let mut second = place.command(CONVERT).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(300));
    assert!(second.try_wait().unwrap().is_none(), "it waits for the first");
    first.kill().unwrap();
    first.wait().unwrap();
    let output = Output::of(second);
    assert!(output.stdout.starts_with("Converted:"), "{}{}", output.stdout, output.stderr);
    assert_eq!(place.files(MADE), ["model-mlx-q8"]);
    is_whole_or_absent(&place);
}
