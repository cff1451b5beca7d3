#![no_main]

use gatecheck_fuzz::{BERT, model, with_files};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    with_files(&[("config.json", BERT), ("weights.npz", bytes)], model);
});
