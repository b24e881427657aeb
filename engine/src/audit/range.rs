use super::{Line, canonical};
use aws_lc_rs::digest::{Context, SHA256, digest};
use data_encoding::HEXLOWER;
use serde::Serialize;

/// The chain of one tenant's events, over the lines that its auditors are shown: T(0) is 32 zeros, and T(n) =
/// SHA-256(T(n-1) ‖ SHA-256(canonical line n without `content` and
/// `redacted`)).
///
/// Whoever kept the lines computes it from them; a machine with the log and its secret computes it from the log. So a
/// tenant can hold its history against the operator without learning of any other tenant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TenantChain(pub [u8; 32]);

impl TenantChain {
    /// The chain after one more line, which is that of [`View::Tenant`](super::View::Tenant), uncut.
    #[must_use]
    pub fn then(self, line: &Line) -> Self {
        let text = canonical(&line.provable());
        let mut hash = Context::new(&SHA256);
        hash.update(&self.0);
        hash.update(digest(&SHA256, text.as_bytes()).as_ref());
        Self(hash.finish().as_ref().try_into().expect("SHA-256 gives 32 bytes"))
    }
}

/// The last line of a reading: that it is whole, and where the next one goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RangeEnd {
    /// How many events were given.
    pub events: u64,
    /// Whether there were more that match when the reading began.
    pub more: bool,
    /// Where the next reading goes on. Absent on a command line without the log's secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Platform only: the last position that was looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<u64>,
    /// Platform only: the chain after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chain: Option<String>,
    /// Why it ends early; everything before stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl RangeEnd {
    /// The JSON text, without a line end.
    ///
    /// # Panics
    /// Never: every field has a JSON form.
    #[must_use]
    pub fn text(&self) -> String {
        #[derive(Serialize)]
        struct End<'a> {
            end: &'a RangeEnd,
        }
        serde_json::to_string(&End { end: self }).expect("strings and numbers always have a JSON form")
    }

    /// Says the chain as it is written.
    #[must_use]
    pub fn hex(chain: crate::log::Chain) -> String {
        HEXLOWER.encode(&chain.0)
    }
}
