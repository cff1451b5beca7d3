//! Correlations, and the interval of a drop between two that share their gold scores.

use super::{
    bootstrap::{Resampling, narrowness, percentile_interval, unseen_share},
    distribution::{normal_score, student_score},
    interval::Interval,
    paired::standard_deviation,
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
    if xs.len() != ys.len() || xs.len() < 2 || is_constant(xs, weights) || is_constant(ys, weights) {
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

/// Whether all numbers that occur are the same. Their distances from the mean would not tell: it is rounded.
fn is_constant(numbers: &[f64], weights: &[f64]) -> bool {
    let mut occurring = numbers.iter().zip(weights).filter(|(_, weight)| **weight > 0.0);
    let first = occurring.next();
    first.is_none_or(|(first, _)| occurring.all(|(number, _)| number == first))
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

/// Above this a correlation is 1 but for rounding.
const NEARLY_ONE: f64 = 1.0 - 1e-12;

/// Interval of a correlation from `n` points, by Fisher's transformation.
///
/// `variance` is 1 for Pearson's and `1 + r² / 2` for Spearman's (Bonett and Wright, "Sample size
/// requirements for estimating Pearson, Kendall and Spearman correlations", 2000). `None` for
/// fewer than four points.
///
/// Of a correlation of 1 or −1 the transformation would claim certainty. Its interval goes as far down as it would
/// fall if the share of points that is too rare to have been seen had no relation (see [`unseen_share`]).
pub fn fisher_interval(correlation: f64, n: u64, variance: f64, confidence: f64) -> Option<Interval> {
    let freedom = n.checked_sub(3).filter(|freedom| *freedom > 0)?;
    let half = normal_score(confidence) * (variance / freedom as f64).sqrt();
    let centre = correlation.atanh();
    if correlation.abs() > NEARLY_ONE {
        let least = correlation * (1.0 - unseen_share(n as f64, confidence));
        return Interval::finite(correlation.min(least), correlation.max(least));
    }
    Interval::finite((centre - half).tanh(), (centre + half).tanh())
}

/// Which correlation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Pearson's, of the numbers.
    Pearson,
    /// Spearman's, of their ranks.
    Spearman,
}

/// The drop of a correlation with the gold from one arm's scores to another's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CorrelationDrop {
    /// Baseline's correlation − candidate's.
    pub value: f64,
    /// Its interval; `None` when too few resamples, or not all groups, had a correlation.
    pub interval: Option<Interval>,
    /// How the interval was made.
    pub method: Method,
}

/// How the interval of a drop is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// The percentile bootstrap over examples.
    Bootstrap,
    /// The spread among random groups of the examples.
    RandomGroups,
}

/// Above this many examples, resampling them all is too slow and comparing groups of them is as good.
const MOST_RESAMPLED: usize = 20_000;

/// Groups that many examples are divided into.
const GROUPS: usize = 100;

/// Gold and both arms' scores, sorted once where ranks are wanted.
struct Scores<'a> {
    kind: Kind,
    numbers: [&'a [f64]; 3],
    orders: Option<[Order; 3]>,
}

impl<'a> Scores<'a> {
    fn new(kind: Kind, numbers: [&'a [f64]; 3]) -> Self {
        let orders = match kind {
            Kind::Pearson => None,
            Kind::Spearman => Some(numbers.map(Order::of)),
        };
        Self { kind, numbers, orders }
    }

    /// The baseline's correlation and the candidate's, when example `i` occurs `weights[i]` times.
    fn correlations(&self, weights: &[f64]) -> Option<(f64, f64)> {
        let of = |gold: &[f64], baseline: &[f64], candidate: &[f64]| {
            Some((weighted_pearson(gold, baseline, weights)?, weighted_pearson(gold, candidate, weights)?))
        };
        match &self.orders {
            None => of(self.numbers[0], self.numbers[1], self.numbers[2]),
            Some([gold, baseline, candidate]) => {
                of(&gold.ranks(weights), &baseline.ranks(weights), &candidate.ranks(weights))
            }
        }
    }

    fn drop(&self, weights: &[f64]) -> Option<f64> {
        self.correlations(weights).map(|(before, after)| before - after)
    }

    /// Resamples examples with their gold and both scores.
    fn bootstrap(&self, value: f64, resampling: &Resampling) -> Option<Interval> {
        let n = self.numbers[0].len();
        let mut rng = Rng::seeded(resampling.seed);
        let mut draw = || {
            let mut weights = vec![0.0; n];
            (0..n).for_each(|_| weights[rng.below(n as u64) as usize] += 1.0);
            self.drop(&weights)
        };
        let mut draws: Vec<f64> = (0..resampling.resamples).filter_map(|_| draw()).collect();
        // With few points many resamples are constant; the rest would be a biased choice.
        let enough = resampling.are_enough(&draws);
        let interval = enough.then(|| percentile_interval(&mut draws, resampling.confidence)).flatten()?;
        Some(interval.widened(value, narrowness(n as u64, resampling.confidence)?))
    }

    /// From the spread of the drop among random groups of the examples (Wolter, "Introduction to variance
    /// estimation", chapter 2), at the cost of one pass.
    fn random_groups(&self, value: f64, resampling: &Resampling) -> Option<Interval> {
        let mut rng = Rng::seeded(resampling.seed);
        let mut groups = vec![[const { Vec::new() }; 3]; GROUPS];
        for example in 0..self.numbers[0].len() {
            let group = &mut groups[rng.below(GROUPS as u64) as usize];
            group.iter_mut().zip(self.numbers).for_each(|(column, numbers)| column.push(numbers[example]));
        }
        let drop =
            |[gold, baseline, candidate]: &[Vec<f64>; 3]| drop_value(self.kind, gold, baseline, candidate);
        let drops = groups.iter().map(drop).collect::<Option<Vec<f64>>>()?;
        let error = standard_deviation(&drops)? / (GROUPS as f64).sqrt();
        let half = student_score(resampling.confidence, GROUPS as u64 - 1) * error;
        Interval::finite(value - half, value + half)
    }
}

/// The drop alone.
pub fn drop_value(kind: Kind, gold: &[f64], baseline: &[f64], candidate: &[f64]) -> Option<f64> {
    if [baseline.len(), candidate.len()] != [gold.len(); 2] {
        return None;
    }
    Scores::new(kind, [gold, baseline, candidate]).drop(&vec![1.0; gold.len()])
}

/// Computes the drop and its interval: the percentile bootstrap over examples, widened for few of them; above
/// 20,000 examples from random groups of them.
///
/// It is never narrower than `± r z² / (n + z²)`: were that share of all examples, of which none was seen
/// yet, to lose all relation to the gold, the correlation `r` would fall by this much (see
/// [`unseen_share`]).
pub fn drop(
    kind: Kind,
    gold: &[f64],
    baseline: &[f64],
    candidate: &[f64],
    resampling: &Resampling,
) -> Option<CorrelationDrop> {
    let n = gold.len();
    if [baseline.len(), candidate.len()] != [n; 2] {
        return None;
    }
    let scores = Scores::new(kind, [gold, baseline, candidate]);
    let (before, after) = scores.correlations(&vec![1.0; n])?;
    let value = before - after;
    let method = if n > MOST_RESAMPLED { Method::RandomGroups } else { Method::Bootstrap };
    let interval = match method {
        Method::Bootstrap => scores.bootstrap(value, resampling),
        Method::RandomGroups => scores.random_groups(value, resampling),
    };
    let floor = before.abs() * unseen_share(n as f64, resampling.confidence);
    let floor = Interval { low: value - floor, high: value + floor };
    let interval = interval.map(|interval| interval.hull(floor).clamped(-2.0, 2.0));
    Some(CorrelationDrop { value, interval, method })
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
        // Whose mean is not 0.1, as floats go.
        assert_eq!(pearson(&[0.1; 3], &[1.0, 2.0, 3.0]), None);
        assert_eq!(pearson(&[1.0, 2.0, 3.0], &[0.1; 3]), None);
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
        let of = |points| fisher_interval(0.8, points, 1.0, 0.95);
        assert_eq!((of(0), of(3)), (None, None));
        assert!(of(4).unwrap().contains(-0.5), "four points tell little");
    }

