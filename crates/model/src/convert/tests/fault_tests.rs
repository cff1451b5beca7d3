//! Conversions that fail or are killed, two at once, and damage that must not pass.

use gatecheck_base::fs::FileError;

use super::*;
use crate::{
    convert::{disk::Place, source::Source},
    quant::Mode,
};

fn mode(mode: Mode) -> Recipe {
    Recipe::of(Choices { mode, ..Choices::default() }).unwrap()
}

fn flip(path: &Path, at: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[at] ^= 1;
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn recovers_from_killed_conversions() {
    let fixture = Fixture::new(Float::Float16);
    let done = fixture.convert(8).folder;
    let half = fixture.output().join(".tiny-mlx-q8.4000000.tmp");
    std::fs::create_dir(&half).unwrap();
    std::fs::copy(done.join("config.json"), half.join("config.json")).unwrap();
    assert!(Artefact::open(&half).unwrap_err().to_string().contains("was stopped"));
    // Killed between the two renames: the old artefact has lost its name, the new one was complete.
    let old = fixture.output().join(".tiny-mlx-q8.4000000.old");
    std::fs::rename(&done, &old).unwrap();
    assert!(fixture.convert(8).skipped, "it has its name again");
    assert_eq!(fixture.artefacts(), ["tiny-mlx-q8"]);
    // A neighbour of another artefact is not touched.
    let other = fixture.output().join(".tiny-mlx-q8-v2.1.tmp");
    std::fs::create_dir(&other).unwrap();
    convert(&Request { force: true, ..fixture.request(recipe(8)) }, &mut quiet).unwrap();
    assert!(other.is_dir());
}

#[test]
fn a_second_conversion_waits_for_the_first() {
    let fixture = Fixture::new(Float::Float16);
    let target = fixture.output().join("tiny-mlx-q8");
    std::fs::create_dir_all(fixture.output()).unwrap();
    let mut theirs = Some(lock::Lock::take(&target, || ()).unwrap());
    assert_eq!(fixture.artefacts(), [".tiny-mlx-q8.lock"]);
    // What the other has begun is not swept away under its hands.
    let half = fixture.output().join(".tiny-mlx-q8.4000000.tmp");
    std::fs::create_dir(&half).unwrap();
    let mut waited = 0;
    let mut watch = |progress: Progress| {
        if progress.stage == Stage::Wait {
            waited += 1;
            assert!(half.is_dir());
            if waited == 3 {
                theirs = None;
            }
        }
    };
    assert!(!convert(&fixture.request(recipe(8)), &mut watch).unwrap().skipped);
    assert_eq!(waited, 3);
    assert_eq!(fixture.artefacts(), ["tiny-mlx-q8"]);
}

#[test]
fn what_a_killed_process_left_locks_nothing() {
    let fixture = Fixture::new(Float::Float16);
    std::fs::create_dir_all(fixture.output()).unwrap();
    let path = fixture.output().join(".tiny-mlx-q8.lock");
    std::fs::write(&path, "").unwrap();
    assert!(!fixture.convert(8).skipped);
    assert_eq!(fixture.artefacts(), ["tiny-mlx-q8"]);
    // A link that somebody laid there is not followed.
    std::os::unix::fs::symlink(fixture.source().join("config.json"), &path).unwrap();
    let error = convert(&fixture.request(recipe(8)), &mut quiet).unwrap_err();
    assert!(error.to_string().ends_with(".tiny-mlx-q8.lock`"), "{error}");
}

#[test]
fn a_place_that_cannot_be_locked_for_another_reason_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "").unwrap();
    let error = super::super::lock::Lock::take(&folder.path().join("file/artefact"), || ()).err().unwrap();
    assert!(error.to_string().starts_with("failed to lock"), "{error}");
}

