//! `cargo local top`: what the stack that runs on a data directory is doing, now. The host has the figures
//! ([`crate::host::status`]); this reads them every few seconds and shows them.

#[cfg(test)]
mod fixtures;
mod layout;
mod rates;
mod render;

use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use crate::demo::api::{Api, StepError};
use crate::host::status::Status;
use crate::host::{Addresses, Colour};
use rates::Rates;

/// Bounds of the time between two looks, seconds.
const EVERY_S: std::ops::RangeInclusive<f64> = 0.1..=3600.0;

/// Options of `cargo local top`.
#[derive(Debug, Clone, Args)]
pub struct Arguments {
    /// Look twice, so that there are rates, show what there is, and end.
    #[arg(long)]
    once: bool,
    /// Time between two looks.
    #[arg(long, default_value = "2", value_name = "SECONDS", value_parser = seconds)]
    every: Duration,
    /// One line of JSON for each look in place of the tables.
    #[arg(long)]
    json: bool,
}

/// Why nothing can be shown.
#[derive(Debug, thiserror::Error)]
pub enum TopError {
    /// No stack, or it has ended.
    #[error("no stack runs on {0}: start one with `cargo local`")]
    NotRunning(PathBuf),
    /// Its answer cannot be read.
    #[error("the stack on {data} is of another version than this program ({source}): stop it and start it again")]
    OtherVersion {
        /// The data directory.
        data: PathBuf,
        /// What was not understood.
        source: serde_json::Error,
    },
    /// It answers with an error.
    #[error("the stack has no figures: {0}")]
    Refused(#[from] StepError),
    /// The terminal, or the file that the output goes to.
    #[error("the output cannot be written: {0}")]
    Output(io::Error),
}

/// One look, as `--json` prints it.
#[derive(Debug, Serialize)]
struct Report<'a> {
    #[serde(flatten)]
    status: &'a Status,
    /// Since the look before; null when that was of another run.
    per_second: Option<&'a Rates>,
}

/// How a look is put out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Over what is on the terminal.
    Redrawn,
    /// One after the other.
    Plain,
    /// A line of JSON.
    Json,
}

fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(seconds) if EVERY_S.contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        _ => Err(format!("must be seconds from {} to {}", EVERY_S.start(), EVERY_S.end())),
    }
}

/// Shows the figures of the stack on `data` until Ctrl-C, or once.
///
/// # Errors
/// [`TopError`].
pub async fn run(data: &Path, arguments: &Arguments) -> Result<(), TopError> {
    let form = match arguments {
        Arguments { json: true, .. } => Form::Json,
        Arguments { once: false, .. } if io::stdout().is_terminal() => Form::Redrawn,
        _ => Form::Plain,
    };
    tokio::select! {
        outcome = show(data, arguments, form) => match outcome {
            // Whoever read the output has enough.
            Err(TopError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            outcome => outcome,
        },
        // Without a handler Ctrl-C ends the program all the same.
        Ok(()) = tokio::signal::ctrl_c() => Ok(()),
    }
}

async fn show(data: &Path, arguments: &Arguments, form: Form) -> Result<(), TopError> {
    let mut before = look(data).await?;
    if form == Form::Redrawn {
        // Something to see until there are rates.
        put(form, &before, None)?;
    }
    loop {
        tokio::time::sleep(arguments.every).await;
        let now = look(data).await?;
        put(form, &now, rates::rates(&before, &now).as_ref())?;
        if arguments.once {
            return Ok(());
        }
        before = now;
    }
}

/// The figures of the stack that runs on a data directory.
async fn look(data: &Path) -> Result<Status, TopError> {
    let not_running = || TopError::NotRunning(data.to_owned());
    let addresses = Addresses::noted(data).ok_or_else(not_running)?;
    let answer = match Api::new(&addresses.aws_url, "none").get("/_sklad/status").await {
        // Nobody listens where one did.
        Err(StepError::Call { .. }) => return Err(not_running()),
        answer => answer?,
    };
    let status: Status =
        serde_json::from_value(answer).map_err(|source| TopError::OtherVersion { data: data.to_owned(), source })?;
    // Another stack may have the port of one that was killed.
    let own = data.canonicalize().is_ok_and(|own| own == Path::new(&status.data));
    if own { Ok(status) } else { Err(not_running()) }
}

fn put(form: Form, status: &Status, rates: Option<&Rates>) -> Result<(), TopError> {
    let text = match form {
        Form::Json => {
            let report = Report { status, per_second: rates };
            serde_json::to_string(&report).map_err(|error| TopError::Output(error.into()))? + "\n"
        }
        Form::Plain => render::screen(status, rates, Colour::None) + "\n",
        Form::Redrawn => redrawn(&render::screen(status, rates, Colour::of_terminal())),
    };
    let mut output = io::stdout().lock();
    output.write_all(text.as_bytes()).and_then(|()| output.flush()).map_err(TopError::Output)
}

/// The text over what is on the terminal: from its first place on, each line and the rest cleared as it is written, so that
/// nothing flickers.
fn redrawn(text: &str) -> String {
    format!("\u{1b}[H{}\u{1b}[J", text.replace('\n', "\u{1b}[K\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[tokio::test]
    async fn a_directory_without_a_running_stack_is_named_with_what_to_do() {
        let data = tempfile::tempdir().unwrap();
        let check = async |expect: &str| {
            let error = look(data.path()).await.unwrap_err().to_string();
            assert_eq!(error, format!("no stack runs on {}: {expect}", data.path().display()));
        };
        check("start one with `cargo local`").await;
        // A port that nobody listens on any more.
        let port = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        let urls = format!(r#"{{"api_url": "", "aws_url": "http://127.0.0.1:{port}", "sandbox_url": null}}"#);
        std::fs::write(data.path().join("endpoints.json"), urls).unwrap();
        check("start one with `cargo local`").await;
        std::fs::write(data.path().join("endpoints.json"), "[]").unwrap();
        check("start one with `cargo local`").await;
    }

    #[test]
    fn the_time_between_looks_is_bounded() {
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        assert_eq!(seconds("60"), Ok(Duration::from_secs(60)));
        for text in ["0", "-1", "NaN", "inf", "3601", "", "2s"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn redrawing_changes_no_text(text in "[a-z \n]{0,200}") {
            let drawn = redrawn(&text);
            let framed = drawn.starts_with("\u{1b}[H") && drawn.ends_with("\u{1b}[J");
            prop_assert!(framed, "{:?}", drawn);
            let plain = drawn.replace("\u{1b}[H", "").replace("\u{1b}[K", "").replace("\u{1b}[J", "");
            prop_assert_eq!(plain, text);
        }
    }
}
