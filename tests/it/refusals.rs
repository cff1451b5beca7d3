//! What is wrong with models, datasets, configurations and command lines: told in words, with the way
//! out where there is one, before anything is measured.

use gatecheck_base::text::list;
use gatecheck_model::architecture::ALL;
use serde_json::{Value, json};

use crate::{
    harness::{Place, rows},
    tiny_model::TinyModel,
};

const RUN: &str = "run --model model --dataset rows.jsonl --latency-queries 3";

/// A place whose model was changed before it was written.
fn with(change: impl FnOnce(&mut TinyModel)) -> Place {
    let place = Place::new();
    let mut model = TinyModel::classifier();
    change(&mut model);
    model.save(&place.path("model"));
    place.write("rows.jsonl", &rows(30));
    place
}

/// A place whose model lacks a file.
fn without(file: &str) -> Place {
    let place = with(|_| {});
    std::fs::remove_file(place.path(&format!("model/{file}"))).unwrap();
    place
}

/// A place whose weights were changed byte by byte.
fn damaged(change: impl FnOnce(&mut Vec<u8>)) -> Place {
    let place = with(|_| {});
    let path = place.path("model/model.safetensors");
    let mut bytes = std::fs::read(&path).unwrap();
    change(&mut bytes);
    std::fs::write(path, bytes).unwrap();
    place
}

/// A place with these rows.
fn with_rows(name: &str, rows: &str) -> Place {
    let place = with(|_| {});
    place.write(name, rows);
    place
}

// Models.

#[test]
fn a_model_without_configuration() {
    without("config.json").fails(
        RUN,
        "error: no `config.json` in `model`\n\nhint: give a folder as `save_pretrained` of transformers writes it \
         (config.json, tokenizer.json, model.safetensors), a Hub id such as `org/model`, or a name that \
         `gatecheck models` lists",
    );
}

#[test]
fn a_model_without_tokenizer() {
    without("tokenizer.json").fails(
        RUN,
        "error: no `tokenizer.json` in `model`\n\nhint: copy `tokenizer.json` of the original model into the folder",
    );
}

#[test]
fn a_tokenizer_of_an_older_form() {
    for older in ["vocab.json", "spm.model", "spiece.model", "sentencepiece.bpe.model", "tokenizer.model"] {
        let place = without("tokenizer.json");
        place.write(&format!("model/{older}"), "{}");
        place.fails(
            RUN,
            &format!(
                "error: no `tokenizer.json` in `model`\n\nhint: the folder has `{older}`, the form of a slow tokenizer; \
                 write `tokenizer.json` once with `AutoTokenizer.from_pretrained(folder).save_pretrained(folder)` in \
                 transformers"
            ),
        );
    }
}

#[test]
fn a_model_without_weights() {
    without("model.safetensors").fails(
        RUN,
        "error: no weights in `model`: neither `model.safetensors` nor `model.safetensors.index.json` is there\n\n\
         hint: give a folder as `save_pretrained` of transformers writes it, or a Hub id",
    );
}

#[test]
fn a_pickle_is_never_read() {
    let place = without("model.safetensors");
    place.write("model/pytorch_model.bin", "cos\nsystem\n(S'touch owned'\ntR.");
    place.fails(
        RUN,
        "error: no weights in `model`: neither `model.safetensors` nor `model.safetensors.index.json` is there\n\n\
         hint: `pytorch_model.bin` is a pickle, which can run code when it is opened, so gatecheck never reads it; \
         save the model again as safetensors (`model.save_pretrained(folder)` in transformers)",
    );
}

#[test]
fn a_model_of_an_unknown_type() {
    let place = with(|model| model.config["model_type"] = json!("llama"));
    let known: Vec<_> = ALL.iter().map(|architecture| architecture.name()).collect();
    let known = list(&known, ALL.len());
    let words = format!("error: model type `llama` is not implemented; known are {known}");
    place.fails(RUN, &words);
    place.fails("convert --model model", &words);
}

