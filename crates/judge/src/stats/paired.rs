//! Paired comparisons: what is resampled is the pair, never one side of it.

use super::{
    binomial::{self, Binomial},
    bootstrap::{Resampling, narrowness, percentile_interval},
    distribution::student_score,
    interval::Interval,
    proportion::{Outcomes, tango},
    rng::Rng,
};

/// Below this many blocks no interval is given: that of two covers the truth too seldom (92 % of
/// the time where 95 % was promised), however it is widened.
pub const MINIMUM_BLOCKS: u64 = 3;

/// A ratio of times, from paired blocks of work.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ratio {
    /// Summed time of the first / summed time of the second.
    pub value: f64,
    /// Its interval; `None` from fewer than [`MINIMUM_BLOCKS`].
    pub interval: Option<Interval>,
    /// Number of blocks.
    pub blocks: u64,
    /// Standard deviation of the logarithm of the blocks' own ratios.
    pub spread: Option<f64>,
    /// The relative difference that two equal arms could show by chance in such a run:
    /// `exp(t · spread / sqrt(blocks)) - 1`.
    pub noise: Option<f64>,
}

/// The ratio of summed times over paired blocks, with a bootstrap interval over the pairs.
///
/// The percentile interval is taken of the logarithm and widened for the number of blocks (see
/// [`narrowness`]). Blocks in which either side took no time are left out. `None` without blocks.
pub fn ratio_of_sums(pairs: &[(f64, f64)], resampling: &Resampling) -> Option<Ratio> {
    let usable = |pair: &&(f64, f64)| [pair.0, pair.1].iter().all(|time| time.is_finite() && *time > 0.0);
    let pairs: Vec<(f64, f64)> = pairs.iter().filter(usable).copied().collect();
    let blocks = pairs.len() as u64;
    let log_ratio = |sums: (f64, f64)| (sums.0 / sums.1).ln();
    let sum = |pairs: &mut dyn Iterator<Item = (f64, f64)>| {
        pairs.fold((0.0, 0.0), |sums: (f64, f64), pair| (sums.0 + pair.0, sums.1 + pair.1))
    };
    let point = (blocks > 0).then(|| log_ratio(sum(&mut pairs.iter().copied())))?;
    let mut rng = Rng::seeded(resampling.seed);
    let draw = |_| log_ratio(sum(&mut (0..blocks).map(|_| pairs[rng.below(blocks) as usize])));
    let factor = narrowness(blocks, resampling.confidence).filter(|_| blocks >= MINIMUM_BLOCKS);
    let interval = factor.and_then(|factor| {
        let mut draws: Vec<f64> = (0..resampling.resamples).map(draw).collect();
        let wide = percentile_interval(&mut draws, resampling.confidence)?.widened(point, factor);
        Interval::finite(wide.low.exp(), wide.high.exp())
    });
    let spread = standard_deviation(&pairs.iter().copied().map(log_ratio).collect::<Vec<_>>());
    let noise = spread.map(|spread| {
        let score = student_score(resampling.confidence, blocks - 1);
        (score * spread / (blocks as f64).sqrt()).exp() - 1.0
    });
    Some(Ratio {
        value: point.exp(),
        interval,
        blocks,
        spread,
        noise: noise.filter(|noise| noise.is_finite()),
    })
}

/// Standard deviation of a sample; `None` for fewer than two numbers.
pub fn standard_deviation(numbers: &[f64]) -> Option<f64> {
    let n = (numbers.len() > 1).then_some(numbers.len() as f64)?;
    let mean = numbers.iter().sum::<f64>() / n;
    let squares: f64 = numbers.iter().map(|number| (number - mean).powi(2)).sum();
    Some((squares / (n - 1.0)).sqrt())
}

/// Up to this many changed answers those that were lost are drawn one by one.
const ONE_BY_ONE: u64 = 4096;

/// Interval of the drop of accuracy: the wider of the paired bootstrap and Tango's score interval.
///
/// The bootstrap alone would turn no discordant pairs into certainty.
pub fn drop_interval(outcomes: &Outcomes, resampling: &Resampling) -> Option<Interval> {
    let score = tango(outcomes, resampling.confidence)?;
    if outcomes.lost + outcomes.gained <= 0.0 {
        return Some(score);
    }
    Some(resampled_drop(outcomes, resampling)?.hull(score))
}

/// The percentile interval of the drop alone. A resample of the examples is a multinomial draw of three counts, so
/// the cost does not depend on the number of examples.
fn resampled_drop(outcomes: &Outcomes, resampling: &Resampling) -> Option<Interval> {
    let Outcomes { examples, lost, gained } = *outcomes;
    let discordant = lost + gained;
    let mut rng = Rng::seeded(resampling.seed);
    let count = Binomial::new(examples as u64, discordant / examples);
    let is_lost = lost / discordant;
    let mut draws: Vec<f64> = (0..resampling.resamples)
        .map(|_| {
            let drawn = count.inverse(rng.unit());
            let lost = if drawn <= ONE_BY_ONE {
                (0..drawn).filter(|_| rng.unit() < is_lost).count() as u64
            } else {
                binomial::draw(drawn, is_lost, &mut rng)
            };
            (2.0 * lost as f64 - drawn as f64) / examples
        })
        .collect();
    percentile_interval(&mut draws, resampling.confidence)
}

