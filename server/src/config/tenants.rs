//! What differs for single tenants.

use super::Config;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use tidings_engine::limits::{LimitSet, LoweringError};

/// One tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tenant {
    /// Its name in tokens.
    pub name: String,
    /// Limits by their names, each at most the node's.
    #[serde(default)]
    pub limits: BTreeMap<String, u64>,
}

impl Config {
    /// The limits of the node and those of its tenants.
    ///
    /// # Errors
    /// Which tenant, from 0, has a limit that it may not have.
    pub fn limit_set(&self) -> Result<LimitSet, (usize, LoweringError)> {
        let mut set = LimitSet::new(self.limits);
        for (index, tenant) in self.tenants.iter().enumerate() {
            set.lower(&tenant.name, &tenant.limits).map_err(|error| (index, error))?;
        }
        Ok(set)
    }
}
