//! A Hub on the loopback address, for tests: it speaks the part of the real one's HTTP interface that downloads and
//! uploads need, and fails in the ways that it is told to.
//!
//! Everything is in memory. Large files lie at another host, as on the real Hub (`localhost`, where the Hub itself is
//! `127.0.0.1`), which takes no token. `examples/loopback_hub.rs` is the same as a program, for other clients.
#![expect(clippy::unwrap_used, reason = "in the helpers of tests a panic is a failed test")]

mod ask;
mod fault;
mod lfs;
mod read;
mod server;
mod shared;
mod state;
mod write;

#[cfg(test)]
mod tests;

pub use self::{
    ask::{Ask, reply, send},
    fault::{Fault, What},
    server::LoopbackHub,
    shared::Options,
    state::{Answer, SHA, etag, files},
};
