//! Which files of a model are fetched, and which models are refused.

use super::*;

#[test]
fn a_model_is_fetched_once_and_only_what_is_needed() {
    let fake = FakeHub::new(&[("models/owner/model@main", model())]);
    let mut last = BTreeMap::new();
    let first = fake.hub().model_snapshot("owner/model", None, companions, &mut |progress: Progress<'_>| {
        last.insert(progress.file.to_owned(), (progress.received, progress.total));
    });
    let first = first.unwrap();
    assert_eq!(first.revision, SHA);
    let expected = ["1_Pooling", "config.json", "model.safetensors", "tokenizer.json"];
    assert_eq!(names(&first.folder), expected);
    assert_eq!(std::fs::read_to_string(first.folder.join("config.json")).unwrap(), "{}");
    assert_eq!(last["model.safetensors"], (23, 23));
    let before = fake.count("/resolve/");
    assert_eq!(snapshot(&fake.hub()).unwrap(), first);
    assert_eq!(fake.count("/resolve/"), before);
    assert_eq!(fake.count("pytorch_model") + fake.count(".py") + fake.count("onnx"), 0);
}

#[test]
fn the_files_of_modules_come_along() {
    let with_modules = |modules: &str| {
        let others = [("config.json", "{}"), ("2_Dense/model.safetensors", "d"), ("model.safetensors", "w")];
        files(&[&others[..], &[("modules.json", modules)]].concat())
    };
    let dense = with_modules(r#"[{"path": "2_Dense"}]"#);
    let fake = FakeHub::new(&[("models/owner/model@main", dense)]);
    let folder = snapshot(&fake.hub()).unwrap().folder;
    assert_eq!(names(&folder), ["2_Dense", "config.json", "model.safetensors", "modules.json"]);
    assert_eq!(names(&folder.join("2_Dense")), ["model.safetensors"]);
    let fake = FakeHub::new(&[("models/owner/model@main", with_modules("[]"))]);
    let folder = snapshot(&fake.hub()).unwrap().folder;
    assert_eq!(names(&folder), ["config.json", "model.safetensors", "modules.json"]);
}

#[test]
fn the_card_is_read_where_there_is_one() {
    let card = |files: &[(&str, &str)]| {
        let fake = FakeHub::new(&[("models/owner/model@main", self::files(files))]);
        fake.hub().model_card("owner/model", None).unwrap()
    };
    assert_eq!(card(&[("config.json", "{}"), ("README.md", "# It")]).as_deref(), Some("# It"));
    assert_eq!(card(&[("config.json", "{}")]), None);
}

#[test]
fn shards_come_from_the_index() {
    let index = r#"{"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors", "c": "model-1.safetensors"}}"#;
    let sharded = |index: &str| {
        files(&[
            ("config.json", "{}"),
            ("model-1.safetensors", "1"),
            ("model-2.safetensors", "2"),
            ("model.safetensors.index.json", index),
        ])
    };
    let fake = FakeHub::new(&[("models/owner/model@main", sharded(index))]);
    let folder = snapshot(&fake.hub()).unwrap().folder;
    assert!(folder.join("model-2.safetensors").is_file());
    std::fs::remove_file(folder.join("model-2.safetensors")).unwrap();
    assert!(matches!(snapshot(&fake.offline()), Err(HubError::Offline { .. })));
    for (index, message) in [
        (r#"{"weight_map": {"a": "../../x.safetensors"}}"#, "leaves its folder: `../../x.safetensors`"),
        (r#"{"weight_map": {"a": "x.safetensors"}}"#, "the repository has no `x.safetensors`"),
        (r#"{"weight_map": {"a": "x.bin"}}"#, "`x.bin` is no safetensors file"),
        (r#"{"weight_map": {}}"#, "it names no shards"),
        ("[]", "malformed"),
    ] {
        let fake = FakeHub::new(&[("models/owner/model@main", sharded(index))]);
        let error = snapshot(&fake.hub()).unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
    }
}

#[test]
fn pickles_and_odd_repositories_are_refused() {
    for (answer, message) in [
        (
            files(&[("config.json", "{}"), ("pytorch_model.bin", "p")]),
            "only as `pytorch_model.bin`, which are never",
        ),
        (files(&[("config.json", "{}")]), "has no `model.safetensors`"),
        (files(&[("model.safetensors", "w")]), "has no `config.json`"),
        (files(&[("config.json", "{}"), ("../../evil", "e")]), "leaves its folder: `../../evil`"),
        (files(&[("config.json", "{}"), ("/etc/evil", "e")]), "leaves its folder: `/etc/evil`"),
    ] {
        let fake = FakeHub::new(&[("models/owner/model@main", answer)]);
        let error = snapshot(&fake.hub()).unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
        assert_eq!(fake.count("/resolve/"), 0);
        if matches!(error, HubError::OnlyPickles { .. }) {
            assert!(error.hint().unwrap().contains("refs/pr/NUMBER"));
        }
    }
    let fake = FakeHub::new(&[]);
    let error = fake.hub().model_snapshot("../etc", None, companions, &mut quiet).unwrap_err();
    assert_eq!(error.to_string(), "`../etc` is no Hub id such as `facebook/bart-large-mnli`");
    assert!(fake.hub().model_snapshot("a/b", Some("../x"), companions, &mut quiet).is_err());
    assert_eq!(fake.count(""), 0);
}
