//! Links signed in their query (Signature Version 4): expiry and signature.

use hmac::{Hmac, Mac};
use http::StatusCode;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::answer::S3Error;
use super::request::{Parsed, encode, unreserved};

/// The one key pair whose presigned links are good.
#[derive(Clone)]
pub struct Credentials {
    /// The key's public name.
    pub access_key_id: String,
    /// The key.
    pub secret_access_key: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// A week, the longest that S3 allows.
const EXPIRES_S_MAX: u64 = 7 * 24 * 60 * 60;

/// How far ahead of ours the signer's clock may be.
const SKEW_MS_MAX: u64 = 15 * 60 * 1000;

/// Lets a request in or refuses it. Without credentials only a presigned link's times are checked.
pub(super) fn check(request: &Parsed, credentials: Option<&Credentials>, now_ms: u64) -> Result<(), S3Error> {
    let presigned = request.query.iter().any(|(name, _)| name.to_ascii_lowercase().starts_with("x-amz-"));
    if !presigned {
        if credentials.is_some() && request.header("authorization").is_none() {
            return Err(S3Error::denied("Access Denied"));
        }
        return Ok(());
    }
    let parameter = |name: &str| {
        let mut values = request.query.iter().filter(|(n, _)| n == name).map(|(_, v)| v);
        match (values.next(), values.next()) {
            (Some(value), None) => Ok(value.as_str()),
            _ => Err(S3Error::new(
                StatusCode::BAD_REQUEST,
                "AuthorizationQueryParametersError",
                format!("A presigned link needs {name} exactly once."),
            )),
        }
    };
    if parameter("X-Amz-Algorithm")? != ALGORITHM {
        return Err(S3Error::denied("X-Amz-Algorithm must be AWS4-HMAC-SHA256"));
    }
    let date = parameter("X-Amz-Date")?;
    let signed_ms = instant_ms(date)?;
    let expires_s: u64 = parameter("X-Amz-Expires")?
        .parse()
        .ok()
        .filter(|s| (1..=EXPIRES_S_MAX).contains(s))
        .ok_or_else(|| S3Error::denied("X-Amz-Expires must be 1 to 604800 seconds"))?;
    if now_ms > signed_ms.saturating_add(expires_s * 1000) {
        return Err(S3Error::denied("Request has expired"));
    }
    if signed_ms > now_ms.saturating_add(SKEW_MS_MAX) {
        return Err(S3Error::denied("Request is not yet valid"));
    }
    let signature = parameter("X-Amz-Signature")?;
    let credential = parameter("X-Amz-Credential")?;
    let signed_headers = parameter("X-Amz-SignedHeaders")?;
    match credentials {
        Some(keys) => verify(request, keys, date, credential, signed_headers, signature),
        None => Ok(()),
    }
}

/// `20260102T030405Z`, read strictly.
fn instant_ms(date: &str) -> Result<u64, S3Error> {
    jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", date)
        .and_then(|civil| civil.to_zoned(jiff::tz::TimeZone::UTC))
        .ok()
        .and_then(|instant| u64::try_from(instant.timestamp().as_millisecond()).ok())
        .ok_or_else(|| S3Error::denied("X-Amz-Date must be in the ISO8601 form YYYYMMDDTHHMMSSZ"))
}

fn verify(
    request: &Parsed,
    keys: &Credentials,
    date: &str,
    credential: &str,
    signed_headers: &str,
    signature: &str,
) -> Result<(), S3Error> {
    let parts: Vec<_> = credential.split('/').collect();
    let [key_id, day, region, service, terminator] = parts[..] else {
        return Err(S3Error::denied("X-Amz-Credential is malformed"));
    };
    if key_id != keys.access_key_id {
        return Err(S3Error::new(
            StatusCode::FORBIDDEN,
            "InvalidAccessKeyId",
            "The AWS Access Key Id you provided does not exist in our records.",
        ));
    }
    if service != "s3" || terminator != "aws4_request" || !date.starts_with(day) || day.len() != 8 {
        return Err(S3Error::denied("X-Amz-Credential is malformed"));
    }
    // A signature that leaves the host out could be used against another one.
    if !signed_headers.split(';').any(|name| name == "host") {
        return Err(S3Error::denied("X-Amz-SignedHeaders must contain host"));
    }
    let canonical = canonical_request(request, signed_headers);
    let text = format!(
        "{ALGORITHM}\n{date}\n{day}/{region}/{service}/{terminator}\n{}",
        hex::encode(Sha256::digest(canonical))
    );
    let mut key = format!("AWS4{}", keys.secret_access_key).into_bytes();
    for part in [day, region, service, terminator] {
        key = mac(&key, part)?;
    }
    let expected = hex::encode(mac(&key, &text)?);
    if bool::from(expected.as_bytes().ct_eq(signature.as_bytes())) {
        Ok(())
    } else {
        Err(S3Error::new(
            StatusCode::FORBIDDEN,
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided.",
        ))
    }
}

fn canonical_request(request: &Parsed, signed_headers: &str) -> String {
    let mut query: Vec<_> = request
        .query
        .iter()
        .filter(|(name, _)| name != "X-Amz-Signature")
        .map(|(name, value)| (encode(name, unreserved), encode(value, unreserved)))
        .collect();
    query.sort();
    let query: Vec<_> = query.iter().map(|(n, v)| format!("{n}={v}")).collect();
    let mut headers = String::new();
    for name in signed_headers.split(';') {
        let value = if name == "host" {
            request.host.clone().unwrap_or_default()
        } else {
            let values: Vec<_> = request
                .headers
                .get_all(name)
                .iter()
                .filter_map(|value| value.to_str().ok())
                .map(|value| value.split_whitespace().collect::<Vec<_>>().join(" "))
                .collect();
            values.join(",")
        };
        headers.push_str(&format!("{name}:{value}\n"));
    }
    let payload = request.header("x-amz-content-sha256").unwrap_or("UNSIGNED-PAYLOAD");
    format!("{}\n{}\n{}\n{headers}\n{signed_headers}\n{payload}", request.method, request.raw_path, query.join("&"),)
}

fn mac(key: &[u8], text: &str) -> Result<Vec<u8>, S3Error> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).map_err(S3Error::internal)?;
    mac.update(text.as_bytes());
    Ok(mac.finalize().into_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    /// The worked example of S3's documentation of query authentication.
    const EXAMPLE: &str = "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
    const SIGNED_MS: u64 = 1_369_353_600_000;

    fn keys() -> Credentials {
        Credentials {
            access_key_id: "AKIAIOSFODNN7EXAMPLE".into(),
            secret_access_key: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".into(),
        }
    }

    fn outcome(uri: &str, keys: Option<&Credentials>, now_ms: u64) -> Result<(), &'static str> {
        let request = Request::get(uri).body(Vec::new()).unwrap();
        check(&Parsed::of(&request).unwrap(), keys, now_ms).map_err(|error| error.code)
    }

    #[test]
    fn the_documented_example_is_accepted_until_it_expires() {
        let day_ms = 86_400_000;
        assert_eq!(outcome(EXAMPLE, Some(&keys()), SIGNED_MS), Ok(()));
        assert_eq!(outcome(EXAMPLE, Some(&keys()), SIGNED_MS + day_ms), Ok(()));
        let late = SIGNED_MS + day_ms + 1;
        assert_eq!(outcome(EXAMPLE, Some(&keys()), late), Err("AccessDenied"));
        assert_eq!(outcome(EXAMPLE, None, late), Err("AccessDenied"));
        let early = SIGNED_MS - 900_001;
        assert_eq!(outcome(EXAMPLE, Some(&keys()), early), Err("AccessDenied"));
    }

    #[test]
    fn any_change_breaks_the_signature() {
        for (from, to) in [
            ("test.txt", "test.txu"),
            ("Expires=86400", "Expires=86401"),
            ("us-east-1", "us-east-2"),
            ("404", "405"),
            ("examplebucket", "otherbucket"),
            ("SignedHeaders=host", "SignedHeaders=host&response-content-type=a"),
        ] {
            let changed = EXAMPLE.replacen(from, to, 1);
            assert_ne!(changed, EXAMPLE);
            assert_eq!(outcome(&changed, Some(&keys()), SIGNED_MS), Err("SignatureDoesNotMatch"), "{to}");
        }
    }

    #[test]
    fn a_link_without_all_its_parts_is_refused() {
        let (address, query) = EXAMPLE.split_once('?').unwrap();
        let parts: Vec<_> = query.split('&').collect();
        for missing in 0..parts.len() {
            let mut left = parts.clone();
            left.remove(missing);
            let uri = format!("{address}?{}", left.join("&"));
            assert!(outcome(&uri, Some(&keys()), SIGNED_MS).is_err(), "{uri}");
            assert!(outcome(&uri, None, SIGNED_MS).is_err(), "{uri}");
        }
        assert_eq!(outcome(address, Some(&keys()), SIGNED_MS), Err("AccessDenied"));
        assert_eq!(outcome(address, None, SIGNED_MS), Ok(()));
    }
}
