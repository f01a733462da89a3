//! An endpoint over HTTP on this machine.

use super::{Answer, Endpoint};
use serde_json::Value;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// Longest wait for an answer: the longest poll and some more.
const TIMEOUT: Duration = Duration::from_secs(30);

/// An SQS at a host and port.
pub(crate) struct Remote {
    authority: String,
    began: Instant,
}

impl Remote {
    /// The endpoint at a URL like `http://127.0.0.1:4566`.
    pub(crate) fn new(url: &str) -> Self {
        let authority = url.trim_start_matches("http://").trim_end_matches('/').to_owned();
        Self { authority, began: Instant::now() }
    }

    fn exchange(&self, action: &str, body: &Value) -> std::io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(&self.authority)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        let body = body.to_string();
        // Emulators take region and account from the credential; none checks the signature.
        let credential = "Credential=local/20260101/eu-central-1/sqs/aws4_request";
        let request = format!(
            "POST / HTTP/1.1\r\nhost: {}\r\nconnection: close\r\nx-amz-target: AmazonSQS.{action}\r\n\
             content-type: application/x-amz-json-1.0\r\nauthorization: AWS4-HMAC-SHA256 {credential}, \
             SignedHeaders=host;x-amz-target, Signature=0\r\ncontent-length: {}\r\n\r\n{body}",
            self.authority,
            body.len()
        );
        stream.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(answer)
    }
}

impl Endpoint for Remote {
    fn call(&self, action: &str, body: &Value) -> Result<Answer, String> {
        let answer = self.exchange(action, body).map_err(|error| format!("{action}: {error}"))?;
        let answer = String::from_utf8(answer).map_err(|_| format!("{action}: the answer is not UTF-8"))?;
        read(&answer).ok_or_else(|| format!("{action}: no whole answer of HTTP and JSON: {answer:.300}"))
    }

    fn pass(&self, milliseconds: u64) {
        std::thread::sleep(Duration::from_millis(milliseconds));
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn is_virtual(&self) -> bool {
        false
    }
}

fn read(answer: &str) -> Option<Answer> {
    let (head, rest) = answer.split_once("\r\n\r\n")?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    let headers: Vec<(String, &str)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim()))
        .collect();
    let header = |wanted: &str| headers.iter().find(|(name, _)| name == wanted).map(|(_, value)| *value);
    let body = match header("transfer-encoding") {
        Some("chunked") => dechunk(rest)?,
        _ => rest.to_owned(),
    };
    let body = if body.is_empty() { Value::Null } else { serde_json::from_str(&body).ok()? };
    Some(Answer { status, query_error: header("x-amzn-query-error").map(str::to_owned), body })
}

fn dechunk(mut rest: &str) -> Option<String> {
    let mut body = String::new();
    loop {
        let (size, after) = rest.split_once("\r\n")?;
        let size = usize::from_str_radix(size.trim(), 16).ok()?;
        if size == 0 {
            return Some(body);
        }
        body.push_str(after.get(..size)?);
        rest = after.get(size..)?.strip_prefix("\r\n")?;
    }
}
