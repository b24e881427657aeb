//! From a JSON object to what is published, with the field at fault by its name.

use super::body::Object;
use super::problem::Refusal;
use serde::Deserialize;
use serde_json::Value;
use tidings_wire::{Action, Publish, Recipients, Redirect, Severity};

/// A field: its name, whether a value is of its kind, and the end of the sentence that says what it must be.
type Shape = (&'static str, fn(&Value) -> bool, &'static str);

fn is<T: for<'a> Deserialize<'a>>(value: &Value) -> bool {
    T::deserialize(value).is_ok()
}

const ACTION: &str = "must have a label, and may have a redirect with a url";

const SHAPES: [Shape; 14] = [
    ("to", is::<Recipients>, "must be an id, a list of ids, or an audience such as {\"type\":\"tenant\"}"),
    ("body", is::<String>, "must be a string"),
    ("subject", is::<Option<String>>, "must be a string"),
    ("severity", is::<Severity>, "must be high, medium, low or none"),
    ("category", is::<Option<String>>, "must be a string"),
    ("tags", is::<Vec<String>>, "must be a list of strings"),
    ("avatar", is::<Option<String>>, "must be a string"),
    ("actor", is::<Option<String>>, "must be a string"),
    ("primaryAction", is::<Option<Action>>, ACTION),
    ("secondaryAction", is::<Option<Action>>, ACTION),
    ("redirect", is::<Option<Redirect>>, "must have a url, and may have a target"),
    ("groupKey", is::<Option<String>>, "must be a string"),
    ("transactionId", is::<Option<String>>, "must be a string"),
    ("tenant", is::<Option<String>>, "must be a string"),
];

const REQUIRED: [&str; 2] = ["to", "body"];

/// Reads a notification to publish. Unknown fields are ignored.
///
/// # Errors
/// `invalid`, naming the first field that is missing or not of its kind.
pub(super) fn publish(body: Object) -> Result<Publish, Refusal> {
    for name in REQUIRED {
        if !body.contains_key(name) {
            return Err(Refusal::invalid(format!("{name} is missing")));
        }
    }
    for (name, fits, what) in SHAPES {
        if body.get(name).is_some_and(|value| !fits(value)) {
            return Err(Refusal::invalid(format!("{name} {what}")));
        }
    }
    serde_json::from_value(Value::Object(body)).map_err(|_| Refusal::invalid("a field is not of its kind"))
}

#[cfg(test)]
mod tests {
    use super::publish;
    use serde_json::{Value, json};

    fn check(change: Value) -> Result<(), String> {
        let mut body = json!({"to": "ada", "body": "hello"});
        for (name, value) in change.as_object().unwrap() {
            body[name] = value.clone();
        }
        publish(body.as_object().unwrap().clone()).map(|_| ()).map_err(|refusal| refusal.detail)
    }

    #[test]
    fn every_field_that_is_not_of_its_kind_is_named() {
        for name in [
            "to",
            "body",
            "subject",
            "severity",
            "category",
            "tags",
            "avatar",
            "actor",
            "primaryAction",
            "secondaryAction",
            "redirect",
            "groupKey",
            "transactionId",
            "tenant",
        ] {
            let detail = check(json!({name: 5})).unwrap_err();
            assert!(detail.starts_with(&format!("{name} ")), "{detail}");
            assert!(!detail.contains("struct") && !detail.contains("enum"), "{detail}");
        }
    }

    #[test]
    fn a_missing_field_is_named_and_an_unknown_one_is_ignored() {
        assert_eq!(publish(json!({"to": "ada"}).as_object().unwrap().clone()).unwrap_err().detail, "body is missing");
        assert_eq!(check(json!({"later": [1], "subject": null, "data": {"any": [1, null]}})), Ok(()));
        assert_eq!(check(json!({"to": {"type": "topic", "topicKey": "orders"}, "severity": "high"})), Ok(()));
    }
}
