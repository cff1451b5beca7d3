//! What computed an arm's answers, as the arm itself told it.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The engine of an arm, with all that its matrix products went through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Engine {
    /// What the model is built on, such as `candle-core` or `MLX`.
    pub name: String,
    /// Its version, as it tells it or as Cargo.lock does.
    pub version: Option<String>,
    /// The code that does the matrix products of this model on this machine.
    pub kernels: Vec<Kernel>,
    /// Other libraries that take part.
    pub libraries: Vec<Library>,
}

/// Which code does a part of the work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Kernel {
    /// The part, such as `linear layers`.
    pub of: String,
    /// The code with its instruction set, such as `gatecheck's packed kernels, AVX-512`.
    pub by: String,
}

/// A library that takes part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Library {
    /// Its name.
    pub name: String,
    /// Its version; `null` where it is a part of the system and tells none.
    pub version: Option<String>,
}

/// `candle-core 0.11.1; linear layers: OpenBLAS, Haswell; with OpenBLAS 0.3.21`.
impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&named(&self.name, self.version.as_deref()))?;
        for Kernel { of, by } in &self.kernels {
            write!(f, "; {of}: {by}")?;
        }
        let libraries: Vec<_> =
            self.libraries.iter().map(|library| named(&library.name, library.version.as_deref())).collect();
        if libraries.is_empty() { Ok(()) } else { write!(f, "; with {}", libraries.join(", ")) }
    }
}

fn named(name: &str, version: Option<&str>) -> String {
    version.map_or_else(|| name.to_owned(), |version| format!("{name} {version}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_is_told_in_one_line() {
        let kernel = |of: &str, by: &str| Kernel { of: of.to_owned(), by: by.to_owned() };
        let library = |name: &str, version: Option<&str>| Library {
            name: name.to_owned(),
            version: version.map(str::to_owned),
        };
        let mut engine = Engine {
            name: "MLX".to_owned(),
            version: Some("1.2".to_owned()),
            kernels: vec![kernel("products", "BLAS, Zen"), kernel("the rest", "MLX")],
            libraries: vec![library("mlx-rs", Some("3.4")), library("Accelerate", None)],
        };
        assert_eq!(
            engine.to_string(),
            "MLX 1.2; products: BLAS, Zen; the rest: MLX; with mlx-rs 3.4, Accelerate"
        );
        engine = Engine { version: None, kernels: Vec::new(), libraries: Vec::new(), ..engine };
        assert_eq!(engine.to_string(), "MLX");
    }
}
