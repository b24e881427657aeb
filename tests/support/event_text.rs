//! Server-sent events as a client reads them that shares no code with the server: the HTML standard, section 9.2.6.

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// Its name.
    pub event: String,
    /// Its id, where it says one.
    pub id: Option<String>,
    /// How long to stay away, where it says so: milliseconds.
    pub retry: Option<u64>,
    /// Its data.
    pub data: String,
}

/// What stands in a text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Read {
    /// The events, in order.
    pub events: Vec<Event>,
    /// How many lines were comments.
    pub comments: usize,
    /// Lines that a client passes over because it knows no such field.
    pub unknown: Vec<String>,
    /// Whether the text ends behind an empty line, so that nothing of it is lost.
    pub is_whole: bool,
}

/// Reads a text from its beginning to its end.
#[must_use]
pub fn read(text: &str) -> Read {
    let mut read = Read { is_whole: true, ..Read::default() };
    let (mut event, mut data): (Event, Option<String>) = (Event::default(), None);
    for line in lines(text) {
        read.is_whole = line.is_empty();
        if line.is_empty() {
            // An event without data is none.
            if let Some(mut data) = data.take() {
                data.pop();
                read.events.push(Event { data, ..std::mem::take(&mut event) });
            }
            event = Event::default();
            continue;
        }
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "" => read.comments += 1,
            "event" => value.clone_into(&mut event.event),
            "data" => data.get_or_insert_default().extend([value, "\n"]),
            "id" if !value.contains('\0') => event.id = Some(value.to_owned()),
            "retry" if value.bytes().all(|byte| byte.is_ascii_digit()) => event.retry = value.parse().ok(),
            _ => read.unknown.push(line.to_owned()),
        }
    }
    read
}

/// Lines end with a carriage return, a line feed, or both. What has no end is a line too.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let Some(at) = rest.find(['\r', '\n']) else { return Some(std::mem::take(&mut rest)) };
        let (line, tail) = rest.split_at(at);
        rest = tail.strip_prefix("\r\n").unwrap_or(&tail[1..]);
        Some(line)
    })
}

#[cfg(test)]
mod tests {
    use super::{Event, read};

    #[test]
    fn a_text_is_read_as_the_standard_says() {
        let found =
            read("event: a\r\nid:1\rdata: x\ndata\ndata:  y\n\n: no\n\nevent: lost\n\nretry: 7\ndata:z\nother\n\n");
        let first = Event { event: "a".into(), id: Some("1".into()), retry: None, data: "x\n\n y".into() };
        let second = Event { retry: Some(7), data: "z".into(), ..Event::default() };
        assert_eq!((found.events, found.comments, found.is_whole), (vec![first, second], 1, true));
        assert_eq!(found.unknown, ["other"]);
        assert!(!read("data: x\n").is_whole);
        assert_eq!(read("data: x\n").events, []);
    }
}
