//! The search for the smallest recipe that keeps the quality gate.
//!
//! A round measures the drift that each group alone adds, draws the front of recipes that follows if drifts add up, and
//! looks for its smallest recipe that passes by halving: along the front recipes get larger and better. The first round
//! starts from unquantized weights; the others look one step up and one step down around the best recipe so far, where
//! what the groups add depends on each other.

use gatecheck_judge::gate::Verdict;

use super::{
    error::TuneError,
    front::{Point, Price, front},
    space::{Picks, Space},
};

/// Rounds at most.
const ROUNDS: usize = 3;
/// A round that saves less than this share of the size is the last.
const WORTH: f64 = 0.005;

/// What is measured of a recipe.
pub(super) trait Trials {
    /// Its drift on a few of the calibration rows; `None` where its outputs are not all numbers.
    fn drift(&mut self, picks: &Picks) -> Result<Option<f64>, TuneError>;

    /// Its verdict on all of them.
    fn judge(&mut self, picks: &Picks) -> Result<Judged, TuneError>;

    /// A part of so many measurements begins.
    fn begin(&mut self, task: &'static str, steps: usize);

    /// A smaller recipe that passes was found.
    fn found(&mut self, picks: &Picks) -> Result<(), TuneError>;
}

/// What the search goes by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Judged {
    /// Size of the artefact.
    pub bytes: u64,
    /// Whether it keeps the gate.
    pub verdict: Verdict,
}

/// What a search found.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Found {
    /// The smallest recipe that passed, if any did.
    pub best: Option<Picks>,
    /// The front of the first round.
    pub front: Vec<Point>,
    /// The drift that each option of each group adds to unquantized weights, where it has one.
    pub sensitivity: Vec<Vec<Option<f64>>>,
}

/// Searches. Everything is decided by what `trials` answers, so that a search that was cut short goes on where its
/// answers end.
pub(super) fn search(space: &Space, trials: &mut dyn Trials) -> Result<Found, TuneError> {
    let mut best = None;
    trials.begin("uniform recipes", space.uniform().len());
    for picks in space.uniform().iter().rev() {
        try_out(picks, &mut best, trials)?;
    }
    let widest = space.widest();
    let all: Vec<usize> = (0..space.options().len()).collect();
    let (prices, sensitivity) = prices(space, &widest, |_| all.clone(), trials)?;
    let first = front(&prices);
    halve(&first, &mut best, trials)?;
    for _ in 1..ROUNDS {
        let Some((base, before)) = best.clone() else { break };
        let around = |group: usize| space.around(base[group]);
        let (prices, _) = self::prices(space, &base, around, trials)?;
        halve(&front(&prices), &mut best, trials)?;
        let is_worth_it = best.as_ref().is_some_and(|(_, now)| (*now as f64) < (1.0 - WORTH) * before as f64);
        if !is_worth_it {
            break;
        }
    }
    Ok(Found { best: best.map(|(picks, _)| picks), front: first, sensitivity })
}

/// The smallest recipe that passed, and its size.
type Best = Option<(Picks, u64)>;

/// Judges a recipe, and keeps it if it is the best so far. Returns whether it passed.
fn try_out(picks: &Picks, best: &mut Best, trials: &mut dyn Trials) -> Result<bool, TuneError> {
    let Judged { bytes, verdict } = trials.judge(picks)?;
    let passes = verdict == Verdict::Pass;
    if passes && best.as_ref().is_none_or(|(_, smallest)| bytes < *smallest) {
        *best = Some((picks.clone(), bytes));
        trials.found(picks)?;
    }
    Ok(passes)
}

/// What an option of each group adds to the drift of a recipe, where that is a number.
type Added = Vec<Vec<Option<f64>>>;

/// For each group what its options cost beside `base`; and what they add to its drift. An option without a drift is none.
fn prices(
    space: &Space,
    base: &Picks,
    options: impl Fn(usize) -> Vec<usize>,
    trials: &mut dyn Trials,
) -> Result<(Vec<Vec<Price>>, Added), TuneError> {
    let count: usize = (0..base.len()).map(|group| options(group).len() - 1).sum();
    trials.begin("sensitivity", count + 1);
    let start = trials.drift(base)?.ok_or(TuneError::NotNumbers)?;
    let (mut prices, mut added) = (Vec::with_capacity(base.len()), Vec::with_capacity(base.len()));
    for (group, bytes) in space.groups().iter().map(|group| &group.bytes).enumerate() {
        let (mut of_group, mut drifts) = (Vec::new(), Vec::new());
        for option in options(group) {
            let mut picks = base.clone();
            picks[group] = option;
            let drift =
                if picks == *base { Some(0.0) } else { trials.drift(&picks)?.map(|drift| drift - start) };
            drifts.push(drift);
            of_group.extend(drift.map(|drift| Price { option, bytes: bytes[option], drift }));
        }
        prices.push(of_group);
        added.push(drifts);
    }
    Ok((prices, added))
}

