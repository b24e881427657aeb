//! `tidings audit state`.

use super::printer::Printer;
use super::remote::query;
use super::{Source, offline};
use crate::auditing::{StateAnswer, Whose, fold_inbox};
use crate::command_line::{block_on, fail};
use crate::exit::Exit;
use data_encoding::HEXLOWER;
use tidings_engine::ids::StreamId;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    source: Source,
    /// Tenant of the inbox; with --token the token's own when absent
    #[arg(long, required_unless_present = "token")]
    tenant: Option<String>,
    /// Person whose inbox it is
    #[arg(long, value_name = "ID", required_unless_present = "stream")]
    user: Option<String>,
    /// Stream of the inbox instead: of a person whose name leads nowhere any more, or of the tenant itself
    #[arg(long, value_name = "HEX", conflicts_with = "user")]
    stream: Option<String>,
    /// As of a time, or a position; with --server a time, or a cursor. Now when absent
    #[arg(long, value_name = "PLACE")]
    at: Option<String>,
    /// With the content of the items; of a server that needs the role privacy_officer too
    #[arg(long)]
    content: bool,
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    match arguments.source.remote(arguments.tenant.as_deref()) {
        Some(Err(exit)) => exit,
        Some(Ok(remote)) => block_on(async {
            let path = query(&[
                ("tenant", arguments.source.named(arguments.tenant.as_deref())),
                ("subscriberId", arguments.user.as_deref()),
                ("stream", arguments.stream.as_deref()),
                ("at", arguments.at.as_deref()),
                ("content", arguments.content.then_some("true")),
            ]);
            let mut printer = Printer::default();
            let path = format!("/v1/audit/state{path}");
            let asked = remote.ask("GET", &path, None, &mut |part| printer.print(&part)).await;
            asked.map_or_else(|exit| exit, |()| printer.end(Exit::Done))
        }),
        None => match answer(arguments) {
            Ok(Some(mut answer)) => {
                let mut printer = Printer::default();
                while let Some(part) = answer.part() {
                    printer.print(&part);
                }
                printer.end(Exit::Done)
            }
            Ok(None) => fail(Exit::Failed, &"no event tells of this inbox"),
            Err(error) => fail(error.exit(), &error),
        },
    }
}

/// The answer that a server gives to the same question, made here.
fn answer(arguments: &Arguments) -> Result<Option<StateAnswer>, offline::OfflineError> {
    let log = offline::open(&arguments.source)?;
    let name = arguments.tenant.as_deref().unwrap_or_default();
    let (tenant, tag) = (offline::tenant(&log, name)?, log.keys.tenant_tag(name));
    let stream = match (&arguments.stream, &arguments.user) {
        (Some(text), _) => Some(stream(text)?),
        (None, Some(user)) => log.person(name, user),
        (None, None) => None,
    };
    let Some(stream) = stream else { return Ok(None) };
    let through = offline::position(&log, "at", arguments.at.as_deref())?;
    let whose = Whose::Tenant { tenant, tag, is_platform: true };
    let inbox = fold_inbox(&log, whose, stream, through)?;
    Ok(inbox.map(|mut inbox| StateAnswer::new(log, &mut inbox, tag, arguments.content)).transpose()?)
}

fn stream(text: &str) -> Result<StreamId, offline::OfflineError> {
    let bytes = HEXLOWER.decode(text.as_bytes()).ok().and_then(|bytes| bytes.try_into().ok());
    bytes.map(StreamId).ok_or_else(|| offline::OfflineError::Place("--stream takes 32 hexadecimal digits".to_owned()))
}
