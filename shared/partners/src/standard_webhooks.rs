//! Standard Webhooks (`webhook-id`, `webhook-timestamp`, `webhook-signature`): our own API's signature, both ways.
//!
//! Signed is `<id>.<timestamp>.<raw body>`; the signature header holds one or more `v1,<base64>` separated by space,
//! so that a sender can sign with the old and the new secret while it rotates.

use crate::http::Headers;
use crate::signature::{SignatureError, any_secret, fresh_timestamp, hmac_base64, single_header, verify_base64};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::Timestamp;

/// Header: the message's id, the same on every attempt.
pub const ID: &str = "webhook-id";
/// Header: Unix seconds of the attempt.
pub const TIMESTAMP: &str = "webhook-timestamp";
/// Header: the signatures.
pub const SIGNATURE: &str = "webhook-signature";

const SECRET_PREFIX: &str = "whsec_";
/// Longest `webhook-id` accepted, in bytes: it becomes part of a key.
const ID_BYTES_MAX: usize = 200;
/// Most signatures looked at in one header.
const SIGNATURES_MAX: usize = 10;

/// What a verified message says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The message's id: equal ids are one message.
    pub id: String,
    /// When this attempt was signed.
    pub signed_at: Timestamp,
}

/// Why a secret cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a signing secret is `whsec_` followed by the base64 of 24 to 64 bytes")]
pub struct SecretError;

/// The secret's key bytes.
///
/// # Errors
/// [`SecretError`] unless the text is `whsec_` and the base64 of 24 to 64 bytes.
pub fn secret_bytes(secret: &str) -> Result<Vec<u8>, SecretError> {
    let encoded = secret.strip_prefix(SECRET_PREFIX).ok_or(SecretError)?;
    let key = STANDARD.decode(encoded).map_err(|_| SecretError)?;
    if (24..=64).contains(&key.len()) { Ok(key) } else { Err(SecretError) }
}

/// The secret of these key bytes as text, for showing it once to its owner.
#[must_use]
pub fn secret_text(key: &[u8]) -> String {
    format!("{SECRET_PREFIX}{}", STANDARD.encode(key))
}

/// The three headers of a message signed with every one of `secrets` (two during a rotation).
///
/// # Errors
/// [`SecretError`] if a secret cannot be used.
pub fn sign(secrets: &[String], id: &str, at: Timestamp, body: &[u8]) -> Result<Headers, SecretError> {
    let timestamp = at.as_second().to_string();
    let mut signatures = Vec::new();
    for secret in secrets {
        let key = secret_bytes(secret)?;
        signatures.push(format!("v1,{}", hmac_base64(&key, &signed_parts(id, &timestamp, body))));
    }
    Ok(vec![(ID.into(), id.into()), (TIMESTAMP.into(), timestamp), (SIGNATURE.into(), signatures.join(" "))])
}

/// Verifies a message against `secrets`: any signature by any secret suffices; other versions than `v1` are skipped.
///
/// # Errors
/// [`SignatureError`], fail closed: also when a header is there twice, or when no secret is usable.
pub fn verify(secrets: &[String], headers: &Headers, body: &[u8], now: Timestamp) -> Result<Verified, SignatureError> {
    const ID_FORM: &str = "1 to 200 printable ASCII characters without a dot";
    const SIGNATURE_FORM: &str = "`v1,<base64>`, several separated by space";
    let id = single_header(headers, ID, ID_FORM)?;
    if id.len() > ID_BYTES_MAX || !id.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'.') {
        // A dot separates the signed parts: with one in the id, two messages could share a signature.
        return Err(SignatureError::Malformed { header: ID, expected: ID_FORM });
    }
    let signatures = single_header(headers, SIGNATURE, SIGNATURE_FORM)?;
    let given: Vec<&str> =
        signatures.split_ascii_whitespace().take(SIGNATURES_MAX).filter_map(|part| part.strip_prefix("v1,")).collect();
    if given.is_empty() {
        return Err(SignatureError::Malformed { header: SIGNATURE, expected: SIGNATURE_FORM });
    }
    let signed_at = fresh_timestamp(headers, TIMESTAMP, now)?;
    let timestamp = single_header(headers, TIMESTAMP, "whole Unix seconds")?;
    let usable: Vec<String> = secrets.iter().filter(|secret| secret_bytes(secret).is_ok()).cloned().collect();
    let parts = signed_parts(id, timestamp, body);
    any_secret(&usable, |secret| {
        let key = std::str::from_utf8(secret).ok().and_then(|text| secret_bytes(text).ok());
        key.is_some_and(|key| given.iter().fold(false, |matched, given| verify_base64(&key, &parts, given) | matched))
    })?;
    Ok(Verified { id: id.to_owned(), signed_at })
}

