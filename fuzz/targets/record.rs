#![no_main]

use gatecheck_judge::{record, report::Report};

// The first byte says where the scalars end and the columns begin, in 256ths of the rest.
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((cut, rest)) = bytes.split_first() else { return };
    let (scalars, columns) = rest.split_at(rest.len() * usize::from(*cut) / 256);
    gatecheck_fuzz::with_files(&[("record.json", scalars), ("record.safetensors", columns)], |folder| {
        if let Ok(record) = record::read(folder) {
            let _ = Report::new(&record, &record.policy);
        }
    });
});