#[test]
fn two_recipes_at_once_are_as_one_after_the_other() {
    for _ in 0..5 {
        let fixture = Fixture::new(Float::Float16);
        let request = |group_size| fixture.request(Recipe::new(8, Some(group_size), None, None).unwrap());
        let (one, other) = std::thread::scope(|scope| {
            let other = scope.spawn(|| convert(&request(64), &mut quiet));
            (convert(&request(32), &mut quiet), other.join().unwrap())
        });
        let (Ok(done), Err(refused)) = (if one.is_ok() { (one, other) } else { (other, one) }) else {
            panic!("both were converted, or none")
        };
        assert!(matches!(refused, ConvertError::Exists { .. }), "{refused}");
        let artefact = Artefact::open(&done.folder).unwrap();
        artefact.check_sums().unwrap();
        assert_eq!(artefact.recipe_sha256(), Some(done.recipe_sha256.as_str()));
        assert_eq!(fixture.artefacts(), ["tiny-mlx-q8"]);
    }
}

#[test]
fn failures_leave_nothing_behind() {
    let mut fixture = Fixture::new(Float::Float32);
    let query = fixture.tensor("bert.encoder.layer.0.attention.self.query.weight");
    query.bytes[400..404].copy_from_slice(&f32::NAN.to_le_bytes());
    fixture.save();
    let error = convert(&fixture.request(recipe(8)), &mut quiet).unwrap_err();
    let expected = "tensor `bert.encoder.layer.0.attention.self.query.weight` holds NaN at element 100";
    assert_eq!(error.to_string(), expected);
    assert!(fixture.artefacts().is_empty());

    let fixture = Fixture::new(Float::Float32);
    std::fs::write(fixture.output(), "a file").unwrap();
    let error = convert(&fixture.request(recipe(8)), &mut quiet).unwrap_err();
    assert!(error.to_string().contains(&fixture.output().display().to_string()), "{error}");

    // Fails in the middle of writing: a file to copy disappears when the weights are written.
    let fixture = Fixture::new(Float::Float32);
    let path = fixture.source().join("tokenizer.json");
    let mut vanish = |progress: Progress| {
        if progress.stage == Stage::Write {
            let _ = std::fs::remove_file(&path);
        }
    };
    let error = convert(&fixture.request(recipe(8)), &mut vanish).unwrap_err();
    assert!(error.to_string().ends_with("source/tokenizer.json`"), "{error}");
    assert!(fixture.artefacts().is_empty());

    // Or it becomes another file of the same length.
    fixture.write("tokenizer.json", b"{}");
    let mut replace = |progress: Progress| {
        if progress.stage == Stage::Write {
            std::fs::write(&path, "[]").unwrap();
        }
    };
    let error = convert(&fixture.request(recipe(8)), &mut replace).unwrap_err();
    assert!(error.to_string().ends_with("source/tokenizer.json` changed while it was converted"), "{error}");
    assert!(fixture.artefacts().is_empty());
}

#[test]
fn checksums_are_of_what_is_converted() {
    let mut fixture = Fixture::new(Float::Float16);
    let source = Source::open(&fixture.source()).unwrap();
    let before = source.checksums(|_, _| ()).unwrap();
    let sums = |folder: &Path| Source::open(folder).unwrap().checksums(|_, _| ()).unwrap();
    assert_eq!(sums(&fixture.source()), before);
    let inputs = ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"];
    for (name, sha256) in inputs.iter().zip(before.values()) {
        assert_eq!(*sha256, gatecheck_base::fs::sha256_file(&fixture.source().join(name)).unwrap(), "{name}");
    }
    // Others take the places of the files that are open.
    let config = std::fs::read_to_string(fixture.source().join("config.json")).unwrap();
    fixture.write("config.json", config.replace("\"a\"", "\"z\"").as_bytes());
    fixture.tensor("classifier.bias").bytes[0] ^= 1;
    std::fs::remove_file(fixture.source().join("model.safetensors")).unwrap();
    fixture.save();
    assert_eq!(source.checksums(|_, _| ()).unwrap(), before);
    let after = sums(&fixture.source());
    let changed: Vec<_> = inputs.into_iter().filter(|name| after[*name] != before[*name]).collect();
    assert_eq!(changed, ["config.json", "model.safetensors"]);
}