#[test]
fn a_configuration_cut_short() {
    let place = with(|_| {});
    place.write("model/config.json", "{\"model_type\": ");
    place.fails(
        RUN,
        "error: failed to parse `model/config.json`: EOF while parsing a value at line 1 column 15\n\nhint: the file \
         may be half downloaded; fetch it again",
    );
}

#[test]
fn weights_whose_header_is_wrong() {
    let hint = "hint: the file may be half downloaded; fetch it again";
    let fails = |place: Place, reason: &str| {
        let words =
            format!("error: `model/model.safetensors` is not a valid safetensors file: {reason}\n\n{hint}");
        place.fails(RUN, &words);
        place.fails("convert --model model", &words);
    };
    fails(damaged(|bytes| bytes.truncate(100)), "invalid header length");
    fails(damaged(|bytes| bytes[..8].fill(0xff)), "header too large");
    fails(damaged(|bytes| bytes.truncate(bytes.len() - 1)), "incomplete metadata, file not fully covered");
    fails(damaged(Vec::clear), "the file is empty");
}

/// What an arm that fails to load leaves in the record, after a run that could not be measured.
#[track_caller]
fn load_failure(place: &Place, arms: &str) -> String {
    let output = place.gatecheck(&format!("{RUN} --out out --arms {arms}"));
    assert_eq!(output.code, 3, "{}", output.stderr);
    let failure = &place.record()["arms"][0]["failure"];
    assert_eq!(failure["phase"], "load");
    let message = failure["message"].as_str().unwrap();
    assert!(output.stderr.contains(&format!("error: arm `candle` failed in load: {message}")));
    message.split_once("; hint: ").unwrap().0.to_owned()
}

#[test]
fn weights_that_do_not_fit_are_found_before_they_are_converted() {
    let hint = "hint: `config.json` and the weights do not belong together, or this variant of the model is not \
                implemented";
    let refused = |place: &Place, words: &str| {
        let told = format!("error: {words}\n\n{hint}");
        for command in ["convert --model model", "convert --model model --dry-run", RUN] {
            place.fails(command, &told);
        }
        assert!(!place.path("models/mlx_converted/model-mlx-q8").exists());
        // Without a conversion the worker finds it.
        assert_eq!(load_failure(place, "candle,candle"), words);
    };
    let place = with(|model| model.tensors.get_mut("classifier.weight").unwrap().0 = vec![64, 3]);
    let words = "tensor `classifier.weight` has shape [64, 3], the configuration asks for [3, 64]";
    refused(&place, words);
    let place = with(|model| drop(model.tensors.remove("classifier.bias")));
    refused(&place, "the weights lack `classifier.bias`");
    let place = with(|model| drop(model.tensors.insert("bert.extra".to_owned(), (vec![1], vec![0.0]))));
    refused(&place, "the weights hold tensors that the model does not use: `bert.extra`");
    // Under another name than the configuration asks for.
    let key = "bert.encoder.layer.0.attention.self.key.weight";
    let place = with(|model| {
        let tensor = model.tensors.remove(key).unwrap();
        model.tensors.insert(key.replace("self.key", "self.keys"), tensor);
    });
    refused(&place, &format!("the weights lack `{key}`"));
}

#[test]
fn weights_that_are_no_numbers() {
    let place = with(|model| model.tensors.get_mut("bert.pooler.dense.weight").unwrap().1[5] = f32::NAN);
    let words = "error: tensor `bert.pooler.dense.weight` holds NaN at element 5\n\nhint: the checkpoint itself is \
                 broken; no arm could give a result";
    place.fails("convert --model model", words);
    place.fails(RUN, words);
    assert!(!place.path("models/mlx_converted/model-mlx-q8").exists());
    // Without a conversion the worker finds it.
    let words = "tensor `bert.pooler.dense.weight` holds NaN at element 5";
    assert_eq!(load_failure(&place, "candle,candle"), words);
}

