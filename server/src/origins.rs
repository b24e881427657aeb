//! Which pages may connect: an exact list, default deny.

use std::collections::HashSet;

/// The origins that may connect.
#[derive(Clone, Debug, Default)]
pub struct Origins {
    allowed: HashSet<String>,
    is_dev: bool,
}

impl Origins {
    /// The list, and under `--dev` every port of this machine too.
    #[must_use]
    pub fn new(allowed: impl IntoIterator<Item = String>, is_dev: bool) -> Self {
        Self { allowed: allowed.into_iter().map(|origin| origin.to_ascii_lowercase()).collect(), is_dev }
    }

    /// Whether a client with this `Origin` may connect. A client that is no browser sends none and may; `null` may not.
    #[must_use]
    pub fn allow(&self, origin: Option<&str>) -> bool {
        let Some(origin) = origin else { return true };
        let origin = origin.to_ascii_lowercase();
        self.allowed.contains(&origin) || (self.is_dev && is_this_machine(&origin))
    }
}

fn is_this_machine(origin: &str) -> bool {
    let Some(host) = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://")) else { return false };
    ["localhost", "127.0.0.1", "[::1]"].iter().any(|name| match host.strip_prefix(name) {
        Some("") => true,
        Some(rest) => rest.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok()),
        None => false,
    })
}

#[cfg(test)]
mod tests {
    use super::Origins;

    #[test]
    fn only_listed_origins_connect_and_null_never_does() {
        let origins = Origins::new(["https://app.example".to_owned()], false);
        assert!(origins.allow(None) && origins.allow(Some("https://app.example")));
        for foreign in ["null", "https://app.example.evil", "http://app.example", "https://app.example:8443", ""] {
            assert!(!origins.allow(Some(foreign)), "{foreign} was allowed");
        }
        assert!(!origins.allow(Some("http://localhost:8080")));
    }

    #[test]
    fn development_allows_this_machine_at_any_port_and_nothing_that_looks_like_it() {
        let origins = Origins::new([], true);
        for own in ["http://localhost:8080", "http://127.0.0.1:1", "https://localhost", "http://[::1]:9"] {
            assert!(origins.allow(Some(own)), "{own} was refused");
        }
        for foreign in
            ["http://localhost.evil", "http://127.0.0.1.evil:80", "http://127.0.0.1:x", "null", "ftp://localhost"]
        {
            assert!(!origins.allow(Some(foreign)), "{foreign} was allowed");
        }
    }
}
