//! `upload`: what is refused, what the card says, and that what is killed goes on.

use gatecheck_data::hub::{Hub, HubSettings};
use gatecheck_loopback::{Fault, LoopbackHub, What};

use crate::{
    harness::{Output, Place, rows, wait_for},
    hub_cli::{FakeHub, files_of, hub, told},
};

const RUN: &str = "run --model org/tiny --dataset rows.jsonl --mock mock.json --batch-size 30 --latency-queries 20 --out out";
const ARTEFACT: &str = "models/mlx_converted/org--tiny-mlx-q8";
const UPLOAD: &str = "upload models/mlx_converted/org--tiny-mlx-q8 --repo someone/tiny";

/// The tiny model, converted, and a run that it passed. Scripted arms stand for real ones: the record is made to say
/// that MLX answered.
fn passed() -> (Place, FakeHub) {
    let (place, hub) = hub();
    place.write("rows.jsonl", &rows(600));
    let output = told(hub.ask(&place, RUN));
    assert_eq!(output.code, 0, "{}{}", output.stdout, output.stderr);
    let record = place.read("out/record.json").replace("\"mock\"", "\"mlx\"");
    place.write("out/record.json", &record);
    (place, hub)
}

/// The files of the artefact, as they are to be in the repository, with the card that is there.
#[track_caller]
fn is_there(place: &Place, hub: &LoopbackHub, repo: &str, revision: &str) -> String {
    let mut there = hub.files(repo, revision).unwrap();
    let card = there.iter().find(|(name, _)| name == "README.md").unwrap().1.clone();
    there.retain(|(name, _)| ![".gitattributes", "README.md"].contains(&name.as_str()));
    assert!(there == files_of(place, ARTEFACT).into_iter().collect::<Vec<_>>());
    String::from_utf8(card).unwrap()
}

#[test]
fn what_passed_is_uploaded_with_its_card() {
    let (place, hub) = passed();
    let output = told(hub.ask(&place, &format!("{UPLOAD} --record out --private")));
    assert_eq!((output.code, output.stderr.as_str()), (0, ""));
    let start = format!("Uploaded: {}/someone/tiny (commit ", hub.endpoint);
    assert!(output.stdout.starts_with(&start) && output.stdout.contains("; 5 files, 0.10 MB"), "{output:?}");
    assert_eq!(hub.is_private("models/someone/tiny"), Some(true));
    let card = is_there(&place, &hub, "models/someone/tiny", "main");
    let front = "---\nlibrary_name: mlx\nbase_model: \"org/tiny\"\nbase_model_relation: quantized\n\
                 pipeline_tag: \"text-classification\"\nlicense: \"other\"\nlicense_name: \"tiny\"\n\
                 license_link: \"https://huggingface.co/org/tiny/blob/main/LICENSE\"\n\
                 language:\n- \"en\"\n- \"no\"\ntags:\n- \"mlx\"\n- \"gatecheck\"\n- \"8-bit\"\n---\n\n# tiny\n";
    assert!(card.starts_with(front), "{card}");
    let weights =
        gatecheck_base::fs::sha256_file(&place.path(&format!("{ARTEFACT}/model.safetensors"))).unwrap();
    for words in [
        "| bits | 8 |",
        "| accuracy | pass | the drop is at most 0.0064",
        "snapshot_download(\"someone/tiny\")",
        &format!("| {weights} |"),
    ] {
        assert!(card.contains(words), "{words}\n{card}");
    }
    assert!(!card.contains("by force"), "{card}");
    // By our own client, with the connection cut on the way.
    hub.fail(Fault::new("GET", "model.safetensors", What::CutAnswer, 2));
    let settings = HubSettings {
        endpoint: hub.endpoint.clone(),
        login: None,
        cache: place.path("another"),
        token: Some("hf_read".to_owned()),
        offline: None,
    };
    let companions = gatecheck_model::files::companions;
    let found = Hub::new(settings).unwrap().model_snapshot("someone/tiny", None, companions, &mut |_| {});
    let folder = found.unwrap().folder;
    for name in ["config.json", "model.safetensors", "tokenizer.json"] {
        let ours = std::fs::read(place.path(ARTEFACT).join(name)).unwrap();
        assert!(std::fs::read(folder.join(name)).unwrap() == ours, "{name}");
    }
    let again = told(hub.ask(&place, &format!("{UPLOAD} --record out")));
    assert!(
        again.stdout.starts_with(&format!("There already: {}/someone/tiny (", hub.endpoint)),
        "{again:?}"
    );
    assert_eq!(hub.commits("models/someone/tiny"), 1);
}

#[test]
fn a_dry_run_sends_nothing() {
    let (place, hub) = passed();
    let before = hub.asked().len();
    let output = told(hub.ask(&place, &format!("{UPLOAD} --record out --dry-run")));
    assert_eq!(output.code, 0, "{}", output.stderr);
    assert!(output.stdout.starts_with("---\nlibrary_name: mlx\n"), "{}", output.stdout);
    assert!(output.stdout.trim_end().ends_with("in 5 files; nothing was sent"), "{}", output.stdout);
    assert!(output.stdout.contains("  model.safetensors\n"), "{}", output.stdout);
    let asked = hub.asked().split_off(before);
    assert!(asked.iter().all(|ask| ask.contains("org/tiny") && !ask.starts_with('P')), "{asked:?}");
    // Without network and cache the card lacks what it cannot know, and says so.
    std::fs::remove_dir_all(place.path("hf")).unwrap();
    let output = place.gatecheck(&format!("{UPLOAD} --record out --dry-run"));
    assert_eq!(output.code, 0, "{}", output.stderr);
    assert!(output.stderr.contains("note: the card names no licence"), "{}", output.stderr);
}

