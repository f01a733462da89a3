//! `ListObjectsV2` and `ListBuckets`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{Response, StatusCode};

use super::answer::{S3Error, escape, xml};
use super::request::{Parsed, encode, unreserved};
use super::store::Store;

const KEYS_MAX: usize = 1000;

pub(super) fn objects(store: &Store, request: &Parsed, bucket: &str) -> Result<Response<Vec<u8>>, S3Error> {
    let prefix = request.query("prefix").unwrap_or_default();
    let delimiter = request.query("delimiter").filter(|d| !d.is_empty());
    let limit = match request.query("max-keys") {
        Some(text) => {
            text.parse::<usize>().map_err(|_| S3Error::invalid("max-keys must be a whole number"))?.min(KEYS_MAX)
        }
        None => KEYS_MAX,
    };
    let after = match request.query("continuation-token") {
        Some(token) => URL_SAFE_NO_PAD
            .decode(token)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .ok_or_else(|| S3Error::invalid("The continuation token provided is incorrect"))?,
        None => request.query("start-after").unwrap_or_default().to_owned(),
    };
    let in_url = request.query("encoding-type") == Some("url");
    let text = |key: &str| {
        if in_url { encode(key, |b| unreserved(b) || b == b'/') } else { escape(key) }
    };
    let mut contents = String::new();
    let mut groups = String::new();
    let mut count = 0;
    let mut last = None;
    let mut truncated = false;
    for key in store.keys(bucket, prefix)? {
        // A group is one entry, however many keys are in it, and continues after itself.
        let group = delimiter.and_then(|d| {
            let end = key[prefix.len()..].find(d)? + prefix.len() + d.len();
            Some(key[..end].to_owned())
        });
        let entry = group.as_deref().unwrap_or(&key);
        if entry <= after.as_str() || last.as_deref() == Some(entry) {
            continue;
        }
        if count == limit {
            truncated = limit > 0;
            break;
        }
        if group.is_some() {
            groups.push_str(&format!("<CommonPrefixes><Prefix>{}</Prefix></CommonPrefixes>", text(entry)));
        } else {
            let metadata = match store.head(bucket, &key) {
                Ok(metadata) => metadata,
                // Deleted since the keys were read.
                Err(error) if error.code == "NoSuchKey" => continue,
                Err(error) => return Err(error),
            };
            contents.push_str(&format!(
                "<Contents><Key>{}</Key><LastModified>{}</LastModified><ETag>&quot;{}&quot;</ETag><Size>{}</Size><StorageClass>STANDARD</StorageClass></Contents>",
                text(&key),
                iso(metadata.modified_ms)?,
                metadata.etag,
                metadata.length,
            ));
        }
        last = Some(entry.to_owned());
        count += 1;
    }
    let next = last.filter(|_| truncated).map_or(String::new(), |last| {
        let token = URL_SAFE_NO_PAD.encode(last);
        format!("<NextContinuationToken>{token}</NextContinuationToken>")
    });
    let encoding = if in_url { "<EncodingType>url</EncodingType>" } else { "" };
    let delimiter = delimiter.map_or(String::new(), |d| format!("<Delimiter>{}</Delimiter>", text(d)));
    Ok(xml(
        StatusCode::OK,
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>{}</Name><Prefix>{}</Prefix>{delimiter}<MaxKeys>{limit}</MaxKeys>{encoding}<KeyCount>{count}</KeyCount><IsTruncated>{truncated}</IsTruncated>{next}{contents}{groups}</ListBucketResult>",
            escape(bucket),
            text(prefix),
        ),
    ))
}

pub(super) fn buckets(store: &Store) -> Result<Response<Vec<u8>>, S3Error> {
    let names: String = store
        .buckets()?
        .iter()
        .map(|name| {
            format!(
                "<Bucket><Name>{}</Name><CreationDate>1970-01-01T00:00:00.000Z</CreationDate></Bucket>",
                escape(name)
            )
        })
        .collect();
    Ok(xml(
        StatusCode::OK,
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListAllMyBucketsResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Owner><ID>local</ID></Owner><Buckets>{names}</Buckets></ListAllMyBucketsResult>"
        ),
    ))
}

fn instant(ms: u64) -> Result<jiff::Timestamp, S3Error> {
    i64::try_from(ms)
        .ok()
        .and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok())
        .ok_or_else(|| S3Error::internal("an object's time is beyond the calendar"))
}

fn iso(ms: u64) -> Result<String, S3Error> {
    Ok(instant(ms)?.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string())
}

/// An instant as HTTP headers have it.
pub(super) fn http_date(ms: u64) -> Result<String, S3Error> {
    Ok(instant(ms)?.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string())
}
