//! The normal distribution and Student's t, without tables.

use std::f64::consts::{FRAC_PI_2, PI};

/// Probability that a standard normal variable is at most `x`.
///
/// The series of Marsaglia ("Evaluating the normal distribution", 2004).
pub fn normal_cdf(x: f64) -> f64 {
    if x.abs() > 8.0 {
        return if x > 0.0 { 1.0 } else { 0.0 };
    }
    let (mut sum, mut term, mut divisor) = (x, x, 1.0);
    while term.abs() > 1e-18 {
        divisor += 2.0;
        term *= x * x / divisor;
        sum += term;
    }
    0.5 + sum * (-x * x / 2.0).exp() / (2.0 * PI).sqrt()
}

/// Probability that Student's t with `freedom` degrees is at most `x`.
///
/// The closed forms for whole degrees of freedom: Abramowitz and Stegun, 26.7.3 and 26.7.4.
pub fn student_cdf(x: f64, freedom: u64) -> f64 {
    let angle = (x / (freedom as f64).sqrt()).atan();
    let cos_squared = angle.cos().powi(2);
    let odd = freedom % 2 == 1;
    let mut term = if odd { angle.cos() } else { 1.0 };
    let mut sum = if odd && freedom == 1 { 0.0 } else { term };
    for k in 1..(if odd { freedom.saturating_sub(1) / 2 } else { freedom / 2 }) {
        let k = k as f64;
        let factor = if odd { 2.0 * k / (2.0 * k + 1.0) } else { (2.0 * k - 1.0) / (2.0 * k) };
        term *= factor * cos_squared;
        sum += term;
    }
    let between = if odd { (angle + angle.sin() * sum) / FRAC_PI_2 } else { angle.sin() * sum };
    0.5 + between / 2.0
}

/// The number of standard errors of a two-sided interval: 1.96 for 0.95.
pub fn normal_score(confidence: f64) -> f64 {
    upper_quantile(confidence, normal_cdf)
}

/// The same for Student's t, with at least one degree of freedom: 12.7 for 0.95 and 1.
pub fn student_score(confidence: f64, freedom: u64) -> f64 {
    match freedom.max(1) {
        // From here on the two differ by less than 0.3 %.
        1000.. => normal_score(confidence),
        freedom => upper_quantile(confidence, |x| student_cdf(x, freedom)),
    }
}

/// Bisection for the `x ≥ 0` with `(1 + confidence) / 2` of the distribution below it.
fn upper_quantile(confidence: f64, cdf: impl Fn(f64) -> f64) -> f64 {
    let target = (1.0 + confidence) / 2.0;
    let (mut low, mut high) = (0.0, 1.0);
    while cdf(high) < target && high < 1e6 {
        high *= 2.0;
    }
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        *(if cdf(middle) < target { &mut low } else { &mut high }) = middle;
    }
    (low + high) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_scores_are_those_of_the_tables() {
        assert!((normal_score(0.95) - 1.959_963_984_540_054).abs() < 1e-9);
        assert!((normal_score(0.99) - 2.575_829_303_548_901).abs() < 1e-9);
        assert!((normal_cdf(-1.0) - 0.158_655_253_931_457).abs() < 1e-12);
        assert_eq!((normal_cdf(-9.0), normal_cdf(9.0)), (0.0, 1.0));
    }

    #[test]
    fn student_scores_are_those_of_the_tables() {
        let table = [(1, 12.706_205), (2, 4.302_653), (3, 3.182_446), (4, 2.776_445), (9, 2.262_157)];
        for (freedom, expected) in table.into_iter().chain([(19, 2.093_024), (30, 2.042_272)]) {
            let score = student_score(0.95, freedom);
            assert!((score - expected).abs() < 1e-5, "{freedom}: {score}");
        }
        assert_eq!(student_score(0.95, 5000), normal_score(0.95));
    }
}
