//! What disks, links, clocks, kills and other processes do to a run: nothing half written is taken for whole, nothing
//! is written elsewhere, and the next run with the same arguments ends right.

use std::{
    process::{Child, Command},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    harness::{MEASURE, Output, Place, rows, wait_for},
    resume::undisturbed,
};

/// Files of a finished run.
const FILES: [&str; 6] =
    ["junit.xml", "record.json", "record.safetensors", "report.csv", "report.json", "report.md"];

fn two_arms() -> Place {
    Place::scripted(&json!({ "candle": { "ns_per_call": 3_000_000 }, "mlx-q8": {} }))
}

/// The bytes of all files in `out`.
fn bytes(place: &Place) -> Vec<(String, Vec<u8>)> {
    let names = place.files("out").into_iter();
    names.map(|name| (name.clone(), std::fs::read(place.path("out").join(&name)).unwrap())).collect()
}

#[test]
#[cfg(unix)]
fn links_in_the_folder_of_the_reports_lead_nowhere() {
    use std::os::unix::fs::symlink;
    let place = two_arms();
    place.write("precious", "mine");
    place.write("out/note", "");
    for name in FILES {
        symlink(place.path("precious"), place.path("out").join(name)).unwrap();
    }
    assert_eq!(place.measure("").code, 0);
    assert_eq!(place.read("precious"), "mine");
    assert!(FILES.iter().all(|name| place.path("out").join(name).symlink_metadata().unwrap().is_file()));
    for target in ["precious", "nowhere"] {
        symlink(place.path(target), place.path("out/journal.jsonl")).unwrap();
        let output = place.measure("");
        assert_eq!(output.code, 3, "{}", output.stderr);
        assert!(output.stderr.contains("error: failed to open `out/journal.jsonl`"), "{}", output.stderr);
        std::fs::remove_file(place.path("out/journal.jsonl")).unwrap();
    }
    assert_eq!(place.read("precious"), "mine");
    assert!(!place.path("nowhere").exists());
}

#[test]
#[cfg(unix)]
fn doctor_writes_where_nobody_waits_for_it() {
    let place = Place::new();
    place.write("tmp/file", "");
    place.write("precious/file", "");
    let gatecheck = place.command("doctor");
    let mut prepared = Command::new("sh");
    // The process keeps its number, of which the name of the folder was once made.
    prepared.args(["-c", "ln -s ../precious tmp/gatecheck-doctor-$$; exec \"$0\" \"$@\""]);
    prepared.arg(gatecheck.get_program()).args(gatecheck.get_args()).current_dir(place.path(""));
    let output = prepared.env("TMPDIR", place.path("tmp")).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!((place.files("precious"), place.files("tmp").len()), (vec!["file".to_owned()], 2));
}

#[test]
fn no_name_leads_out_of_the_folder_of_the_reports() {
    let place = two_arms();
    let config = json!({ "datasets": {
        "..": { "provider": "local", "name": "rows.jsonl" },
        "../up": { "provider": "local", "name": "rows.jsonl" },
        "x".repeat(300): { "provider": "local", "name": "rows.jsonl" },
    } });
    place.write("names.yaml", &config.to_string());
    for name in ["a.jsonl", "...jsonl", "tall\u{1b}[2J.jsonl"] {
        place.write(name, &rows(60));
    }
    let before = place.files("");
    let long = "x".repeat(300);
    let output = place.gatecheck(&format!(
        "run --model model --mock mock.json --batch-size 30 --latency-queries 20 --config names.yaml --out deep/out \
         --dataset a.jsonl --dataset ...jsonl --dataset .. --dataset ../up --dataset {long} --dataset tall\u{1b}[2J.jsonl"
    ));
    // Two of the names are the same.
    let words = "error: two datasets would write their reports to `deep/out/__`";
    assert_eq!((output.code, output.stderr.lines().next()), (2, Some(words)));
    let output = place.gatecheck(&format!(
        "run --model model --mock mock.json --batch-size 30 --latency-queries 20 --config names.yaml --out deep/out \
         --dataset a.jsonl --dataset ...jsonl --dataset ../up --dataset {long} --dataset tall\u{1b}[2J.jsonl"
    ));
    assert_eq!(output.code, 4, "{}", output.stderr);
    let mut expected = before;
    expected.extend(["deep", "models"].map(str::to_owned));
    expected.sort();
    assert_eq!((place.files(""), place.files("deep")), (expected, vec!["out".to_owned()]));
    let folders = place.files("deep/out");
    assert_eq!(folders.len(), 5, "{folders:?}");
    assert_eq!(folders[..4], ["__", "__-up", "a", "tall--2J"]);
    assert!(folders[4].starts_with("xxx") && folders[4].len() < 140, "{}", folders[4]);
    let said = output.stdout + &output.stderr;
    assert!(!said.contains(|letter: char| letter.is_control() && letter != '\n'), "{said:?}");
    assert!(said.contains("tall\\u001b[2J"), "{said}");
}

