//! A function's process: from its start to its first poll, and its memory then. Release binaries, as they are deployed.

use super::{BenchError, Plan, spread};
use std::path::Path;
use std::process::Stdio;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::time::Instant;

/// Starts of each function.
const STARTS: usize = 15;

/// Functions whose figures stand for all: the smallest and the largest.
const FUNCTIONS: [&str; 3] = ["relay", "order-intake", "operations"];

/// Prints both figures for each release binary that is there.
pub(super) async fn start_up(plan: &Plan) -> Result<(), BenchError> {
    println!("\nProcess of a function, release build, from start to first poll");
    for name in FUNCTIONS {
        let path = plan.release.join(name);
        if !path.is_file() {
            println!("{name:<52} not built: cargo local package");
            continue;
        }
        let io = |source| BenchError::Io { what: path.display().to_string(), source };
        let mut times = Vec::new();
        let mut memory_kib = Vec::new();
        for _ in 0..STARTS {
            let (milliseconds, kib) = once(&path).await.map_err(io)?;
            times.push(milliseconds);
            memory_kib.extend(kib);
        }
        spread(name, times);
        if let Some(most) = memory_kib.iter().max() {
            let size = std::fs::metadata(&path).map_err(io)?.len();
            println!("{:<52} resident {most} KiB at most, binary {size} bytes", "");
        }
    }
    Ok(())
}

async fn once(path: &Path) -> std::io::Result<(f64, Option<u64>)> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    let variables = [
        ("AWS_LAMBDA_RUNTIME_API", format!("http://{address}")),
        ("AWS_LAMBDA_FUNCTION_NAME", "bench".to_owned()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512".to_owned()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "bench".to_owned()),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "bench".to_owned()),
        ("AWS_REGION", "eu-central-1".to_owned()),
        ("AWS_ACCESS_KEY_ID", "bench".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "bench".to_owned()),
        ("AWS_ENDPOINT_URL", format!("http://{address}")),
    ];
    let began = Instant::now();
    let mut child = tokio::process::Command::new(path)
        .env_clear()
        .envs(variables)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let (mut stream, _) = listener.accept().await?;
    let mut first = [0_u8; 16];
    stream.read_exact(&mut first).await?;
    let milliseconds = began.elapsed().as_secs_f64() * 1000.0;
    let status = child.id().map(|id| std::fs::read_to_string(format!("/proc/{id}/status"))).transpose()?;
    child.kill().await?;
    Ok((milliseconds, status.as_deref().and_then(resident_kib)))
}

fn resident_kib(status: &str) -> Option<u64> {
    status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.split_whitespace().next()?.parse().ok()
}
