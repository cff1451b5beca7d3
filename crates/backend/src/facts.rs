//! What a backend says of itself: the evidence of what ran, for the record.

use serde::{Deserialize, Serialize};

/// What runs where, as it was chosen for this model on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// `cpu`, `metal` or `cuda`.
    pub device: String,
    /// `float32`, `dequantized` or `quantized`.
    pub execution: String,
    /// What the model is built on.
    pub engine: Software,
    /// The code that does the matrix products.
    pub kernels: Vec<Kernel>,
    /// Other libraries that take part.
    pub libraries: Vec<Software>,
}

impl Facts {
    /// Fills in the versions that are still missing, from a table of the packages in this build.
    #[must_use]
    pub fn with_versions(mut self, version_of: impl Fn(&str) -> Option<&'static str>) -> Self {
        for software in std::iter::once(&mut self.engine).chain(&mut self.libraries) {
            if software.version.is_none() {
                software.version = version_of(&software.name).map(str::to_owned);
            }
        }
        self
    }
}

/// A library or a crate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Software {
    /// Its name: of a crate, the one in Cargo.lock.
    pub name: String,
    /// Its version, where it tells one or Cargo.lock does.
    pub version: Option<String>,
}

impl Software {
    /// A crate, whose version stands in Cargo.lock; or a library that tells none.
    pub fn named(name: &str) -> Self {
        Self { name: name.to_owned(), version: None }
    }

    /// A library with the version that it told.
    pub fn telling(name: &str, version: &str) -> Self {
        Self { name: name.to_owned(), version: Some(version.to_owned()) }
    }
}

/// Which code does a part of the work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kernel {
    /// The part, such as `linear layers`.
    pub of: String,
    /// The code with its instruction set, such as `gatecheck's packed kernels, AVX-512`.
    pub by: String,
}

impl Kernel {
    /// `of` is done by `by`.
    pub fn new(of: &str, by: impl Into<String>) -> Self {
        Self { of: of.to_owned(), by: by.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_that_were_told_are_kept() {
        let facts = Facts {
            device: "cpu".to_owned(),
            execution: "float32".to_owned(),
            engine: Software::named("engine"),
            kernels: Vec::new(),
            libraries: vec![Software::telling("library", "1.2.3"), Software::named("unknown")],
        };
        let facts = facts.with_versions(|name| (name != "unknown").then_some("7.0.0"));
        assert_eq!(facts.engine, Software::telling("engine", "7.0.0"));
        assert_eq!(facts.libraries, [Software::telling("library", "1.2.3"), Software::named("unknown")]);
    }
}
