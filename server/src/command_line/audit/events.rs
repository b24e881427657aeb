//! `tidings audit events`.

use super::printer::Printer;
use super::remote::{Remote, query};
use super::{Source, offline};
use crate::auditing::{EventsReading, Whose};
use crate::command_line::{block_on, fail};
use crate::exit::Exit;
use serde_json::Value;
use tidings_engine::audit::{EVENT_TYPES, Selection};
use tidings_engine::ids::{Position, Time};
use tidings_engine::keys::TenantTag;

/// Events of one request to a server: 1,000.
const REQUEST_EVENTS: u64 = 1_000;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    source: Source,
    /// Only events of this tenant
    #[arg(long)]
    tenant: Option<String>,
    /// Only events that concern this person of --tenant
    #[arg(long, value_name = "ID")]
    user: Option<String>,
    /// Only events of this type; may be given several times
    #[arg(long = "type", value_name = "TYPE", value_parser = clap::builder::PossibleValuesParser::new(EVENT_TYPES.iter().map(|(_, name)| *name)))]
    types: Vec<String>,
    /// Only events of this time or later
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Only events of this time or earlier
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// Only events after a time or position; with --server a time or cursor
    #[arg(long, value_name = "PLACE")]
    after: Option<String>,
    /// Most events; all when absent
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// With content; of a server that needs the role privacy_officer too
    #[arg(long)]
    content: bool,
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    match arguments.source.remote(arguments.tenant.as_deref()) {
        Some(Err(exit)) => exit,
        Some(Ok(remote)) => block_on(asked(arguments, &remote)),
        None => match reading(arguments) {
            Ok(mut reading) => {
                let mut printer = Printer::default();
                while let Some(lines) = reading.chunk().filter(|_| !printer.is_over()) {
                    printer.print(&lines);
                }
                printer.end(if reading.has_failed() { Exit::Damage } else { Exit::Done })
            }
            Err(error) => fail(error.exit(), &error),
        },
    }
}

fn reading(arguments: &Arguments) -> Result<EventsReading, offline::OfflineError> {
    let log = offline::open(&arguments.source)?;
    let named = arguments.tenant.as_deref();
    let whose = match named {
        None => Whose::Everything { tag: TenantTag::default() },
        Some(name) => {
            let (tenant, tag) = (offline::tenant(&log, name)?, log.keys.tenant_tag(name));
            Whose::Tenant { tenant, tag, is_platform: true }
        }
    };
    let stream = match (&arguments.user, named) {
        (None, _) => None,
        (Some(_), None) => return Err(offline::OfflineError::Place("--user needs --tenant".to_owned())),
        (Some(user), Some(tenant)) => {
            let nobody = || offline::OfflineError::Place(format!("nobody is called {user} in {tenant}"));
            Some(log.person(tenant, user).ok_or_else(nobody)?)
        }
    };
    let moment = |text: &Option<String>| text.as_deref().map(time).transpose();
    let (from, to) = (moment(&arguments.from)?, moment(&arguments.to)?);
    let numbers = EVENT_TYPES.iter().filter(|(_, name)| arguments.types.iter().any(|wanted| wanted == name));
    let types = numbers.map(|(number, _)| *number).collect();
    let after = arguments.after.as_deref();
    let after = after.map_or(Ok(Position::ZERO), |text| offline::position(&log, "after", Some(text)))?;
    let through = log.head();
    let selection = Selection { tenant: whose.tenant(), stream, types, from, to };
    let left = arguments.limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(EventsReading::new(log, whose, selection, (after, through), left, arguments.content))
}

fn time(text: &str) -> Result<Time, offline::OfflineError> {
    let wrong = || offline::OfflineError::Place(format!("{text} is no time such as 2026-01-31T09:00:00Z"));
    Time::parse(text).ok_or_else(wrong)
}

/// Asks for one part after the other, each of which the server records.
async fn asked(arguments: &Arguments, remote: &Remote) -> Exit {
    let mut after = arguments.after.clone();
    let mut left = arguments.limit.unwrap_or(u64::MAX);
    loop {
        let limit = left.min(REQUEST_EVENTS).to_string();
        let mut parameters = vec![
            ("tenant", arguments.source.named(arguments.tenant.as_deref())),
            ("subscriberId", arguments.user.as_deref()),
            ("from", arguments.from.as_deref()),
            ("to", arguments.to.as_deref()),
            ("after", after.as_deref()),
            ("limit", Some(&limit)),
            ("content", arguments.content.then_some("true")),
        ];
        parameters.extend(arguments.types.iter().map(|name| ("type[]", Some(name.as_str()))));
        let path = format!("/v1/audit/events{}", query(&parameters));
        let (mut printer, mut lines) = (Printer::default(), Lines::default());
        let asked =
            remote.ask("GET", &path, None, &mut |part| lines.take(&part, &mut |line| printer.print(line))).await;
        if let Err(exit) = asked {
            return exit;
        }
        let Some(end) = lines.end() else { return fail(Exit::Failed, &"the server's answer is not whole") };
        left = left.saturating_sub(end["events"].as_u64().unwrap_or_default());
        if let Some(error) = end["error"].as_str() {
            return fail(Exit::Failed, &error);
        }
        if printer.is_over() {
            return printer.end(Exit::Done);
        }
        if left == 0 || end["more"] != true {
            printer.print(&lines.last);
            return printer.end(Exit::Done);
        }
        after = end["cursor"].as_str().map(str::to_owned);
    }
}

/// Lines as they come in parts. The last one is held back: it is no event.
#[derive(Default)]
struct Lines {
    last: Vec<u8>,
}

impl Lines {
    /// Takes a part; each line that another one follows is given to `whole`.
    fn take(&mut self, part: &[u8], whole: &mut dyn FnMut(&[u8])) {
        for piece in part.split_inclusive(|byte| *byte == b'\n') {
            if self.last.ends_with(b"\n") {
                whole(&self.last);
                self.last.clear();
            }
            self.last.extend_from_slice(piece);
        }
    }

    /// What the last line says.
    fn end(&self) -> Option<Value> {
        let mut line: Value = serde_json::from_slice(self.last.strip_suffix(b"\n")?).ok()?;
        Some(line.get_mut("end")?.take())
    }
}

#[cfg(test)]
mod tests {
    use super::Lines;

    #[test]
    fn the_last_line_is_told_from_the_events_however_they_come() {
        let text = b"{\"a\":1}\n{\"a\":2}\n{\"end\":{\"more\":true}}\n";
        for bytes in 1..=text.len() {
            let (mut lines, mut seen) = (Lines::default(), Vec::new());
            text.chunks(bytes).for_each(|part| lines.take(part, &mut |line| seen.extend_from_slice(line)));
            assert_eq!(lines.end().unwrap()["more"], true);
            assert_eq!(seen, b"{\"a\":1}\n{\"a\":2}\n");
        }
        let mut cut = Lines::default();
        cut.take(b"{\"a\":1}\n{\"a\":", &mut |_| ());
        assert!(cut.end().is_none() && Lines::default().end().is_none());
    }
}