#[test]
fn a_tokenizer_of_another_model() {
    let place = with(|model| {
        model.config["vocab_size"] = json!(100);
        let (shape, values) = model.tensors.get_mut("bert.embeddings.word_embeddings.weight").unwrap();
        shape[0] = 100;
        values.truncate(100 * 64);
    });
    place.fails(
        RUN,
        "error: the tokenizer knows 604 tokens, the model's embedding has 100 rows\n\nhint: the tokenizer belongs to \
         another model; take the one of this model, without tokens added to it",
    );
}

#[test]
fn a_limit_that_special_tokens_fill() {
    let place = with(|_| {});
    let entry = json!({ "provider": "local", "name": "rows.jsonl", "preprocessing": { "max_length": 3 } });
    place.write("own.yaml", &json!({ "datasets": { "own": entry } }).to_string());
    place.refuses(
        "run --model model --dataset own --config own.yaml",
        "error: a limit of 3 tokens leaves no room for text beside 3 special tokens\n\nhint: raise `max_length` of the \
         dataset's preprocessing",
    );
}

#[test]
fn pooling_by_an_unknown_module() {
    let place = with_rows("scores.csv", "sentence1,sentence2,score\nw1,w2,0.5\nw3,w4,1.5\n");
    let mut model = TinyModel::sentences();
    let modules = model.files.get_mut("modules.json").unwrap().as_array_mut().unwrap();
    modules.push(json!({ "type": "sentence_transformers.models.LSTM", "path": "3_LSTM" }));
    model.save(&place.path("model"));
    let output = place.gatecheck(&RUN.replace("rows.jsonl", "scores.csv"));
    assert_eq!((output.code, output.stdout.as_str()), (3, ""));
    assert!(output.stderr.starts_with("error: `modules.json: type` is "), "{}", output.stderr);
    assert!(output.stderr.contains("LSTM") && output.stderr.contains("not implemented"), "{}", output.stderr);
}

#[test]
fn a_quantized_model_is_no_original() {
    let place = with(|_| {});
    assert_eq!(place.gatecheck("convert --model model").code, 0);
    place.refuses(
        &RUN.replace("--model model", "--model models/mlx_converted/model-mlx-q8"),
        "error: `models/mlx_converted/model-mlx-q8` is already quantized; a run compares an original with its \
         conversion\n\nhint: give the original model as `--model`",
    );
}

#[test]
fn task_and_model_must_fit() {
    let place = with_rows("scores.csv", "sentence1,sentence2,score\nw1,w2,0.5\nw3,w4,1.5\n");
    let run = RUN.replace("rows.jsonl", "scores.csv");
    place.refuses(
        &run,
        "error: `model` does not say how to pool token states into an embedding (no `modules.json`)\n\nhint: take the \
         sentence-transformers folder, which holds `modules.json` and `1_Pooling`",
    );
    TinyModel::sentences().save(&place.path("model"));
    place.refuses(
        RUN,
        "error: `model` has no sequence-classification head\n\nhint: choose a model fine-tuned for classification, or \
         a similarity dataset such as `stsb`",
    );
}

// Quantization.

#[test]
fn bits_that_cannot_be_packed() {
    let place = with(|_| {});
    place.refuses(
        &format!("{RUN} --bits 7"),
        "error: 7 bits cannot be packed\n\nhint: take 2, 3, 4, 5, 6 or 8",
    );
    place.refuses(
        "convert --model model --bits 7",
        "error: cannot quantize to 7 bits\n\nhint: MLX quantizes to 2, 3, 4, 5, 6 or 8 bits; 16 and 32 leave the \
         weights unquantized",
    );
}

#[test]
fn group_sizes_that_do_not_fit() {
    let place = with(|_| {});
    let hint = "hint: MLX quantizes in groups of 32, 64 or 128";
    place.refuses(
        &format!("{RUN} --group-size 48"),
        &format!("error: cannot quantize in groups of 48\n\n{hint}"),
    );
    place.refuses(
        &format!("{RUN} --group-size 128"),
        "error: no tensor of `model` can be quantized to 8 bits in groups of 128\n\nhint: choose a group size that \
         divides the hidden size, or 16 bits to leave the weights unquantized",
    );
}

