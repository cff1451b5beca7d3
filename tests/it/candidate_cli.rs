//! `run --candidate`: converted models of other tools, as a user gives them.

use serde_json::Value;

use crate::harness::Place;

const RUN: &str =
    "run --model model --dataset rows.jsonl --limit 30 --latency-queries 3 --threads 1 --out out";

/// A model and a conversion of it that looks like that of another tool.
fn place() -> Place {
    let place = Place::with_model();
    assert_eq!(place.gatecheck("convert --model model --bits 4 --group-size 32 --mlx-path theirs").code, 0);
    for name in ["conversion_metadata.json", "tokenizer.json", "vocab.txt"] {
        let _ = std::fs::remove_file(place.path("theirs").join(name));
    }
    place
}

/// A command that ends with this code and tells something that has these words.
#[track_caller]
fn told(place: &Place, arguments: &str, code: i32, words: &str) {
    let output = place.gatecheck(arguments);
    assert_eq!((i64::from(output.code), output.stdout.as_str()), (i64::from(code), ""), "{}", output.stderr);
    assert!(output.stderr.contains(words), "{}", output.stderr);
}

fn warnings(place: &Place) -> Vec<String> {
    serde_json::from_value(place.record()["warnings"].clone()).unwrap()
}

#[test]
fn a_candidate_is_judged_beside_the_baseline() {
    let place = place();
    let output = place.gatecheck(&format!("{RUN} --candidate theirs"));
    assert!(matches!(output.code, 0 | 1 | 4), "{}", output.stderr);
    let record = place.record();
    let arms = record["arms"].as_array().unwrap();
    assert_eq!(arms.len(), 2, "none is converted for the run");
    assert!(!place.path("models").exists());
    let arm = &arms[1];
    assert_eq!((&arm["name"], &arm["role"]), (&"theirs".into(), &"candidate".into()));
    assert_eq!(
        arm["quantization"],
        serde_json::json!({"bits": 4, "group_size": 32, "mode": "affine", "mixed": true})
    );
    assert_eq!(arm["given"]["source"], "theirs");
    assert_eq!(arm["size_bytes"], arm["expected_size_bytes"]);
    let gates = place.report()["gates"].clone();
    let size = gates.as_array().unwrap().iter().find(|gate| gate["gate"] == "size").unwrap().clone();
    assert_eq!((&size["arm"], &size["verdict"]), (&"theirs".into(), &"pass".into()));
    let warnings = warnings(&place);
    let tokenizer = "`theirs`: it has no tokenizer of its own; the original's was taken".to_owned();
    assert!(warnings.contains(&tokenizer), "{warnings:?}");
}

#[test]
fn candidates_come_on_top_of_the_arms_and_have_names_of_their_own() {
    let place = place();
    let output = place.gatecheck(&format!("{RUN} --bits 8 --candidate theirs --candidate ./theirs"));
    assert!(matches!(output.code, 0 | 1 | 4), "{}", output.stderr);
    let names: Vec<Value> =
        place.record()["arms"].as_array().unwrap().iter().map(|arm| arm["name"].clone()).collect();
    assert_eq!(names, ["candle", "mlx-q8", "theirs", "theirs-2"]);
}

#[test]
fn a_tokenizer_that_reads_otherwise_is_told_with_examples() {
    let place = place();
    // Two words change places.
    let mut tokenizer = place.json("model/tokenizer.json");
    let vocabulary = tokenizer["model"]["vocab"].as_object_mut().unwrap();
    let (one, other) = (vocabulary["w1"].clone(), vocabulary["w2"].clone());
    vocabulary.insert("w1".to_owned(), other);
    vocabulary.insert("w2".to_owned(), one);
    place.write("theirs/tokenizer.json", &tokenizer.to_string());
    let output = place.gatecheck(&format!("{RUN} --candidate theirs"));
    assert!(matches!(output.code, 0 | 1 | 4), "{}", output.stderr);
    let warnings = warnings(&place);
    let told = warnings.iter().find(|warning| warning.contains("gives other ids for")).unwrap();
    assert!(
        told.contains(" of 30 texts, the original's were fed: ") && told.contains(" instead of ["),
        "{told}"
    );
}

#[test]
fn what_is_no_candidate_is_refused() {
    let place = place();
    told(&place, &format!("{RUN} --candidate model"), 2, "the candidate `model` is the model itself");
    told(&place, &format!("{RUN} --candidate ./nowhere"), 2, "there is no model folder `./nowhere`");
    let many = " --candidate theirs".repeat(5);
    told(&place, &format!("{RUN}{many}"), 2, "5 candidates at once; a run compares up to 4");
    let config = place.read("theirs/config.json");
    place.write("theirs/config.json", &config.replace("\"bits\": 4", "\"bits\": 3"));
    told(&place, &format!("{RUN} --candidate theirs"), 3, "what is stored has 4 bits, groups of 32");
    place.write("theirs/config.json", &config.replace("\"affine\"", "\"q4_k\""));
    told(&place, &format!("{RUN} --candidate theirs"), 3, "`quantization: mode` is \"q4_k\"");
    assert!(!place.path("out").exists());
}

