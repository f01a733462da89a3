//! Which operation a REST request is, and what it does.

use std::collections::BTreeMap;

use http::{HeaderMap, Method, Request, Response, StatusCode};
use sha2::{Digest, Sha256};

use super::answer::{S3Error, empty, set};
use super::request::Parsed;
use super::store::{Metadata, Object};
use super::{Credentials, Objects, body, listing, presign};

type Answer = Result<Response<Vec<u8>>, S3Error>;

const KEY_BYTES_MAX: usize = 1024;

/// Headers of a put that a get gives back.
const KEPT: &[&str] = &["content-type", "content-disposition", "content-language", "cache-control", "expires"];

pub(super) fn handle(
    objects: &Objects,
    request: &Request<Vec<u8>>,
    credentials: Option<&Credentials>,
) -> Response<Vec<u8>> {
    let head = request.method() == Method::HEAD;
    let answer = Parsed::of(request).and_then(|parsed| {
        presign::check(&parsed, credentials, objects.clock.now_ms())?;
        route(objects, &parsed, request.body())
    });
    answer.unwrap_or_else(|error| error.respond(request.uri().path(), head))
}

pub(crate) fn access_denied(request: &Request<Vec<u8>>, reason: &str) -> Response<Vec<u8>> {
    S3Error::denied(reason).respond(request.uri().path(), request.method() == Method::HEAD)
}

fn route(objects: &Objects, request: &Parsed, sent: &[u8]) -> Answer {
    // Each of these is an operation of its own on the same path: never take it for the plain one.
    const SUB_RESOURCES: &[&str] = &[
        "acl",
        "cors",
        "delete",
        "encryption",
        "lifecycle",
        "location",
        "logging",
        "notification",
        "object-lock",
        "ownershipControls",
        "partNumber",
        "policy",
        "publicAccessBlock",
        "replication",
        "restore",
        "retention",
        "select",
        "tagging",
        "uploadId",
        "uploads",
        "versionId",
        "versioning",
        "versions",
        "website",
    ];
    if let Some((name, _)) = request.query.iter().find(|(name, _)| SUB_RESOURCES.contains(&name.as_str())) {
        return Err(S3Error::not_implemented(&format!("?{name}")));
    }
    if request.header("x-amz-copy-source").is_some() {
        return Err(S3Error::not_implemented("CopyObject"));
    }
    let count = |operation| objects.meter.s3(operation);
    let Some(bucket) = request.bucket.as_deref() else {
        if request.method != Method::GET {
            return Err(method_not_allowed());
        }
        count("ListBuckets");
        return listing::buckets(&objects.store);
    };
    check_bucket(bucket)?;
    let Some(key) = request.key.as_deref() else {
        return match *request.method {
            Method::PUT => {
                count("CreateBucket");
                create_bucket(objects, bucket)
            }
            Method::HEAD => {
                count("HeadBucket");
                known_bucket(objects, bucket).map(|()| empty(StatusCode::OK))
            }
            Method::GET => {
                count("ListObjectsV2");
                listing::objects(&objects.store, request, bucket)
            }
            Method::DELETE => Err(S3Error::not_implemented("DeleteBucket")),
            _ => Err(method_not_allowed()),
        };
    };
    if key.len() > KEY_BYTES_MAX {
        return Err(S3Error::new(StatusCode::BAD_REQUEST, "KeyTooLongError", "Your key is too long"));
    }
    match *request.method {
        Method::PUT => {
            count("PutObject");
            put(objects, request, bucket, key, sent)
        }
        Method::GET => {
            count("GetObject");
            get(objects, request, bucket, key)
        }
        Method::HEAD => {
            count("HeadObject");
            known_bucket(objects, bucket)?;
            let metadata = objects.store.head(bucket, key)?;
            let mut response = empty(StatusCode::OK);
            let length = metadata.length;
            describe(request, response.headers_mut(), &metadata)?;
            set(response.headers_mut(), "content-length", &length.to_string())?;
            Ok(response)
        }
        Method::DELETE => {
            count("DeleteObject");
            objects.store.delete(bucket, key)?;
            Ok(empty(StatusCode::NO_CONTENT))
        }
        _ => Err(method_not_allowed()),
    }
}

