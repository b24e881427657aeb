//! Checks of single fields.

use crate::limits::{NAME_BYTES_MAX, URL_BYTES_MAX};
use crate::rejection::Rejection;

/// A text of at most `bytes_max` bytes.
pub(super) fn text(field: &'static str, value: &str, bytes_max: usize) -> Result<(), Rejection> {
    if value.len() > bytes_max {
        return Err(too_large(field, value.len(), bytes_max, "bytes"));
    }
    Ok(())
}

/// A name: 1 to `bytes_max` bytes without control characters.
pub(super) fn name(field: &'static str, value: &str, bytes_max: usize) -> Result<(), Rejection> {
    text(field, value, bytes_max)?;
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
    value.map_or(Ok(()), |value| name(field, value, NAME_BYTES_MAX))
}

/// An absolute address of http or https.
pub(super) fn web_address(field: &'static str, value: &str) -> Result<(), Rejection> {
    text(field, value, URL_BYTES_MAX)?;
    if !has_host(value) || !is_plain(value) {
        return Err(Rejection::invalid(field, "must be an http or https address"));
    }
    Ok(())
}

/// An absolute address of http or https, or a path on the application's own origin.
///
/// A path has one slash at its start: browsers take two, or one with a backslash, for another host.
pub(super) fn address_or_path(field: &'static str, value: &str) -> Result<(), Rejection> {
    text(field, value, URL_BYTES_MAX)?;
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

pub(super) fn too_large(field: &'static str, found: usize, allowed: usize, unit: &'static str) -> Rejection {
    Rejection::TooLarge { field, found: found as u64, allowed: allowed as u64, unit }
}
