//! `report.json`.

use serde_json::{Number, Value};

use super::{Exporter, Report, ReportError};

/// The report as JSON, indented, numbers rounded to ten significant digits.
///
/// The rounding makes the bytes the same where two mathematical libraries differ in the last bit.
pub(super) struct Json;

impl Exporter for Json {
    fn serialize(&self, report: &Report) -> Result<Vec<u8>, ReportError> {
        bytes(report)
    }
}

/// Anything as JSON in this form.
pub(super) fn bytes(document: &impl serde::Serialize) -> Result<Vec<u8>, ReportError> {
    let mut value = serde_json::to_value(document)?;
    round(&mut value);
    let mut bytes = serde_json::to_vec_pretty(&value)?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn round(value: &mut Value) {
    match value {
        Value::Number(number) if number.is_f64() => {
            let rounded = number.as_f64().and_then(|float| Number::from_f64(ten_digits(float)));
            *value = rounded.map_or(Value::Null, Value::Number);
        }
        Value::Array(values) => values.iter_mut().for_each(round),
        Value::Object(fields) => fields.values_mut().for_each(round),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The nearest number of ten significant digits; a zero has no sign.
pub(super) fn ten_digits(number: f64) -> f64 {
    format!("{number:.9e}").parse().map_or(number, |rounded: f64| rounded + 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn numbers_are_rounded() {
        assert_eq!(ten_digits(0.1 + 0.2), 0.3);
        assert_eq!(ten_digits(123_456_789_012.0), 123_456_789_000.0);
        assert!(ten_digits(-0.0).is_sign_positive());
    }

    #[test]
    fn fields_are_where_readers_look() {
        let record = fixture::record();
        let bytes = Json.serialize(&Report::new(&record, &record.policy)).unwrap();
        let value: Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(value["schema_version"], 3);
        assert_eq!(value["dataset"]["rows"], 600);
        let by_id = |list: &Value, id: &str| {
            list.as_array()
                .unwrap()
                .iter()
                .find(|one| one["id"] == id)
                .map(|one| one["value"].clone())
                .unwrap()
        };
        assert_eq!(by_id(&value["arms"][0]["metrics"], "accuracy"), 0.9);
        assert_eq!(by_id(&value["arms"][2]["metrics"], "memory_peak_mb"), 150.0);
        assert!(by_id(&value["arms"][0]["metrics"], "latency_p50_ms").is_f64());
        assert_eq!(by_id(&value["comparison"]["drops"], "accuracy"), 0.0);
        assert_eq!(value["metrics"][0]["id"], value["metric"]);
        assert_eq!(value["comparison"]["flips"]["count"], 2);
        assert_eq!([&value["gates"][0]["gate"], &value["gates"][0]["name"]], ["quality", "accuracy"]);
        assert_eq!((value["verdict"].as_str(), value["exit_code"].as_u64()), (Some("pass"), Some(0)));
    }

    #[test]
    fn a_report_reads_back() {
        let record = fixture::similarity();
        let report = Report::new(&record, &record.policy);
        let bytes = Json.serialize(&report).unwrap();
        let read: Report = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(Json.serialize(&read).unwrap(), bytes);
    }
}
