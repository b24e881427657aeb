//! Frames as `text/event-stream`: `event` is the frame's type, `id` its cursor, `data` its JSON.

use bytes::Bytes;
use serde::Deserialize;
use std::borrow::Cow;
use tidings_wire::{Retry, ServerFrame};

/// What keeps proxies awake in place of a `ping`, which a page could not answer.
const COMMENT: Bytes = Bytes::from_static(b": ping\n\n");

const END: Bytes = Bytes::from_static(b"\n\n");

/// How long an `EventSource` stays away when it shall not come back by itself: one day. There is no word for never.
const NEVER_MS: u64 = 24 * 60 * 60 * 1_000;

/// What of a frame goes into lines of its own.
#[derive(Debug, Deserialize)]
pub(crate) struct Head<'a> {
    #[serde(borrow)]
    pub(crate) r#type: Cow<'a, str>,
    #[serde(borrow, default)]
    cursor: Option<Cow<'a, str>>,
}

/// Reads the head of a frame of ours. `None`: it is none, which no session gives.
pub(crate) fn head(frame: &[u8]) -> Option<Head<'_>> {
    serde_json::from_slice(frame).ok()
}

/// The text of one frame, in parts: the frame's bytes are shared and not copied.
pub(crate) fn write(frame: &Bytes, parts: &mut impl Extend<Bytes>) {
    let Some(head) = head(frame) else { return };
    if head.r#type == "ping" {
        return parts.extend([COMMENT]);
    }
    let mut lines = format!("event: {}\n", head.r#type);
    if let Some(cursor) = head.cursor {
        lines.push_str(&format!("id: {cursor}\n"));
    }
    if let Some(wait_ms) = wait_ms(&head.r#type, frame) {
        lines.push_str(&format!("retry: {wait_ms}\n"));
    }
    lines.push_str("data: ");
    if frame.iter().any(|byte| matches!(byte, b'\n' | b'\r')) {
        // Only between the tokens of a publisher's `data` can there be any, where a line feed is as good as another.
        lines.push_str(&String::from_utf8_lossy(frame).replace("\r\n", "\n").replace(['\n', '\r'], "\ndata: "));
        parts.extend([lines.into(), END]);
    } else {
        parts.extend([lines.into(), frame.clone(), END]);
    }
}

/// How long the reader shall wait before it comes back, where the frame says so.
fn wait_ms(r#type: &str, frame: &[u8]) -> Option<u64> {
    if !matches!(r#type, "close" | "drain") {
        return None;
    }
    match serde_json::from_slice(frame).ok()? {
        ServerFrame::Drain { reconnect_after_ms } => Some(reconnect_after_ms),
        ServerFrame::Close { retry: Retry::Never, .. } => Some(NEVER_MS),
        ServerFrame::Close { retry_after_ms, .. } => Some(retry_after_ms.unwrap_or_default()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::write;
    use bytes::Bytes;
    use tidings_wire::{CloseCode, ServerFrame, encode};

    fn text(frame: &Bytes) -> String {
        let mut parts = Vec::new();
        write(frame, &mut parts);
        String::from_utf8(parts.concat()).unwrap()
    }

    #[test]
    fn a_frame_is_an_event_of_its_type_with_its_cursor_as_id() {
        let frame = Bytes::from_static(br#"{"type":"delta","inbox":"me","cursor":"abc","changes":[]}"#);
        let expected =
            "event: delta\nid: abc\ndata: {\"type\":\"delta\",\"inbox\":\"me\",\"cursor\":\"abc\",\"changes\":[]}\n\n";
        assert_eq!(text(&frame), expected);
        let frame = Bytes::from_static(br#"{"type":"resync","inbox":"me","reason":"cursor"}"#);
        assert!(text(&frame).starts_with("event: resync\ndata: {"));
        assert_eq!(text(&encode(&ServerFrame::Ping)), ": ping\n\n");
    }

    #[test]
    fn the_frames_bytes_are_shared_and_not_copied() {
        let frame = Bytes::from_static(br#"{"type":"delta","cursor":"c"}"#);
        let mut parts = Vec::new();
        write(&frame, &mut parts);
        assert_eq!(parts[1].as_ptr(), frame.as_ptr());
    }

    #[test]
    fn line_ends_within_a_frame_stay_within_its_data() {
        let frame = Bytes::from_static(b"{\"type\":\"delta\",\"data\":{\n\"a\":\r\n1,\r\"b\":2}}");
        assert_eq!(
            text(&frame),
            "event: delta\ndata: {\"type\":\"delta\",\"data\":{\ndata: \"a\":\ndata: 1,\ndata: \"b\":2}}\n\n"
        );
    }

    #[test]
    fn close_and_drain_say_when_to_come_back() {
        let close = |code, after| text(&encode(&ServerFrame::close(code, after)));
        assert!(close(CloseCode::ServerDraining, Some(1_234)).starts_with("event: close\nretry: 1234\ndata: "));
        assert!(close(CloseCode::TokenExpired, None).contains("\nretry: 86400000\n"));
        assert!(close(CloseCode::IdleTimeout, None).contains("\nretry: 0\n"));
        let drain = encode(&ServerFrame::Drain { reconnect_after_ms: 77 });
        assert!(text(&drain).starts_with("event: drain\nretry: 77\n"));
    }
}
