//! As much of JSON Schema 2020-12 as the published schema uses. Any other keyword fails the test.

use serde_json::Value;

const SCHEMA: &str = include_str!("../../../../docs/audit-events.schema.json");

pub(super) fn published() -> Value {
    serde_json::from_str(SCHEMA).unwrap()
}

/// What is wrong with a value; `None` when it is as the schema says.
pub(super) fn fault(root: &Value, schema: &Value, value: &Value) -> Option<String> {
    let wrong = |what: String| Some(format!("{what}: {value}"));
    for (keyword, rule) in schema.as_object().unwrap() {
        let found = match keyword.as_str() {
            "$schema" | "$id" | "$defs" | "title" | "description" | "format" => None,
            "$ref" => {
                let pointer = rule.as_str().unwrap().strip_prefix('#').unwrap();
                fault(root, root.pointer(pointer).unwrap(), value)
            }
            "type" if !is_of(rule.as_str().unwrap(), value) => wrong(format!("no {rule}")),
            "const" if rule != value => wrong(format!("not {rule}")),
            "enum" if !rule.as_array().unwrap().contains(value) => wrong(format!("none of {rule}")),
            "minimum" if value.as_i64() < rule.as_i64() => wrong(format!("below {rule}")),
            "pattern" if !matches(rule.as_str().unwrap(), value.as_str().unwrap_or_default()) => {
                wrong(format!("not {rule}"))
            }
            "type" | "const" | "enum" | "minimum" | "pattern" => None,
            "required" => {
                let absent = rule.as_array().unwrap().iter().find(|name| value.get(name.as_str().unwrap()).is_none());
                absent.and_then(|name| wrong(format!("lacks {name}")))
            }
            "properties" => rule.as_object().unwrap().iter().find_map(|(name, rule)| {
                let inner = value.get(name)?;
                fault(root, rule, inner).map(|fault| format!("{name}: {fault}"))
            }),
            "additionalProperties" => {
                assert_eq!(rule, false);
                let known = schema["properties"].as_object().unwrap();
                let extra = value.as_object().and_then(|all| all.keys().find(|name| !known.contains_key(*name)));
                extra.and_then(|name| wrong(format!("has {name}")))
            }
            "items" => value.as_array().and_then(|all| all.iter().find_map(|one| fault(root, rule, one))),
            "oneOf" => {
                let faults: Vec<_> = rule.as_array().unwrap().iter().map(|rule| fault(root, rule, value)).collect();
                let count = faults.iter().filter(|fault| fault.is_none()).count();
                if count == 1 { None } else { wrong(format!("{count} of {} fit: {faults:?}", faults.len())) }
            }
            other => panic!("the validator does not know {other}"),
        };
        if found.is_some() {
            return found;
        }
    }
    None
}

fn is_of(kind: &str, value: &Value) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("the validator does not know type {other}"),
    }
}

fn matches(pattern: &str, text: &str) -> bool {
    let all = |count: usize, set: &str| text.len() == count && text.chars().all(|character| set.contains(character));
    let hex = "0123456789abcdef";
    match pattern {
        "^[0-9a-f]{32}$" => all(32, hex),
        "^[0-9a-f]{64}$" => all(64, hex),
        "^([0-9a-f]{128})?$" => text.is_empty() || all(128, hex),
        "^[0-9a-v]{26}$" => all(26, "0123456789abcdefghijklmnopqrstuv"),
        "Z$" => text.ends_with('Z'),
        other => panic!("the validator does not know pattern {other}"),
    }
}