#[test]
fn a_run_that_fails_before_it_measures_leaves_no_report_of_another() {
    let place = two_arms();
    assert_eq!(place.measure("").code, 0);
    let before = bytes(&place);
    let rows = place.read("rows.jsonl");
    place.write("rows.jsonl", "{\"text\": 1");
    assert_eq!(place.measure("").code, 2);
    assert_eq!(place.files("out"), ["record.json", "record.safetensors"]);
    assert_eq!(place.gatecheck("report out").code, 0);
    assert_eq!(bytes(&place), before, "what was measured is there as before");
    place.write("rows.jsonl", &rows);
    assert_eq!(place.measure("").code, 0);
    // What is refused for being asked wrongly touches nothing.
    let before = bytes(&place);
    assert_eq!(place.measure("--bits 77").code, 2);
    assert_eq!(bytes(&place), before);
}

/// A command of the program in a shell that has a small disk of its own in `disk`; the script says what comes before.
/// Nothing where the system does not let a process have one.
fn on_a_disk(place: &Place, script: &str, arguments: &str) -> Option<Output> {
    let mount = "mkdir -p disk && mount -t tmpfs -o size=1m tmpfs disk";
    let unshare = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "sh", "-ec", script]);
        command.current_dir(place.path(""));
        command
    };
    if !unshare(mount).output().is_ok_and(|output| output.status.success()) {
        return None;
    }
    let gatecheck = place.command(arguments);
    // Its files are gone with the disk: they are copied to where the test can read them.
    let mut command = unshare(&format!(
        "{mount}; {script}; code=0; \"$0\" \"$@\" || code=$?; rm -f disk/fill; cp -r disk after; exit $code"
    ));
    command.arg(gatecheck.get_program()).args(gatecheck.get_args());
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    Some(Output::of(command.spawn().unwrap()))
}

