//! The exit codes of the program. They are part of its interface and do not change.

use super::verdict::Verdict;

/// Every judged gate passed.
pub const PASS: u8 = 0;
/// A gate failed; with `strict`, also: one was inconclusive or not judged.
pub const FAIL: u8 = 1;
/// The command line or the configuration is wrong; nothing was run.
pub const USAGE: u8 = 2;
/// Something could not be measured.
pub const ERROR: u8 = 3;
/// A gate was inconclusive, or nothing was judged.
pub const INCONCLUSIVE: u8 = 4;

/// The exit code of a run with this verdict.
pub fn of(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Pass => PASS,
        Verdict::Fail => FAIL,
        Verdict::Error => ERROR,
        Verdict::Inconclusive | Verdict::NotJudged => INCONCLUSIVE,
    }
}

/// The exit code of several runs (cells): the gravest of error, fail, inconclusive, pass; that of
/// nothing judged when there is none.
pub fn of_all(verdicts: &[Verdict]) -> u8 {
    let gravest = [ERROR, FAIL, INCONCLUSIVE, PASS];
    let codes: Vec<u8> = verdicts.iter().map(|verdict| of(*verdict)).collect();
    gravest.into_iter().find(|code| codes.contains(code)).unwrap_or(INCONCLUSIVE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_pass_is_zero() {
        let codes = Verdict::ALL.map(of);
        assert_eq!(codes, [0, 1, 4, 4, 3]);
    }

    #[test]
    fn the_gravest_cell_decides() {
        assert_eq!(of_all(&[]), INCONCLUSIVE);
        assert_eq!(of_all(&[Verdict::Pass, Verdict::Pass]), PASS);
        assert_eq!(of_all(&[Verdict::Pass, Verdict::NotJudged]), INCONCLUSIVE);
        assert_eq!(of_all(&[Verdict::Inconclusive, Verdict::Fail]), FAIL);
        assert_eq!(of_all(&[Verdict::Error, Verdict::Fail]), ERROR);
    }
}
