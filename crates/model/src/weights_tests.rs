use std::path::Path;

use safetensors::tensor::TensorView as Raw;

use super::*;

fn write(folder: &Path, name: &str, tensors: &[(&str, Dtype, Vec<usize>, Vec<u8>)]) {
    let views: Vec<_> = tensors
        .iter()
        .map(|(name, dtype, shape, bytes)| (*name, Raw::new(*dtype, shape.clone(), bytes).unwrap()))
        .collect();
    std::fs::write(folder.join(name), safetensors::serialize(views, None).unwrap()).unwrap();
}

fn floats(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

#[test]
fn widens_every_float_type() {
    let folder = tempfile::tempdir().unwrap();
    let half: Vec<u8> = [1.5f32, -2.0].iter().flat_map(|value| f16::from_f32(*value).to_le_bytes()).collect();
    let brain: Vec<u8> =
        [1.5f32, -2.0].iter().flat_map(|value| bf16::from_f32(*value).to_le_bytes()).collect();
    write(
        folder.path(),
        "model.safetensors",
        &[
            ("a", Dtype::F32, vec![2], floats(&[1.5, -2.0])),
            ("b", Dtype::F16, vec![2], half),
            ("c", Dtype::BF16, vec![1, 2], brain),
        ],
    );
    let store = WeightStore::open(folder.path()).unwrap();
    assert_eq!(store.iter().count(), 3);
    for view in store.iter() {
        assert_eq!(view.to_f32().unwrap(), [1.5, -2.0], "{}", view.name);
    }
    assert!(matches!(store.find("a").unwrap().to_u32(), Err(WeightError::ElementType { .. })));
    assert!(store.find("d").is_none());
}

#[test]
fn reads_shards_and_refuses_bad_indexes() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "model-00001-of-00002.safetensors", &[("a", Dtype::F32, vec![1], floats(&[1.0]))]);
    write(folder.path(), "model-00002-of-00002.safetensors", &[("b", Dtype::F32, vec![1], floats(&[2.0]))]);
    let index = folder.path().join("model.safetensors.index.json");
    let map = |second: &str| {
        format!(r#"{{"weight_map":{{"a":"model-00001-of-00002.safetensors","b":"{second}"}}}}"#)
    };
    std::fs::write(&index, map("model-00002-of-00002.safetensors")).unwrap();
    let store = WeightStore::open(folder.path()).unwrap();
    assert_eq!(store.find("b").unwrap().to_f32().unwrap(), [2.0]);

    for (name, expected) in [
        ("../b.safetensors", "not a safetensors file of this folder"),
        ("gone.safetensors", "which is not there"),
        ("b.bin", "not a safetensors file of this folder"),
    ] {
        std::fs::write(&index, map(name)).unwrap();
        let error = WeightStore::open(folder.path()).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
    std::fs::write(&index, "{").unwrap();
    assert!(WeightStore::open(folder.path()).unwrap_err().to_string().contains("is malformed"));
}

#[test]
fn refuses_broken_headers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    write(folder.path(), "model.safetensors", &[("a", Dtype::F32, vec![4], floats(&[1.0; 4]))]);
    let whole = std::fs::read(&path).unwrap();
    let mut oversized = whole.clone();
    oversized[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    let mut longer = whole.clone();
    longer.extend([0; 3]);
    for bytes in [&whole[..whole.len() - 1], &whole[..20], &whole[..4], &[], &oversized, &longer] {
        std::fs::write(&path, bytes).unwrap();
        let error = WeightStore::open(folder.path()).unwrap_err();
        assert!(matches!(error, WeightError::Malformed { .. }), "{} bytes: {error}", bytes.len());
        assert!(error.to_string().contains("model.safetensors"));
    }
}

#[test]
fn refuses_pickles_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(WeightStore::open(folder.path()), Err(WeightError::Missing { pickle: None, .. })));
    std::fs::write(folder.path().join("pytorch_model.bin"), b"x").unwrap();
    let error = WeightStore::open(folder.path()).unwrap_err();
    assert!(error.hint().unwrap().contains("`pytorch_model.bin` is a pickle"));
}

#[test]
fn names_the_element_that_is_not_finite() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "model.safetensors", &[("a", Dtype::F32, vec![3], floats(&[1.0, f32::NAN, 2.0]))]);
    let store = WeightStore::open(folder.path()).unwrap();
    let error = store.find("a").unwrap().to_f32().unwrap_err();
    assert_eq!(error.to_string(), "tensor `a` holds NaN at element 1");
}
