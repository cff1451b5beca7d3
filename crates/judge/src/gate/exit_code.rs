//! The exit codes of the program. They are part of its interface and do not change.

use gatecheck_base::kind::ErrorKind;

use super::verdict::Verdict;

/// Every judged gate passed.
pub const PASS: u8 = 0;
/// A gate failed; with `strict`, also: one was inconclusive or not judged.
pub const FAIL: u8 = 1;
/// What was asked for cannot be: the command line, the configuration or the data do not fit.
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

/// The exit code of an error of this kind.
pub fn of_error(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::Usage => USAGE,
        ErrorKind::Network | ErrorKind::Disk | ErrorKind::Model | ErrorKind::Worker => ERROR,
    }
}

/// The exit code of several pieces of work, such as the cells of a run: the gravest of error, wrong usage,
/// fail, inconclusive, pass; that of nothing judged when there is none.
pub fn of_all(codes: &[u8]) -> u8 {
    let gravest = [ERROR, USAGE, FAIL, INCONCLUSIVE, PASS];
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
        assert_eq!(of_all(&[PASS, PASS]), PASS);
        assert_eq!(of_all(&[PASS, INCONCLUSIVE]), INCONCLUSIVE);
        assert_eq!(of_all(&[INCONCLUSIVE, FAIL]), FAIL);
        assert_eq!(of_all(&[FAIL, USAGE, PASS]), USAGE);
        assert_eq!(of_all(&[USAGE, ERROR, FAIL]), ERROR);
    }
}
