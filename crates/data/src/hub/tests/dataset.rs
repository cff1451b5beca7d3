//! Which files make a split.

use super::*;

#[test]
fn a_split_comes_from_the_parquet_branch_in_order() {
    let branch = files(&[
        ("mnli/train/0000.parquet", "first"),
        ("mnli/train/0001.parquet", "second"),
        ("mnli/test/0000.parquet", "test"),
    ]);
    let fake = FakeHub::new(&[("datasets/nyu-mll/glue@refs/convert/parquet", branch)]);
    let get =
        |hub: &Hub, split: &str| hub.dataset_files("nyu-mll/glue", Some("mnli"), split, None, &mut quiet);
    let train = get(&fake.hub(), "train").unwrap();
    let texts: Vec<_> = train.files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect();
    assert_eq!((texts, train.revision.as_str()), (vec!["first".to_owned(), "second".to_owned()], SHA));
    assert_eq!(get(&fake.offline(), "train").unwrap(), train);
    assert!(matches!(get(&fake.offline(), "test"), Err(HubError::Offline { .. })));
    std::fs::remove_file(&train.files[0]).unwrap();
    assert!(matches!(get(&fake.offline(), "train"), Err(HubError::Offline { .. })));
    let error = get(&fake.hub(), "validation").unwrap_err();
    assert_eq!(
        error.to_string(),
        "dataset `nyu-mll/glue` has no split `validation`; its splits are `test` and `train`"
    );
}

#[test]
fn a_dataset_without_that_branch_is_read_from_its_own_files() {
    let own = files(&[("README.md", ""), ("data/test-00000-of-00001.parquet", "test")]);
    let fake = FakeHub::new(&[("datasets/owner/set@main", own)]);
    let found = fake.hub().dataset_files("owner/set", None, "test", None, &mut quiet).unwrap();
    assert_eq!(std::fs::read_to_string(&found.files[0]).unwrap(), "test");
    for hub in [fake.offline(), fake.down()] {
        assert_eq!(hub.dataset_files("owner/set", None, "test", None, &mut quiet).unwrap(), found);
    }
    let error = fake.down().dataset_files("owner/set", None, "train", None, &mut quiet).unwrap_err();
    assert_eq!(error.to_string(), "failed to fetch dataset `owner/set` from http://127.0.0.1:9");
    let error = fake.hub().dataset_files("owner/none", None, "test", None, &mut quiet).unwrap_err();
    assert!(error.to_string().starts_with("dataset `owner/none` was not found on"), "{error}");
}

#[test]
fn file_names_may_have_any_letters() {
    let own = files(&[("data/test #1?x=%41 ä.csv", "test")]);
    let fake = FakeHub::new(&[("datasets/owner/set@main", own)]);
    let found = fake.hub().dataset_files("owner/set", None, "test #1?x=%41 ä", None, &mut quiet).unwrap();
    assert_eq!(std::fs::read_to_string(&found.files[0]).unwrap(), "test");
}
