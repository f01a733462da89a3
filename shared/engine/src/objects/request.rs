//! A REST request taken apart: bucket, key, query.

use http::{HeaderMap, Method, Request};

use super::answer::S3Error;

/// What the handler needs of a request.
pub(super) struct Parsed<'a> {
    pub(super) method: &'a Method,
    /// The path as sent, percent-encoded.
    pub(super) raw_path: &'a str,
    pub(super) bucket: Option<String>,
    pub(super) key: Option<String>,
    /// Decoded names and values, in the order sent.
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: &'a HeaderMap,
    /// Host and port as the caller addressed them.
    pub(super) host: Option<String>,
}

impl<'a> Parsed<'a> {
    pub(super) fn of(request: &'a Request<Vec<u8>>) -> Result<Self, S3Error> {
        let uri = request.uri();
        let path = uri.path().strip_prefix('/').unwrap_or(uri.path());
        let (bucket, key) = match path.split_once('/') {
            Some((bucket, key)) => (bucket, decode(key)?),
            None => (path, String::new()),
        };
        let bucket = decode(bucket)?;
        let query = uri
            .query()
            .unwrap_or_default()
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                Ok((decode(name)?, decode(value)?))
            })
            .collect::<Result<_, S3Error>>()?;
        let host = request
            .headers()
            .get(http::header::HOST)
            .and_then(|host| host.to_str().ok())
            .map(str::to_owned)
            .or_else(|| uri.authority().map(|a| a.as_str().to_owned()));
        Ok(Self {
            method: request.method(),
            raw_path: uri.path(),
            bucket: Some(bucket).filter(|b| !b.is_empty()),
            key: Some(key).filter(|k| !k.is_empty()),
            query,
            headers: request.headers(),
            host,
        })
    }

    /// The first value of a query parameter.
    pub(super) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// A header as text; one that is no text counts as absent.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// Undoes percent-encoding.
pub(super) fn decode(text: &str) -> Result<String, S3Error> {
    let bad = || S3Error::invalid("The URL is not valid percent-encoded UTF-8.");
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let pair = [bytes.next().ok_or_else(bad)?, bytes.next().ok_or_else(bad)?];
            let mut decoded = [0];
            hex::decode_to_slice(pair, &mut decoded).map_err(|_| bad())?;
            out.push(decoded[0]);
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).map_err(|_| bad())
}

/// Percent-encodes all but what `keep` names (bytes).
pub(super) fn encode(text: &str, keep: impl Fn(u8) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if keep(byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push_str(&hex::encode_upper([byte]));
        }
    }
    out
}

/// What a signature and a listing leave as it is: RFC 3986's unreserved characters.
pub(super) fn unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn decoding_undoes_encoding(text in "\\PC*") {
            prop_assert_eq!(decode(&encode(&text, unreserved)).unwrap(), text);
        }
    }

    #[test]
    fn broken_encodings_are_refused() {
        for text in ["%", "%a", "%zz", "%ff"] {
            assert!(decode(text).is_err(), "{text}");
        }
    }
}
