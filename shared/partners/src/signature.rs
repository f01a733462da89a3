//! HMAC-SHA256 signatures over raw bytes: constant-time, fail closed, several secrets for rotation.

use crate::http::Headers;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac};
use jiff::Timestamp;
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// How far a signed timestamp may be from our clock, either way, in seconds.
pub const TOLERANCE_SECONDS: i64 = 300;

/// Why a webhook's sender is not believed. Holds neither the signature nor the secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// A header is absent or empty.
    #[error("the header `{header}` is missing: send it with every webhook")]
    Missing {
        /// The header's name.
        header: &'static str,
    },
    /// A header is there twice or in another form.
    #[error("the header `{header}` is malformed: expected once, as {expected}")]
    Malformed {
        /// The header's name.
        header: &'static str,
        /// What was expected.
        expected: &'static str,
    },
    /// Signed too long ago.
    #[error(
        "the signed timestamp is more than {TOLERANCE_SECONDS} seconds old: sign again when sending again, and check the sender's clock"
    )]
    TooOld,
    /// Signed in the future.
    #[error("the signed timestamp is more than {TOLERANCE_SECONDS} seconds ahead: check the sender's clock")]
    TooNew,
    /// No secret produces this signature.
    #[error(
        "the signature matches no secret of this endpoint: check the secret, and that the raw body is signed unchanged"
    )]
    Mismatch,
    /// The endpoint has no secret that could be used, so nothing can be believed.
    #[error("no usable signing secret is set for this endpoint: set one")]
    NoSecret,
}

/// The HMAC-SHA256 of the `parts`, one after the other.
#[must_use]
pub fn hmac_sha256(secret: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    // A key of any length is legal for HMAC; the type cannot say so.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else { unreachable!("HMAC takes keys of any length") };
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// The HMAC-SHA256 of the `parts` in lower-case hexadecimal.
#[must_use]
pub fn hmac_hex(secret: &[u8], parts: &[&[u8]]) -> String {
    hex::encode(hmac_sha256(secret, parts))
}

/// The HMAC-SHA256 of the `parts` in base64.
#[must_use]
pub fn hmac_base64(secret: &[u8], parts: &[&[u8]]) -> String {
    STANDARD.encode(hmac_sha256(secret, parts))
}

/// Whether `secret` signs the `parts` as the base64 text `given`; false for anything that is no base64 of 32 bytes.
#[must_use]
pub fn verify_base64(secret: &[u8], parts: &[&[u8]], given: &str) -> bool {
    STANDARD.decode(given).is_ok_and(|given| same(&hmac_sha256(secret, parts), &given))
}

/// Whether `secret` signs the `parts` as the hexadecimal text `given`; false for anything that is no hex of 32 bytes.
#[must_use]
pub fn verify_hex(secret: &[u8], parts: &[&[u8]], given: &str) -> bool {
    hex::decode(given).is_ok_and(|given| same(&hmac_sha256(secret, parts), &given))
}

/// Whether any of the secrets passes `test`. All are tried, so that the time does not tell which one matched;
/// empty secrets are skipped, since anyone can sign with those.
///
/// # Errors
/// [`SignatureError::NoSecret`] without a usable secret, [`SignatureError::Mismatch`] if none passes.
pub fn any_secret(secrets: &[String], test: impl Fn(&[u8]) -> bool) -> Result<(), SignatureError> {
    let usable: Vec<&String> = secrets.iter().filter(|secret| !secret.is_empty()).collect();
    if usable.is_empty() {
        return Err(SignatureError::NoSecret);
    }
    let matched = usable.iter().fold(false, |matched, secret| test(secret.as_bytes()) | matched);
    if matched { Ok(()) } else { Err(SignatureError::Mismatch) }
}

/// The one value of a header that a signature depends on.
///
/// # Errors
/// [`SignatureError::Missing`] if absent or empty; [`SignatureError::Malformed`] if there twice, since then
/// what was checked and what is used could differ.
pub fn single_header<'a>(
    headers: &'a Headers,
    name: &'static str,
    expected: &'static str,
) -> Result<&'a str, SignatureError> {
    let mut values = headers.iter().filter(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim());
    match (values.next(), values.next()) {
        (None | Some(""), None) => Err(SignatureError::Missing { header: name }),
        (Some(value), None) => Ok(value),
        _ => Err(SignatureError::Malformed { header: name, expected }),
    }
}

