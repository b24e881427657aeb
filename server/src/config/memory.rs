use serde::{Deserialize, Serialize};

/// How much memory is used for what may be read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Memory {
    /// Inboxes: `512 MiB`. Beyond it those that were not used for longest go to the block store; those that are followed
    /// stay. Lists that the people of a tenant share are not counted: at most 24 bytes for each of the last 17,000
    /// notifications to everyone.
    pub inboxes: ByteCount,
}

impl Default for Memory {
    fn default() -> Self {
        Self { inboxes: ByteCount(512 * 1024 * 1024) }
    }
}

/// A number of bytes: a number, or one with a unit of `KiB`, `MiB` or `GiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "Text", into = "String")]
pub struct ByteCount(pub u64);

/// As it stands in a file.
#[derive(Deserialize)]
#[serde(untagged)]
enum Text {
    Number(u64),
    WithUnit(String),
}

/// Units, largest first.
const UNITS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

impl TryFrom<Text> for ByteCount {
    type Error = String;

    fn try_from(text: Text) -> Result<Self, String> {
        let text = match text {
            Text::Number(bytes) => return Ok(Self(bytes)),
            Text::WithUnit(text) => text,
        };
        let parsed = UNITS.iter().find_map(|(unit, bytes)| {
            let count: u64 = text.strip_suffix(unit)?.trim_end().parse().ok()?;
            count.checked_mul(*bytes)
        });
        parsed
            .map(Self)
            .ok_or_else(|| format!("{text:?} is no number of bytes: write a number, or one such as \"512 MiB\""))
    }
}

impl From<ByteCount> for String {
    fn from(ByteCount(bytes): ByteCount) -> Self {
        let unit = UNITS.iter().find(|(_, unit)| bytes > 0 && bytes.is_multiple_of(*unit));
        unit.map_or_else(
            || format!("{} KiB", bytes.div_ceil(1 << 10)),
            |(name, unit)| format!("{} {name}", bytes / unit),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::Memory;

    #[test]
    fn bytes_are_a_number_or_one_with_a_unit() {
        let bytes = |text: &str| toml::from_str::<Memory>(text).map(|memory| memory.inboxes.0);
        assert_eq!(bytes(""), Ok(512 << 20));
        assert_eq!(bytes("inboxes = 1048576"), Ok(1 << 20));
        assert_eq!(bytes("inboxes = \"3 GiB\""), Ok(3 << 30));
        assert_eq!(bytes("inboxes = \"64KiB\""), Ok(64 << 10));
        for wrong in ["\"64 MB\"", "\"many\"", "-1", "\"\"", "\"99999999999 GiB\""] {
            assert!(bytes(&format!("inboxes = {wrong}")).is_err(), "{wrong}");
        }
        let written = toml::to_string(&Memory::default()).unwrap();
        assert_eq!(written, "inboxes = \"512 MiB\"\n");
    }
}
