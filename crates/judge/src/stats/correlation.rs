//! Correlations, and the interval of a drop between two that share their gold scores.

use super::{
    bootstrap::{Resampling, narrowness, percentile_interval},
    distribution::normal_score,
    interval::Interval,
    rng::Rng,
};

/// Pearson's correlation. `None` with fewer than two points or when either side is constant.
pub fn pearson(xs: &[f64], ys: &[f64]) -> Option<f64> {
    weighted_pearson(xs, ys, &vec![1.0; xs.len()])
}

/// Spearman's correlation: Pearson's of the ranks, where ties share their average rank.
pub fn spearman(xs: &[f64], ys: &[f64]) -> Option<f64> {
    let once = vec![1.0; xs.len()];
    weighted_pearson(&Order::of(xs).ranks(&once), &Order::of(ys).ranks(&once), &once)
}

fn weighted_pearson(xs: &[f64], ys: &[f64], weights: &[f64]) -> Option<f64> {
    if xs.len() != ys.len() || xs.len() < 2 {
        return None;
    }
    let total: f64 = weights.iter().sum();
    let mean = |numbers: &[f64]| numbers.iter().zip(weights).map(|(x, w)| x * w).sum::<f64>() / total;
    let (x_mean, y_mean) = (mean(xs), mean(ys));
    let (mut xx, mut yy, mut xy) = (0.0, 0.0, 0.0);
    for ((x, y), weight) in xs.iter().zip(ys).zip(weights) {
        let (x, y) = (x - x_mean, y - y_mean);
        xx += weight * x * x;
        yy += weight * y * y;
        xy += weight * x * y;
    }
    let correlation = xy / (xx * yy).sqrt();
    correlation.is_finite().then(|| correlation.clamp(-1.0, 1.0))
}

/// Numbers sorted once, so that the ranks of every resample cost one pass.
struct Order {
    /// Indices, ascending by value.
    indices: Vec<usize>,
    /// Where each group of equal numbers ends in `indices`.
    ends: Vec<usize>,
}

impl Order {
    fn of(numbers: &[f64]) -> Self {
        let mut indices: Vec<usize> = (0..numbers.len()).collect();
        indices.sort_by(|&left, &right| numbers[left].total_cmp(&numbers[right]));
        let is_end =
            |&end: &usize| end == indices.len() || numbers[indices[end]] != numbers[indices[end - 1]];
        let ends = (1..=indices.len()).filter(is_end).collect();
        Self { indices, ends }
    }

    /// The average rank of each number when number `i` occurs `weights[i]` times.
    fn ranks(&self, weights: &[f64]) -> Vec<f64> {
        let mut ranks = vec![0.0; self.indices.len()];
        let (mut start, mut before) = (0, 0.0);
        for &end in &self.ends {
            let group = &self.indices[start..end];
            let weight: f64 = group.iter().map(|&index| weights[index]).sum();
            group.iter().for_each(|&index| ranks[index] = before + (weight + 1.0) / 2.0);
            before += weight;
            start = end;
        }
        ranks
    }
}

/// Interval of a correlation from `n` points, by Fisher's transformation.
///
/// `variance` is 1 for Pearson's and `1 + r² / 2` for Spearman's (Bonett and Wright, "Sample size
/// requirements for estimating Pearson, Kendall and Spearman correlations", 2000). `None` for
/// fewer than four points.
pub fn fisher_interval(correlation: f64, n: u64, variance: f64, confidence: f64) -> Option<Interval> {
    let freedom = n.checked_sub(3).filter(|freedom| *freedom > 0)?;
    let half = normal_score(confidence) * (variance / freedom as f64).sqrt();
    let centre = correlation.clamp(-0.999_999, 0.999_999).atanh();
    Interval::finite((centre - half).tanh(), (centre + half).tanh())
}

/// The drop of Spearman's correlation with `gold` from the scores `baseline` to `candidate`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CorrelationDrop {
    /// Baseline's correlation − candidate's.
    pub value: f64,
    /// Its interval; `None` when too few resamples had a correlation.
    pub interval: Option<Interval>,
}

