#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    gatecheck_fuzz::with_files(&[("config.yaml", bytes)], |folder| {
        let _ = gatecheck::app::config::Config::load(&[folder.join("config.yaml").display().to_string()]);
    });
});
