use serde_json::Value;

/// The one text of a JSON value that hashes are made of: members sorted by name, no white space, as RFC 8785 has it for
/// values whose names are ASCII and whose numbers are whole.
#[must_use]
pub fn canonical(value: &Value) -> String {
    let mut text = String::new();
    write(value, &mut text);
    text
}

fn write(value: &Value, text: &mut String) {
    match value {
        Value::Array(values) => {
            text.push('[');
            for (index, value) in values.iter().enumerate() {
                separate(index, text);
                write(value, text);
            }
            text.push(']');
        }
        Value::Object(members) => {
            // Whether the map is sorted by itself depends on what else is built with it.
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by_key(|(name, _)| *name);
            text.push('{');
            for (index, (name, value)) in members.into_iter().enumerate() {
                separate(index, text);
                text.push_str(&Value::from(name.as_str()).to_string());
                text.push(':');
                write(value, text);
            }
            text.push('}');
        }
        one => text.push_str(&one.to_string()),
    }
}

fn separate(index: usize, text: &mut String) {
    if index > 0 {
        text.push(',');
    }
}
