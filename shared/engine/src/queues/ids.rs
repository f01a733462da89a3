//! Ids that look random but follow from the seed and a counter, so that a run can be repeated.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

/// What a receipt handle stands for: one delivery of one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Receipt {
    pub(super) queue: i64,
    pub(super) sequence: i64,
    /// Which receive of the message it was, counted from 1.
    pub(super) receive: u32,
}

const RECEIPT_TAG_BYTES: usize = 16;
const RECEIPT_BYTES: usize = 8 + 8 + 4 + RECEIPT_TAG_BYTES;

/// Draws ids from the seed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ids {
    pub(super) seed: u64,
}

impl Ids {
    /// The message's id, in the form of a random UUID.
    pub(super) fn message_id(self, sequence: i64) -> String {
        self.uuid("message", sequence)
    }

    /// The handle of a message move task.
    pub(super) fn task_handle(self, task: i64) -> String {
        self.uuid("move-task", task)
    }

    pub(super) fn receipt_handle(self, receipt: Receipt) -> String {
        let mut bytes = Vec::with_capacity(RECEIPT_BYTES);
        bytes.extend_from_slice(&receipt.queue.to_be_bytes());
        bytes.extend_from_slice(&receipt.sequence.to_be_bytes());
        bytes.extend_from_slice(&receipt.receive.to_be_bytes());
        let tag = self.digest("receipt", &bytes);
        bytes.extend_from_slice(&tag[..RECEIPT_TAG_BYTES]);
        STANDARD.encode(bytes)
    }

    /// The delivery that the handle stands for, or `None` if we did not issue it.
    pub(super) fn read_receipt_handle(self, handle: &str) -> Option<Receipt> {
        let bytes: [u8; RECEIPT_BYTES] = STANDARD.decode(handle).ok()?.try_into().ok()?;
        let (queue, rest) = bytes.split_first_chunk::<8>()?;
        let (sequence, rest) = rest.split_first_chunk::<8>()?;
        let (receive, tag) = rest.split_first_chunk::<4>()?;
        let payload = &bytes[..RECEIPT_BYTES - RECEIPT_TAG_BYTES];
        if self.digest("receipt", payload)[..RECEIPT_TAG_BYTES] != *tag {
            return None;
        }
        Some(Receipt {
            queue: i64::from_be_bytes(*queue),
            sequence: i64::from_be_bytes(*sequence),
            receive: u32::from_be_bytes(*receive),
        })
    }

    fn uuid(self, kind: &str, counter: i64) -> String {
        let digest = self.digest(kind, &counter.to_be_bytes());
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        let text = hex::encode(bytes);
        format!("{}-{}-{}-{}-{}", &text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..])
    }

    fn digest(self, kind: &str, bytes: &[u8]) -> [u8; 32] {
        Sha256::new().chain_update(self.seed.to_be_bytes()).chain_update(kind).chain_update(bytes).finalize().into()
    }
}
