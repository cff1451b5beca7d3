#![no_main]

use gatecheck_backend::worker::wire::{receive_request, receive_response};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut reader = bytes;
    while let Ok(Some(_)) = receive_request(&mut reader) {}
    let mut reader = bytes;
    while let Ok(Some(_)) = receive_response(&mut reader) {}
});
