#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    gatecheck_fuzz::with_files(&[("config.json", bytes)], gatecheck_fuzz::model);
});