#[test]
fn an_unknown_element_type() {
    with(|_| {}).refuses(
        "convert --model model --dtype float61",
        "error: there is no element type `float61`\n\nhint: did you mean `float16`? Known are `float32`, `float16` and \
         `bfloat16`",
    );
}

// Artefacts.

#[test]
fn what_a_killed_conversion_left_is_cleared_away() {
    let place = with(|_| {});
    place.write("models/mlx_converted/.model-mlx-q8.99999.tmp/model.safetensors", "half");
    assert_eq!(place.gatecheck("convert --model model").code, 0);
    assert_eq!(place.files("models/mlx_converted"), ["model-mlx-q8"]);
}

#[test]
fn a_damaged_artefact_is_not_taken() {
    let place = with(|_| {});
    place.gatecheck("convert --model model");
    let weights = place.path("models/mlx_converted/model-mlx-q8/model.safetensors");
    let bytes = std::fs::read(&weights).unwrap();
    std::fs::write(&weights, &bytes[..1000]).unwrap();
    let length = bytes.len();
    place.fails(
        RUN,
        &format!(
            "error: `models/mlx_converted/model-mlx-q8` is there already, and it is damaged: `model.safetensors` has \
             1000 bytes instead of {length}\n\nhint: replace it with `gatecheck convert --no-skip`, or choose \
             another `--output-dir`"
        ),
    );
    place.fails(
        &format!("{RUN} --no-convert"),
        &format!(
            "error: artefact `models/mlx_converted/model-mlx-q8` is damaged: `model.safetensors` has 1000 bytes \
             instead of {length}\n\nhint: convert again with `gatecheck convert --no-skip`",
        ),
    );
    assert_eq!(place.gatecheck("convert --model model --no-skip").code, 0);
    assert_eq!(std::fs::read(&weights).unwrap(), bytes);
}

#[test]
fn an_artefact_of_other_bytes_is_not_measured() {
    let place = with(|_| {});
    place.gatecheck("convert --model model");
    let weights = place.path("models/mlx_converted/model-mlx-q8/model.safetensors");
    let whole = std::fs::read(&weights).unwrap();
    // As long as it was: all that is behind the header, inverted.
    let start = 8 + u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize;
    let inverted = whole.iter().enumerate().map(|(at, byte)| if at < start { *byte } else { !byte });
    std::fs::write(&weights, inverted.collect::<Vec<_>>()).unwrap();
    let spoiled = "error: `models/mlx_converted/model-mlx-q8` is there already, and it is damaged: \
                   `model.safetensors` has another checksum than recorded\n\nhint: replace it with `gatecheck convert \
                   --no-skip`, or choose another `--output-dir`";
    place.fails(RUN, spoiled);
    let output = place.gatecheck("convert --model model");
    assert_eq!((output.code, output.stdout.as_str()), (3, ""), "{}", output.stderr);
    place.fails(
        &format!("{RUN} --no-convert"),
        "error: artefact `models/mlx_converted/model-mlx-q8` is damaged: `model.safetensors` has another checksum than \
         recorded\n\nhint: convert again with `gatecheck convert --no-skip`",
    );
}

#[test]
fn a_folder_that_is_no_artefact_is_never_replaced() {
    let place = with(|_| {});
    place.write("models/mlx_converted/model-mlx-q8/thesis.txt", "the only copy");
    let words = "error: `models/mlx_converted/model-mlx-q8` is there already and is not a converted model\n\nhint: \
                 move it away, or choose another output folder";
    place.refuses(RUN, words);
    place.refuses("convert --model model --no-skip", words);
    assert_eq!(place.files("models/mlx_converted/model-mlx-q8"), ["thesis.txt"]);
}

// Datasets.

#[test]
fn a_dataset_that_is_missing() {
    with(|_| {}).refuses(
        &RUN.replace("rows.jsonl", "other.jsonl"),
        "error: failed to read `other.jsonl`\n  caused by: No such file or directory (os error 2)",
    );
}

