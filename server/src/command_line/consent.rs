//! `tidings privacy consent` and `consents`: what people allow, in a data directory or through a running server.

use super::access::Place;
use super::fail;
use super::key::{encoded, finished};
use crate::consents::shown_consents;
use crate::exit::Exit;
use serde_json::{Value, json};
use tidings_wire::ChangeConsent;

#[derive(Debug, clap::Args)]
pub(crate) struct Record {
    #[command(flatten)]
    place: Place,
    /// The person's name within the tenant
    #[arg(long)]
    user: String,
    /// For items of one category; for all that no other consent names when absent
    #[arg(long)]
    category: Option<String>,
    /// It is taken back
    #[arg(long)]
    withdraw: bool,
    /// What for, as the person was told
    #[arg(long)]
    purpose: Option<String>,
    /// A name of the version of the text that the person was shown
    #[arg(long)]
    text_version: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct List {
    #[command(flatten)]
    place: Place,
    /// The person's name within the tenant
    #[arg(long)]
    user: String,
}

pub(super) fn record(record: &Record) -> Exit {
    done(recorded(record))
}

pub(super) fn list(list: &List) -> Exit {
    done(listed(list))
}

fn done(done: Result<(), Exit>) -> Exit {
    done.map_or_else(|exit| exit, |()| Exit::Done)
}

fn recorded(record: &Record) -> Result<(), Exit> {
    let asked = ChangeConsent {
        subscriber_id: Some(record.user.clone()),
        channel: None,
        category: record.category.clone(),
        given: Some(!record.withdraw),
        purpose: record.purpose.clone(),
        text_version: record.text_version.clone(),
    };
    if let Some(remote) = record.place.remote() {
        return finished(
            async move { remote.ask("POST", "/v1/privacy/consents", Some(json!(asked))).await.map(|_| ()) },
        );
    }
    let mut local = record.place.open()?;
    let request = local.asker().consent(&asked);
    local.commit(request).map(|_| ())
}

fn listed(list: &List) -> Result<(), Exit> {
    if let Some(remote) = list.place.remote() {
        let path = format!("/v1/privacy/consents?subscriberId={}", encoded(&list.user));
        return finished(async move { remote.ask("GET", &path, None).await.map(|said| print(&said)) });
    }
    let local = list.place.open()?;
    let subject = local.keys.known_person(&local.grant.tenant, &list.user);
    let said: Vec<_> =
        subject.map_or_else(Vec::new, |subject| local.engine.state().consents().of(subject).cloned().collect());
    let shown = shown_consents(&local.engine.reader(), &local.keys, local.grant.tenant_tag, &said);
    shown.map(|shown| print(&shown)).map_err(|why| fail(Exit::Failed, &why))
}

/// A line of JSON each.
fn print(said: &Value) {
    said.as_array().into_iter().flatten().for_each(|one| println!("{one}"));
}
