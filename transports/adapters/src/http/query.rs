//! Query strings: decoded strictly, by name, in the forms that lists are written in by the clients there are.

use serde_json::Value;
use std::collections::BTreeMap;
use std::str::FromStr;
use tidings_engine::rejection::Rejection;
use tidings_wire::InboxName;

/// How a parameter is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// `name=`
    One,
    /// `name[]=` or `name[3]=`
    Listed,
    /// `name[3][]=` or `name[3][0]=`
    Grouped(u32),
}

/// The parameters of one request. Bounded by the limit of a request's head.
#[derive(Debug, Default)]
pub(super) struct Query {
    parameters: Vec<(&'static str, Form, String)>,
}

impl Query {
    /// Reads a query string.
    ///
    /// # Errors
    /// `Invalid` for a parameter that is not among `known`, and for bytes that are not well encoded UTF-8.
    pub(super) fn parse(text: Option<&str>, known: &'static [&'static str]) -> Result<Self, Rejection> {
        let mut parameters = Vec::new();
        for pair in text.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let malformed = || Rejection::invalid("query", "is not percent-encoded UTF-8");
            let key = decoded(key).ok_or_else(malformed)?;
            let value = decoded(value).ok_or_else(malformed)?;
            let unknown = || Rejection::invalid("query", "holds a parameter that this route does not know");
            let (name, form) = name_and_form(&key).ok_or_else(unknown)?;
            let name = known.iter().copied().find(|known| *known == name).ok_or_else(unknown)?;
            parameters.push((name, form, value));
        }
        Ok(Self { parameters })
    }

    fn of(&self, name: &'static str) -> impl Iterator<Item = (Form, &str)> {
        self.parameters
            .iter()
            .filter(move |parameter| parameter.0 == name)
            .map(|(_, form, value)| (*form, value.as_str()))
    }

    /// A parameter that is given once or not at all.
    pub(super) fn text(&self, name: &'static str) -> Result<Option<&str>, Rejection> {
        let mut found = self.of(name);
        match (found.next(), found.next()) {
            (None, _) => Ok(None),
            (Some((Form::One, value)), None) => Ok(Some(value)),
            _ => Err(Rejection::invalid(name, "must be given once, without brackets")),
        }
    }

    /// A parameter of another kind, such as a number; `kind` ends the sentence "NAME must be".
    pub(super) fn parsed<T: FromStr>(&self, name: &'static str, kind: &str) -> Result<Option<T>, Rejection> {
        let wrong = |_| Rejection::invalid(name, format!("must be {kind}"));
        self.text(name)?.map(|text| text.parse().map_err(|_| ()).map_err(wrong)).transpose()
    }

    /// One value or a list of them, as the JSON of a page query.
    pub(super) fn one_or_many(&self, name: &'static str) -> Option<Value> {
        let values: Vec<_> = self.of(name).collect();
        match values.as_slice() {
            [] => None,
            [(Form::One, value)] => Some(Value::from(*value)),
            _ => Some(values.iter().map(|(_, value)| Value::from(*value)).collect()),
        }
    }

    /// A list, or a list of lists, as the JSON of a page query.
    pub(super) fn groups(&self, name: &'static str) -> Result<Option<Value>, Rejection> {
        let mut flat = Vec::new();
        let mut groups: BTreeMap<u32, Vec<Value>> = BTreeMap::new();
        for (form, value) in self.of(name) {
            match form {
                Form::Grouped(number) => groups.entry(number).or_default().push(Value::from(value)),
                Form::One | Form::Listed => flat.push(Value::from(value)),
            }
        }
        match (flat.is_empty(), groups.is_empty()) {
            (true, true) => Ok(None),
            (false, true) => Ok(Some(Value::Array(flat))),
            (true, false) => Ok(Some(groups.into_values().map(Value::Array).collect())),
            (false, false) => {
                Err(Rejection::invalid(name, format!("must be all {name}[]=… or all {name}[0][]=…, not both")))
            }
        }
    }

    /// Which inbox the request is about: `me` unless it says `tenant`.
    pub(super) fn inbox(&self) -> Result<InboxName, Rejection> {
        match self.text("inbox")? {
            None | Some("me") => Ok(InboxName::Me),
            Some("tenant") => Ok(InboxName::Tenant),
            Some(_) => Err(Rejection::invalid("inbox", "must be me or tenant")),
        }
    }
}

