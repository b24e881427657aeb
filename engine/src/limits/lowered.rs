use super::{Limit, LimitError, Limits, Set};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// The limits of a node, and lower ones for some of its tenants. Immutable: a reload makes another one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LimitSet {
    node: Arc<Limits>,
    tenants: HashMap<Box<str>, Arc<Limits>>,
}

/// Why limits of a tenant are not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoweringError {
    /// There is no limit of that name.
    #[error("{name} is no limit")]
    Unknown {
        /// The name.
        name: String,
    },
    /// It is one for all tenants.
    #[error("{name} is the same for every tenant")]
    NotOfTenants {
        /// Which.
        name: &'static str,
    },
    /// It is higher than the node's.
    #[error("{name} is {found}, at most the node's {allowed} are allowed")]
    Higher {
        /// Which.
        name: &'static str,
        /// Its value.
        found: u64,
        /// The node's.
        allowed: u64,
    },
    /// The result does not go together.
    #[error(transparent)]
    Limits(#[from] LimitError),
    /// The tenant was there before.
    #[error("is there twice")]
    Twice,
}

impl LimitSet {
    /// The limits of a node, the same for every tenant.
    #[must_use]
    pub fn new(node: Limits) -> Self {
        Self { node: Arc::new(node), tenants: HashMap::new() }
    }

    /// Lowers limits of one tenant, by their names.
    ///
    /// # Errors
    /// A name that is no limit of tenants, a value out of its range or above the node's; nothing has changed.
    pub fn lower(&mut self, tenant: &str, lower: &BTreeMap<String, u64>) -> Result<(), LoweringError> {
        if self.tenants.contains_key(tenant) {
            return Err(LoweringError::Twice);
        }
        let mut limits = *self.node;
        for (name, &found) in lower {
            let limit = Limit::of(name).ok_or_else(|| LoweringError::Unknown { name: name.clone() })?;
            let (name, set) = (limit.name(), limit.describe().set);
            let allowed = self.node.value(limit).filter(|_| set == Set::Tenant);
            let allowed = allowed.ok_or(LoweringError::NotOfTenants { name })?;
            if found > allowed {
                return Err(LoweringError::Higher { name, found, allowed });
            }
            limits.put(limit, found);
        }
        limits.validate()?;
        self.tenants.insert(tenant.into(), Arc::new(limits));
        Ok(())
    }

    /// The node's own.
    #[must_use]
    pub const fn node(&self) -> &Arc<Limits> {
        &self.node
    }

    /// Those of a tenant.
    #[must_use]
    pub fn of(&self, tenant: &str) -> &Arc<Limits> {
        self.tenants.get(tenant).unwrap_or(&self.node)
    }
}

impl From<Limits> for Arc<LimitSet> {
    fn from(node: Limits) -> Self {
        Self::new(LimitSet::new(node))
    }
}
