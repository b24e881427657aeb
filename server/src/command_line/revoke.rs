//! `tidings revoke`: has tokens permit nothing any more, in a data directory or through a running server.

use super::access::Place;
use super::block_on;
use crate::exit::Exit;
use serde_json::json;
use tidings_wire::Revoke;

#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("which").required(true).args(["jti", "user", "all"]))]
pub(crate) struct Arguments {
    #[command(flatten)]
    place: Place,
    /// The one token with this id
    #[arg(long)]
    jti: Option<String>,
    /// All tokens of this person or service
    #[arg(long)]
    user: Option<String>,
    /// All tokens of everybody in the tenant. API keys are no tokens
    #[arg(long)]
    all: bool,
    /// Only tokens that were issued before this time, such as 2026-01-31T09:00:00Z; now when absent
    #[arg(long, value_name = "TIME", conflicts_with = "jti")]
    issued_before: Option<String>,
    /// When the token expires, where it may live longer than the server takes tokens for
    #[arg(long, value_name = "TIME", requires = "jti")]
    expires_at: Option<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Exit {
    revoke(arguments).map_or_else(
        |exit| exit,
        |id| {
            println!("{id}");
            Exit::Done
        },
    )
}

/// The id of the revocation.
fn revoke(arguments: &Arguments) -> Result<String, Exit> {
    let Arguments { place, jti, user, all, issued_before, expires_at } = arguments;
    let mut asked = Revoke {
        jti: jti.clone(),
        subscriber_id: user.clone(),
        all: all.then_some(true),
        issued_before: issued_before.clone(),
        expires_at: expires_at.clone(),
        tenant: None,
    };
    if let Some(remote) = place.remote() {
        asked.tenant.clone_from(&place.tenant);
        let mut id = json!(null);
        let exit = block_on(async {
            match remote.ask("POST", "/v1/revocations", Some(json!(asked))).await {
                Ok(mut data) => id = data["id"].take(),
                Err(exit) => return exit,
            }
            Exit::Done
        });
        return id.as_str().map(str::to_owned).ok_or(exit);
    }
    let mut local = place.open()?;
    let request = local.asker().revoke(&asked, local.lifetime_ms_max);
    let done = local.commit(request)?;
    Ok(local.keys.item_id(local.grant.tenant_tag, done.position))
}
