//! A put's body: plain, or in the chunks with a trailing checksum that today's SDKs send; checksums verified.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use sha2::{Digest, Sha256};

use super::answer::S3Error;
use super::request::Parsed;

const CHECKSUMS: &[&str] = &["x-amz-checksum-crc32", "x-amz-checksum-sha256"];

/// The object's bytes, and the checksum (header name, value) that came with them, verified.
pub(super) fn read(request: &Parsed, body: &[u8]) -> Result<(Vec<u8>, Option<(String, String)>), S3Error> {
    let streamed = request.header("x-amz-content-sha256").is_some_and(|hash| hash.starts_with("STREAMING-"))
        || request
            .header("content-encoding")
            .is_some_and(|encoding| encoding.split(',').any(|e| e.trim() == "aws-chunked"));
    let (bytes, trailers) = if streamed { dechunk(body)? } else { (body.to_vec(), Vec::new()) };
    if let Some(length) = request.header("x-amz-decoded-content-length")
        && length.parse() != Ok(bytes.len())
    {
        return Err(incomplete("The body is not as long as x-amz-decoded-content-length says."));
    }
    let sent = |name: &str| {
        let trailer = trailers.iter().find(|(n, _)| n == name).map(|(_, v)| v);
        trailer.map(String::as_str).or_else(|| request.header(name))
    };
    let mut verified = None;
    for name in CHECKSUMS {
        if let Some(value) = sent(name) {
            if value != checksum(name, &bytes) {
                return Err(S3Error::new(
                    StatusCode::BAD_REQUEST,
                    "BadDigest",
                    format!("The {name} you specified did not match the body."),
                ));
            }
            verified = Some(((*name).to_owned(), value.to_owned()));
        }
    }
    Ok((bytes, verified))
}

fn checksum(name: &str, bytes: &[u8]) -> String {
    match name {
        "x-amz-checksum-sha256" => STANDARD.encode(Sha256::digest(bytes)),
        _ => STANDARD.encode(crc32fast::hash(bytes).to_be_bytes()),
    }
}

type Trailers = Vec<(String, String)>;

/// `<hex length>[;extension]\r\n<bytes>\r\n`…, a chunk of length 0, then trailing headers.
fn dechunk(mut body: &[u8]) -> Result<(Vec<u8>, Trailers), S3Error> {
    let mut bytes = Vec::with_capacity(body.len());
    loop {
        let line = take_line(&mut body)?;
        let length = line.split(';').next().unwrap_or_default().trim();
        let length = usize::from_str_radix(length, 16)
            .map_err(|_| incomplete("A chunk's length is not a hexadecimal number."))?;
        if length == 0 {
            break;
        }
        let (chunk, rest) = body.split_at_checked(length).ok_or_else(|| incomplete("The last chunk is cut off."))?;
        bytes.extend_from_slice(chunk);
        body = rest.strip_prefix(b"\r\n").ok_or_else(|| incomplete("A chunk is longer than it says."))?;
    }
    let mut trailers = Vec::new();
    while !body.is_empty() {
        let line = take_line(&mut body)?;
        if let Some((name, value)) = line.split_once(':') {
            trailers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    Ok((bytes, trailers))
}

fn take_line<'a>(body: &mut &'a [u8]) -> Result<&'a str, S3Error> {
    let end =
        body.windows(2).position(|pair| pair == b"\r\n").ok_or_else(|| incomplete("A chunk's header is cut off."))?;
    let line = std::str::from_utf8(&body[..end]).map_err(|_| incomplete("A chunk's header is not text."))?;
    *body = &body[end + 2..];
    Ok(line)
}

fn incomplete(message: &str) -> S3Error {
    S3Error::new(StatusCode::BAD_REQUEST, "IncompleteBody", message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;
    use proptest::prelude::*;

    fn put(headers: &[(&str, &str)]) -> Request<Vec<u8>> {
        let mut request = Request::put("/b/k");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(Vec::new()).unwrap()
    }

    fn chunked(parts: &[Vec<u8>], trailer: &str) -> Vec<u8> {
        let mut out = Vec::new();
        for part in parts.iter().filter(|p| !p.is_empty()) {
            out.extend(format!("{:x};chunk-signature=00\r\n", part.len()).bytes());
            out.extend(part);
            out.extend(b"\r\n");
        }
        out.extend(format!("0\r\n{trailer}\r\n").bytes());
        out
    }

    proptest! {
        #[test]
        fn chunks_are_put_together(parts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..5)) {
            let whole = parts.concat();
            let crc = checksum("x-amz-checksum-crc32", &whole);
            let body = chunked(&parts, &format!("x-amz-checksum-crc32:{crc}\r\n"));
            let request = put(&[("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER")]);
            let (bytes, kept) = read(&Parsed::of(&request).unwrap(), &body).unwrap();
            prop_assert_eq!(bytes, whole);
            prop_assert_eq!(kept, Some(("x-amz-checksum-crc32".to_owned(), crc)));
        }

        #[test]
        fn no_body_makes_the_reader_panic(body in proptest::collection::vec(any::<u8>(), 0..60)) {
            let request = put(&[("content-encoding", "aws-chunked")]);
            let _ = read(&Parsed::of(&request).unwrap(), &body);
        }
    }

    #[test]
    fn a_wrong_checksum_is_refused() {
        let request = put(&[("x-amz-checksum-crc32", "AAAAAA==")]);
        let error = read(&Parsed::of(&request).unwrap(), b"hello").unwrap_err();
        assert_eq!(error.code, "BadDigest");
    }

    #[test]
    fn a_short_body_is_refused() {
        let request = put(&[("x-amz-decoded-content-length", "6")]);
        assert!(read(&Parsed::of(&request).unwrap(), b"hello").is_err());
    }
}