fn create_bucket(objects: &Objects, bucket: &str) -> Answer {
    if !objects.store.create_bucket(bucket)? {
        return Err(S3Error::new(
            StatusCode::CONFLICT,
            "BucketAlreadyOwnedByYou",
            "Your previous request to create the named bucket succeeded and you already own it.",
        ));
    }
    let mut response = empty(StatusCode::OK);
    set(response.headers_mut(), "location", &format!("/{bucket}"))?;
    Ok(response)
}

fn put(objects: &Objects, request: &Parsed, bucket: &str, key: &str, sent: &[u8]) -> Answer {
    known_bucket(objects, bucket)?;
    let only_if_new = match request.header("if-none-match") {
        None => false,
        Some("*") => true,
        Some(_) => return Err(S3Error::not_implemented("If-None-Match but *")),
    };
    if request.headers.contains_key("if-match") {
        return Err(S3Error::not_implemented("If-Match on a put"));
    }
    let (bytes, checksum) = body::read(request, sent)?;
    let mut headers = BTreeMap::new();
    for (name, value) in request.headers {
        let name = name.as_str();
        if KEPT.contains(&name) || name.starts_with("x-amz-meta-") {
            let value = value.to_str().map_err(|_| S3Error::invalid(format!("{name}: use printable ASCII")))?;
            headers.insert(name.to_owned(), value.to_owned());
        }
    }
    // The chunks are how it was sent, not what it is.
    let encodings: Vec<_> = request
        .header("content-encoding")
        .unwrap_or_default()
        .split(',')
        .map(str::trim)
        .filter(|encoding| !encoding.is_empty() && *encoding != "aws-chunked")
        .collect();
    if !encodings.is_empty() {
        headers.insert("content-encoding".to_owned(), encodings.join(","));
    }
    let mut response = empty(StatusCode::OK);
    if let Some((name, value)) = checksum {
        set(response.headers_mut(), &name, &value)?;
        headers.insert(name, value);
    }
    let etag = hex::encode(&Sha256::digest(&bytes)[..16]);
    set(response.headers_mut(), "etag", &format!("\"{etag}\""))?;
    let metadata = Metadata {
        key: key.to_owned(),
        length: bytes.len() as u64,
        modified_ms: objects.clock.now_ms(),
        etag,
        headers,
    };
    if !objects.store.put(bucket, Object { metadata, bytes }, only_if_new)? {
        return Err(S3Error::new(
            StatusCode::PRECONDITION_FAILED,
            "PreconditionFailed",
            "At least one of the pre-conditions you specified did not hold",
        ));
    }
    Ok(response)
}

fn get(objects: &Objects, request: &Parsed, bucket: &str, key: &str) -> Answer {
    let Object { metadata, bytes } = objects.store.get(bucket, key)?;
    let range = match request.header("range") {
        Some(text) => range(text, bytes.len())?,
        None => None,
    };
    let mut response = match range {
        Some((first, last)) => {
            let mut response = Response::new(bytes[first..=last].to_vec());
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            let total = bytes.len();
            set(response.headers_mut(), "content-range", &format!("bytes {first}-{last}/{total}"))?;
            response
        }
        None => Response::new(bytes),
    };
    let length = response.body().len();
    let headers = response.headers_mut();
    describe(request, headers, &metadata)?;
    if range.is_some() {
        // The checksum is that of the whole.
        headers.remove("x-amz-checksum-crc32");
        headers.remove("x-amz-checksum-sha256");
    }
    set(headers, "content-length", &length.to_string())?;
    for name in ["content-type", "content-disposition", "cache-control"] {
        if let Some(value) = request.query(&format!("response-{name}")) {
            set(headers, name, value)?;
        }
    }
    Ok(response)
}

