//! Intervals of one proportion, and of the difference of two paired ones.

use super::{distribution::normal_score, interval::Interval};

/// Interval of a proportion by inverting the score test (Wilson 1927). `None` without trials.
pub fn wilson(successes: u64, trials: u64, confidence: f64) -> Option<Interval> {
    let n = (trials > 0).then_some(trials as f64)?;
    let share = successes.min(trials) as f64 / n;
    let z_squared = normal_score(confidence).powi(2);
    let centre = (share + z_squared / (2.0 * n)) / (1.0 + z_squared / n);
    let spread = share * (1.0 - share) / n + z_squared / (4.0 * n * n);
    let half = z_squared.sqrt() * spread.sqrt() / (1.0 + z_squared / n);
    Some(Interval { low: centre - half, high: centre + half }.clamped(0.0, 1.0))
}

/// What became of the examples that both arms answered.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outcomes {
    /// Examples answered by both.
    pub examples: f64,
    /// Right in the baseline, wrong in the candidate.
    pub lost: f64,
    /// Wrong in the baseline, right in the candidate.
    pub gained: f64,
}

impl Outcomes {
    /// The drop of accuracy from baseline to candidate; positive when the candidate is worse.
    pub fn drop(&self) -> f64 {
        (self.lost - self.gained) / self.examples
    }

    /// As many examples as `examples`, with the shares seen here.
    fn scaled_to(&self, examples: f64) -> Self {
        let factor = examples / self.examples;
        Self { examples, lost: self.lost * factor, gained: self.gained * factor }
    }
}

/// Interval of the drop by inverting the score test of a paired difference.
///
/// Tango, "Equivalence test and confidence interval for the difference in proportions for the
/// paired-sample design", Statistics in Medicine 1998. It keeps its coverage with few discordant
/// pairs: with none among `n` it gives `± z² / (n + z²)`, the rule of three and a bit, where Wald's
/// and the bootstrap's interval would be a point. `None` without examples.
pub fn tango(outcomes: &Outcomes, confidence: f64) -> Option<Interval> {
    if outcomes.examples <= 0.0 {
        return None;
    }
    let z = normal_score(confidence);
    let drop = outcomes.drop();
    // The score falls as the assumed drop rises.
    let solve = |mut low: f64, mut high: f64, target: f64| {
        for _ in 0..60 {
            let middle = (low + high) / 2.0;
            *(if score(outcomes, middle) > target { &mut low } else { &mut high }) = middle;
        }
        (low + high) / 2.0
    };
    Interval::finite(solve(-1.0, drop, z), solve(drop, 1.0, -z))
}

/// Tango's score statistic, were the true drop `delta`.
fn score(outcomes: &Outcomes, delta: f64) -> f64 {
    let Outcomes { examples: n, lost, gained } = *outcomes;
    // The likeliest share of gained examples given `delta`: the larger root of a quadratic.
    let linear = delta * (2.0 * n - lost + gained) - lost - gained;
    let constant = -gained * delta * (1.0 - delta);
    let root = (linear * linear - 8.0 * n * constant).max(0.0).sqrt();
    let share = (root - linear) / (4.0 * n);
    let variance = n * (2.0 * share + delta * (1.0 - delta));
    let excess = lost - gained - n * delta;
    if variance > 0.0 { excess / variance.sqrt() } else { excess.signum() * f64::INFINITY }
}

/// Beyond this many examples a question counts as one that more data does not settle.
const SETTLED_BY: f64 = 1e8;

