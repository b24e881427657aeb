//! Notifications in a snapshot: each by what it differs in from the one before, in about a third of the bytes that it takes
//! in memory. Numbers are LEB128.

use super::tenant::Notification;
use crate::ids::{Position, Time};
use crate::snapshot::PartError;

/// Notifications of one part.
pub(super) fn encode(notifications: impl Iterator<Item = Notification>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let (mut position, mut created) = (0_u64, 0_i64);
    for notification in notifications {
        let next = (notification.position.0, notification.created.0);
        put(&mut bytes, next.0.wrapping_sub(position));
        put(&mut bytes, zigzag(next.1.wrapping_sub(created)));
        put(&mut bytes, u64::from(notification.kind_and_state()));
        (position, created) = next;
    }
    bytes
}

/// The notifications of one part, in chunks of `chunk_count`.
pub(super) fn decode(mut bytes: &[u8], chunk_count: usize) -> Result<Vec<Vec<Notification>>, PartError> {
    let mut chunks: Vec<Vec<Notification>> = Vec::new();
    let (mut position, mut created) = (0_u64, 0_i64);
    while !bytes.is_empty() {
        position = position.wrapping_add(take(&mut bytes)?);
        created = created.wrapping_add(unzigzag(take(&mut bytes)?));
        let kind = u32::try_from(take(&mut bytes)?).map_err(|_| PartError)?;
        let notification = Notification::restored(Position(position), Time(created), kind);
        match chunks.last_mut().filter(|last| last.len() < chunk_count) {
            Some(last) => last.push(notification),
            None => {
                let mut chunk = Vec::with_capacity(chunk_count);
                chunk.push(notification);
                chunks.push(chunk);
            }
        }
    }
    if let Some(last) = chunks.last_mut() {
        last.shrink_to_fit();
    }
    Ok(chunks)
}

fn put(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn take(bytes: &mut &[u8]) -> Result<u64, PartError> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first().ok_or(PartError)?;
        *bytes = rest;
        number |= u64::from(first & 0x7F) << shift;
        if first & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(PartError)
}

const fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}

const fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -((number & 1).cast_signed())
}

#[cfg(test)]
mod tests {
    use super::{Notification, Position, Time, decode, encode};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn notifications_come_back_as_they_were(rows in prop::collection::vec(any::<(u64, i64, u32)>(), 0..40)) {
            let notifications = rows.iter().map(|(at, time, kind)| {
                Notification::restored(Position(*at), Time(*time), *kind)
            });
            let bytes = encode(notifications);
            let found = decode(&bytes, 7).unwrap();
            let full = found.iter().rev().skip(1).all(|chunk| chunk.len() == 7);
            prop_assert!(full);
            let found: Vec<_> = found.iter().flatten().map(|one| {
                ({ one.position }.0, { one.created }.0, one.kind_and_state())
            }).collect();
            prop_assert_eq!(found, rows);
            for cut in 0..bytes.len() {
                let _ = decode(&bytes[..cut], 7);
            }
        }

        #[test]
        fn any_bytes_end_in_notifications_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&bytes, 7);
        }
    }
}