/// The first and last byte asked for; `None` where the header is not one range of bytes, which HTTP ignores.
fn range(text: &str, length: usize) -> Result<Option<(usize, usize)>, S3Error> {
    let Some((first, last)) = text.strip_prefix("bytes=").and_then(|r| r.split_once('-')) else {
        return Ok(None);
    };
    let unsatisfiable =
        || S3Error::new(StatusCode::RANGE_NOT_SATISFIABLE, "InvalidRange", "The requested range is not satisfiable");
    let found = match (first.parse::<usize>(), last.parse::<usize>()) {
        (Ok(first), Ok(last)) if first <= last => (first, last.min(length.saturating_sub(1))),
        (Ok(first), Err(_)) if last.is_empty() => (first, length.saturating_sub(1)),
        (Err(_), Ok(suffix)) if first.is_empty() && suffix > 0 => {
            (length.saturating_sub(suffix), length.saturating_sub(1))
        }
        (Err(_), Ok(0)) if first.is_empty() => return Err(unsatisfiable()),
        _ => return Ok(None),
    };
    if found.0 >= length {
        return Err(unsatisfiable());
    }
    Ok(Some(found))
}

fn describe(request: &Parsed, headers: &mut HeaderMap, metadata: &Metadata) -> Result<(), S3Error> {
    set(headers, "content-type", "binary/octet-stream")?;
    for (name, value) in &metadata.headers {
        let checksum = name.starts_with("x-amz-checksum-");
        if !checksum || request.header("x-amz-checksum-mode") == Some("ENABLED") {
            set(headers, name, value)?;
        }
    }
    set(headers, "etag", &format!("\"{}\"", metadata.etag))?;
    set(headers, "accept-ranges", "bytes")?;
    set(headers, "last-modified", &listing::http_date(metadata.modified_ms)?)
}

fn known_bucket(objects: &Objects, bucket: &str) -> Result<(), S3Error> {
    if objects.store.has_bucket(bucket) { Ok(()) } else { Err(S3Error::no_such_bucket()) }
}

/// Bucket names are directory names too, so nothing but S3's own alphabet gets through.
fn check_bucket(bucket: &str) -> Result<(), S3Error> {
    let edge = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let valid = (3..=63).contains(&bucket.len())
        && bucket.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.'))
        && edge(bucket.bytes().next())
        && edge(bucket.bytes().last())
        && !bucket.contains("..");
    if valid {
        Ok(())
    } else {
        Err(S3Error::new(StatusCode::BAD_REQUEST, "InvalidBucketName", "The specified bucket is not valid."))
    }
}

fn method_not_allowed() -> S3Error {
    S3Error::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "MethodNotAllowed",
        "The specified method is not allowed against this resource.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_http_has_them() {
        let check = |text: &str, expect: Option<(usize, usize)>| {
            assert_eq!(range(text, 10).unwrap(), expect, "{text}");
        };
        check("bytes=0-3", Some((0, 3)));
        check("bytes=7-", Some((7, 9)));
        check("bytes=-4", Some((6, 9)));
        check("bytes=-40", Some((0, 9)));
        check("bytes=2-99", Some((2, 9)));
        check("bytes=3-1", None);
        check("bytes=0-1,4-5", None);
        check("lines=1-2", None);
        for text in ["bytes=10-", "bytes=-0"] {
            assert_eq!(range(text, 10).unwrap_err().code, "InvalidRange", "{text}");
        }
        assert!(range("bytes=0-", 0).is_err());
    }

    #[test]
    fn a_bucket_name_is_a_plain_name() {
        for good in ["docs", "a.b-c", "123"] {
            assert!(check_bucket(good).is_ok(), "{good}");
        }
        for bad in ["..", "a", "A-b", "a..b", "-ab", "ab.", "a/b", ""] {
            assert!(check_bucket(bad).is_err(), "{bad}");
        }
    }
}
