//! Identities and numbers as types, so that one cannot stand where another is meant.

use serde::{Deserialize, Serialize, Serializer};
use std::fmt;

/// Number of an event in the whole log. Gapless; the first event is 1, and 0 means "before everything".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Position(pub u64);

impl Position {
    /// Before every event.
    pub const ZERO: Self = Self(0);

    /// The position after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Number of an event within its stream. The first is 1, and 0 means "no stream".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Revision(pub u64);

/// A tenant's number in this log, given by its `TenantCreated` event. The first is 1, and 0 means "the platform".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TenantId(pub u32);

impl TenantId {
    /// The platform itself: the owner of the streams that belong to no tenant.
    pub const PLATFORM: Self = Self(0);
}

/// Name of a stream as it stands in the log: a keyed hash, so that it tells nobody without the key whose it is.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(transparent)]
pub struct StreamId(pub [u8; 16]);

/// Hexadecimal for people, bytes for the log.
impl Serialize for StreamId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { serializer.collect_str(self) } else { self.0.serialize(serializer) }
    }
}

impl fmt::Debug for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StreamId({self})")
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Keyed hash of (tenant, actor, command key): what makes a retry recognisable for ever. All zero: the command had no key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CommandHash(pub [u8; 16]);

impl CommandHash {
    /// The command carried no key.
    pub const NONE: Self = Self([0; 16]);
}

/// A moment: milliseconds since the Unix epoch, UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Time(pub i64);

impl Time {
    /// This moment moved by `milliseconds`, held at the ends of the range instead of wrapping.
    #[must_use]
    pub const fn plus(self, milliseconds: i64) -> Self {
        Self(self.0.saturating_add(milliseconds))
    }

    /// Milliseconds from `earlier` to this moment; negative when `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The moment of an RFC 3339 text such as `2026-01-31T09:00:00Z`, with any offset; what is finer than a millisecond is
    /// cut off. `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        const CHARACTERS_MAX: usize = 40;
        if text.len() > CHARACTERS_MAX {
            return None;
        }
        text.parse::<jiff::Timestamp>().ok().map(|time| Self(time.as_millisecond()))
    }

    /// The moment as the wire writes it: RFC 3339 in UTC with milliseconds, such as `2026-01-31T09:00:00.000Z`. Moments
    /// beyond the years -9999 to 9999 are shown as the nearest end.
    #[must_use]
    pub fn rfc3339(self) -> String {
        let nearest = if self.0 < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
        format!("{:.3}", jiff::Timestamp::from_millisecond(self.0).unwrap_or(nearest))
    }
}

#[cfg(test)]
mod tests {
    use super::Time;

    #[test]
    fn a_moment_is_read_as_it_is_written() {
        let moment = Time(1_769_850_000_007);
        assert_eq!(Time::parse(&moment.rfc3339()), Some(moment));
        assert_eq!(Time::parse("2026-01-31T10:00:00.007+01:00"), Some(moment));
        for text in ["", "2026-01-31", "yesterday", "1769850000007", &"9".repeat(100)] {
            assert_eq!(Time::parse(text), None, "{text} was taken");
        }
    }

    #[test]
    fn a_moment_is_written_with_milliseconds_in_utc() {
        assert_eq!(Time(0).rfc3339(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Time(1_769_850_000_007).rfc3339(), "2026-01-31T09:00:00.007Z");
        assert!(Time(i64::MAX).rfc3339().starts_with("9999-12-30T"));
        assert!(Time(i64::MIN).rfc3339().starts_with("-009999-01-02T"));
    }
}
