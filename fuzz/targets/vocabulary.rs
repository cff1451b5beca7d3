#![no_main]

use gatecheck_fuzz::{BERT, mind_only_what_gets_out, model, with_files};

libfuzzer_sys::fuzz_target!(init: mind_only_what_gets_out(), |bytes: &[u8]| {
    with_files(&[("config.json", BERT), ("vocab.txt", bytes)], model);
});
