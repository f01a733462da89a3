//! Which messages are being worked on, kept on disk: after a `kill -9` the next start hands them out at once, where
//! the queue alone would hide them until their visibility time-out.

use std::io;
use std::path::{Path, PathBuf};

use super::services::{Message, Services};

/// The batches of one mapping.
#[derive(Debug, Clone)]
pub(crate) struct InFlight {
    directory: PathBuf,
}

impl InFlight {
    /// Batches kept in this directory.
    pub(crate) fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// Notes a batch before the function gets it. Only process death is guarded against, so that nothing is synced.
    pub(crate) async fn begin(&self, batch: &str, messages: &[Message]) -> io::Result<()> {
        let handles: Vec<&str> = messages.iter().map(|message| message.receipt_handle.as_str()).collect();
        let path = self.directory.join(batch);
        match tokio::fs::write(&path, handles.join("\n")).await {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                tokio::fs::create_dir_all(&self.directory).await?;
                tokio::fs::write(&path, handles.join("\n")).await
            }
            outcome => outcome,
        }
    }

    /// The function has answered for the batch.
    pub(crate) async fn end(&self, batch: &str) -> io::Result<()> {
        tokio::fs::remove_file(self.directory.join(batch)).await
    }

    /// Makes the messages of a former run visible: whoever worked on them is gone.
    pub(crate) async fn release(&self, queue: &str, services: &Services) -> io::Result<usize> {
        let mut released = 0;
        for batch in files(&self.directory).await? {
            let handles = tokio::fs::read_to_string(&batch).await?;
            let handles = handles.lines().map(str::to_owned).collect();
            released += services.make_visible(queue, handles).await.map_err(io::Error::other)?;
            tokio::fs::remove_file(&batch).await?;
        }
        Ok(released)
    }
}

async fn files(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut entries = match tokio::fs::read_dir(directory).await {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut files = Vec::new();
    while let Some(entry) = entries.next_entry().await? {
        files.push(entry.path());
    }
    Ok(files)
}
