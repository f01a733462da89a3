//! Where log lines go: the terminal, and one file per source in the data directory.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::io::{AsyncBufRead, AsyncBufReadExt};
use tokio::sync::mpsc;

use super::log_line::{Colour, show};
use super::metric_sums::MetricSums;

/// Lines waiting to be written; a full channel slows the functions down instead of filling memory.
const LINES_MAX: usize = 4096;
/// Longest line kept, bytes; the rest of a longer one becomes the next line.
const LINE_BYTES_MAX: usize = 64 * 1024;
/// Size at which a log file is set aside, bytes. One former file is kept.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// The source of the host's own lines.
const HOST: &str = "host";

/// Whether lines are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// On standard output, and in the files.
    Terminal,
    /// In the files only.
    Quiet,
}

/// Hands lines to the writer's thread. Cheap to clone; the thread ends when the last one is dropped.
#[derive(Debug, Clone)]
pub(crate) struct Logs {
    lines: mpsc::Sender<Line>,
    metrics: Arc<MetricSums>,
}

#[derive(Debug)]
struct Line {
    source: Arc<str>,
    text: String,
}

impl Logs {
    /// Starts the writer for these sources; `directory` exists afterwards.
    ///
    /// # Errors
    /// When the directory cannot be made or the thread not started.
    pub(crate) fn start<'a>(
        directory: &Path,
        sources: impl Iterator<Item = &'a str>,
        output: Output,
    ) -> std::io::Result<(Self, std::thread::JoinHandle<()>)> {
        std::fs::create_dir_all(directory)?;
        let positions: BTreeMap<String, usize> =
            sources.chain([HOST]).enumerate().map(|(position, name)| (name.to_owned(), position)).collect();
        let (lines, receiver) = mpsc::channel(LINES_MAX);
        let writer = Writer {
            directory: directory.to_owned(),
            width: positions.keys().map(String::len).max().unwrap_or_default(),
            positions,
            files: BTreeMap::new(),
            output,
            colour: Colour::of_terminal(),
        };
        let thread = std::thread::Builder::new().name("logs".to_owned()).spawn(move || writer.run(receiver))?;
        Ok((Self { lines, metrics: Arc::default() }, thread))
    }

    /// What the functions' metrics add up to.
    pub(crate) fn metrics(&self) -> &Arc<MetricSums> {
        &self.metrics
    }

    /// A line of the host itself. When the writer cannot follow, it goes to standard error, so that nothing is lost.
    pub(crate) fn host(&self, text: impl Into<String>) {
        let line = Line { source: HOST.into(), text: text.into() };
        if let Err(error) = self.lines.try_send(line) {
            let (mpsc::error::TrySendError::Full(line) | mpsc::error::TrySendError::Closed(line)) = error;
            eprintln!("{HOST}  {}", line.text);
        }
    }

    /// Copies every line of a function's output until its end.
    pub(crate) async fn copy(&self, source: Arc<str>, mut from: impl AsyncBufRead + Unpin) {
        let mut line = Vec::new();
        loop {
            let (used, complete) = match from.fill_buf().await {
                Ok([]) => break,
                Ok(bytes) => {
                    let end = bytes.iter().position(|byte| *byte == b'\n');
                    let room = LINE_BYTES_MAX - line.len();
                    let length = end.unwrap_or(bytes.len()).min(room);
                    line.extend_from_slice(&bytes[..length]);
                    match end {
                        Some(end) if end == length => (length + 1, true),
                        _ => (length, line.len() == LINE_BYTES_MAX),
                    }
                }
                Err(error) => {
                    self.host(format!("{source}: its output cannot be read: {error}"));
                    break;
                }
            };
            from.consume(used);
            if complete {
                self.send(&source, &mut line).await;
            }
        }
        if !line.is_empty() {
            self.send(&source, &mut line).await;
        }
    }

    async fn send(&self, source: &Arc<str>, line: &mut Vec<u8>) {
        let text = String::from_utf8_lossy(line).trim_end_matches('\r').to_owned();
        line.clear();
        self.metrics.read(&text);
        let line = Line { source: Arc::clone(source), text };
        if let Err(mpsc::error::SendError(line)) = self.lines.send(line).await {
            eprintln!("{}  {}", line.source, line.text);
        }
    }
}

struct Writer {
    directory: PathBuf,
    positions: BTreeMap<String, usize>,
    width: usize,
    files: BTreeMap<Arc<str>, LogFile>,
    output: Output,
    colour: Colour,
}

struct LogFile {
    file: BufWriter<File>,
    bytes: u64,
}

impl Writer {
    fn run(mut self, mut lines: mpsc::Receiver<Line>) {
        while let Some(line) = lines.blocking_recv() {
            self.write(&line);
            // What has piled up is written together.
            while let Ok(line) = lines.try_recv() {
                self.write(&line);
            }
            self.flush();
        }
    }

    fn write(&mut self, line: &Line) {
        if self.output == Output::Terminal {
            let position = self.positions.get(line.source.as_ref()).copied().unwrap_or_default();
            let shown = show(&line.source, position, self.width, &line.text, self.colour);
            // A closed terminal or pipe must not end the stack; the files still have the line.
            let _ = writeln!(std::io::stdout().lock(), "{shown}");
        }
        if let Err(error) = self.keep(line) {
            eprintln!("{HOST}  the log of {} cannot be written: {error}", line.source);
            self.files.remove(&line.source);
        }
    }

    fn keep(&mut self, line: &Line) -> std::io::Result<()> {
        let path = self.directory.join(format!("{}.log", line.source));
        if self.files.get(&line.source).is_some_and(|log| log.bytes >= FILE_BYTES_MAX) {
            self.files.remove(&line.source);
            std::fs::rename(&path, path.with_extension("log.1"))?;
        }
        let log = match self.files.entry(Arc::clone(&line.source)) {
            std::collections::btree_map::Entry::Occupied(log) => log.into_mut(),
            std::collections::btree_map::Entry::Vacant(place) => {
                let file = OpenOptions::new().create(true).append(true).open(&path)?;
                let bytes = file.metadata()?.len();
                place.insert(LogFile { file: BufWriter::new(file), bytes })
            }
        };
        writeln!(log.file, "{}", line.text)?;
        log.bytes += line.text.len() as u64 + 1;
        Ok(())
    }

    fn flush(&mut self) {
        for (source, log) in &mut self.files {
            if let Err(error) = log.file.flush() {
                eprintln!("{HOST}  the log of {source} cannot be written: {error}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn copied(output: &[u8]) -> Vec<String> {
        let directory = tempfile::tempdir().unwrap();
        let (logs, thread) = Logs::start(directory.path(), ["relay"].into_iter(), Output::Quiet).unwrap();
        logs.copy("relay".into(), output).await;
        drop(logs);
        thread.join().unwrap();
        std::fs::read_to_string(directory.path().join("relay.log"))
            .unwrap_or_default()
            .lines()
            .map(str::to_owned)
            .collect()
    }

    #[tokio::test]
    async fn every_line_is_kept_also_the_last_without_an_end() {
        assert_eq!(copied(b"one\r\n\ntwo\xff\nthree").await, ["one", "", "two\u{fffd}", "three"]);
        assert_eq!(copied(b"").await, Vec::<String>::new());
    }

    #[tokio::test]
    async fn a_line_without_end_is_cut_not_gathered_without_bound() {
        let long = vec![b'x'; 2 * LINE_BYTES_MAX + 1];
        let lengths: Vec<usize> = copied(&long).await.iter().map(String::len).collect();
        assert_eq!(lengths, [LINE_BYTES_MAX, LINE_BYTES_MAX, 1]);
    }
}
