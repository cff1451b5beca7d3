//! The drop of macro-F1 and of Matthews' correlation, which no formula gives an interval.

use std::collections::{BTreeMap, HashSet};

use super::pair::{MetricDrop, Pair, RESAMPLED};
use crate::{
    metrics::classification::{Margins, gold_class},
    stats::{Interval, Resampling, bootstrap::unseen_share, paired},
    task::Metric,
};

/// How often each gold class was answered so by the baseline and so by the candidate. Examples of no known
/// class are left out.
struct Counts {
    classes: usize,
    /// Gold, baseline's answer, candidate's answer; and how many.
    cells: Vec<([usize; 3], u64)>,
}

impl Counts {
    fn of(pair: &Pair<'_>, examples: &[usize]) -> Self {
        let classes = pair.baseline.classes().max(pair.candidate.classes());
        let mut cells = BTreeMap::<[usize; 3], u64>::new();
        for &example in examples {
            let gold = gold_class(pair.questions.gold(example), classes);
            let answers = pair.baseline.class(example).zip(pair.candidate.class(example));
            if let Some((gold, (before, after))) = gold.zip(answers)
                && before.max(after) < classes
            {
                *cells.entry([gold, before, after]).or_default() += 1;
            }
        }
        Self { classes, cells: cells.into_iter().collect() }
    }

    fn total(&self) -> u64 {
        self.cells.iter().map(|(_, count)| count).sum()
    }

    /// The margins of the baseline and of the candidate.
    fn margins(&self) -> [Margins; 2] {
        let mut margins = [Margins::new(self.classes), Margins::new(self.classes)];
        for ([gold, before, after], count) in &self.cells {
            margins[0].add(*gold, *before, *count as f64);
            margins[1].add(*gold, *after, *count as f64);
        }
        margins
    }

    /// The interval of the drop `value`: resampled and widened for few examples, and never narrower than the
    /// bound for changes not seen yet.
    fn interval(&self, statistic: Statistic, value: f64, resampling: &Resampling) -> Option<Interval> {
        let counts: Vec<u64> = self.cells.iter().map(|(_, count)| *count).collect();
        let mut margins = [Margins::new(self.classes), Margins::new(self.classes)];
        let mut drop = |drawn: &[f64]| {
            margins.iter_mut().for_each(Margins::clear);
            for (([gold, before, after], _), weight) in self.cells.iter().zip(drawn) {
                margins[0].add(*gold, *before, *weight);
                margins[1].add(*gold, *after, *weight);
            }
            Some(statistic(&margins[0])? - statistic(&margins[1])?)
        };
        let interval = paired::interval_of_counts(&counts, value, &mut drop, resampling)?;
        let [baseline, _] = self.margins();
        let floor = unseen(&baseline, statistic, resampling);
        Some(interval.hull(Interval { low: value - floor, high: value + floor }).clamped(-2.0, 2.0))
    }
}

type Statistic = fn(&Margins) -> Option<f64>;

fn statistic(id: Metric) -> Option<Statistic> {
    match id {
        Metric::MacroF1 => Some(Margins::macro_f1),
        Metric::Mcc => Some(Margins::mcc),
        _ => None,
    }
}

/// The largest fall of the baseline's metric, were one gold class to lose as many of its right answers to
/// another class as may have changed without one being seen among so few examples of it.
fn unseen(baseline: &Margins, statistic: Statistic, resampling: &Resampling) -> f64 {
    let Some(before) = statistic(baseline) else { return 0.0 };
    let (gold, right, predicted) = (baseline.gold(), baseline.right(), baseline.predicted());
    let largest = |other_than: Option<usize>| {
        let others = (0..gold.len()).filter(|class| Some(*class) != other_than);
        others.max_by(|left, right| gold[*left].total_cmp(&gold[*right]))
    };
    let (first, second) = (largest(None), largest(largest(None)));
    let fall = |class: usize| {
        let changed = unseen_share(gold[class], resampling.confidence) * right[class];
        let mut margins = baseline.clone();
        margins.add(class, class, -changed);
        margins.add(class, if Some(class) == first { second } else { first }?, changed);
        Some((before - statistic(&margins)?).abs())
    };
    // Of classes alike one is enough: there may be as many classes as examples.
    let mut seen = HashSet::new();
    let alike = |class: &usize| {
        ([gold, right, predicted].map(|counts| counts[*class].to_bits()), Some(*class) == first)
    };
    let different = (0..gold.len()).filter(|class| right[*class] > 0.0 && seen.insert(alike(class)));
    different.filter_map(fall).fold(0.0, f64::max)
}