#[test]
fn what_has_not_passed_is_refused_or_says_so() {
    let (place, hub) = passed();
    let refused = |arguments: &str| {
        let output = told(hub.ask(&place, &format!("{UPLOAD} {arguments}")));
        assert_eq!((output.code, output.stdout.as_str()), (2, ""), "{}", output.stderr);
        output.stderr
    };
    let error = refused("");
    let words = format!(
        "error: `{ARTEFACT}` is not fit to be uploaded: there is no record of a run that it passed\n\nhint: measure \
         it with `gatecheck run`"
    );
    assert!(error.starts_with(&words), "{error}");
    assert!(refused("--record nowhere").contains("failed to read `nowhere/record.json`"));

    let record = place.read("out/record.json");
    place.write("out/record.json", &record.replace("\"mlx\"", "\"mock\""));
    assert!(refused("--record out").contains("in the run in `out` it was scripted, not measured"));
    let artefact = gatecheck_model::convert::Artefact::open(&place.path(ARTEFACT)).unwrap();
    let recipe = artefact.recipe_sha256().unwrap();
    place.write("out/record.json", &record.replace(recipe, &"0".repeat(64)));
    assert!(refused("--record out").contains("no candidate of the run in `out` was made by its recipe"));
    let failed = record.replace("\"max_accuracy_drop\":0.015", "\"max_accuracy_drop\":0.0001");
    assert_ne!(failed, record);
    place.write("out/record.json", &failed);
    assert!(refused("--record out").contains("the verdict of its run is `inconclusive` (accuracy: "));
    assert_eq!(hub.is_private("models/someone/tiny"), None);

    let mut tokenizer = place.read(&format!("{ARTEFACT}/tokenizer.json"));
    tokenizer.pop();
    tokenizer.push(' ');
    place.write(&format!("{ARTEFACT}/tokenizer.json"), &tokenizer);
    let error = refused("--record out");
    assert!(error.contains("`tokenizer.json` has another checksum than recorded; the verdict of"), "{error}");
    let output = told(hub.ask(&place, &format!("{UPLOAD} --record out --force")));
    assert_eq!(output.code, 0, "{}", output.stderr);
    let card = is_there(&place, &hub, "models/someone/tiny", "main");
    for words in [
        "**This artefact was uploaded by force: it has not been shown that it may stand in for the original.**",
        "> - artefact &#96;",
        "has another checksum than recorded\n> - the verdict of its run is &#96;inconclusive&#96;",
    ] {
        assert!(card.contains(words), "{words}\n{card}");
    }
}

#[test]
fn what_is_no_artefact_and_who_has_no_token() {
    let (place, hub) = passed();
    let mut nobody = hub.ask(&place, &format!("{UPLOAD} --record out"));
    nobody.env_remove("HF_TOKEN");
    let output = told(nobody);
    assert_eq!(output.code, 2);
    let words =
        format!("error: there is no token to write to {} with\n\nhint: make one that may", hub.endpoint);
    assert!(output.stderr.contains(&words), "{}", output.stderr);
    let output = told(hub.ask(&place, "upload rows --repo someone/tiny --force"));
    assert_eq!(output.code, 3);
    assert!(output.stderr.contains("`rows` is not a converted model"), "{}", output.stderr);
    let output = told(hub.ask(&place, &format!("upload {ARTEFACT} --repo a//b --record out --dry-run")));
    assert_eq!((output.code, output.stdout.as_str()), (2, ""), "{}", output.stderr);
    let base = format!("{UPLOAD} --record out --base-model a/b/c");
    assert!(told(hub.ask(&place, &base)).stderr.contains("`a/b/c` is no Hub id"));
}

#[test]
#[cfg(unix)]
fn killed_uploads_leave_nothing_half_and_the_next_ends_right() {
    let (place, _) = passed();
    for (method, path) in [
        ("GET", "/tree/"),
        ("POST", "/api/repos/create"),
        ("POST", "/preupload/"),
        ("POST", "/objects/batch"),
        ("PUT", "/upload/"),
        ("POST", "/lfs/verify"),
        ("POST", "/commit/"),
    ] {
        let hub = FakeHub::new(&[]);
        let command = || hub.ask(&place, &format!("{UPLOAD} --record out"));
        hub.fail(Fault::new(method, path, What::Stall, 1));
        let mut child = command().spawn().unwrap();
        wait_for(|| hub.asked().iter().any(|ask| ask.starts_with(method) && ask.contains(path)));
        child.kill().unwrap();
        child.wait().unwrap();
        let repo = "models/someone/tiny";
        assert!(hub.files(repo, "main").is_none_or(|files| files.len() == 1), "{path}");
        let output = Output::of(command().spawn().unwrap());
        assert_eq!(output.code, 0, "{path}: {}", output.stderr);
        is_there(&place, &hub, repo, "main");
        assert_eq!(hub.commits(repo), 1, "{path}");
        // What had arrived and been compared was not sent again.
        let puts = hub.asked().iter().filter(|ask| ask.starts_with("PUT")).count();
        assert_eq!(puts, if ["/upload/", "/lfs/verify"].contains(&path) { 2 } else { 1 }, "{path}");
    }
}