#[test]
fn weights_of_another_model_are_named() {
    let place = place();
    let path = place.path("model/model.safetensors");
    let mut bytes = std::fs::read(&path).unwrap();
    let header = 8 + u64::from_le_bytes(*bytes.first_chunk().unwrap()) as usize;
    // All weights of the original a twentieth larger: it is as if the candidate had been made of another.
    for weight in bytes[header..].as_chunks_mut::<4>().0 {
        *weight = (f32::from_le_bytes(*weight) * 1.05).to_le_bytes();
    }
    std::fs::write(&path, bytes).unwrap();
    told(&place, &format!("{RUN} --candidate theirs"), 2, "is not a conversion of this model");
    let output = place.gatecheck(&format!("{RUN} --candidate theirs --any-weights"));
    assert!(matches!(output.code, 0 | 1 | 4), "{}", output.stderr);
    let warnings = warnings(&place);
    assert!(
        warnings.iter().any(|warning| warning.contains("is not a conversion of this model")),
        "{warnings:?}"
    );
}

#[test]
fn flags_of_mlx_lm_and_recipes_work() {
    let place = Place::with_model();
    let converted = |arguments: &str| {
        let output = place.gatecheck(&format!("convert {arguments}"));
        assert_eq!(output.code, 0, "{}", output.stderr);
        output
    };
    converted("--hf-path model --mlx-path a --q-bits 5 --q-group-size 32 -q");
    assert_eq!(place.json("a/config.json")["quantization"]["bits"], 5);
    converted("--hf-path model --mlx-path b --q-mode mxfp4");
    assert_eq!(place.json("b/config.json")["quantization"]["mode"], "mxfp4");
    place.write("front.yaml", "bits: 4\ngroup_size: 32\nrules:\n  - {pattern: \"*.query\", bits: 8}\n");
    let output = converted("--model model --recipe front.yaml --output-dir made");
    assert!(output.stdout.contains("made/model-mlx-front"), "{}", output.stdout);
    assert!(output.stderr.contains("bytes before") && output.stderr.contains(" %"), "{}", output.stderr);
    told(&place, "convert --model model --recipe mixed_2_7", 2, "none of mixed_2_6, mixed_3_4");
    place.write("front.yaml", "rules:\n  - {pattern: \"*.qeury\", bits: 8}\n");
    told(&place, "convert --model model --recipe front.yaml", 2, "`*.qeury` matches no module of the model");
    place.write("front.yaml", "rules:\n  - {pattern: \"*LayerNorm\", bits: 8}\n");
    told(
        &place,
        "convert --model model --recipe front.yaml",
        2,
        "which cannot be quantized: one-dimensional",
    );
    told(&place, "convert --model model --mode mxfp5", 2, "mxfp4");
    told(
        &place,
        "convert --model model --mode nvfp4 --bits 8",
        2,
        "`nvfp4` has 4 bits and groups of 16, and no others",
    );
}

#[test]
fn an_artefact_is_verified_on_disk_and_on_the_arm() {
    let place = place();
    let verified = |arguments: &str| {
        let output = place.gatecheck(&format!("verify {arguments}"));
        (output.code, output.stdout + &output.stderr)
    };
    let (code, text) = verified("theirs --model model --full-test");
    assert_eq!(code, 0, "{text}");
    for words in [
        "checksums none recorded",
        ": 4 bits, groups of 32",
        "answers   ",
        "stage     layer.0",
        "parts     nowhere",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    // Without its tokenizer and its original nothing can be put through it.
    let (code, text) = verified("theirs");
    assert_eq!(code, 3, "{text}");
    assert!(text.contains("original  not here") && text.contains("error: "), "{text}");
    // gatecheck's own has checksums, and knows its original.
    assert_eq!(place.gatecheck("convert --model model --bits 8 --mlx-path ours").code, 0);
    let (code, text) = verified("ours --full-test");
    assert!(code == 0 && text.contains("original  model\n") && text.contains(" files hold\n"), "{text}");
    let path = place.path("ours/model.safetensors");
    let mut bytes = std::fs::read(&path).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let (code, text) = verified("ours");
    assert!(
        code == 3 && text.contains("`model.safetensors` has another checksum than recorded"),
        "{code} {text}"
    );
    told(&place, "verify nowhere", 3, "`nowhere` is not a converted model: there is no such folder");
    told(&place, "verify theirs --full-test --model ./nowhere", 2, "there is no model folder");
}

#[test]
fn weights_of_another_model_part_somewhere() {
    let place = place();
    let path = place.path("model/model.safetensors");
    let mut bytes = std::fs::read(&path).unwrap();
    let header = 8 + u64::from_le_bytes(*bytes.first_chunk().unwrap()) as usize;
    bytes[header..].as_chunks_mut::<4>().0.reverse();
    std::fs::write(&path, bytes).unwrap();
    let output = place.gatecheck("verify theirs --model model --full-test");
    assert_eq!(output.code, 1, "{}", output.stderr);
    assert!(output.stdout.contains("is not a conversion of this model"), "{}", output.stdout);
    assert!(output.stdout.contains("parts     at `embeddings`"), "{}", output.stdout);
}
