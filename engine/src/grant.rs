//! What a verified token permits, as a value: the only thing about a caller that reaches `decide`.

use crate::ids::{Position, StreamId, Time};
use crate::keys::TenantTag;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What a person or service may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Has an inbox.
    User,
    /// Publishes and retracts.
    Service,
    /// Reads and marks the tenant inbox.
    TenantAdmin,
    /// Reads the log.
    Auditor,
    /// Exports and erases.
    PrivacyOfficer,
    /// May do everything on the platform.
    SuperAdmin,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 6] =
        [Self::User, Self::Service, Self::TenantAdmin, Self::Auditor, Self::PrivacyOfficer, Self::SuperAdmin];

    /// The word in tokens.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Service => "service",
            Self::TenantAdmin => "tenant_admin",
            Self::Auditor => "auditor",
            Self::PrivacyOfficer => "privacy_officer",
            Self::SuperAdmin => "super_admin",
        }
    }

    /// The role of a word.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.word() == word)
    }
}

/// Something a role may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Right {
    /// Read and mark one's own inbox.
    OwnInbox,
    /// Publish and retract within the tenant.
    Publish,
    /// Read the tenant inbox.
    ReadTenantInbox,
    /// Mark items of the tenant inbox.
    MarkTenantInbox,
    /// Read and mark the platform inbox.
    PlatformInbox,
    /// Read the log of the tenant.
    Audit,
    /// Read personal content in audits.
    ReadContent,
    /// Erase people of the tenant.
    Erase,
    /// Record and list the consents of everybody of the tenant.
    ManageConsents,
    /// See and change what the tenant decides for itself.
    ManageTenant,
    /// Revoke tokens, see and end sessions, and make keys of services, for everybody of the tenant.
    ManageAccess,
    /// What concerns the log as a whole: the engine's own doings, positions in clear, the log of any tenant.
    Platform,
}

impl Right {
    /// Every right.
    pub const ALL: [Self; 12] = [
        Self::OwnInbox,
        Self::Publish,
        Self::ReadTenantInbox,
        Self::MarkTenantInbox,
        Self::PlatformInbox,
        Self::Audit,
        Self::ReadContent,
        Self::Erase,
        Self::ManageConsents,
        Self::ManageTenant,
        Self::ManageAccess,
        Self::Platform,
    ];

    /// The table of rights: whether `role` alone gives this right.
    #[must_use]
    pub const fn is_given_by(self, role: Role) -> bool {
        match self {
            Self::OwnInbox => matches!(role, Role::User | Role::TenantAdmin | Role::SuperAdmin),
            Self::Publish => matches!(role, Role::Service | Role::TenantAdmin | Role::SuperAdmin),
            Self::ReadTenantInbox => {
                matches!(role, Role::Service | Role::TenantAdmin | Role::Auditor | Role::SuperAdmin)
            }
            Self::MarkTenantInbox => matches!(role, Role::TenantAdmin | Role::SuperAdmin),
            Self::PlatformInbox => matches!(role, Role::SuperAdmin),
            Self::Audit => matches!(role, Role::Auditor | Role::SuperAdmin),
            Self::ReadContent => matches!(role, Role::PrivacyOfficer),
            Self::Erase => matches!(role, Role::PrivacyOfficer | Role::SuperAdmin),
            Self::ManageConsents => matches!(role, Role::Service | Role::TenantAdmin | Role::SuperAdmin),
            Self::ManageTenant => matches!(role, Role::TenantAdmin | Role::SuperAdmin),
            Self::ManageAccess => matches!(role, Role::TenantAdmin | Role::SuperAdmin),
            Self::Platform => matches!(role, Role::SuperAdmin),
        }
    }
}

/// What a grant was given for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credential {
    /// For nothing: it is the engine's own, or of whoever has the data directory.
    Engine,
    /// For a signed token.
    Token,
    /// For an API key, known by the position of its creation.
    ApiKey(Position),
}

/// What a verified token permits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The tenant's name.
    pub tenant: Arc<str>,
    /// The tenant's own stream.
    pub tenant_stream: StreamId,
    /// What item ids and cursors of the tenant carry.
    pub tenant_tag: TenantTag,
    /// The person or service.
    pub subject: Arc<str>,
    /// The subject's stream.
    pub stream: StreamId,
    /// Sorted, without doubles.
    pub roles: Vec<Role>,
    /// Sorted, without doubles.
    pub topics: Vec<String>,
    /// The token's own id, `jti`.
    pub token_id: Option<String>,
    /// When the token was made, `iat`.
    pub issued: Option<Time>,
    /// When the grant ends: `exp` plus the leeway.
    pub expires: Time,
    /// What it was given for.
    pub credential: Credential,
}

impl Grant {
    /// The engine's own: for what it records of itself. It has no inbox and no tenant.
    #[must_use]
    pub fn of_the_engine() -> Self {
        Self {
            tenant: Arc::from(""),
            tenant_stream: StreamId::default(),
            tenant_tag: TenantTag::default(),
            subject: Arc::from(""),
            stream: StreamId::default(),
            roles: vec![Role::SuperAdmin],
            topics: Vec::new(),
            token_id: None,
            issued: None,
            expires: Time(i64::MAX),
            credential: Credential::Engine,
        }
    }

    /// Whether any of the roles gives the right.
    #[must_use]
    pub fn permits(&self, right: Right) -> bool {
        self.roles.iter().any(|role| right.is_given_by(*role))
    }
}

#[cfg(test)]
mod tests {
    use super::{Right, Role};

    const DOCUMENT: &str = include_str!("../../docs/security.md");

    /// Cells of the table's lines.
    fn rows() -> Vec<Vec<&'static str>> {
        let section = DOCUMENT.split("## Roles and rights").nth(1).expect("the section is there");
        let section = section.split("\n## ").next().unwrap_or_default();
        let lines = section.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
        lines.map(|line| line.split(" | ").map(str::trim).collect()).filter(|row: &Vec<_>| row[0] != "---").collect()
    }

    #[test]
    fn the_documents_table_of_roles_and_rights_is_that_of_the_code() {
        let rows = rows();
        let roles: Vec<_> = Role::ALL.iter().map(|role| format!("`{}`", role.word())).collect();
        assert_eq!(rows[0][2..], roles);
        let told = |right: Right| {
            let given = Role::ALL.map(|role| if right.is_given_by(role) { "yes" } else { "no" });
            [format!("`{right:?}`")].into_iter().chain(given.map(str::to_owned)).collect::<Vec<_>>()
        };
        let documented: Vec<Vec<_>> = rows[1..]
            .iter()
            .map(|row| row.iter().enumerate().filter(|(index, _)| *index != 1).map(|(_, cell)| (*cell).to_owned()))
            .map(Iterator::collect)
            .collect();
        assert_eq!(documented, Right::ALL.map(told));
        assert!(rows[1..].iter().all(|row| !row[1].is_empty()));
    }
}
