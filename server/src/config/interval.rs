//! A span of time as people write it: `30s`, `1m`, `2h`.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A span of time: from one second to one day, in whole seconds, minutes or hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Interval(pub Duration);

/// A text is no such span.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a number followed by s, m or h, from 1s to 24h")]
pub struct IntervalError {
    text: String,
}

impl Interval {
    /// One minute.
    pub const MINUTE: Self = Self(Duration::from_secs(60));
}

/// The longest: one day.
const SECONDS_MAX: u64 = 24 * 60 * 60;

impl FromStr for Interval {
    type Err = IntervalError;

    fn from_str(text: &str) -> Result<Self, IntervalError> {
        let wrong = || IntervalError { text: text.to_owned() };
        let unit = text.chars().last().ok_or_else(wrong)?;
        let seconds = match unit {
            's' => 1,
            'm' => 60,
            'h' => 60 * 60,
            _ => return Err(wrong()),
        };
        let digits = &text[..text.len() - 1];
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let number: Option<u64> = if is_number { digits.parse().ok() } else { None };
        let seconds = number.and_then(|number| number.checked_mul(seconds)).ok_or_else(wrong)?;
        if (1..=SECONDS_MAX).contains(&seconds) { Ok(Self(Duration::from_secs(seconds))) } else { Err(wrong()) }
    }
}

impl TryFrom<String> for Interval {
    type Error = IntervalError;

    fn try_from(text: String) -> Result<Self, IntervalError> {
        text.parse()
    }
}

impl From<Interval> for String {
    fn from(interval: Interval) -> Self {
        interval.to_string()
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_secs() {
            seconds if seconds.is_multiple_of(3600) => write!(f, "{}h", seconds / 3600),
            seconds if seconds.is_multiple_of(60) => write!(f, "{}m", seconds / 60),
            seconds => write!(f, "{seconds}s"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Interval;

    #[test]
    fn a_span_is_read_and_written_alike_within_its_limits() {
        for text in ["1s", "59s", "1m", "90m", "24h"] {
            assert_eq!(text.parse::<Interval>().unwrap().to_string(), text);
        }
        for text in
            ["", "1", "m", "0s", "-1m", "1.5h", "1d", "25h", "1440m1", "99999999999999999999s", "1 m", "1\u{b5}"]
        {
            assert!(text.parse::<Interval>().is_err(), "{text}");
        }
        assert_eq!("1440m".parse::<Interval>().unwrap().to_string(), "24h");
    }
}
