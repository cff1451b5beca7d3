//! Records of versions 1 and 2, brought into the shape of version 3: what stood in the arm and in the record
//! becomes the arm's only session.

use serde_json::{Map, Value, json};

/// Moves the fields of an older record to where they stand now. What is missing is for the types to find.
pub(super) fn upgrade(json: &mut Value) {
    let started = json["started_unix_s"].clone();
    let Some(record) = json.as_object_mut() else { return };
    let environment = record.shift_remove("environment");
    let Some(arms) = record.get_mut("arms").and_then(Value::as_array_mut) else { return };
    for arm in arms.iter_mut().filter_map(Value::as_object_mut) {
        let mut session = Map::new();
        session.insert("started_unix_s".to_owned(), started.clone());
        for name in ["device", "execution", "memory"] {
            session.extend(arm.shift_remove(name).map(|value| (name.to_owned(), value)));
        }
        session.extend(environment.clone().map(|value| ("environment".to_owned(), value)));
        arm.insert("sessions".to_owned(), json!([session]));
    }
}