/// Looks for the smallest point that passes, among those that are smaller than the best so far.
fn halve(front: &[Point], best: &mut Best, trials: &mut dyn Trials) -> Result<(), TuneError> {
    let (mut low, mut high) = (0, front.len());
    trials.begin("search", front.len().checked_ilog2().unwrap_or(0) as usize + 1);
    while low < high {
        let middle = usize::midpoint(low, high);
        if try_out(&front[middle].picks, best, trials)? { high = middle } else { low = middle + 1 }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::tune::space::Group;

    /// A model whose drift is known: a group's weight times the error of its bits, and a little for neighbours that are
    /// both low.
    struct Known {
        space: Space,
        weights: Vec<f64>,
        limit: f64,
        judged: Vec<Picks>,
        /// An option that gives no numbers.
        broken: usize,
        found: Vec<Picks>,
        stop_after: usize,
    }

    impl Known {
        fn new(weights: &[f64], limit: f64) -> Self {
            let group = |index: usize| Group {
                name: format!("g{index}"),
                patterns: vec![format!("g{index}")],
                weights: 8000,
                bytes: [2, 3, 4, 6, 8, 16].map(|bits| 1000 * bits).into(),
            };
            let groups = (0..weights.len()).map(group).collect();
            let space = Space::known(vec![2, 3, 4, 6, 8, 16], 64, groups);
            let (judged, found) = (Vec::new(), Vec::new());
            Self {
                space,
                weights: weights.to_vec(),
                limit,
                judged,
                broken: usize::MAX,
                found,
                stop_after: usize::MAX,
            }
        }

        fn truth(&self, picks: &Picks) -> f64 {
            let bits = self.space.options();
            let error = |pick: usize| if bits[pick] == 16 { 0.0 } else { 0.25_f64.powi(bits[pick] as i32) };
            let alone: f64 = self.weights.iter().zip(picks).map(|(weight, pick)| weight * error(*pick)).sum();
            let together: f64 = picks.windows(2).map(|pair| (error(pair[0]) * error(pair[1])).sqrt()).sum();
            alone + 0.1 * together
        }

        fn tick(&mut self) -> Result<(), TuneError> {
            self.stop_after = self.stop_after.checked_sub(1).ok_or(TuneError::Stopped)?;
            Ok(())
        }
    }

    impl Trials for Known {
        fn drift(&mut self, picks: &Picks) -> Result<Option<f64>, TuneError> {
            self.tick()?;
            Ok(Some(self.truth(picks)).filter(|_| !picks.contains(&self.broken)))
        }

        fn judge(&mut self, picks: &Picks) -> Result<Judged, TuneError> {
            self.tick()?;
            self.judged.push(picks.clone());
            let verdict = if picks.contains(&self.broken) {
                Verdict::Error
            } else if self.truth(picks) <= self.limit {
                Verdict::Pass
            } else {
                Verdict::Fail
            };
            Ok(Judged { bytes: self.space.bytes(picks), verdict })
        }

        fn begin(&mut self, _: &'static str, _: usize) {}

        fn found(&mut self, picks: &Picks) -> Result<(), TuneError> {
            self.found.push(picks.clone());
            Ok(())
        }
    }

    fn searched(known: &mut Known) -> Found {
        let space = known.space.clone();
        search(&space, known).unwrap()
    }

    #[test]
    fn sensitive_groups_get_more_bits_and_the_recipe_is_nearly_the_smallest() {
        let mut known = Known::new(&[1000.0, 1.0, 1.0, 50.0, 1.0], 0.5);
        let best = searched(&mut known).best.unwrap();
        assert!(known.truth(&best) <= 0.5);
        assert!(best[0] > best[3] && best[3] > best[1], "{best:?}");
        // Of all 6^5 recipes.
        let options = 0..known.space.options().len();
        let mut smallest = u64::MAX;
        let mut picks = vec![0; 5];
        for code in 0..options.len().pow(5) {
            (0..5).for_each(|group| picks[group] = code / options.len().pow(group as u32) % options.len());
            if known.truth(&picks) <= 0.5 {
                smallest = smallest.min(known.space.bytes(&picks));
            }
        }
        // One step of a group, 1,000 bytes, is the distance of neighbours on the front.
        assert!(
            known.space.bytes(&best) <= smallest + 1000,
            "{} beside {smallest}",
            known.space.bytes(&best)
        );
        let sizes: Vec<u64> = known.found.iter().map(|picks| known.space.bytes(picks)).collect();
        assert!(sizes.windows(2).all(|pair| pair[1] < pair[0]), "{sizes:?}");
        assert!(known.judged.len() < 40, "{}", known.judged.len());
    }

    #[test]
    fn where_nothing_passes_nothing_is_found() {
        let mut known = Known::new(&[1.0, 1.0], -1.0);
        let found = searched(&mut known);
        assert!(found.best.is_none() && known.found.is_empty());
        let last = found.front.last().unwrap();
        assert!(known.judged.contains(&last.picks), "not even the best of the front");
    }

    #[test]
    fn where_everything_passes_the_smallest_is_found() {
        let mut known = Known::new(&[1.0, 1.0], 9.0);
        assert_eq!(searched(&mut known).best, Some(vec![0, 0]));
    }

    #[test]
    fn the_sensitivity_is_that_of_each_option() {
        let mut known = Known::new(&[16.0, 1.0], 0.1);
        let found = searched(&mut known);
        assert_eq!(found.sensitivity[0][..3], [Some(1.0), Some(0.25), Some(0.0625)]);
        assert_eq!(found.sensitivity[1][5], Some(0.0));
    }

    #[test]
    fn an_option_without_numbers_is_none() {
        let mut known = Known::new(&[1.0, 1.0], 9.0);
        known.broken = 0;
        let found = searched(&mut known);
        assert_eq!(found.sensitivity[0][..2], [None, Some(1.0 / 64.0)]);
        assert_eq!(found.front[0].picks, [1, 1]);
        known.broken = 5;
        let space = known.space.clone();
        assert!(matches!(search(&space, &mut known), Err(TuneError::NotNumbers)));
    }

    #[test]
    fn the_best_so_far_is_kept_when_it_is_cut_short() {
        let mut known = Known::new(&[1.0, 1.0, 1.0], 0.1);
        known.stop_after = 8;
        let space = known.space.clone();
        assert!(matches!(search(&space, &mut known), Err(TuneError::Stopped)));
        assert!(!known.found.is_empty());
    }
}
