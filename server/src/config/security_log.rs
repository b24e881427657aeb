use serde::{Deserialize, Serialize};

/// The security log: lines of the ordinary log whose target is `security`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SecurityLog {
    /// How addresses are written: `truncated`.
    pub addresses: Addresses,
}

/// How much of an address is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Addresses {
    /// Its neighbourhood: `203.0.113.0/24`, `2001:db8:1::/48`.
    #[default]
    Truncated,
    /// All of it.
    Full,
    /// Nothing.
    None,
}

#[cfg(test)]
mod tests {
    use super::{Addresses, SecurityLog};

    #[test]
    fn addresses_are_truncated_unless_said_otherwise() {
        let read = |text: &str| toml::from_str::<SecurityLog>(text).map(|settings| settings.addresses);
        assert_eq!(read(""), Ok(Addresses::Truncated));
        assert_eq!(read("addresses = \"full\""), Ok(Addresses::Full));
        assert_eq!(read("addresses = \"none\""), Ok(Addresses::None));
        assert!(read("addresses = \"half\"").is_err() && read("address = \"full\"").is_err());
    }
}
