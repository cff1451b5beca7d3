//! How much would come, told before it does.

use super::*;

/// A Hub that tells sizes where it is asked for them.
fn sized(listing: &'static [(&'static str, Option<u64>)], key: &'static str) -> FakeHub {
    FakeHub::twisted(&[], move |ask, stream| {
        if ask.path != format!("/api/{key}?blobs=true") {
            return false;
        }
        let siblings: Vec<_> = listing
            .iter()
            .map(|(name, size)| serde_json::json!({ "rfilename": name, "size": size }))
            .collect();
        let info = serde_json::json!({ "sha": SHA, "siblings": siblings }).to_string();
        reply(ask, stream, 200, &[], info.as_bytes());
        true
    })
}

#[test]
fn a_model_is_its_weights_and_what_goes_with_them() {
    let listing: &[_] = &[
        ("config.json", Some(1)),
        ("tokenizer.json", Some(10)),
        ("model.safetensors", Some(100)),
        ("pytorch_model.bin", Some(1000)),
        ("onnx/model.safetensors", Some(10_000)),
    ];
    let fake = sized(listing, "models/owner/model/revision/main");
    assert_eq!(fake.hub().model_bytes("owner/model", None, companions).unwrap(), Some(111));
    assert!(matches!(
        fake.offline().model_bytes("owner/model", None, companions),
        Err(HubError::Offline { .. })
    ));
    assert!(matches!(fake.hub().model_bytes("owner/none", None, companions), Err(HubError::NotFound { .. })));
    assert!(std::fs::read_dir(fake.cache.path()).unwrap().next().is_none(), "nothing is fetched");
    let shards: &[_] = &[
        ("config.json", Some(1)),
        ("model-00001-of-00002.safetensors", Some(20)),
        ("model-00002-of-00002.safetensors", Some(30)),
    ];
    let fake = sized(shards, "models/owner/model/revision/v1");
    assert_eq!(fake.hub().model_bytes("owner/model", Some("v1"), companions).unwrap(), Some(51));
}

#[test]
fn a_split_is_its_own_files() {
    let listing: &[_] = &[
        ("mnli/train/0000.parquet", Some(1)),
        ("mnli/train/0001.parquet", Some(10)),
        ("mnli/test/0000.parquet", Some(100)),
    ];
    let fake = sized(listing, "datasets/nyu-mll/glue/revision/refs/convert/parquet");
    let bytes = |split| fake.hub().dataset_bytes("nyu-mll/glue", Some("mnli"), split, None);
    assert_eq!(bytes("train").unwrap(), Some(11));
    assert!(matches!(bytes("validation"), Err(HubError::Split { .. })));
}

#[test]
fn a_mirror_that_tells_no_sizes_is_no_zero() {
    let listing: &[_] = &[("config.json", Some(1)), ("model.safetensors", None)];
    let fake = sized(listing, "models/owner/model/revision/main");
    assert_eq!(fake.hub().model_bytes("owner/model", None, companions).unwrap(), None);
}