/// The percentile interval of a number that is computed from counts of outcomes, resampling examples: what the
/// examples of one outcome share is drawn at once, as a multinomial, so the cost does not depend on how many
/// there are. Widened for few examples. `None` where too few resamples have the number.
pub fn interval_of_counts(
    counts: &[u64],
    value: f64,
    statistic: &mut dyn FnMut(&[f64]) -> Option<f64>,
    resampling: &Resampling,
) -> Option<Interval> {
    let total: u64 = counts.iter().sum();
    let factor = narrowness(total, resampling.confidence)?;
    let mut rng = Rng::seeded(resampling.seed);
    let mut drawn = vec![0.0; counts.len()];
    let mut draw = |_| {
        let (mut left, mut of) = (total, total);
        for (count, drawn) in counts.iter().zip(&mut drawn) {
            let some = binomial::draw(left, *count as f64 / of.max(1) as f64, &mut rng);
            *drawn = some as f64;
            left -= some;
            of -= count;
        }
        statistic(&drawn)
    };
    let mut draws: Vec<f64> = (0..resampling.resamples).filter_map(&mut draw).collect();
    resampling
        .are_enough(&draws)
        .then(|| percentile_interval(&mut draws, resampling.confidence))?
        .map(|interval| interval.widened(value, factor))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resampling(seed: u64) -> Resampling {
        Resampling::new(0.95, 1000, seed)
    }

    /// Roughly normal: the sum of twelve uniform numbers.
    fn normal(rng: &mut Rng) -> f64 {
        (0..12).map(|_| rng.unit()).sum::<f64>() - 6.0
    }

    /// Blocks of unequal work, a common drift and the noise of each side.
    fn blocks(rng: &mut Rng, count: u64, ratio: f64, noise: f64) -> Vec<(f64, f64)> {
        let block = |_| {
            let work = (1.0 + 4.0 * rng.unit()) * (1.0 + 0.3 * rng.unit());
            (work * ratio * (noise * normal(rng)).exp(), work * (noise * normal(rng)).exp())
        };
        (0..count).map(block).collect()
    }

    #[test]
    fn the_bootstrap_of_many_examples_is_nearly_normal() {
        for (examples, lost, gained) in
            [(4000.0_f64, 200.0, 100.0), (4000.0, 0.0, 90.0), (200_000.0, 6000.0, 4000.0)]
        {
            let value = (lost - gained) / examples;
            let error = (((lost + gained) / examples - value * value) / examples).sqrt();
            let half = 1.959_964 * error;
            let resampling = Resampling::new(0.95, 20_000, 5);
            let interval = resampled_drop(&Outcomes { examples, lost, gained }, &resampling).unwrap();
            let off = [interval.low - (value - half), interval.high - (value + half)];
            assert!(
                off.iter().all(|off| off.abs() < 0.08 * half),
                "{examples} {lost} {gained}: {interval:?}"
            );
        }
    }

    #[test]
    fn equal_arms_have_a_ratio_of_one() {
        let mut rng = Rng::seeded(3);
        for count in [3, 5, 10, 20, 40] {
            let covered = (0..2000).filter(|seed| {
                let ratio = ratio_of_sums(&blocks(&mut rng, count, 1.0, 0.05), &resampling(*seed)).unwrap();
                ratio.interval.unwrap().contains(1.0)
            });
            let share = covered.count() as f64 / 2000.0;
            assert!(share >= 0.93, "{count} blocks: {share}");
        }
    }

    #[test]
    fn a_real_speedup_is_found() {
        let pairs = blocks(&mut Rng::seeded(4), 30, 1.5, 0.05);
        let ratio = ratio_of_sums(&pairs, &resampling(1)).unwrap();
        let interval = ratio.interval.unwrap();
        assert!(interval.low > 1.4 && interval.high < 1.6 && interval.contains(1.5), "{ratio:?}");
        assert!((ratio.spread.unwrap() - 0.05 * 2_f64.sqrt()).abs() < 0.03);
        assert_eq!(ratio_of_sums(&pairs, &resampling(1)), Some(ratio), "same seed, same interval");
    }

    #[test]
    fn few_blocks_claim_little() {
        assert_eq!(ratio_of_sums(&[], &resampling(1)), None);
        assert_eq!(ratio_of_sums(&[(0.0, 1.0), (1.0, 0.0), (f64::NAN, 1.0)], &resampling(1)), None);
        assert_eq!(ratio_of_sums(&[(3.0, 2.0); 2], &resampling(1)).unwrap().interval, None);
        let one = ratio_of_sums(&[(3.0, 2.0)], &resampling(1)).unwrap();
        assert_eq!((one.value, one.interval, one.noise), (1.5, None, None));
        let same = ratio_of_sums(&[(2.0, 2.0); 8], &resampling(1)).unwrap();
        assert_eq!(same.interval, Some(Interval { low: 1.0, high: 1.0 }));
    }

    #[test]
    fn drops_are_covered() {
        let mut rng = Rng::seeded(9);
        for (n, lost, gained) in [(100_u32, 0.1, 0.08), (400, 0.03, 0.01), (300, 0.002, 0.002)] {
            let covered = (0..500).filter(|seed| {
                let mut seen = Outcomes { examples: n.into(), lost: 0.0, gained: 0.0 };
                for _ in 0..n {
                    let drawn = rng.unit();
                    seen.lost += f64::from(u8::from(drawn < lost));
                    seen.gained += f64::from(u8::from(drawn >= lost && drawn < lost + gained));
                }
                drop_interval(&seen, &resampling(*seed)).unwrap().contains(lost - gained)
            });
            let share = covered.count() as f64 / 500.0;
            assert!(share >= 0.93, "{n}: {share}");
        }
    }

    #[test]
    fn no_flips_are_not_certainty() {
        let outcomes = Outcomes { examples: 5.0, lost: 0.0, gained: 0.0 };
        assert!(drop_interval(&outcomes, &resampling(1)).unwrap().high > 0.4);
        let none = Outcomes { examples: 0.0, lost: 0.0, gained: 0.0 };
        assert_eq!(drop_interval(&none, &resampling(1)), None);
    }
}