#[test]
fn a_model_that_is_not_whole_is_refused() {
    let refused = |change: &dyn Fn(&mut Fixture), words: &str| {
        let mut fixture = Fixture::new(Float::Float16);
        change(&mut fixture);
        fixture.save();
        for error in [
            convert(&fixture.request(recipe(8)), &mut quiet).unwrap_err(),
            plan(&fixture.source(), &recipe(8), SHARD_BYTES).unwrap_err(),
        ] {
            assert_eq!(error.to_string(), words);
            assert_eq!(error.kind(), gatecheck_base::kind::ErrorKind::Model);
        }
        assert!(fixture.artefacts().is_empty());
    };
    let key = "bert.encoder.layer.0.attention.self.key.weight";
    let absent = format!("the weights lack `{key}`");
    refused(&|fixture| fixture.tensor(key).name.push_str("ing"), &absent);
    refused(&|fixture| fixture.tensors.retain(|tensor| tensor.name != key), &absent);
    refused(
        &|fixture| *fixture.tensor(key) = tensor(key, &[32, 64], Float::Float16),
        &format!("tensor `{key}` has shape [32, 64], the configuration asks for [64, 64]"),
    );
    refused(
        &|fixture| fixture.tensors.push(tensor("bert.encoder.layer.1.odd.weight", &[8, 64], Float::Float16)),
        "the weights hold tensors that the model does not use: `bert.encoder.layer.1.odd.weight`",
    );
    refused(
        &|fixture| fixture.tensors.retain(|tensor| !tensor.name.starts_with("classifier")),
        "the weights lack `classifier.weight`",
    );
}

