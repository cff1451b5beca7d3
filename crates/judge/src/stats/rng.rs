//! A small random number generator whose numbers depend on nothing but the seed.
//!
//! xoshiro256** (Blackman and Vigna, "Scrambled linear pseudorandom number generators", ACM TOMS
//! 2021), its state filled by SplitMix64 as its authors advise. Ranges and fractions are made from its
//! bits here, so that no update of a dependency can move an interval of an old record.

use rand_xoshiro::{
    SplitMix64, Xoshiro256StarStar,
    rand_core::{RngCore, SeedableRng},
};

/// Derives a seed for one purpose, so that adding an arm leaves the numbers of the others alone.
///
/// FNV-1a over the name, mixed into the seed.
pub fn derive_seed(seed: u64, purpose: &str) -> u64 {
    let hash = purpose.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    SplitMix64::from_seed((seed ^ hash).to_le_bytes()).next_u64()
}

/// A seeded generator.
#[derive(Debug, Clone)]
pub struct Rng {
    bits: Xoshiro256StarStar,
}

impl Rng {
    /// A generator that always gives the same numbers for the same seed.
    pub fn seeded(seed: u64) -> Self {
        Self { bits: Xoshiro256StarStar::seed_from_u64(seed) }
    }

    /// The next 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.bits.next_u64()
    }

    /// A number below `bound`, each equally likely; 0 when `bound` is 0.
    ///
    /// Multiply and reject (Lemire, "Fast random integer generation in an interval", 2019).
    pub fn below(&mut self, bound: u64) -> u64 {
        let unfair = if bound == 0 { return 0 } else { bound.wrapping_neg() % bound };
        loop {
            let product = u128::from(self.bits()) * u128::from(bound);
            if product as u64 >= unfair {
                return (product >> 64) as u64;
            }
        }
    }

    /// A number in `[0, 1)`, of 53 bits.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_the_published_ones() {
        // SplitMix64 fills the state; these are the first numbers of that algorithm and of this one.
        let mut filler = SplitMix64::from_seed(1_234_567_u64.to_le_bytes());
        assert_eq!(filler.next_u64(), 6_457_827_717_110_365_317);
        let state: Vec<u8> = [1_u64, 2, 3, 4].into_iter().flat_map(u64::to_le_bytes).collect();
        let mut rng = Rng { bits: Xoshiro256StarStar::from_seed(state.try_into().unwrap()) };
        let drawn: Vec<u64> = (0..4).map(|_| rng.bits()).collect();
        assert_eq!(drawn, [11_520, 0, 1_509_978_240, 1_215_971_899_390_074_240]);
    }

    #[test]
    fn ranges_are_even() {
        let mut rng = Rng::seeded(7);
        let mut counts = [0_u32; 6];
        (0..60_000).for_each(|_| counts[rng.below(6) as usize] += 1);
        // Five standard deviations of a fair die.
        assert!(counts.iter().all(|count| count.abs_diff(10_000) < 460), "{counts:?}");
        assert_eq!((rng.below(0), rng.below(1)), (0, 0));
        let mean = (0..10_000).map(|_| rng.unit()).sum::<f64>() / 10_000.0;
        assert!((mean - 0.5).abs() < 0.015, "{mean}");
    }

    #[test]
    fn purposes_get_their_own_seeds() {
        assert_eq!(derive_seed(1, "speed"), derive_seed(1, "speed"));
        assert_ne!(derive_seed(1, "speed"), derive_seed(1, "drop"));
        assert_ne!(derive_seed(1, "speed"), derive_seed(2, "speed"));
    }
}
