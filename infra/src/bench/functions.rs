//! A function's process: from its start to its first poll, and its memory then. Release binaries, as they are deployed.

use super::{BenchError, Plan, spread};
use crate::package::first_poll::{Aws, first_poll};
use std::path::Path;

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
        let mut memory_kib = Vec::new();
        for (aws, how) in [(Aws::Plain, ""), (Aws::Tls, ", TLS set up")] {
            let mut times = Vec::new();
            for _ in 0..STARTS {
                let (milliseconds, kib) = once(&path, aws).await.map_err(io)?;
                times.push(milliseconds);
                memory_kib.extend(kib);
            }
            spread(&format!("{name}{how}"), times);
        }
        if let Some(most) = memory_kib.iter().max() {
            let size = std::fs::metadata(&path).map_err(io)?.len();
            println!("{:<52} resident {most} KiB at most, binary {size} bytes", "");
        }
    }
    Ok(())
}

async fn once(path: &Path, aws: Aws) -> std::io::Result<(f64, Option<u64>)> {
    let mut polled = first_poll(path, &[], aws).await?;
    let status = polled.child.id().map(|id| std::fs::read_to_string(format!("/proc/{id}/status"))).transpose()?;
    polled.child.kill().await?;
    Ok((polled.after.as_secs_f64() * 1000.0, status.as_deref().and_then(resident_kib)))
}

fn resident_kib(status: &str) -> Option<u64> {
    status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.split_whitespace().next()?.parse().ok()
}