/// Leaves so many blocks of 4 KiB free.
fn filled_but(blocks: u64) -> String {
    format!(
        "free=$(stat -f -c %a disk); dd if=/dev/zero of=disk/fill bs=4096 count=$((free - {blocks})) status=none"
    )
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_leaves_the_old_reports_whole() {
    let place = two_arms();
    assert_eq!(place.measure("").code, 0);
    let length = |name: &str| place.path("out").join(name).metadata().unwrap().len().div_ceil(4096);
    // Enough for the first file of the set and not for all.
    let blocks = length("report.json") + 1;
    let script = format!("cp out/* disk; {}", filled_but(blocks));
    let Some(output) = on_a_disk(&place, &script, "report disk --max-accuracy-drop 0.001") else {
        return eprintln!("not tried: no disk of its own is allowed here");
    };
    assert_eq!(output.code, 3, "{}", output.stderr);
    let words = "hint: make room there, then go on with `gatecheck run --resume disk`\n";
    assert!(output.stderr.contains("os error 28") && output.stderr.ends_with(words), "{}", output.stderr);
    assert_eq!(place.files("after"), FILES);
    for (name, before) in bytes(&place) {
        assert_eq!(std::fs::read(place.path("after").join(&name)).unwrap(), before, "{name}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_disk_that_takes_nothing_is_told_before_anything_is_measured() {
    let place = two_arms();
    let run = MEASURE.replace("--out out", "--out disk/out");
    for (script, errors) in [
        (filled_but(0), ["os error 28"; 2]),
        (
            "mkdir disk/out; mount -o remount,ro disk".to_owned(),
            ["failed to write into `disk/out`", "os error 30"],
        ),
    ] {
        let Some(output) = on_a_disk(&place, &script, &run) else {
            return eprintln!("not tried: no disk of its own is allowed here");
        };
        assert_eq!(output.code, 3, "{}", output.stderr);
        assert!(errors.iter().all(|error| output.stderr.contains(error)), "{}", output.stderr);
        assert!(!output.stderr.contains("panicked"), "{}", output.stderr);
        std::fs::remove_dir_all(place.path("after")).unwrap();
    }
}

/// Starts two runs of different seeds into one folder, the second after a while. Both ends.
fn at_once(place: &Place, after: Duration) -> [Output; 2] {
    let start = |seed: u32| place.command(&format!("{MEASURE} --seed {seed}")).spawn().unwrap();
    let first = start(1);
    std::thread::sleep(after);
    let second = start(2);
    [first, second].map(Output::of)
}

/// Two runs at once, so many times: what is there is of one of them, and who was refused was told.
fn race(rounds: u32) {
    let place = two_arms();
    let begun = Instant::now();
    assert_eq!(place.measure("").code, 0);
    let whole = begun.elapsed();
    for round in 0..rounds {
        let outputs = at_once(&place, whole * round / rounds);
        let refused = "error: another process is measuring into `out`";
        for output in &outputs {
            let told = output.code == 2 && output.stderr.contains(refused);
            assert!(output.code == 0 || told, "{}: {}", output.code, output.stderr);
        }
        assert!(outputs.iter().any(|output| output.code == 0));
        assert_eq!(place.files("out"), FILES);
        let seed = place.record()["seed"].clone();
        assert_eq!(place.report()["seed"], seed);
        let before = bytes(&place);
        assert_eq!(place.gatecheck("report out").code, 0);
        assert_eq!(bytes(&place), before, "round {round}: the reports are not those of the record");
    }
}

#[test]
fn two_runs_at_once_do_not_mix() {
    race(2);
}

#[test]
#[ignore = "slow: make faults"]
fn two_runs_at_once_do_not_mix_however_they_meet() {
    race(24);
}

/// Checks that whatever a killed run left is whole, or is not taken for it.
fn is_sound(place: &Place) {
    let there = |name: &str| place.path("out").join(name).exists();
    if there("report.json") {
        place.report();
    }
    if !there("journal.jsonl") && !there("record.json") {
        return;
    }
    let output = place.gatecheck("report out");
    // A killed run is shown as one that has not ended, or not at all where it has only begun to write.
    assert!([0, 2, 3, 4].contains(&output.code), "{}: {}{}", output.code, output.stdout, output.stderr);
    assert!(!output.stderr.contains("panicked"), "{}", output.stderr);
    if output.code != 2 {
        let is_whole = place.report()["interrupted"] == false;
        assert_eq!(
            output.code == 0,
            is_whole,
            "an unfinished run never passes, a finished one always does here"
        );
        let calls = place.record()["arms"][1]["latency"].as_array().map_or(0, Vec::len);
        assert!(!is_whole || calls == 6000, "{calls} calls");
    }
}

/// Waits so long for a process, then kills it. Whether it was still at work.
fn killed(mut child: Child, after: Duration) -> bool {
    std::thread::sleep(after);
    let was_at_work = child.try_wait().unwrap().is_none();
    child.kill().unwrap();
    child.wait().unwrap();
    was_at_work
}

#[test]
#[ignore = "slow: make faults"]
fn fifty_kills_at_any_moment_lose_nothing() {
    const RUN: &str = "run --model model --dataset rows.jsonl --mock mock.json --batch-size 3 --latency-queries 6000 \
                       --out out";
    let whole = two_arms();
    let begun = Instant::now();
    assert_eq!(whole.gatecheck(RUN).code, 0);
    let (took, expected) = (begun.elapsed(), undisturbed(whole.report()));
    let place = two_arms();
    let (mut kills, mut finished, mut random) = (0, 0, 1_u64);
    while kills < 50 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let after = took.mul_f64((random >> 40) as f64 / f64::from(1 << 24));
        let arguments = if place.journal().contains("\"block\":{") { "run --resume out" } else { RUN };
        kills += u32::from(killed(place.command(arguments).spawn().unwrap(), after));
        wait_for(|| place.processes().is_empty());
        is_sound(&place);
        finished += u32::from(!place.path("out/journal.jsonl").exists());
    }
    let last = if place.journal().contains("\"block\":{") { "run --resume out" } else { RUN };
    let output = place.gatecheck(last);
    assert_eq!(output.code, 0, "{}", output.stderr);
    assert_eq!(undisturbed(place.report()), expected, "{kills} kills, {finished} ends");
    let names: Vec<Value> = place.files("out").into_iter().map(Value::from).collect();
    assert!(FILES.iter().all(|name| names.contains(&json!(name))), "{names:?}");
}
