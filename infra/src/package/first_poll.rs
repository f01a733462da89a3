//! A function's process, from its start to its first poll of the Lambda Runtime API.

use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::time::Instant;

/// How a function speaks with AWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Aws {
    /// In clear, as on this machine.
    Plain,
    /// Over TLS, as where it is deployed.
    Tls,
}

/// A process that has polled, and gets no answer.
#[derive(Debug)]
pub(crate) struct Polled {
    /// It is killed when this is dropped.
    pub(crate) child: Child,
    /// Since its start.
    pub(crate) after: Duration,
    /// Where it polled: open as long as it is to live.
    _connection: tokio::net::TcpStream,
}

/// Starts a function and waits for its poll. `runner` is a program, with its arguments, that runs it; empty, it runs by itself.
///
/// # Errors
/// When it cannot be started, or ends without a poll.
pub(crate) async fn first_poll(program: &Path, runner: &[&str], aws: Aws) -> io::Result<Polled> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    let mut command = match runner {
        [] => Command::new(program),
        [first, arguments @ ..] => {
            let mut command = Command::new(first);
            command.args(arguments).arg(program);
            command
        }
    };
    command.env_clear().envs([
        ("AWS_LAMBDA_RUNTIME_API", format!("http://{address}").as_str()),
        ("AWS_LAMBDA_FUNCTION_NAME", "measured"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "measured"),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "measured"),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ACCESS_KEY_ID", "measured"),
        ("AWS_SECRET_ACCESS_KEY", "measured"),
    ]);
    if aws == Aws::Plain {
        command.env("AWS_ENDPOINT_URL", format!("http://{address}"));
    }
    let began = Instant::now();
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true).spawn()?;
    let accepted = tokio::select! {
        accepted = listener.accept() => accepted?,
        ended = child.wait() => return Err(io::Error::other(format!("it ended before its first poll: {}", ended?))),
    };
    let mut connection = accepted.0;
    let mut first = [0_u8; 16];
    connection.read_exact(&mut first).await?;
    Ok(Polled { child, after: began.elapsed(), _connection: connection })
}
