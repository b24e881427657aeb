//! `tidings key`: keys that services call with, in a data directory or through a running server.

use super::access::{Place, Remote};
use super::{block_on, fail};
use crate::entropy;
use crate::exit::Exit;
use crate::sessions::{key_shown, name_of};
use serde_json::{Value, json};
use tidings_engine::access::{ApiKey, secret_hash, secret_text};
use tidings_wire::CreateKey;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Make a key, and print its secret, which nobody is told again
    Create(Create),
    /// List the keys of the tenant as lines of JSON, newest first
    List(Place),
    /// Have a key permit nothing any more, and end its sessions
    Revoke(RevokeKey),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Create {
    #[command(flatten)]
    place: Place,
    /// Role; may be given several times
    #[arg(long = "role", default_value = "service")]
    roles: Vec<String>,
    /// What people call it
    #[arg(long)]
    name: Option<String>,
    /// When it ends by itself, such as 2027-01-31T09:00:00Z
    #[arg(long, value_name = "TIME")]
    expires_at: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RevokeKey {
    #[command(flatten)]
    place: Place,
    /// The key's id, as it is listed
    id: String,
}

pub(crate) fn run(command: &Command) -> Exit {
    let done = match command {
        Command::Create(create) => make(create),
        Command::List(place) => match place.remote() {
            Some(remote) => finished(list_through(&remote, place.tenant.as_deref())),
            None => list_here(place),
        },
        Command::Revoke(revoke) => match revoke.place.remote() {
            Some(remote) => {
                let tenant = revoke.place.tenant.as_ref().map_or_else(String::new, |tenant| query("?", tenant));
                let path = format!("/v1/keys/{}{tenant}", encoded(&revoke.id));
                finished(async move { remote.ask("DELETE", &path, None).await.map(|_| ()) })
            }
            None => revoke_here(revoke),
        },
    };
    done.map_or_else(|exit| exit, |()| Exit::Done)
}

/// Runs what talks to a server to its end.
pub(super) fn finished(asked: impl Future<Output = Result<(), Exit>>) -> Result<(), Exit> {
    match block_on(async { asked.await.map_or_else(|exit| exit, |()| Exit::Done) }) {
        Exit::Done => Ok(()),
        exit => Err(exit),
    }
}

fn make(create: &Create) -> Result<(), Exit> {
    let mut asked = CreateKey {
        roles: Some(create.roles.clone()),
        name: create.name.clone(),
        expires_at: create.expires_at.clone(),
        tenant: None,
    };
    if let Some(remote) = create.place.remote() {
        asked.tenant.clone_from(&create.place.tenant);
        return finished(async move {
            let data = remote.ask("POST", "/v1/keys", Some(json!(asked))).await?;
            tell(data["id"].as_str().unwrap_or_default(), data["secret"].as_str().unwrap_or_default());
            Ok(())
        });
    }
    let random = entropy::bytes().map_err(|error| fail(Exit::Failed, &error))?;
    let secret = secret_text(&random);
    let mut local = create.place.open()?;
    let request = local.asker().create_key(&asked, secret_hash(&secret));
    let done = local.commit(request)?;
    tell(&local.keys.item_id(local.grant.tenant_tag, done.position), &secret);
    Ok(())
}

/// The secret alone on standard output, for a script; the id beside it.
fn tell(id: &str, secret: &str) {
    eprintln!("tidings: key {id}; its secret is printed this once");
    println!("{secret}");
}

async fn list_through(remote: &Remote<'_>, tenant: Option<&str>) -> Result<(), Exit> {
    let tenant = tenant.map_or_else(String::new, |tenant| query("&", tenant));
    let mut after = String::new();
    loop {
        let path = format!("/v1/keys?limit=100{tenant}{after}");
        let Value::Array(keys) = remote.ask("GET", &path, None).await? else { return Ok(()) };
        keys.iter().for_each(|key| println!("{key}"));
        match keys.last().and_then(|last| last["id"].as_str()) {
            Some(last) if keys.len() == 100 => after = format!("&after={last}"),
            _ => return Ok(()),
        }
    }
}

fn list_here(place: &Place) -> Result<(), Exit> {
    let local = place.open()?;
    let state = local.engine.state();
    let Some(tenant) = state.tenant(&local.grant.tenant) else { return Ok(()) };
    let keys: Vec<ApiKey> = state.access().keys(tenant).cloned().collect();
    let reader = local.engine.reader();
    for key in keys {
        let name = name_of(&reader, &local.keys, key.position).map_err(|why| fail(Exit::Failed, &why))?;
        let shown = key_shown(&key, name, local.keys.item_id(local.grant.tenant_tag, key.position));
        println!("{}", json!(shown));
    }
    Ok(())
}

fn revoke_here(revoke: &RevokeKey) -> Result<(), Exit> {
    let mut local = revoke.place.open()?;
    let request = local.asker().revoke_key(&revoke.id, None);
    local.commit(request).map(|_| ())
}

fn query(before: &str, tenant: &str) -> String {
    format!("{before}tenant={}", encoded(tenant))
}

/// Percent-encoded, but for what may stand anywhere in a URL.
pub(super) fn encoded(text: &str) -> String {
    let one = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(one).collect()
}
