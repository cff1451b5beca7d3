//! Which gatecheck this is, and what it is built from. `build.rs` finds out.

/// Version and commit: `0.1.0+g1234abc`, then `.dirty` where the sources were changed since. Without the commit
/// if it was not built in a checkout.
pub const VERSION: &str = env!("GATECHECK_VERSION");

include!(concat!(env!("OUT_DIR"), "/packages.rs"));

/// The version of a package that Cargo.lock names, as far as backends name it in their facts.
pub fn of_package(name: &str) -> Option<&'static str> {
    PACKAGES.iter().find(|(package, _)| *package == name).map(|(_, version)| *version)
}