fn name_and_form(key: &str) -> Option<(&str, Form)> {
    let Some((name, brackets)) = key.split_once('[') else { return Some((key, Form::One)) };
    let inner = brackets.strip_suffix(']')?;
    match inner.split_once("][") {
        None if inner.is_empty() || is_number(inner) => Some((name, Form::Listed)),
        Some((group, place)) if place.is_empty() || is_number(place) => {
            Some((name, Form::Grouped(group.parse().ok()?)))
        }
        _ => None,
    }
}

fn is_number(text: &str) -> bool {
    text.parse::<u32>().is_ok()
}

/// `None` when an escape is cut or not hexadecimal, or the bytes are not UTF-8.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let (&[high, low], tail) = tail.split_first_chunk()?;
                rest = tail;
                let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
                digit(high)? << 4 | digit(low)?
            }
            _ => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::{Query, decoded};
    use serde_json::json;

    const KNOWN: &[&str] = &["tags", "severity", "limit", "inbox"];

    fn tags(text: &str) -> Result<Option<serde_json::Value>, ()> {
        Query::parse(Some(text), KNOWN).and_then(|query| query.groups("tags")).map_err(|_| ())
    }

    #[test]
    fn tags_are_read_in_every_form_that_clients_write() {
        assert_eq!(tags(""), Ok(None));
        for text in [
            "tags[]=a&tags[]=b",
            "tags=a&tags=b",
            "tags[0]=a&tags[1]=b",
            "tags%5B%5D=a&tags%5b%5d=b",
            "&tags[]=a&&tags[]=b",
        ] {
            assert_eq!(tags(text), Ok(Some(json!(["a", "b"]))), "{text}");
        }
        for text in ["tags[0][]=a&tags[1][]=b&tags[0][]=c", "tags[7][0]=b&tags[3][0]=a&tags[3][1]=c"] {
            assert_eq!(tags(text), Ok(Some(json!([["a", "c"], ["b"]]))), "{text}");
        }
        for text in [
            "tags[]=a&tags[0][]=b",
            "tags[=a",
            "tags[x]=a",
            "tags[0][]x=a",
            "tags[-1][]=a",
            "tags[0][0][0]=a",
            "taqs=a",
        ] {
            assert_eq!(tags(text), Err(()), "{text} was taken");
        }
    }

    #[test]
    fn one_severity_is_one_and_many_are_many() {
        let severity = |text: &'static str| Query::parse(Some(text), KNOWN).unwrap().one_or_many("severity");
        assert_eq!(severity("severity=high"), Some(json!("high")));
        assert_eq!(severity("severity[]=high"), Some(json!(["high"])));
        assert_eq!(severity("severity=high&severity=low"), Some(json!(["high", "low"])));
        assert_eq!(severity("limit=1"), None);
    }

    #[test]
    fn a_single_value_is_given_once_and_is_of_its_kind() {
        let limit = |text: &'static str| Query::parse(Some(text), KNOWN).unwrap().parsed::<u32>("limit", "a number");
        assert_eq!(limit("limit=20"), Ok(Some(20)));
        for text in ["limit=", "limit=-1", "limit=1.5", "limit=20&limit=20", "limit[]=20", "limit=99999999999"] {
            assert!(limit(text).is_err(), "{text} was taken");
        }
    }

    #[test]
    fn escapes_are_whole_and_make_utf_8() {
        assert_eq!(decoded("a+b%20%C3%84").as_deref(), Some("a b Ä"));
        for text in ["%", "%4", "%zz", "%ff", "%+1"] {
            assert_eq!(decoded(text), None, "{text} was taken");
        }
    }
}