#[test]
fn a_dataset_that_is_empty() {
    for name in ["rows.jsonl", "rows.csv", "rows.tsv"] {
        let place = with_rows(name, "\n");
        place.refuses(&RUN.replace("rows.jsonl", name), &format!("error: `{name}` has no rows"));
    }
    let place = with_rows("rows.csv", "text,label\n");
    place.refuses(&RUN.replace("rows.jsonl", "rows.csv"), "error: `rows.csv` has no rows");
}

#[test]
fn a_dataset_malformed_on_one_line() {
    let place = with_rows("rows.jsonl", &format!("{}{{\"text\": \"w1\", \"label\": \n", rows(3)));
    place.refuses(RUN, "error: line 4 of `rows.jsonl` is malformed: EOF while parsing a value at column 24");
    let place = with_rows("rows.csv", "text,label\nw1,neutral\nw2\n");
    place.refuses(
        &RUN.replace("rows.jsonl", "rows.csv"),
        "error: line 3 of `rows.csv` is malformed: 1 fields, the header has 2",
    );
}

#[test]
fn a_dataset_with_unknown_columns() {
    with_rows("rows.jsonl", "{\"utterance\": \"w1\", \"label\": \"neutral\"}\n").refuses(
        RUN,
        "error: cannot tell which column of `rows.jsonl` is the text; its columns are `utterance` and `label`\n\n\
         hint: name them in the dataset's entry, under `columns: {text: …, pair: …, label: …}`",
    );
    with_rows("rows.jsonl", "{\"premis\": \"w1\", \"hypothesis\": \"w2\", \"label\": 0}\n").refuses(
        "run --model model --dataset mnli --data rows.jsonl",
        "error: `rows.jsonl` has no column `premise`; its columns are `premis`, `hypothesis` and `label`\n\nhint: \
         did you mean `premis`?",
    );
}

#[test]
fn a_dataset_with_unknown_labels() {
    with_rows("rows.jsonl", "{\"premise\": \"w1\", \"hypothesis\": \"w2\", \"label\": \"entailmnt\"}\n").refuses(
        "run --model model --dataset mnli --data rows.jsonl",
        "error: row 1 of `rows.jsonl` has the unknown label `entailmnt`; known are `entailment`, `neutral` and \
         `contradiction`\n\nhint: did you mean `entailment`?",
    );
    let output = with_rows("rows.jsonl", "{\"text\": \"w1\", \"label\": \"maybe\"}\n").gatecheck(RUN);
    assert_eq!(output.code, 2);
    assert!(output.stderr.contains("`maybe`") && output.stderr.contains("hint: "), "{}", output.stderr);
}

#[test]
fn a_dataset_without_any_label() {
    with_rows("rows.jsonl", "{\"text\": \"w1\", \"label\": -1}\n").refuses(
        RUN,
        "error: none of the 1 rows of dataset `rows`, split `all`, carries a label\n\nhint: the labels of many test \
         splits are kept secret; choose a validation split",
    );
}

#[test]
fn a_dataset_of_an_unknown_format() {
    with_rows("rows.xlsx", "PK").refuses(
        &RUN.replace("rows.jsonl", "rows.xlsx"),
        "error: `rows.xlsx` is no dataset file that gatecheck can read\n\nhint: use a file that ends in `.jsonl`, \
         `.csv`, `.tsv` or `.parquet`",
    );
    let output = with_rows("rows.parquet", "PAR1").gatecheck(&RUN.replace("rows.jsonl", "rows.parquet"));
    assert_eq!(output.code, 2);
    assert!(
        output.stderr.starts_with("error: failed to parse `rows.parquet`\n  caused by: "),
        "{}",
        output.stderr
    );
}

// Names.

