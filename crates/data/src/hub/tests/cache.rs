//! What the cache serves, and how it is told when it cannot.

use super::*;

#[test]
fn the_cache_serves_offline_and_when_the_network_is_down() {
    let fake = FakeHub::new(&[("models/owner/model@main", model())]);
    let first = snapshot(&fake.hub()).unwrap();
    let requests = fake.count("");
    assert_eq!(snapshot(&fake.offline()).unwrap(), first);
    assert_eq!(
        fake.offline().model_snapshot("owner/model", Some(SHA), companions, &mut quiet).unwrap(),
        first
    );
    assert_eq!(fake.count(""), requests);
    assert_eq!(snapshot(&fake.down()).unwrap(), first);
    // Python keeps the layout: a reference, blobs and links.
    let repo = fake.cache.path().join("hub/models--owner--model");
    assert_eq!(std::fs::read_to_string(repo.join("refs/main")).unwrap(), SHA);
    assert!(repo.join("snapshots").join(SHA).join("config.json").is_symlink());
}

#[test]
fn offline_without_the_files_is_said() {
    let fake = FakeHub::new(&[("models/owner/model@main", model())]);
    let error = snapshot(&fake.offline()).unwrap_err();
    assert!(error.to_string().starts_with("model `owner/model` is not complete in the cache `"), "{error}");
    assert!(error.hint().unwrap().contains("HF_HUB_OFFLINE"));
    assert_eq!(fake.count(""), 0);
    // A download that stopped before the weights is no model either.
    let folder = snapshot(&fake.hub()).unwrap().folder;
    std::fs::remove_file(folder.join("model.safetensors")).unwrap();
    assert!(matches!(snapshot(&fake.offline()), Err(HubError::Offline { .. })));
    let other = HubSettings { offline: Some("TRANSFORMERS_OFFLINE"), ..fake.settings() };
    let error = snapshot(&Hub::new(other).unwrap()).unwrap_err();
    assert!(error.to_string().ends_with("and `TRANSFORMERS_OFFLINE` is set"), "{error}");
    assert_eq!(error.hint().unwrap(), "unset `TRANSFORMERS_OFFLINE` once to download it");
    // Nobody forbade the network: it is down.
    let error = snapshot(&fake.down()).unwrap_err();
    assert_eq!(error.to_string(), "failed to fetch model `owner/model` from http://127.0.0.1:9");
    assert_eq!(error.kind(), ErrorKind::Network);
}

#[test]
fn a_cache_that_cannot_be_written_is_no_network() {
    let fake = FakeHub::new(&[("models/owner/model@main", model())]);
    fs::write_atomic(&fake.cache.path().join("hub/models--owner--model/blobs"), b"in the way").unwrap();
    let error = snapshot(&fake.hub()).unwrap_err();
    assert!(error.to_string().starts_with("failed to create `"), "{error}");
    assert_eq!((error.kind(), error.hint()), (ErrorKind::Disk, None));
    assert_eq!(fake.count("/resolve/"), 1, "nothing is downloaded");
}
