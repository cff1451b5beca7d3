//! Quantiles of a sample.

/// The quantile `q` of sorted numbers, by linear interpolation between the two nearest.
///
/// Type 7 of Hyndman and Fan ("Sample quantiles in statistical packages", 1996), the default of R
/// and NumPy: position `(n - 1) q`, counted from 0. `None` without numbers.
pub fn quantile_sorted(sorted: &[f64], q: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let position = last as f64 * q.clamp(0.0, 1.0);
    let below = position.floor() as usize;
    let fraction = position - position.floor();
    let above = (below + 1).min(last);
    Some(sorted[below] + (sorted[above] - sorted[below]) * fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_numpy() {
        let numbers = [1.0, 2.0, 3.0, 4.0];
        assert_eq!(quantile_sorted(&numbers, 0.0), Some(1.0));
        assert_eq!(quantile_sorted(&numbers, 0.25), Some(1.75));
        assert_eq!(quantile_sorted(&numbers, 0.5), Some(2.5));
        assert_eq!(quantile_sorted(&numbers, 1.0), Some(4.0));
    }

    #[test]
    fn few_numbers_are_no_trouble() {
        assert_eq!(quantile_sorted(&[], 0.5), None);
        assert_eq!(quantile_sorted(&[7.0], 0.99), Some(7.0));
    }
}