fn signed_parts<'a>(id: &'a str, timestamp: &'a str, body: &'a [u8]) -> [&'a [u8]; 5] {
    [id.as_bytes(), b".", timestamp.as_bytes(), b".", body]
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const BODY: &[u8] = br#"{"test": 2432232314}"#;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn secrets(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    fn signed() -> Headers {
        sign(&secrets(&[SECRET]), "msg_p5jXN8AQM9LWM0D4loKWxJek", at(1_614_265_330), BODY).unwrap()
    }

    fn with(name: &str, value: &str) -> Headers {
        let mut headers: Headers = signed().into_iter().filter(|(own, _)| own != name).collect();
        headers.push((name.to_owned(), value.to_owned()));
        headers
    }

    fn check(headers: &Headers, body: &[u8]) -> Result<Verified, SignatureError> {
        verify(&secrets(&[SECRET]), headers, body, at(1_614_265_330))
    }

    #[test]
    fn the_published_example_is_reproduced() {
        // The worked example that implementations of Standard Webhooks share.
        assert_eq!(signed()[2].1, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert_eq!(check(&signed(), BODY).unwrap().id, "msg_p5jXN8AQM9LWM0D4loKWxJek");
    }

    #[test]
    fn every_header_is_needed() {
        for name in [ID, TIMESTAMP, SIGNATURE] {
            let without: Headers = signed().into_iter().filter(|(own, _)| own != name).collect();
            assert_eq!(check(&without, BODY), Err(SignatureError::Missing { header: name }));
            assert_eq!(check(&with(name, ""), BODY), Err(SignatureError::Missing { header: name }));
            let mut twice = signed();
            twice.push((name.to_uppercase(), "x".into()));
            assert!(matches!(check(&twice, BODY), Err(SignatureError::Malformed { .. })), "{name} twice");
        }
    }

    #[test]
    fn id_timestamp_and_body_are_all_signed() {
        assert_eq!(check(&with(ID, "msg_other"), BODY), Err(SignatureError::Mismatch));
        assert_eq!(check(&with(TIMESTAMP, "1614265331"), BODY), Err(SignatureError::Mismatch));
        assert_eq!(check(&signed(), br#"{"test":2432232314}"#), Err(SignatureError::Mismatch));
    }

    #[test]
    fn the_parts_cannot_be_shifted_by_a_dot_in_the_id() {
        assert!(matches!(check(&with(ID, "msg.1614265330"), BODY), Err(SignatureError::Malformed { header: ID, .. })));
    }

    #[test]
    fn a_message_is_refused_outside_five_minutes_either_way() {
        let verify_at = |second| verify(&secrets(&[SECRET]), &signed(), BODY, at(second)).map(|_| ());
        assert_eq!(verify_at(1_614_265_330 + 300), Ok(()));
        assert_eq!(verify_at(1_614_265_330 + 301), Err(SignatureError::TooOld));
        assert_eq!(verify_at(1_614_265_330 - 300), Ok(()));
        assert_eq!(verify_at(1_614_265_330 - 301), Err(SignatureError::TooNew));
    }

    #[test]
    fn odd_timestamps_are_malformed() {
        for text in
            ["1614265330.5", "-1614265330", "+1614265330", "2021-02-25", "99999999999999999999", "9223372036854775807"]
        {
            let result = check(&with(TIMESTAMP, text), BODY);
            assert!(matches!(result, Err(SignatureError::Malformed { header: TIMESTAMP, .. })), "{text}: {result:?}");
        }
    }

    #[test]
    fn signatures_of_other_versions_do_not_count() {
        let good = &signed()[2].1;
        let other = good.replacen("v1,", "v2,", 1);
        assert!(matches!(check(&with(SIGNATURE, &other), BODY), Err(SignatureError::Malformed { .. })));
        assert!(matches!(
            check(&with(SIGNATURE, good.trim_start_matches("v1,")), BODY),
            Err(SignatureError::Malformed { .. })
        ));
        assert!(check(&with(SIGNATURE, &format!("v1a,xx v1,AAAA {good}")), BODY).is_ok());
    }

    #[test]
    fn both_sides_may_rotate() {
        let other = secret_text(&[7; 24]);
        let both = secrets(&[SECRET, &other]);
        let headers = sign(&both, "msg_1", at(0), BODY).unwrap();
        for secret in &both {
            assert!(verify(std::slice::from_ref(secret), &headers, BODY, at(0)).is_ok());
        }
        let headers = sign(&secrets(&[&other]), "msg_1", at(0), BODY).unwrap();
        assert!(verify(&both, &headers, BODY, at(0)).is_ok());
        assert_eq!(verify(&secrets(&[SECRET]), &headers, BODY, at(0)), Err(SignatureError::Mismatch));
    }

    #[test]
    fn unusable_secrets_believe_nothing() {
        for bad in ["", "whsec_", "whsec_AAAA", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_!!!"] {
            assert_eq!(secret_bytes(bad), Err(SecretError), "{bad}");
            assert_eq!(
                verify(&secrets(&[bad]), &signed(), BODY, at(1_614_265_330)),
                Err(SignatureError::NoSecret),
                "{bad}"
            );
        }
        assert_eq!(verify(&[], &signed(), BODY, at(1_614_265_330)), Err(SignatureError::NoSecret));
    }
}