#[test]
fn names_that_nobody_knows() {
    let place = with(|_| {});
    let hint = |arguments: &str| {
        let output = place.gatecheck(arguments);
        assert_eq!((output.code, output.stdout.as_str()), (2, ""));
        let (error, hint) = output.stderr.split_once("\n\nhint: ").unwrap();
        format!("{error} / {}", hint.split_once('?').unwrap().0)
    };
    assert_eq!(
        hint("run --model all-MiniLM-L6-v3 --dataset stsb"),
        "error: there is no configured model or folder `all-MiniLM-L6-v3` / did you mean `all-MiniLM-L6-v2`"
    );
    assert_eq!(
        hint("run --model model --dataset mnlli"),
        "error: there is no configured dataset `mnlli` / did you mean `mnli`"
    );
    assert_eq!(
        hint(&format!("{RUN} --arms candle,mlx-q9")),
        "error: there is no arm `mlx-q9` / did you mean `mlx-q8`"
    );
}

#[test]
fn a_folder_that_is_not_there() {
    let place = with(|_| {});
    place.refuses(
        &RUN.replace("--model model", "--model ./modell"),
        "error: there is no model folder `./modell`\n\nhint: give a folder with config.json, tokenizer.json and \
         model.safetensors",
    );
    let output = place.gatecheck(&RUN.replace("--model model", "--model models/mine"));
    assert_eq!(output.code, 2);
    let hint = "hint: there is no folder `models/mine`; if a Hub id is meant, unset `HF_HUB_OFFLINE` once to download it";
    assert!(output.stderr.contains(hint), "{}", output.stderr);
}

#[test]
fn one_arm_or_four() {
    let place = with(|_| {});
    for (arms, count) in [("candle", 1), ("candle,mlx,mlx-q4,mlx-q8", 4)] {
        place.refuses(
            &format!("{RUN} --arms {arms}"),
            &format!(
                "error: `--arms` has {count}; a run compares two or three\n\nhint: for example `--arms \
                 candle,mlx,mlx-q8`"
            ),
        );
    }
}

#[test]
fn bits_of_no_arm() {
    with(|_| {}).refuses(
        &format!("{RUN} --arms candle,mlx-q8 --bits 4"),
        "error: `--bits 4` is that of no arm in `--arms candle,mlx-q8`\n\nhint: leave one of the two out",
    );
}

#[test]
fn reports_in_one_folder() {
    let place = with_rows("other/rows.jsonl", &rows(30));
    place.refuses(
        &format!("{RUN} --dataset other/rows.jsonl --out out"),
        "error: two datasets would write their reports to `out/rows`\n\nhint: measure them in two runs, each with \
         its own `--out`",
    );
}

#[test]
fn a_bad_dataset_is_found_before_a_good_one_is_measured() {
    let place = with(|_| {});
    place.refuses(
        &format!("{RUN} --dataset other.jsonl --out out"),
        "error: failed to read `other.jsonl`\n  caused by: No such file or directory (os error 2)",
    );
    assert!(!place.path("out").exists());
}

#[test]
fn labels_that_do_not_fit_are_found_before_anything_is_measured() {
    let place = with_rows("moods.jsonl", "{\"text\": \"w1\", \"label\": \"angry\"}\n");
    let start = std::time::Instant::now();
    let arguments = "run --model model --dataset rows.jsonl --dataset moods.jsonl --out out";
    let output = place.gatecheck(arguments);
    assert_eq!((output.code, output.stdout.as_str()), (2, ""));
    let words = "error: dataset label `angry` is no class of the model, whose classes are ";
    assert!(output.stderr.starts_with(words), "{}", output.stderr);
    assert!(start.elapsed().as_secs() < 10, "{:?}", start.elapsed());
    // Neither measured nor converted.
    assert_eq!(place.files("."), ["model", "moods.jsonl", "rows.jsonl"]);
}

// Configuration files.

/// A place with a configuration file.
fn configured(content: &Value) -> Place {
    let place = with(|_| {});
    place.write("own.yaml", &content.to_string());
    place
}

#[test]
fn an_unknown_key_is_told_with_the_nearest() {
    let entry = json!({ "name": "m", "hf_name": "a/b", "benchmark": ["mnli"] });
    let output = configured(&json!({ "models": [entry] })).gatecheck("models --config own.yaml");
    assert_eq!((output.code, output.stdout.as_str()), (2, ""));
    let start = "error: `own.yaml` is not a valid configuration: line 1 column 40: unknown field `benchmark`, expected";
    assert!(output.stderr.starts_with(start), "{}", output.stderr);
    assert!(output.stderr.ends_with("\n\nhint: did you mean `benchmarks`?\n"), "{}", output.stderr);
}

