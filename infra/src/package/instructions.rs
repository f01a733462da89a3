//! How many instructions a function executes before its first poll: a figure that, unlike a time, repeats.

use std::io;
use std::path::Path;

use tokio::io::AsyncReadExt;
use tokio::process::Command;

use super::first_poll::{Aws, first_poll};

/// What counts.
const COUNTER: [&str; 3] = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"];

/// Counts those of `program`, as it starts where it is deployed.
///
/// # Errors
/// When valgrind cannot be started, or the program does not come to its first poll.
pub(super) fn counted(program: &Path) -> io::Result<u64> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let mut polled = first_poll(program, &COUNTER, Aws::Tls).await?;
        let id = polled.child.id().ok_or_else(|| io::Error::other("it ended at its first poll"))?;
        // A signal that it can take in: valgrind tells its sum at an orderly end only.
        Command::new("kill").arg(id.to_string()).status().await?;
        let mut told = String::new();
        if let Some(mut words) = polled.child.stderr.take() {
            words.read_to_string(&mut told).await?;
        }
        polled.child.wait().await?;
        sum(&told).ok_or_else(|| io::Error::other(format!("valgrind told no sum: {told}")))
    })
}

/// The sum among valgrind's words: `==7== Collected : 123`.
fn sum(told: &str) -> Option<u64> {
    told.lines().find_map(|line| line.split_once("Collected :")?.1.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_found_among_the_words_of_valgrind() {
        let told = "==7== Events    : Ir\n==7== Collected : 5303343\n==7== \n";
        assert_eq!(sum(told), Some(5_303_343));
        assert_eq!(sum("==7== Command: relay"), None);
    }
}
