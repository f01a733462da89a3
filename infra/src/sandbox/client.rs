//! A small HTTP/1.1 client for loopback: one request, one connection. Posts the sandbox's webhooks; the demo and tests
//! may use it too.

use partners::http::{Request, Response};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Longest wait for the whole answer.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Largest answer, bytes.
const ANSWER_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// Only plain HTTP to this machine is spoken.
    #[error("the URL must be http://127.0.0.1, http://[::1] or http://localhost with a port")]
    Url,
    /// No connection, or it broke.
    #[error("the connection failed: {0}")]
    Io(#[from] std::io::Error),
    /// The answer did not come in time.
    #[error("no answer within {} s", TIMEOUT.as_secs())]
    TimedOut,
    /// What came is no whole answer.
    #[error("the answer is not whole HTTP/1.1")]
    Broken,
}

/// Host and port, and the path with its query, of a URL on this machine.
pub(super) fn split_url(url: &str) -> Option<(&str, &str)> {
    let rest = url.strip_prefix("http://")?;
    let (host, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
    let (name, port) = host.rsplit_once(':')?;
    let local = matches!(name, "127.0.0.1" | "localhost" | "[::1]");
    let clean = url.bytes().all(|byte| byte.is_ascii_graphic());
    (local && clean && port.parse::<u16>().is_ok()).then_some((host, path))
}

/// Sends a request to this machine and reads the answer.
///
/// # Errors
/// [`CallError`].
pub async fn call(request: &Request) -> Result<Response, CallError> {
    tokio::time::timeout(TIMEOUT, exchange(request)).await.map_err(|_| CallError::TimedOut)?
}

async fn exchange(request: &Request) -> Result<Response, CallError> {
    let (host, path) = split_url(&request.url).ok_or(CallError::Url)?;
    let mut stream = TcpStream::connect(host).await?;
    let mut head = format!("{} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n", request.method.as_str());
    for (name, value) in &request.headers {
        if name.contains(['\r', '\n']) || value.contains(['\r', '\n']) {
            return Err(CallError::Broken);
        }
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("content-length: {}\r\n\r\n", request.body.len()));
    // One write: a second small one would wait for the first to be acknowledged.
    stream.write_all(&[head.as_bytes(), &request.body].concat()).await?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).await?;
    read(&answer).ok_or(CallError::Broken)
}

fn read(answer: &[u8]) -> Option<Response> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&answer[..end]).ok()?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    let mut headers = Vec::new();
    for line in lines {
        let (name, value) = line.split_once(':')?;
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let rest = &answer[end + 4..];
    let mut response = Response { status, headers, body: Vec::new() };
    response.body = match (response.header("content-length"), response.header("transfer-encoding")) {
        (Some(length), _) => rest.get(..length.parse().ok()?)?.to_vec(),
        (None, Some("chunked")) => dechunk(rest)?,
        (None, Some(_)) => return None,
        (None, None) => rest.to_vec(),
    };
    Some(response)
}

fn dechunk(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|window| window == b"\r\n")?;
        let size = std::str::from_utf8(&rest[..end]).ok()?.split(';').next()?;
        let size = usize::from_str_radix(size.trim(), 16).ok()?;
        if size == 0 {
            return Some(body);
        }
        let chunk = rest.get(end + 2..)?;
        body.extend_from_slice(chunk.get(..size)?);
        rest = chunk.get(size..)?.strip_prefix(b"\r\n")?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_called() {
        assert_eq!(split_url("http://127.0.0.1:8080/a?b=1"), Some(("127.0.0.1:8080", "/a?b=1")));
        assert_eq!(split_url("http://localhost:1"), Some(("localhost:1", "/")));
        for url in [
            "https://127.0.0.1:1/",
            "http://example.com:80/",
            "http://127.0.0.1/",
            "http://127.0.0.1:1@example.com:80/",
            "http://localhost:1/\r\nx: y",
        ] {
            assert_eq!(split_url(url), None, "{url}");
        }
    }

    #[test]
    fn half_an_answer_is_no_answer() {
        let whole = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody";
        assert_eq!(read(whole).unwrap().body, b"body");
        assert!(read(&whole[..whole.len() - 1]).is_none());
        let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n";
        assert_eq!(read(chunked).unwrap().body, b"body");
        assert!(read(&chunked[..chunked.len() - 5]).is_none());
    }
}
