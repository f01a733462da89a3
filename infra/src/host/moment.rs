//! The machine's clock and random numbers, as the host needs them.

use platform::clock::{Clock, Ids, SystemClock, SystemIds};

/// The present instant.
pub(crate) fn now() -> jiff::Timestamp {
    SystemClock.now()
}

/// The present instant in milliseconds since the epoch.
pub(crate) fn now_ms() -> i64 {
    now().as_millisecond()
}

/// The machine's source of random numbers gave none.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gave no random numbers")]
pub struct NoRandomness;

/// So many hexadecimal digits that nobody can guess.
pub(crate) fn secret(digits: usize) -> Result<String, NoRandomness> {
    let secret = SystemIds.random(digits);
    (secret.len() == digits).then_some(secret).ok_or(NoRandomness)
}

/// A request id as AWS writes them: the shape of a random UUID.
pub(crate) fn request_id() -> String {
    let digits = format!("{:0<32}", SystemIds.random(32));
    format!("{}-{}-4{}-8{}-{}", &digits[..8], &digits[8..12], &digits[13..16], &digits[17..20], &digits[20..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_id_has_the_shape_of_a_random_uuid() {
        let id = request_id();
        let lengths: Vec<usize> = id.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12], "{id}");
        assert_ne!(id, request_id());
    }
}
