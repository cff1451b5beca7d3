#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    gatecheck_fuzz::with_files(&[("journal.jsonl", bytes)], |folder| {
        let _ = gatecheck_judge::journal::fold(folder);
    });
});