#[test]
fn of_several_errors_the_first_in_the_file_is_told() {
    let mut fixture = Fixture::with_inner(Float::Float32, 8192);
    let name = "bert.encoder.layer.0.output.dense.weight";
    // One in the fourth piece, one in the second, and one in a tensor behind it.
    for (name, at) in [(name, 500_000), (name, 200_000), ("classifier.weight", 0)] {
        fixture.tensor(name).bytes[4 * at..4 * at + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    }
    fixture.save();
    for _ in 0..10 {
        let error = convert(&fixture.request(recipe(8)), &mut quiet).unwrap_err();
        assert_eq!(error.to_string(), format!("tensor `{name}` holds NaN at element 200000"));
    }
}

#[test]
fn a_large_tensor_is_converted_in_pieces_to_the_same_bytes_each_time() {
    let fixture = Fixture::with_inner(Float::Float32, 8192);
    let convert = || {
        let request = Request { force: true, ..fixture.request(recipe(4)) };
        let folder = convert(&request, &mut quiet).unwrap().folder;
        Artefact::open(&folder).unwrap().check_sums().unwrap();
        ["model.safetensors", METADATA_FILE].map(|name| std::fs::read(folder.join(name)).unwrap())
    };
    let first = convert();
    for _ in 0..3 {
        assert!(convert() == first);
    }
}

/// Weight files on a disk that is full from some byte on.
struct Full {
    files: disk::Files,
    from: u64,
}

impl Place for Full {
    fn write(&self, shard: usize, offset: u64, bytes: &[u8]) -> Result<(), FileError> {
        if offset + bytes.len() as u64 > self.from {
            return Err(FileError::new(
                "write",
                Path::new("weights"),
                std::io::ErrorKind::StorageFull.into(),
            ));
        }
        self.files.write(shard, offset, bytes)
    }

    fn read(&self, shard: usize, offset: u64, bytes: &mut [u8]) -> Result<(), FileError> {
        self.files.read(shard, offset, bytes)
    }

    fn sync(&self) -> Result<(), FileError> {
        self.files.sync()
    }
}

#[test]
fn a_disk_that_is_full_ends_the_conversion() {
    let fixture = Fixture::with_inner(Float::Float32, 8192);
    let source = Source::open(&fixture.source()).unwrap();
    let plan = Plan::from_headers(&source, &recipe(8), SHARD_BYTES).unwrap();
    let folder = fixture.folder.path().join("written");
    std::fs::create_dir(&folder).unwrap();
    let error = |from: u64| {
        let files = disk::Files::create(plan.shards(), &folder).unwrap();
        let place = Full { files, from };
        write::weights(&plan, &source, &place, &folder, |_| ()).err().map(|error| error.to_string())
    };
    for from in [0, 1 << 14, 1 << 19, 1 << 20] {
        assert_eq!(error(from).as_deref(), Some("failed to write `weights`"), "{from}");
    }
    assert_eq!(error(u64::MAX), None);
}

/// Weight files on a disk that changes one byte.
struct Faulty {
    files: disk::Files,
    at: u64,
    mask: u8,
}

impl disk::Place for Faulty {
    fn write(&self, shard: usize, offset: u64, bytes: &[u8]) -> Result<(), FileError> {
        let mut bytes = bytes.to_vec();
        if let Some(byte) = self.at.checked_sub(offset).and_then(|at| bytes.get_mut(at as usize)) {
            *byte ^= self.mask;
        }
        self.files.write(shard, offset, &bytes)
    }

    fn read(&self, shard: usize, offset: u64, bytes: &mut [u8]) -> Result<(), FileError> {
        self.files.read(shard, offset, bytes)
    }

    fn sync(&self) -> Result<(), FileError> {
        self.files.sync()
    }
}

#[test]
fn a_byte_that_changes_on_its_way_is_found() {
    let fixture = Fixture::new(Float::Float16);
    let source = Source::open(&fixture.source()).unwrap();
    let folder = fixture.folder.path().join("written");
    std::fs::create_dir(&folder).unwrap();
    for recipe in [recipe(4), mode(Mode::Mxfp4), mode(Mode::Mxfp8), mode(Mode::Nvfp4)] {
        let plan = Plan::from_headers(&source, &recipe, SHARD_BYTES).unwrap();
        let error = |at: u64, mask: u8| {
            let files = disk::Files::create(plan.shards(), &folder).unwrap();
            let place = Faulty { files, at, mask };
            write::weights(&plan, &source, &place, &folder, |_| ()).err().map(|error| error.to_string())
        };
        assert_eq!(error(u64::MAX, 1), None);
        for one in &plan.shards()[0].outputs {
            let found = error(one.offset + one.output.bytes() - 1, 1).unwrap_or_default();
            let name = &plan.tensors[one.tensor].name;
            assert!(found.contains(name.as_str()), "{name}: {found}");
        }
        // What decodes to other weights is told from what merely is not what was written.
        let query = "bert.encoder.layer.0.attention.self.query";
        let parts: &[_] = match recipe.linear().unwrap().has_biases() {
            true => &[
                ("weight", 3, 0x80, "decodes with"),
                ("scales", 1, 0x80, "decodes with"),
                ("biases", 1, 0x80, "decodes with"),
                ("biases", 0, 1, "is not what was written"),
            ],
            false => &[("weight", 3, 0x80, "decodes with"), ("scales", 1, 4, "decodes with")],
        };
        for (part, at, mask, expected) in parts {
            let name = format!("{query}.{part}");
            let one = plan.shards()[0].outputs.iter().find(|one| one.output.name == name).unwrap();
            let found = error(one.offset + at, *mask).unwrap_or_default();
            assert!(found.contains(expected), "{name}: {found}");
        }
    }
}

#[test]
fn what_was_written_is_looked_at_as_a_reader_would() {
    let fixture = Fixture::new(Float::Float16);
    let source = Source::open(&fixture.source()).unwrap();
    let plan = Plan::from_headers(&source, &recipe(4), SHARD_BYTES).unwrap();
    let folder = fixture.folder.path().join("written");
    std::fs::create_dir(&folder).unwrap();
    let files = disk::Files::create(plan.shards(), &folder).unwrap();
    let hashed = write::weights(&plan, &source, &files, &folder, |_| ()).unwrap().outputs;
    write::others(&plan, &source, &source.checksums(|_, _| ()).unwrap(), &folder).unwrap();
    let outputs = verify::verify(&plan, &files, &BTreeMap::new(), &folder, |_| ()).unwrap();
    let sum = gatecheck_base::fs::sha256_file(&folder.join("model.safetensors")).unwrap();
    assert_eq!(
        (hashed["model.safetensors"].as_str(), outputs["model.safetensors"].sha256.as_str()),
        (&*sum, &*sum)
    );
    // What was hashed while it was written is not hashed again.
    let done = BTreeMap::from([("model.safetensors".to_owned(), "0".to_owned())]);
    let outputs = verify::verify(&plan, &files, &done, &folder, |_| ()).unwrap();
    assert_eq!(outputs["model.safetensors"].sha256, "0");
    let error = || verify::verify(&plan, &files, &BTreeMap::new(), &folder, |_| ()).unwrap_err().to_string();
    // Of another plan: the same names, elsewhere, or of other types.
    let path = folder.join("model.safetensors");
    let whole = std::fs::read(&path).unwrap();
    for (from, to, expected) in [
        ("\"classifier.bias\"", "\"classifier.bibs\"", "tensor `classifier.bias` is missing"),
        (
            "\"F16\",\"shape\":[3]",
            "\"I16\",\"shape\":[3]",
            "tensor `classifier.bias` is I16 [3] instead of F16 [3]",
        ),
    ] {
        let text = String::from_utf8_lossy(&whole[8..plan.shards()[0].header.len()]).replacen(from, to, 1);
        let changed = [&whole[..8], text.as_bytes(), &whole[plan.shards()[0].header.len()..]].concat();
        std::fs::write(&path, changed).unwrap();
        assert!(error().ends_with(expected), "{}", error());
    }
    std::fs::write(&path, &whole).unwrap();
    std::fs::write(folder.join("extra.json"), vec![0; 2000]).unwrap();
    assert!(error().contains("instead of the computed"), "{}", error());
}

#[test]
fn damage_is_found_on_opening_or_by_checksums() {
    let fixture = Fixture::new(Float::Float16);
    let folder = fixture.convert(8).folder;
    let path = folder.join("model.safetensors");
    flip(&path, 5_000);
    let artefact = Artefact::open(&folder).unwrap();
    let error = artefact.check_sums().unwrap_err();
    assert!(error.to_string().ends_with("`model.safetensors` has another checksum than recorded"), "{error}");
    let damage = |expected: &str| {
        let error = Artefact::open(&folder).unwrap().check_sums().unwrap_err();
        assert!(error.to_string().ends_with(expected), "{error}");
        let error = convert(&fixture.request(recipe(8)), &mut quiet).unwrap_err();
        assert!(matches!(error, ConvertError::Spoiled { .. }), "{error}");
        assert!(error.to_string().ends_with(expected), "{error}");
    };
    damage("`model.safetensors` has another checksum than recorded");
    flip(&path, 5_000);
    // A file that a loader would read, and the paper itself.
    std::fs::write(folder.join("added_tokens.json"), "{}").unwrap();
    damage("`added_tokens.json` is no part of it");
    std::fs::remove_file(folder.join("added_tokens.json")).unwrap();
    assert!(fixture.convert(8).skipped, "it is whole again");
    let paper = std::fs::read_to_string(folder.join(METADATA_FILE)).unwrap();
    std::fs::write(
        folder.join(METADATA_FILE),
        paper.replace("\"embedding_bits\": 8", "\"embedding_bits\": 4"),
    )
    .unwrap();
    damage("recipe and inputs in `conversion_metadata.json` have another checksum");
    for name in ["../outside", "a//b", ""] {
        let lists = paper.replace("\"tokenizer.json\": {", &format!("\"{name}\": {{"));
        assert_ne!(lists, paper);
        std::fs::write(folder.join(METADATA_FILE), lists).unwrap();
        let error = Artefact::open(&folder).unwrap_err().to_string();
        assert!(error.ends_with(&format!("`conversion_metadata.json` lists `{name}`")), "{error}");
    }
    std::fs::write(folder.join(METADATA_FILE), paper).unwrap();
    std::fs::remove_file(folder.join("tokenizer.json")).unwrap();
    let error = Artefact::open(&folder).unwrap_err();
    assert!(error.to_string().ends_with("`tokenizer.json` is missing"), "{error}");
    let error = convert(&fixture.request(recipe(8)), &mut quiet).unwrap_err();
    assert!(error.to_string().ends_with("and it is damaged: `tokenizer.json` is missing"), "{error}");
}
