//! The one place that asks the system for random bytes.

use std::io;

/// Random bytes from the system's generator.
///
/// # Errors
/// The generator failed: nothing that needs a secret may go on.
pub fn bytes<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| io::Error::other("the system gives no random bytes"))?;
    Ok(bytes)
}