    #[test]
    fn a_perfect_correlation_is_not_certain() {
        for n in [4, 30, 1000] {
            let share = 3.841_459 / (n as f64 + 3.841_459);
            let interval = fisher_interval(1.0, n, 1.0, 0.95).unwrap();
            assert!(interval.high == 1.0 && (interval.low - (1.0 - share)).abs() < 1e-6, "{interval:?}");
            let mirrored = fisher_interval(-1.0, n, 1.0, 0.95).unwrap();
            assert_eq!((mirrored.low, mirrored.high), (-interval.high, -interval.low));
            for near in [0.999_999_9, -0.999_999_9, 1.0 - f64::EPSILON] {
                assert!(fisher_interval(near, n, 1.5, 0.95).unwrap().contains(near), "{near}");
            }
        }
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
        for kind in [Kind::Pearson, Kind::Spearman] {
            let found = drop(kind, &gold, &baseline, &baseline, &Resampling::new(0.95, 1000, 1)).unwrap();
            let interval = found.interval.unwrap();
            assert!(found.value == 0.0 && interval.high > 0.1 && interval.low < -0.1);
            assert_eq!(drop(kind, &[], &[], &[], &Resampling::new(0.95, 1000, 1)), None);
        }
    }

    #[test]
    fn drops_are_covered() {
        for kind in [Kind::Pearson, Kind::Spearman] {
            let mut rng = Rng::seeded(8);
            let [gold, baseline, candidate] = scores(&mut rng, 60_000, 0.4);
            let truth = Scores::new(kind, [&gold, &baseline, &candidate]).drop(&vec![1.0; 60_000]).unwrap();
            let covered = (0..300).filter(|&seed| {
                let [gold, baseline, candidate] = scores(&mut rng, 60, 0.4);
                let drop = drop(kind, &gold, &baseline, &candidate, &Resampling::new(0.95, 1000, seed));
                drop.unwrap().interval.unwrap().contains(truth)
            });
            let share = covered.count() as f64 / 300.0;
            println!("{kind:?}: {share}");
            assert!(share >= 0.92, "{kind:?}: {share}");
        }
    }

    #[test]
    fn random_groups_agree_with_the_bootstrap() {
        let n = MOST_RESAMPLED;
        let [gold, baseline, candidate] = scores(&mut Rng::seeded(1003), n, 0.4);
        for kind in [Kind::Pearson, Kind::Spearman] {
            let scores = Scores::new(kind, [&gold, &baseline, &candidate]);
            let value = scores.drop(&vec![1.0; n]).unwrap();
            let width = |interval: Option<Interval>| interval.map(|it| it.high - it.low).unwrap();
            let slow = width(scores.bootstrap(value, &Resampling::new(0.95, 1000, 1)));
            let each = [1, 2, 3, 4, 5]
                .map(|seed| width(scores.random_groups(value, &Resampling::new(0.95, 1000, seed))) / slow);
            println!("{kind:?}: {each:?}");
            // A standard error of 99 degrees of freedom is off by 7 %, its mean over five by 3 %.
            assert!((each.iter().sum::<f64>() / 5.0 - 1.0).abs() < 0.1, "{kind:?}: {each:?}");
        }
    }
}
