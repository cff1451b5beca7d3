//! The front as a picture: size against drift, in SVG, by itself, light or dark as the reader has it.

use std::fmt::Write;

use gatecheck_base::text::megabytes;
use gatecheck_judge::gate::Verdict;

use super::report::{RecipeRow, TUNED, Tuning};

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 440.0;
const LEFT: f64 = 84.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 56.0;
const BOTTOM: f64 = 64.0;

const STYLE: &str = "\
svg{background:#fff;color:#1b1f24;font:13px system-ui,sans-serif}\
text{fill:currentColor}.grid{stroke:currentColor;opacity:.15}.front{fill:none;stroke:#2563eb;stroke-width:1.5;opacity:.7}\
.pass{fill:#16803c}.fail{fill:none;stroke:#c2271d;stroke-width:2}.open{fill:none;stroke:#b7791f;stroke-width:2}.tuned{fill:none;stroke:currentColor;stroke-width:2}\
.small{font-size:11px;opacity:.75}\
@media(prefers-color-scheme:dark){svg{background:#15181c;color:#e6e8eb}.front{stroke:#7aa2ff}.pass{fill:#4cc46e}\
.fail{stroke:#ff6b60}.open{stroke:#e0b04c}}";

/// Where numbers lie.
struct Scale {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Scale {
    /// That which holds all values, with room at both ends.
    fn of(values: impl Iterator<Item = f64>, from: f64, to: f64) -> Self {
        let finite = values.filter(|value| value.is_finite());
        let (low, high) = finite
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        let (low, high) = if low <= high { (low, high) } else { (0.0, 1.0) };
        let room = 0.06 * (high - low).max(1e-9);
        Self { low: low - room, high: high + room, from, to }
    }

    fn at(&self, value: f64) -> f64 {
        self.from + (value - self.low) / (self.high - self.low) * (self.to - self.from)
    }

    /// Round values, five or so.
    fn ticks(&self) -> Vec<f64> {
        let rough = (self.high - self.low) / 5.0;
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|times| times * power).into_iter().find(|step| *step >= rough);
        let step = step.unwrap_or(rough);
        let first = (self.low / step).ceil() as i64;
        let last = (self.high / step).floor() as i64;
        (first..=last).map(|index| index as f64 * step).collect()
    }
}

/// Draws it.
pub(super) fn svg(tuning: &Tuning) -> String {
    let sizes = tuning.calibration.iter().map(|row| megabytes(row.measured.size_bytes));
    let x = Scale::of(sizes, LEFT, WIDTH - RIGHT);
    let drifts = tuning.calibration.iter().filter_map(|row| row.measured.drift);
    let y = Scale::of(drifts.filter_map(logarithm), HEIGHT - BOTTOM, TOP);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
         aria-labelledby=\"title desc\">\n<title id=\"title\">{}</title>\n<desc id=\"desc\">{}</desc>\n\
         <style>{STYLE}</style>\n",
        escape(&format!("Recipes of {} on {}: size and drift", tuning.model, tuning.dataset)),
        escape(&description(tuning)),
    );
    axes(&mut svg, tuning, &x, &y);
    front(&mut svg, tuning, &x, &y);
    for row in &tuning.calibration {
        mark(&mut svg, row, &x, &y);
    }
    svg.push_str("</svg>\n");
    svg
}

fn description(tuning: &Tuning) -> String {
    let count = tuning.calibration.len();
    match tuning.best() {
        Some(best) => format!(
            "{count} recipes; the smallest that passes has {:.2} MB",
            megabytes(best.measured.size_bytes)
        ),
        None => format!("{count} recipes, none of which passes"),
    }
}

fn axes(svg: &mut String, tuning: &Tuning, x: &Scale, y: &Scale) {
    let (left, right, top, bottom) = (LEFT, WIDTH - RIGHT, TOP, HEIGHT - BOTTOM);
    for tick in x.ticks() {
        let at = x.at(tick);
        line(svg, "grid", (at, top), (at, bottom));
        text(svg, "", (at, bottom + 18.0), "middle", &format!("{}", (tick * 1e3).round() / 1e3));
    }
    for power in (y.low.ceil() as i64)..=(y.high.floor() as i64) {
        let at = y.at(power as f64);
        line(svg, "grid", (left, at), (right, at));
        text(svg, "", (left - 8.0, at + 4.0), "end", &format!("1e{power}"));
    }
    text(svg, "", (f64::midpoint(left, right), HEIGHT - 18.0), "middle", "size of the artefact, MB");
    text(svg, "", (left - 60.0, 24.0), "start", &format!("drift: {}", tuning.drift_measure.name()));
    let legend = "dot: passes the quality gate · ring: inconclusive · cross: fails · line: front as predicted · large ring: chosen";
    text(svg, "small", (left - 60.0, 42.0), "start", legend);
}