/// Reads a header of Unix seconds and holds it against `now` with [`TOLERANCE_SECONDS`] both ways.
///
/// # Errors
/// [`SignatureError`] `Missing`, `Malformed`, `TooOld` or `TooNew`.
pub fn fresh_timestamp(headers: &Headers, name: &'static str, now: Timestamp) -> Result<Timestamp, SignatureError> {
    const EXPECTED: &str = "whole Unix seconds";
    let malformed = || SignatureError::Malformed { header: name, expected: EXPECTED };
    let text = single_header(headers, name, EXPECTED)?;
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(malformed());
    }
    let seconds: i64 = text.parse().map_err(|_| malformed())?;
    let signed = Timestamp::from_second(seconds).map_err(|_| malformed())?;
    let age = now.as_second() - seconds;
    if age > TOLERANCE_SECONDS {
        Err(SignatureError::TooOld)
    } else if age < -TOLERANCE_SECONDS {
        Err(SignatureError::TooNew)
    } else {
        Ok(signed)
    }
}

fn same(expected: &[u8; 32], given: &[u8]) -> bool {
    expected.as_slice().ct_eq(given).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_published_example_of_hmac_is_reproduced() {
        // RFC 4231, test case 2.
        let hex = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(hmac_hex(b"Jefe", &[b"what do ya want ", b"for nothing?"]), hex);
        assert!(verify_hex(b"Jefe", &[b"what do ya want for nothing?"], hex));
        assert!(verify_base64(
            b"Jefe",
            &[b"what do ya want for nothing?"],
            "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM="
        ));
    }

    #[test]
    fn a_shortened_lengthened_or_empty_signature_is_refused() {
        let good = hmac_hex(b"k", &[b"body"]);
        for bad in ["", &good[..62], &format!("{good}00"), "zz", &good[1..]] {
            assert!(!verify_hex(b"k", &[b"body"], bad), "{bad}");
        }
        let good = hmac_base64(b"k", &[b"body"]);
        for bad in ["", &good[..40], &good[..43], &format!("{good}{good}"), "🔑"] {
            assert!(!verify_base64(b"k", &[b"body"], bad), "{bad}");
        }
    }

    #[test]
    fn without_a_usable_secret_nothing_is_believed() {
        assert_eq!(any_secret(&[], |_| true), Err(SignatureError::NoSecret));
        assert_eq!(any_secret(&[String::new()], |_| true), Err(SignatureError::NoSecret));
    }

    #[test]
    fn the_old_and_the_new_secret_both_work_during_rotation() {
        let secrets = ["old".to_owned(), "new".to_owned()];
        for secret in ["old", "new"] {
            let given = hmac_hex(secret.as_bytes(), &[b"b"]);
            assert_eq!(any_secret(&secrets, |s| verify_hex(s, &[b"b"], &given)), Ok(()));
        }
        let given = hmac_hex(b"retired", &[b"b"]);
        assert_eq!(any_secret(&secrets, |s| verify_hex(s, &[b"b"], &given)), Err(SignatureError::Mismatch));
    }

    #[test]
    fn a_header_given_twice_is_refused() {
        let headers: Headers = vec![("X-S".into(), "a".into()), ("x-s".into(), "b".into())];
        assert!(matches!(single_header(&headers, "x-s", "hex"), Err(SignatureError::Malformed { .. })));
    }

    proptest! {
        #[test]
        fn any_changed_bit_of_body_or_secret_is_noticed(body in proptest::collection::vec(any::<u8>(), 1..200), at in any::<prop::sample::Index>(), bit in 0..8_u32) {
            let given = hmac_base64(b"secret", &[&body]);
            prop_assert!(verify_base64(b"secret", &[&body], &given));
            let mut other = body.clone();
            other[at.index(body.len())] ^= 1 << bit;
            prop_assert!(!verify_base64(b"secret", &[&other], &given));
            prop_assert!(!verify_base64(b"secreT", &[&body], &given));
        }

        #[test]
        fn a_timestamp_is_accepted_exactly_within_the_tolerance(offset in -1000_i64..1000) {
            let now = Timestamp::from_second(1_800_000_000).unwrap();
            let headers: Headers = vec![("t".into(), (1_800_000_000 + offset).to_string())];
            let result = fresh_timestamp(&headers, "t", now);
            if offset < -TOLERANCE_SECONDS {
                prop_assert_eq!(result, Err(SignatureError::TooOld));
            } else if offset > TOLERANCE_SECONDS {
                prop_assert_eq!(result, Err(SignatureError::TooNew));
            } else {
                prop_assert!(result.is_ok());
            }
        }
    }
}
