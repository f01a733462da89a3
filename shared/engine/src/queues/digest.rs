//! The MD5 digests by which SDKs check that SQS received and returned what was sent.

use super::message::{AttributeValue, MessageAttribute};
use md5::{Digest, Md5};

/// The digest of a body: MD5 of its UTF-8, in lower-case hexadecimal.
pub(super) fn of_body(body: &str) -> String {
    hex::encode(Md5::digest(body))
}

/// The digest of attributes in the order of their names, or `None` if there are none: for each, its name
/// and data type (each a 4-byte big-endian length and UTF-8), one byte for the kind of value (1 text,
/// 2 binary), and the value with its length.
pub(super) fn of_attributes<'a>(
    sorted: impl IntoIterator<Item = (&'a String, &'a MessageAttribute)>,
) -> Option<String> {
    let mut digest = Md5::new();
    let mut any = false;
    for (name, attribute) in sorted {
        any = true;
        update_sized(&mut digest, name.as_bytes());
        update_sized(&mut digest, attribute.data_type.as_bytes());
        match &attribute.value {
            AttributeValue::Text(text) => {
                digest.update([1]);
                update_sized(&mut digest, text.as_bytes());
            }
            AttributeValue::Binary(bytes) => {
                digest.update([2]);
                update_sized(&mut digest, bytes);
            }
        }
    }
    any.then(|| hex::encode(digest.finalize()))
}

fn update_sized(digest: &mut Md5, bytes: &[u8]) {
    // Values are at most 1 MiB long, so the length always fits.
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    digest.update(length.to_be_bytes());
    digest.update(bytes);
}