pub(super) fn drop_value(id: Metric, pair: &Pair<'_>, examples: &[usize]) -> Option<f64> {
    let statistic = statistic(id)?;
    let [before, after] = Counts::of(pair, examples).margins();
    Some(statistic(&before)? - statistic(&after)?)
}

pub(super) fn drop(
    id: Metric,
    pair: &Pair<'_>,
    examples: &[usize],
    resampling: &Resampling,
) -> Option<MetricDrop> {
    let statistic = statistic(id)?;
    let counts = Counts::of(pair, examples);
    let [before, after] = counts.margins();
    let value = statistic(&before)? - statistic(&after)?;
    let interval = counts.interval(statistic, value, resampling);
    Some(MetricDrop::of_number(id, value, interval, counts.total(), RESAMPLED))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Rng;

    const METRICS: [Metric; 2] = [Metric::MacroF1, Metric::Mcc];

    /// Answers of both arms to examples of three classes of the given shares: the baseline is wrong at
    /// `wrong` of them, the candidate changes `changed` of the answers, mostly for the worse.
    fn simulated(rng: &mut Rng, n: usize, shares: [f64; 3], wrong: f64, changed: f64) -> Counts {
        let mut cells = BTreeMap::new();
        for _ in 0..n {
            let drawn = rng.unit();
            let gold = usize::from(drawn > shares[0]) + usize::from(drawn > shares[0] + shares[1]);
            let other = |rng: &mut Rng| (gold + 1 + rng.below(2) as usize) % 3;
            let before = if rng.unit() < wrong { other(rng) } else { gold };
            let after = if rng.unit() >= changed {
                before
            } else if before == gold || rng.unit() < 0.5 {
                other(rng)
            } else {
                gold
            };
            *cells.entry([gold, before, after]).or_default() += 1;
        }
        Counts { classes: 3, cells: cells.into_iter().collect() }
    }

    fn drop_of(counts: &Counts, id: Metric) -> Option<f64> {
        let [before, after] = counts.margins();
        Some(statistic(id)?(&before)? - statistic(id)?(&after)?)
    }

    #[test]
    fn drops_are_covered() {
        let even = [1.0 / 3.0; 3];
        let uneven = [0.85, 0.1, 0.05];
        let cases = [
            (60, even, 0.15, 0.1),
            (300, even, 0.15, 0.05),
            (300, uneven, 0.1, 0.05),
            (300, even, 0.1, 0.003),
        ];
        for (case, (n, shares, wrong, changed)) in cases.into_iter().enumerate() {
            let mut rng = Rng::seeded(17 + case as u64);
            let all = simulated(&mut rng, 400_000, shares, wrong, changed);
            let truth = METRICS.map(|id| drop_of(&all, id).unwrap());
            let mut covered = [0_u32; 2];
            for seed in 0..400 {
                let counts = simulated(&mut rng, n, shares, wrong, changed);
                for ((id, truth), covered) in METRICS.into_iter().zip(truth).zip(&mut covered) {
                    let value = drop_of(&counts, id).unwrap();
                    let resampling = Resampling::new(0.95, 1000, seed);
                    let interval = counts.interval(statistic(id).unwrap(), value, &resampling).unwrap();
                    *covered += u32::from(interval.contains(truth));
                }
            }
            let shares = covered.map(|covered| f64::from(covered) / 400.0);
            println!("{n} {shares:?}");
            assert!(shares.iter().all(|share| *share >= 0.92), "{n} {changed}: {shares:?}");
        }
    }

    #[test]
    fn no_change_is_no_certainty_and_least_with_a_rare_class() {
        let even = Counts { classes: 3, cells: vec![([0, 0, 0], 200), ([1, 1, 1], 200), ([2, 2, 2], 200)] };
        let rare = Counts { classes: 3, cells: vec![([0, 0, 0], 395), ([1, 1, 1], 200), ([2, 2, 2], 5)] };
        let high = |counts: &Counts, id| {
            let resampling = Resampling::new(0.95, 1000, 1);
            counts.interval(statistic(id).unwrap(), 0.0, &resampling).unwrap().high
        };
        // Of accuracy, Tango's bound is 0.0064.
        assert!((0.004..0.01).contains(&high(&even, Metric::MacroF1)));
        assert!((0.006..0.015).contains(&high(&even, Metric::Mcc)));
        assert!(high(&rare, Metric::MacroF1) > 0.08);
    }
}
