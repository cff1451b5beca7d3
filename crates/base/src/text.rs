//! Words for people: nearest names, quantities, escapes.

use std::borrow::Cow;

/// The candidate closest to `word`, when it is close enough to be what was meant.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(&word.to_lowercase(), &candidate.to_lowercase()), candidate))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, candidate)| candidate)
}

/// Joins names for a message: `a`, `a and b`, `a, b and c`, at most `limit` of them.
pub fn list<S: AsRef<str>>(names: &[S], limit: usize) -> String {
    let quoted = |name: &S| format!("`{}`", name.as_ref());
    if names.len() > limit {
        let shown: Vec<_> = names[..limit].iter().map(quoted).collect();
        return format!("{} and {} more", shown.join(", "), names.len() - limit);
    }
    match names {
        [] => "none".to_owned(),
        [only] => quoted(only),
        [start @ .., last] => {
            let start: Vec<_> = start.iter().map(quoted).collect();
            format!("{} and {}", start.join(", "), quoted(last))
        }
    }
}

/// A name without case, `_`, `-` and spaces.
pub fn loosely(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '_' | '-' | ' ')).flat_map(char::to_lowercase).collect()
}

/// Whether a letter turns the direction of writing: what follows it reads as something else.
pub fn turns_direction(letter: char) -> bool {
    matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Text for a terminal: what could steer it, or turn the direction of writing, is written out as JSON would, so that
/// JSON says the same. Lines and tabs stay.
pub fn visible(text: &str) -> Cow<'_, str> {
    let steers =
        |letter: char| letter.is_control() && !matches!(letter, '\n' | '\t') || turns_direction(letter);
    if !text.contains(steers) {
        return text.into();
    }
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        match steers(letter) {
            true => shown.push_str(&format!("\\u{:04x}", u32::from(letter))),
            false => shown.push(letter),
        }
    }
    shown.into()
}

/// A whole number with thousands separators.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The time of day of a moment, given in seconds since 1970-01-01 UTC: `14:03:22 UTC`.
pub fn time_of_day(unix_s: u64) -> String {
    let (hours, minutes, seconds) = (unix_s / 3600 % 24, unix_s / 60 % 60, unix_s % 60);
    format!("{hours:02}:{minutes:02}:{seconds:02} UTC")
}

/// A time for people: `41 s`, `3 min 20 s`, `2 h 5 min`.
pub fn duration(seconds: f64) -> String {
    if seconds < 9.95 {
        return format!("{seconds:.1} s");
    }
    match seconds.round() as u64 {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds @ 60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        seconds => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

/// Bytes in MB, where 1 MB is 10^6 bytes.
pub fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// Nanoseconds in milliseconds.
pub fn milliseconds(ns: u64) -> f64 {
    ns as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_needs_likeness() {
        assert_eq!(nearest("acuracy", ["accuracy", "spearman"]), Some("accuracy"));
        assert_eq!(nearest("zzz", ["accuracy", "spearman"]), None);
    }

    #[test]
    fn nothing_steers_a_terminal() {
        assert_eq!(
            visible("a\u{1b}[31m\r\u{9b}2J\u{7f}\u{202e}b"),
            "a\\u001b[31m\\u000d\\u009b2J\\u007f\\u202eb"
        );
        assert_eq!(visible("één\ttwo\n"), "één\ttwo\n");
    }

    #[test]
    fn lists_read_as_prose() {
        assert_eq!(list::<&str>(&[], 3), "none");
        assert_eq!(list(&["a"], 3), "`a`");
        assert_eq!(list(&["a", "b", "c"], 3), "`a`, `b` and `c`");
        assert_eq!(list(&["a", "b", "c"], 2), "`a`, `b` and 1 more");
    }

    #[test]
    fn times_are_short() {
        assert_eq!(time_of_day(1_700_000_000), "22:13:20 UTC");
        let shown = [0.04, 9.94, 9.96, 59.6, 200.0, 7_500.0].map(duration);
        assert_eq!(shown, ["0.0 s", "9.9 s", "10 s", "1 min 0 s", "3 min 20 s", "2 h 5 min"]);
    }

    #[test]
    fn thousands_are_separated() {
        assert_eq!(thousands(7), "7");
        assert_eq!(thousands(9_815), "9,815");
        assert_eq!(thousands(1_234_567), "1,234,567");
    }
}
