//! Checks of single fields.

use crate::limits::Limit;
use crate::rejection::Rejection;

/// A text of at most as many bytes as `limit` says.
pub(super) fn text(field: &'static str, value: &str, limit: Limit) -> Result<(), Rejection> {
    within(limit, field, value.len(), "bytes")
}

/// A name: at least one byte, at most as many as `limit` says, and no control characters.
pub(super) fn name(field: &'static str, value: &str, limit: Limit) -> Result<(), Rejection> {
    text(field, value, limit)?;
    if value.is_empty() {
        return Err(Rejection::invalid(field, "must not be empty"));
    }
    if value.chars().any(char::is_control) {
        return Err(Rejection::invalid(field, "must not hold control characters"));
    }
    Ok(())
}

/// A name that may be absent, of the usual length.
pub(super) fn optional_name(field: &'static str, value: Option<&String>) -> Result<(), Rejection> {
    value.map_or(Ok(()), |value| name(field, value, Limit::NameBytesMax))
}

/// An absolute address of http or https.
pub(super) fn web_address(field: &'static str, value: &str) -> Result<(), Rejection> {
    text(field, value, Limit::UrlBytesMax)?;
    if !has_host(value) || !is_plain(value) {
        return Err(Rejection::invalid(field, "must be an http or https address"));
    }
    Ok(())
}

/// An absolute address of http or https, or a path on the application's own origin.
///
/// A path has one slash at its start: browsers take two, or one with a backslash, for another host.
pub(super) fn address_or_path(field: &'static str, value: &str) -> Result<(), Rejection> {
    text(field, value, Limit::UrlBytesMax)?;
    let is_path = value.starts_with('/') && !value.starts_with("//");
    if !(is_path || has_host(value)) || !is_plain(value) {
        return Err(Rejection::invalid(
            field,
            "must be an http or https address, or a path with one slash at its start",
        ));
    }
    Ok(())
}

fn has_host(value: &str) -> bool {
    let rest = ["http://", "https://"].into_iter().find_map(|scheme| {
        let (start, rest) = value.split_at_checked(scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then_some(rest)
    });
    rest.is_some_and(|rest| !matches!(rest.as_bytes().first(), None | Some(b'/' | b'?' | b'#')))
}

/// Without what browsers strip or turn around before they look at an address.
fn is_plain(value: &str) -> bool {
    !value.chars().any(|character| character.is_control() || character.is_whitespace() || character == '\\')
}

/// Something of which there may be as much as `limit` says. `unit` is how it is counted, as the end of a sentence.
pub(super) fn within(limit: Limit, field: &'static str, found: usize, unit: &'static str) -> Result<(), Rejection> {
    let (found, allowed) = (found as u64, limit.describe().default);
    if found > allowed {
        return Err(Rejection::TooLarge { limit, field, found, allowed, unit });
    }
    Ok(())
}
