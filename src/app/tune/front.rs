//! Which recipes are worth a try: where each group of matrices has a price in bytes and one in drift for each of its
//! options, those of least drift for their size.
//!
//! That is a knapsack in which one option of each group is taken. Its solutions on the lower convex hull are found by
//! Lagrange's multiplier (Everett, Operations Research 11, 1963): of every group the hull of its own options, and the
//! steps along all these hulls in the order of the drift that a byte saves. Between two neighbours on the hull lies one
//! step of one group, which is little beside a whole model.

/// What an option of a group costs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Price {
    /// The option, as a position in the list of the space.
    pub option: usize,
    /// Bytes of the group.
    pub bytes: u64,
    /// What it adds to the drift of the model.
    pub drift: f64,
}

/// A recipe on the front.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Point {
    /// For each group its option.
    pub picks: Vec<usize>,
    /// Bytes of all groups.
    pub bytes: u64,
    /// Sum of their drifts.
    pub drift: f64,
}

/// One step along the hull of a group.
struct Step {
    group: usize,
    to: Price,
    bytes: u64,
    drift: f64,
}

/// The front, from the smallest recipe to the one of least drift. Each group must have a price.
pub(super) fn front(prices: &[Vec<Price>]) -> Vec<Point> {
    let hulls: Vec<Vec<Price>> = prices.iter().map(|prices| hull(prices)).collect();
    let mut steps: Vec<Step> =
        hulls.iter().enumerate().flat_map(|(group, hull)| of_group(group, hull)).collect();
    let saved = |step: &Step| step.drift / step.bytes.max(1) as f64;
    // Stable: along a hull each step saves less than the one before, and steps of one worth stay in order.
    steps.sort_by(|one, other| saved(other).total_cmp(&saved(one)));
    let smallest: Vec<Price> = hulls.iter().filter_map(|hull| hull.first().copied()).collect();
    let mut at = Point {
        picks: smallest.iter().map(|price| price.option).collect(),
        bytes: smallest.iter().map(|price| price.bytes).sum(),
        drift: smallest.iter().map(|price| price.drift).sum(),
    };
    let mut points = vec![at.clone()];
    for step in steps {
        at.picks[step.group] = step.to.option;
        at.bytes += step.bytes;
        at.drift -= step.drift;
        points.push(at.clone());
    }
    points
}

fn of_group(group: usize, hull: &[Price]) -> impl Iterator<Item = Step> {
    hull.windows(2).map(move |pair| Step {
        group,
        to: pair[1],
        bytes: pair[1].bytes - pair[0].bytes,
        drift: pair[0].drift - pair[1].drift,
    })
}

/// The options that are worth their bytes, by size: each next one saves drift, and less for a byte than the one before.
fn hull(prices: &[Price]) -> Vec<Price> {
    let mut sorted = prices.to_vec();
    sorted.sort_by(|one, other| one.bytes.cmp(&other.bytes).then(one.drift.total_cmp(&other.drift)));
    let mut hull: Vec<Price> = Vec::new();
    for price in sorted {
        if hull.last().is_some_and(|last| price.drift >= last.drift || price.bytes == last.bytes) {
            continue;
        }
        while let [.., before, last] = hull.as_slice()
            && slope(before, last) <= slope(last, &price)
        {
            hull.pop();
        }
        hull.push(price);
    }
    hull
}

/// Drift that a byte saves on the way from one option to a larger one.
fn slope(from: &Price, to: &Price) -> f64 {
    (from.drift - to.drift) / (to.bytes - from.bytes).max(1) as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn prices(list: &[(u64, f64)]) -> Vec<Price> {
        let price =
            |(option, (bytes, drift)): (usize, &(u64, f64))| Price { option, bytes: *bytes, drift: *drift };
        list.iter().enumerate().map(price).collect()
    }

    #[test]
    fn options_that_are_not_worth_it_are_passed_over() {
        // The third saves less than lies between its neighbours; the last is larger and worse.
        let hull = hull(&prices(&[(10, 8.0), (20, 4.0), (30, 3.9), (40, 1.0), (50, 2.0)]));
        assert_eq!(hull.iter().map(|price| price.option).collect::<Vec<_>>(), [0, 1, 3]);
        assert_eq!(
            super::hull(&prices(&[(10, 2.0), (10, 1.0)])),
            [Price { option: 1, bytes: 10, drift: 1.0 }]
        );
    }

    #[test]
    fn the_steps_that_save_most_come_first() {
        let points = front(&[prices(&[(10, 8.0), (20, 0.0)]), prices(&[(10, 2.0), (20, 1.0), (40, 0.5)])]);
        let told: Vec<_> =
            points.iter().map(|point| (point.picks.clone(), point.bytes, point.drift)).collect();
        assert_eq!(
            told,
            [(vec![0, 0], 20, 10.0), (vec![1, 0], 30, 2.0), (vec![1, 1], 40, 1.0), (vec![1, 2], 60, 0.5)]
        );
        assert_eq!(front(&[prices(&[(5, 1.0)])]).len(), 1);
    }

    proptest! {
        /// No recipe at all is smaller and drifts less than one of the front.
        #[test]
        fn nothing_beats_the_front(
            groups in prop::collection::vec(prop::collection::vec((1_u64..50, 0.0_f64..9.0), 1..5), 1..5),
        ) {
            let groups: Vec<_> = groups.iter().map(|list| prices(list)).collect();
            let mut all = vec![(0_u64, 0.0_f64)];
            for group in &groups {
                let with = |(bytes, drift): &(u64, f64)| -> Vec<(u64, f64)> {
                    group.iter().map(|price| (bytes + price.bytes, drift + price.drift)).collect()
                };
                all = all.iter().flat_map(with).collect();
            }
            for point in front(&groups) {
                let sum: (u64, f64) = point.picks.iter().zip(&groups).fold((0, 0.0), |(bytes, drift), (pick, group)| {
                    (bytes + group[*pick].bytes, drift + group[*pick].drift)
                });
                prop_assert!(point.bytes == sum.0 && (point.drift - sum.1).abs() < 1e-9);
                let is_beaten = all.iter().any(|(bytes, drift)| *bytes <= point.bytes && *drift < point.drift - 1e-9);
                prop_assert!(!is_beaten, "{point:?}");
            }
        }
    }
}