/// How many more examples would put the whole interval on one side of `limit`, if they turned out
/// like those seen. `None` when no reasonable number would: the drop sits on the limit.
pub fn examples_to_settle(outcomes: &Outcomes, limit: f64, confidence: f64) -> Option<u64> {
    if outcomes.examples <= 0.0 {
        return None;
    }
    let settled = |n: f64| {
        let interval = tango(&outcomes.scaled_to(n), confidence);
        interval.is_some_and(|interval| interval.high <= limit || interval.low > limit)
    };
    let mut enough = outcomes.examples;
    while !settled(enough) {
        enough *= 2.0;
        if enough > SETTLED_BY {
            return None;
        }
    }
    let mut few = (enough / 2.0).max(outcomes.examples);
    while enough - few > 1.0 {
        let middle = ((few + enough) / 2.0).floor();
        *(if settled(middle) { &mut enough } else { &mut few }) = middle;
    }
    Some((enough - outcomes.examples).ceil() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Rng;

    fn outcomes(examples: u32, lost: u32, gained: u32) -> Outcomes {
        Outcomes { examples: examples.into(), lost: lost.into(), gained: gained.into() }
    }

    #[test]
    fn wilson_gives_the_textbook_interval() {
        // Newcombe 1998, table I: 81 of 263, and 0 of 20.
        let interval = wilson(81, 263, 0.95).unwrap();
        assert!((interval.low - 0.2553).abs() < 1e-4 && (interval.high - 0.3662).abs() < 1e-4);
        let interval = wilson(0, 20, 0.95).unwrap();
        assert!(interval.low == 0.0 && (interval.high - 0.1611).abs() < 1e-4);
        assert_eq!(wilson(0, 0, 0.95), None);
    }

    #[test]
    fn tango_without_discordant_pairs_has_a_closed_form() {
        let z_squared = normal_score(0.95).powi(2);
        for n in [5, 50, 1000] {
            let interval = tango(&outcomes(n, 0, 0), 0.95).unwrap();
            let bound = z_squared / (f64::from(n) + z_squared);
            assert!((interval.high - bound).abs() < 1e-9 && (interval.low + bound).abs() < 1e-9);
        }
    }

    #[test]
    fn tango_is_symmetric_and_within_bounds() {
        for (n, lost, gained) in [(1, 1, 0), (10, 10, 0), (20, 3, 1), (100, 0, 7), (7, 3, 3)] {
            let there = tango(&outcomes(n, lost, gained), 0.95).unwrap();
            let back = tango(&outcomes(n, gained, lost), 0.95).unwrap();
            assert!((there.low + back.high).abs() < 1e-9, "{n} {lost} {gained}");
            assert!(there.low >= -1.0 && there.high <= 1.0 && there.low < there.high);
            assert!(there.contains(outcomes(n, lost, gained).drop()));
        }
        assert_eq!(tango(&outcomes(0, 0, 0), 0.95), None);
    }

    #[test]
    fn tango_covers_the_true_drop() {
        let mut rng = Rng::seeded(5);
        for (n, lost, gained) in [(60, 0.05, 0.05), (200, 0.02, 0.0), (300, 0.06, 0.02), (1000, 0.004, 0.001)]
        {
            let covered = (0..2000).filter(|_| {
                let mut seen = outcomes(n, 0, 0);
                for _ in 0..n {
                    let drawn = rng.unit();
                    seen.lost += f64::from(u8::from(drawn < lost));
                    seen.gained += f64::from(u8::from(drawn >= lost && drawn < lost + gained));
                }
                tango(&seen, 0.95).unwrap().contains(lost - gained)
            });
            let share = covered.count() as f64 / 2000.0;
            assert!(share > 0.925, "{n} {lost} {gained}: {share}");
        }
    }

    #[test]
    fn settling_counts_the_missing_examples() {
        // No discordant pair: z² / (n + z²) ≤ 0.015 from 253 examples on.
        assert_eq!(examples_to_settle(&outcomes(100, 0, 0), 0.015, 0.95), Some(153));
        assert_eq!(examples_to_settle(&outcomes(300, 0, 0), 0.015, 0.95), Some(0));
        let more = examples_to_settle(&outcomes(200, 4, 2), 0.015, 0.95).unwrap();
        let scaled = outcomes(200, 4, 2).scaled_to(200.0 + more as f64);
        assert!(tango(&scaled, 0.95).unwrap().high <= 0.015);
        let scaled = outcomes(200, 4, 2).scaled_to(199.0 + more as f64);
        assert!(tango(&scaled, 0.95).unwrap().high > 0.015);
        // A drop on the limit is never settled.
        assert_eq!(examples_to_settle(&outcomes(200, 3, 0), 0.015, 0.95), None);
        assert_eq!(examples_to_settle(&outcomes(0, 0, 0), 0.015, 0.95), None);
    }
}
