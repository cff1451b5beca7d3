//! A million examples are analysed in seconds, no number costs resamples times examples; and 50,000 classes, none
//! costs classes times classes.

use std::time::Instant;

use super::{Format, Report};
use crate::{
    fixture,
    record::RunRecord,
    task::{Metric, Task},
};

fn seconds(what: &str, record: &RunRecord) -> (f64, Report) {
    let start = Instant::now();
    let report = Report::new(record, &record.policy);
    let seconds = start.elapsed().as_secs_f64();
    println!("{what}: {seconds:.2} s");
    (seconds, report)
}

#[test]
fn a_million_examples_are_analysed_in_seconds() {
    let mut record = fixture::large(1_000_000);
    record.settings.resamples = 10_000;
    let (classification, report) = seconds("classification", &record);
    let drop = report.comparisons[1].drop(Metric::Accuracy).unwrap();
    assert_eq!((drop.n, drop.lost, drop.gained), (1_000_000, Some(100_000), Some(100_000)));
    assert!(
        drop.low.unwrap() < -0.0008 && drop.high.unwrap() > 0.0008 && drop.high.unwrap() < 0.001,
        "{drop:?}"
    );
    record.dataset.metrics = vec![Metric::MacroF1, Metric::Mcc];
    let (of_macro_f1, _) = seconds("classification by macro-F1", &record);
    record.dataset.metrics.clear();
    record.dataset.task = Task::Similarity;
    record.dataset.labels = None;
    for arm in &mut record.arms {
        let scores = arm.outputs.chunks(3).zip(&record.tokens);
        arm.outputs = scores.map(|(row, tokens)| row[1] + 3.0 * row[2] + 1.0 / *tokens as f32).collect();
        arm.output_width = 1;
    }
    let (similarity, report) = seconds("similarity", &record);
    assert!(report.comparisons[1].drops.iter().all(|drop| drop.low.is_some()));
    // Generous, since other tests run beside it; docs/performance.md has the times of a quiet machine.
    assert!(classification < 20.0 && of_macro_f1 < 20.0 && similarity < 60.0);
}

#[test]
fn fifty_thousand_classes_are_analysed_in_seconds() {
    const CLASSES: usize = 50_000;
    let mut record = fixture::shortened(fixture::record(), 20);
    record.dataset.labels = None;
    record.model.labels = (0..CLASSES).map(|class| format!("class {class}")).collect();
    record.gold = (0..20).map(|example| f64::from(example * 2_000)).collect();
    for (index, arm) in record.arms.iter_mut().enumerate() {
        arm.output_width = CLASSES as u32;
        arm.outputs = vec![0.0; 20 * CLASSES];
        (index..20).for_each(|example| arm.outputs[example * CLASSES + example * 2_000] = 1.0);
    }
    let (seconds, report) = seconds("50,000 classes", &record);
    let start = Instant::now();
    let lengths = Format::ALL.map(|format| format.exporter().serialize(&report).unwrap().len());
    println!("written: {:.2} s, {lengths:?} bytes", start.elapsed().as_secs_f64());
    assert!(report.arms.iter().all(|arm| arm.confusion.is_empty()));
    assert_eq!(report.arms[0].metric(Metric::Accuracy).unwrap().value, 1.0);
    assert_eq!(report.arms[2].metric(Metric::Accuracy).unwrap().value, 0.95);
    assert!(seconds < 5.0 && start.elapsed().as_secs_f64() < 10.0);
}
