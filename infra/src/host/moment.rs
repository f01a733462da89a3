//! The wall clock and the random numbers of the host, in one place so that nothing else reads them.

use std::fmt::Write as _;

use ring::rand::{SecureRandom, SystemRandom};

/// The present instant.
#[allow(clippy::disallowed_methods)] // The host stands for AWS itself: its clock is the machine's.
pub(crate) fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

/// The present instant in milliseconds since the epoch.
pub(crate) fn now_ms() -> i64 {
    now().as_millisecond()
}

/// The machine's source of random numbers gave none.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gave no random numbers")]
pub struct NoRandomness;

/// `N` bytes that nobody can guess.
pub(crate) fn secret_bytes<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut bytes = [0; N];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| NoRandomness)?;
    Ok(bytes)
}

/// A request id as AWS writes them (the shape of a random UUID). It identifies, it guards nothing.
pub(crate) fn request_id() -> String {
    let mut bytes = fastrand::u128(..).to_be_bytes();
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let mut text = String::with_capacity(36);
    for (position, byte) in bytes.iter().enumerate() {
        if matches!(position, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_id_has_the_shape_of_a_random_uuid() {
        let id = request_id();
        assert_eq!(id.len(), 36, "{id}");
        assert_eq!(&id[14..15], "4", "{id}");
        assert_ne!(id, request_id());
    }
}