/// Computes the drop and its interval, resampling examples with their gold and both scores.
///
/// The percentile interval is widened for the number of examples, and it is never narrower than
/// `± r z² / (n + z²)`: were that share of all examples, of which none was seen yet, to lose all
/// relation to the gold, the correlation `r` would fall by this much. It is the bound that
/// [`super::proportion::tango`] gives when no example changed (Hanley and Lippman-Hand, "If
/// nothing goes wrong, is everything all right?", 1983).
pub fn spearman_drop(
    gold: &[f64],
    baseline: &[f64],
    candidate: &[f64],
    resampling: &Resampling,
) -> Option<CorrelationDrop> {
    let n = gold.len();
    let before = spearman(gold, baseline)?;
    let value = before - spearman(gold, candidate)?;
    let orders = [gold, baseline, candidate].map(Order::of);
    let mut rng = Rng::seeded(resampling.seed);
    let mut draw = || {
        let mut weights = vec![0.0; n];
        (0..n).for_each(|_| weights[rng.below(n as u64) as usize] += 1.0);
        let [gold, baseline, candidate] = [0, 1, 2].map(|which: usize| orders[which].ranks(&weights));
        Some(weighted_pearson(&gold, &baseline, &weights)? - weighted_pearson(&gold, &candidate, &weights)?)
    };
    let mut draws: Vec<f64> = (0..resampling.resamples).filter_map(|_| draw()).collect();
    // With few points many resamples are constant; the rest would be a biased choice.
    let enough = draws.len() >= resampling.resamples as usize / 20 * 19;
    let interval = enough.then(|| percentile_interval(&mut draws, resampling.confidence)).flatten();
    let interval = interval.zip(narrowness(n as u64, resampling.confidence)).map(|(interval, factor)| {
        let z_squared = normal_score(resampling.confidence).powi(2);
        let floor = before.abs() * z_squared / (n as f64 + z_squared);
        interval
            .widened(value, factor)
            .hull(Interval { low: value - floor, high: value + floor })
            .clamped(-2.0, 2.0)
    });
    Some(CorrelationDrop { value, interval })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn correlations_are_the_textbook_ones() {
        let (xs, ys) = ([1.0, 2.0, 3.0, 4.0, 5.0], [2.0, 1.0, 4.0, 3.0, 5.0]);
        assert!((pearson(&xs, &ys).unwrap() - 0.8).abs() < 1e-12);
        assert!((spearman(&xs, &ys).unwrap() - 0.8).abs() < 1e-12);
        // Ties share rank 2.5; scipy.stats.spearmanr gives 0.9486832980505138.
        let tied = spearman(&[1.0, 2.0, 2.0, 3.0], &[1.0, 2.0, 3.0, 4.0]).unwrap();
        assert!((tied - 0.948_683_298_050_513_8).abs() < 1e-12);
        let monotone: Vec<f64> = xs.iter().map(|x| x.exp()).collect();
        assert_eq!(spearman(&xs, &monotone), Some(1.0));
    }

    #[test]
    fn correlations_may_not_exist() {
        assert_eq!(pearson(&[], &[]), None);
        assert_eq!(spearman(&[1.0], &[1.0]), None);
        assert_eq!(spearman(&[1.0, 1.0, 1.0], &[1.0, 2.0, 3.0]), None);
        assert_eq!(pearson(&[1.0, 2.0], &[1.0]), None);
        assert_eq!(fisher_interval(0.5, 3, 1.0, 0.95), None);
    }

    #[test]
    fn repeated_points_rank_as_if_written_out() {
        let ranks = Order::of(&[10.0, 20.0, 30.0]).ranks(&[2.0, 0.0, 1.0]);
        assert_eq!((ranks[0], ranks[2]), (1.5, 3.0));
    }

    #[test]
    fn fisher_covers_its_point() {
        let interval = fisher_interval(0.8, 100, 1.0, 0.95).unwrap();
        assert!((interval.low - 0.7161).abs() < 1e-3 && (interval.high - 0.8610).abs() < 1e-3);
    }

    /// Scores that follow the gold with some noise; the candidate adds its own.
    fn scores(rng: &mut Rng, n: usize, extra: f64) -> [Vec<f64>; 3] {
        let gold: Vec<f64> = (0..n).map(|_| rng.unit()).collect();
        let baseline: Vec<f64> = gold.iter().map(|gold| gold + 0.3 * rng.unit()).collect();
        let candidate = baseline.iter().map(|score| score + extra * rng.unit()).collect();
        [gold, baseline, candidate]
    }

    #[test]
    fn equal_scores_are_not_certainty() {
        let [gold, baseline, _] = scores(&mut Rng::seeded(2), 20, 0.0);
        let drop = spearman_drop(&gold, &baseline, &baseline, &Resampling::new(0.95, 1000, 1)).unwrap();
        let interval = drop.interval.unwrap();
        assert!(drop.value == 0.0 && interval.high > 0.1 && interval.low < -0.1);
        assert_eq!(spearman_drop(&[], &[], &[], &Resampling::new(0.95, 1000, 1)), None);
    }

    #[test]
    fn drops_are_covered() {
        let mut rng = Rng::seeded(8);
        let [gold, baseline, candidate] = scores(&mut rng, 60_000, 0.4);
        let truth = spearman(&gold, &baseline).unwrap() - spearman(&gold, &candidate).unwrap();
        let covered = (0..300).filter(|&seed| {
            let [gold, baseline, candidate] = scores(&mut rng, 60, 0.4);
            let drop = spearman_drop(&gold, &baseline, &candidate, &Resampling::new(0.95, 1000, seed));
            drop.unwrap().interval.unwrap().contains(truth)
        });
        let share = covered.count() as f64 / 300.0;
        assert!(share >= 0.92, "{share}");
    }
}