/// The predicted front, where it lies in the picture.
fn front(svg: &mut String, tuning: &Tuning, x: &Scale, y: &Scale) {
    let point = |(bytes, drift): &(u64, f64)| Some((x.at(megabytes(*bytes)), y.at(logarithm(*drift)?)));
    let inside =
        |(x, y): &(f64, f64)| (LEFT..=WIDTH - RIGHT).contains(x) && (TOP..=HEIGHT - BOTTOM).contains(y);
    let points = tuning.predicted_front.iter().filter_map(point).filter(inside);
    let points: Vec<String> = points.map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    let _ = writeln!(svg, "<polyline class=\"front\" points=\"{}\"/>", points.join(" "));
}

fn mark(svg: &mut String, row: &RecipeRow, x: &Scale, y: &Scale) {
    let Some(drift) = row.measured.drift.and_then(logarithm) else { return };
    let (at_x, at_y) = (x.at(megabytes(row.measured.size_bytes)), y.at(drift));
    let verdict = row.measured.quality.as_ref().map(|quality| quality.verdict);
    // Told apart by their shapes too.
    let (class, shape) = match verdict {
        Some(Verdict::Pass) => ("pass", "M-4,0a4,4 0 1,0 8,0a4,4 0 1,0 -8,0z"),
        Some(Verdict::Inconclusive) => ("open", "M-4,0a4,4 0 1,0 8,0a4,4 0 1,0 -8,0z"),
        _ => ("fail", "M-4,-4L4,4M-4,4L4,-4"),
    };
    let told = format!(
        "{} {:.2} MB, {:.2} bits a weight, {}",
        row.name,
        megabytes(row.measured.size_bytes),
        row.bits_per_weight,
        verdict.map_or("", Verdict::words)
    );
    let _ = writeln!(
        svg,
        "<path class=\"{class}\" transform=\"translate({at_x:.1} {at_y:.1})\" d=\"{shape}\"><title>{}</title></path>",
        escape(told.trim())
    );
    if row.name == TUNED {
        let _ = writeln!(svg, "<circle class=\"tuned\" cx=\"{at_x:.1}\" cy=\"{at_y:.1}\" r=\"9\"/>");
    }
    if !row.name.is_empty() {
        text(svg, "small", (at_x, at_y - 12.0), "middle", &row.name);
    }
}

/// The power of ten. A drift of nothing, or less than nothing by a prediction, has none.
fn logarithm(drift: f64) -> Option<f64> {
    (drift > 0.0 && drift.is_finite()).then(|| drift.log10())
}

fn line(svg: &mut String, class: &str, from: (f64, f64), to: (f64, f64)) {
    let ((x1, y1), (x2, y2)) = (from, to);
    let _ = writeln!(
        svg,
        "<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>"
    );
}

fn text(svg: &mut String, class: &str, (x, y): (f64, f64), anchor: &str, words: &str) {
    let _ = writeln!(
        svg,
        "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{}</text>",
        escape(words)
    );
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            // XML has no such letters.
            letter if letter.is_control() => escaped.push(' '),
            letter => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round() {
        let scale = |low: f64, high: f64| Scale { low, high, from: 0.0, to: 1.0 };
        assert_eq!(scale(9.3, 31.0).ticks(), [10.0, 15.0, 20.0, 25.0, 30.0]);
        assert_eq!(scale(0.0, 1.0).ticks().len(), 6);
        assert_eq!(scale(10.0, 20.0).at(15.0), 0.5);
    }

    #[test]
    fn foreign_words_are_no_markup() {
        assert_eq!(escape("<a href=\"x\">&\u{1b}"), "&lt;a href=&quot;x&quot;&gt;&amp; ");
    }
}
