//! Accuracy, macro-F1, Matthews' correlation and recall, from counts of gold against predicted.

use std::collections::BTreeMap;

/// The index of the largest number, the lowest of equals; 0 for an empty row.
pub fn argmax(row: &[f32]) -> usize {
    let mut best = 0;
    for (index, value) in row.iter().enumerate() {
        if *value > row[best] {
            best = index;
        }
    }
    best
}

/// The class a gold number stands for; `None` when it is no class of the model.
pub fn gold_class(gold: f64, classes: usize) -> Option<usize> {
    let is_class = gold >= 0.0 && gold.fract() == 0.0 && gold < classes as f64;
    is_class.then_some(gold as usize)
}

/// How often each class was predicted for each gold class. Only pairs that occur take room: there may be as many
/// classes as examples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confusion {
    /// Gold, predicted; and how many.
    cells: BTreeMap<(usize, usize), u64>,
    /// For each class how often it was right.
    hits: Vec<u64>,
    /// For each class how many there are.
    gold: Vec<u64>,
    /// Examples whose gold is no class of the model: never right.
    unknown: u64,
}

impl Confusion {
    /// Counts `(gold, predicted)` pairs.
    pub fn new(classes: usize, pairs: impl IntoIterator<Item = (Option<usize>, usize)>) -> Self {
        let (hits, gold) = (vec![0; classes], vec![0; classes]);
        let mut confusion = Self { cells: BTreeMap::new(), hits, gold, unknown: 0 };
        for (gold, predicted) in pairs {
            match gold {
                Some(gold) if gold < classes && predicted < classes => {
                    *confusion.cells.entry((gold, predicted)).or_default() += 1;
                    confusion.gold[gold] += 1;
                    confusion.hits[gold] += u64::from(gold == predicted);
                }
                _ => confusion.unknown += 1,
            }
        }
        confusion
    }

    /// How many classes there are.
    pub fn classes(&self) -> usize {
        self.gold.len()
    }

    /// The pairs of gold and predicted class that occur, in order, and how often.
    pub fn cells(&self) -> impl Iterator<Item = (usize, usize, u64)> {
        self.cells.iter().map(|((gold, predicted), count)| (*gold, *predicted, *count))
    }

    /// Rows of predictions, one per gold class.
    pub fn rows(&self) -> Vec<Vec<u64>> {
        let mut rows = vec![vec![0; self.classes()]; self.classes()];
        self.cells().for_each(|(gold, predicted, count)| rows[gold][predicted] = count);
        rows
    }

    /// All examples, those with an unknown gold too.
    pub fn examples(&self) -> u64 {
        self.gold.iter().sum::<u64>() + self.unknown
    }

    /// Examples answered rightly.
    pub fn correct(&self) -> u64 {
        self.hits.iter().sum()
    }

    /// Share answered rightly.
    pub fn accuracy(&self) -> Option<f64> {
        ratio(self.correct(), self.examples())
    }

    /// Share of each gold class that was found; `None` for a class without examples.
    pub fn recall(&self) -> Vec<Option<f64>> {
        self.hits.iter().zip(&self.gold).map(|(hits, gold)| ratio(*hits, *gold)).collect()
    }

    /// What F1 and Matthews' correlation need to know; examples whose gold is no class are left out.
    pub fn margins(&self) -> Margins {
        let mut margins = Margins::new(self.classes());
        self.cells().for_each(|(gold, predicted, count)| margins.add(gold, predicted, count as f64));
        margins
    }

    /// Examples of a class that were answered rightly.
    pub fn hits(&self, class: usize) -> u64 {
        self.hits[class]
    }

    /// Examples of a gold class.
    pub fn gold(&self, class: usize) -> u64 {
        self.gold[class]
    }
}

/// For each class how often it was right, gold and predicted. Counts may be weights.
#[derive(Debug, Clone, PartialEq)]
pub struct Margins {
    right: Vec<f64>,
    gold: Vec<f64>,
    predicted: Vec<f64>,
}

impl Margins {
    /// Nothing counted yet.
    pub fn new(classes: usize) -> Self {
        Self { right: vec![0.0; classes], gold: vec![0.0; classes], predicted: vec![0.0; classes] }
    }

