//! What ran.

use gatecheck_backend::{Facts, Kernel as Fact, Software};

use crate::{gemm, tile::Kernel};

/// What runs a model on this CPU.
pub(crate) fn facts() -> Facts {
    let (kernels, libraries) = kernels(&Kernel::of_this_cpu());
    Facts {
        device: "cpu".to_owned(),
        execution: "float32".to_owned(),
        engine: Software::named("candle-core"),
        kernels,
        libraries,
    }
}

/// Who does the products where `kernel` is the best of the CPU, and which libraries take part in them.
pub(crate) fn kernels(kernel: &Kernel) -> (Vec<Fact>, Vec<Software>) {
    let own = format!("gatecheck's packed kernels, {}", kernel.name);
    if kernel.fast {
        return (vec![Fact::new("linear layers and attention", own)], Vec::new());
    }
    let (library, name) = gemm::library();
    (vec![Fact::new("linear layers", name), Fact::new("attention", own)], vec![library])
}