#[test]
fn values_that_cannot_be() {
    let entry = |quantization: Value| json!({ "models": [{ "name": "m", "hf_name": "a/b", "quantization": quantization }] });
    configured(&entry(json!({ "target_size_mb": "small" }))).refuses(
        "models --config own.yaml",
        "error: `m` in `own.yaml`, line 1: `target_size_mb` is `small`; it must be a number or `auto`",
    );
    configured(&entry(json!({ "bits": 4, "dtype": "int8" }))).refuses(
        "models --config own.yaml",
        "error: `m` in `own.yaml`, line 1: `dtype` is `int8` where `bits` is 4",
    );
}

#[test]
fn files_that_are_no_text() {
    let place = with(|_| {});
    let latin = b"models: [] # caf\xe9".as_slice();
    std::fs::write(place.path("own.yaml"), latin).unwrap();
    let words = |file: &str| {
        format!("error: failed to read `{file}`\n  caused by: stream did not contain valid UTF-8")
    };
    place.refuses(&format!("{RUN} --config own.yaml"), &words("own.yaml"));
    place.write("out/record.json", "");
    std::fs::write(place.path("out/record.json"), latin).unwrap();
    let hint = "\n\nhint: give the folder that `gatecheck run --out` wrote";
    place.refuses("report out", &(words("out/record.json") + hint));
}

#[test]
fn the_same_name_in_two_files() {
    let place = configured(&json!({ "datasets": { "own": { "provider": "local", "name": "rows.jsonl" } } }));
    std::fs::copy(place.path("own.yaml"), place.path("two.yaml")).unwrap();
    place.refuses(
        "datasets --config own.yaml two.yaml",
        "error: dataset `own` is configured in `own.yaml`, line 1, and again in `two.yaml`, line 1\n\nhint: rename one \
         of them, or leave one of the files out",
    );
}

#[test]
fn a_pattern_that_matches_nothing() {
    Place::new().refuses(
        "models --config conf/*.yaml",
        "error: no configuration file matches `conf/*.yaml`\n\nhint: give files or a pattern in quotes, such as \
         --config \"config/*.yaml\"",
    );
}

// The command line.

#[test]
fn limits_out_of_range() {
    let place = with(|_| {});
    place.refuses(
        &format!("{RUN} --max-accuracy-drop 1.5"),
        "error: `--max-accuracy-drop` is 1.5; it must be from 0 to 1",
    );
    place.refuses(
        &format!("{RUN} --min-speedup nan"),
        "error: `--min-speedup` is NaN; it must be from 0.01 to 1000",
    );
}

#[test]
fn an_output_that_cannot_be_written() {
    let place = with(|_| {});
    place.fails(
        &format!("{RUN} --out rows.jsonl/out"),
        "error: failed to create `rows.jsonl/out`\n  caused by: Not a directory (os error 20)",
    );
    place.fails(
        "convert --model model --output-dir rows.jsonl/made",
        "error: failed to create `rows.jsonl/made`\n  caused by: Not a directory (os error 20)",
    );
    // Found before anything was converted.
    assert!(!place.path("models").exists());
}

#[test]
fn a_broken_mock_script() {
    let place = with_rows("mock.json", "{\"candle\": {\"fial_in\": \"load\"}}");
    let output = place.gatecheck(&format!("{RUN} --mock mock.json"));
    assert_eq!(output.code, 2);
    assert!(output.stderr.contains("unknown field `fial_in`"), "{}", output.stderr);
}

#[test]
fn data_of_one_dataset_only() {
    with(|_| {}).refuses(
        "run --model model --dataset mnli --dataset snli --data rows.jsonl",
        "error: `--data` gives the rows of one dataset\n\nhint: name it with `--dataset`",
    );
}