    /// Forgets what was counted.
    pub fn clear(&mut self) {
        [&mut self.right, &mut self.gold, &mut self.predicted]
            .into_iter()
            .for_each(|counts| counts.fill(0.0));
    }

    /// Counts `weight` examples of one gold class and one predicted class.
    pub fn add(&mut self, gold: usize, predicted: usize, weight: f64) {
        self.gold[gold] += weight;
        self.predicted[predicted] += weight;
        if gold == predicted {
            self.right[gold] += weight;
        }
    }

    /// For each class how many were answered rightly.
    pub fn right(&self) -> &[f64] {
        &self.right
    }

    /// For each class how many there are.
    pub fn gold(&self) -> &[f64] {
        &self.gold
    }

    /// For each class how often it was answered.
    pub fn predicted(&self) -> &[f64] {
        &self.predicted
    }

    /// The mean F1 over the classes that occur in the gold or the predictions.
    pub fn macro_f1(&self) -> Option<f64> {
        let (mut sum, mut occurring) = (0.0, 0_u32);
        for ((right, gold), predicted) in self.right.iter().zip(&self.gold).zip(&self.predicted) {
            if gold + predicted > 0.0 {
                sum += 2.0 * right / (gold + predicted);
                occurring += 1;
            }
        }
        (occurring > 0).then(|| sum / f64::from(occurring))
    }

    /// Matthews' correlation for several classes (Gorodkin, "Comparing two K-category assignments
    /// by a K-category correlation coefficient", 2004). `None` when gold or predictions are all
    /// of one class.
    pub fn mcc(&self) -> Option<f64> {
        let total: f64 = self.gold.iter().sum();
        let dot = |left: &[f64], right: &[f64]| left.iter().zip(right).map(|(l, r)| l * r).sum::<f64>();
        let covariance = self.right.iter().sum::<f64>() * total - dot(&self.gold, &self.predicted);
        let gold_variance = total * total - dot(&self.gold, &self.gold);
        let predicted_variance = total * total - dot(&self.predicted, &self.predicted);
        let correlation = covariance / (gold_variance * predicted_variance).sqrt();
        correlation.is_finite().then_some(correlation)
    }
}

fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_go_to_the_lowest_index() {
        assert_eq!(argmax(&[1.0, 3.0, 3.0]), 1);
        assert_eq!(argmax(&[-0.0, 0.0]), 0);
        assert_eq!(argmax(&[]), 0);
    }

    #[test]
    fn gold_must_be_a_class() {
        assert_eq!(gold_class(2.0, 3), Some(2));
        for gold in [-1.0, 3.0, 0.5, f64::NAN, f64::INFINITY] {
            assert_eq!(gold_class(gold, 3), None, "{gold}");
        }
    }

    #[test]
    fn metrics_are_those_of_scikit_learn() {
        // y_true = [2, 0, 2, 2, 0, 1], y_pred = [0, 0, 2, 2, 0, 2].
        let pairs = [(2, 0), (0, 0), (2, 2), (2, 2), (0, 0), (1, 2)];
        let confusion = Confusion::new(3, pairs.map(|(gold, predicted)| (Some(gold), predicted)));
        assert_eq!(confusion.rows(), [[2, 0, 0], [0, 0, 1], [1, 0, 2]]);
        assert_eq!(confusion.accuracy(), Some(4.0 / 6.0));
        assert_eq!(confusion.recall(), [Some(1.0), Some(0.0), Some(2.0 / 3.0)]);
        assert!((confusion.margins().macro_f1().unwrap() - (0.8 + 0.0 + 2.0 / 3.0) / 3.0).abs() < 1e-12);
        assert!((confusion.margins().mcc().unwrap() - 9.0 / (22.0 * 18.0_f64).sqrt()).abs() < 1e-12);
    }

    #[test]
    fn unknown_gold_is_wrong_and_nothing_is_nothing() {
        let confusion = Confusion::new(2, [(None, 0), (Some(0), 0)]);
        assert_eq!((confusion.accuracy(), confusion.margins().mcc()), (Some(0.5), None));
        let empty = Confusion::new(0, []);
        assert_eq!((empty.accuracy(), empty.margins().macro_f1(), empty.margins().mcc()), (None, None, None));
        assert!(empty.rows().is_empty() && empty.recall().is_empty());
    }
}
