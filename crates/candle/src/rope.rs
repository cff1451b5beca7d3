//! Rotary position embeddings (RoPE, <https://arxiv.org/abs/2104.09864>).

use std::sync::{Arc, Mutex, PoisonError};

use rayon::prelude::*;

/// Cosines, then sines, of the angles of each position, for as many positions as were needed so far.
pub(crate) struct Rope {
    wavelengths: Vec<f32>,
    table: Mutex<Arc<Vec<f32>>>,
}

impl Rope {
    pub(crate) fn new(wavelengths: Vec<f32>) -> Self {
        Self { wavelengths, table: Mutex::default() }
    }

    /// For at least so many positions.
    pub(crate) fn up_to(&self, longest: usize) -> Arc<Vec<f32>> {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        if table.len() < longest * 2 * self.wavelengths.len() {
            let positions = 0..longest.next_power_of_two();
            *table =
                Arc::new(positions.into_par_iter().flat_map_iter(|position| self.of(position)).collect());
        }
        table.clone()
    }

    fn of(&self, position: usize) -> impl Iterator<Item = f32> {
        let angles = self.wavelengths.iter().map(move |wavelength| position as f32 * (1.0 / wavelength));
        angles.clone().map(f32::cos).chain(angles.map(f32::sin))
    }
}
