//! The `gatecheck` program.

fn main() {}
