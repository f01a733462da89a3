//! What this program and the previous one say to each other: one JSON frame a line.
//!
//! The old program's first frame names the version of the protocol, and that frame never changes. Then each frame from here is
//! answered by one from there, but [`Order::End`] by none. Times are microseconds since 1970, of the run's clock.

use std::collections::BTreeMap;
use std::io::{BufRead, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The version: a frame that an older program would misread needs the next one.
pub(crate) const VERSION: u32 = 1;

/// The old program's first frame.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Hello {
    pub(crate) protocol: u32,
}

/// What the old program is told.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Order {
    /// A run begins: answered by [`Answer::Ready`]. Parameters are an operator's, who keeps them over an upgrade.
    Begin { seed: u64, parameters: BTreeMap<String, String> },
    /// An environment, new when its number is, handles an event: answered by [`Answer::Turn`].
    Invoke { environment: u64, function: String, now_us: u64, event: Value },
    /// What an environment waited for has come about: answered by [`Answer::Turn`].
    Resume { environment: u64, now_us: u64, events: Vec<Event> },
    /// An environment is gone, whatever it does.
    End { environment: u64 },
}

/// What the old program says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Answer {
    /// It has these functions.
    Ready { functions: Vec<String> },
    /// It cannot do what it was told.
    Refused(String),
    /// An environment has run as far as it could.
    Turn(Turn),
}

/// What an environment did until it had to wait.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Turn {
    /// What it began to wait for, by number.
    pub(crate) asked: Vec<(u64, Wish)>,
    /// What it waits for no longer.
    pub(crate) dropped: Vec<u64>,
    /// What the invocation ended with, once it has.
    pub(crate) ended: Option<Result<Value, String>>,
}

/// What an environment waits for.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Wish {
    /// The answer to a call.
    Call { method: String, uri: String, headers: Headers, body: Body },
    /// An instant.
    Until(u64),
}

/// Something that an environment waited for.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Event {
    pub(crate) id: u64,
    pub(crate) came: Came,
}

/// What came.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Came {
    /// The instant.
    Instant,
    /// An answer.
    Answer { status: u16, headers: Headers, body: Body },
    /// No answer, for this kind of reason.
    Failure { kind: FailureKind, message: String },
}

/// Kinds that the SDK tells apart.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FailureKind {
    Io,
    TimeOut,
    User,
    Other,
}

/// Names and values, in their order.
pub(crate) type Headers = Vec<(String, String)>;

/// Bytes, in base64.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Body(pub(crate) Vec<u8>);

impl From<Body> for String {
    fn from(body: Body) -> Self {
        STANDARD.encode(body.0)
    }
}

impl TryFrom<String> for Body {
    type Error = base64::DecodeError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        STANDARD.decode(text).map(Self)
    }
}

/// Writes one frame, and sees that it is on its way.
///
/// # Errors
/// The pipe's.
pub(crate) fn write(to: &mut impl Write, frame: &impl Serialize) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(frame)?;
    line.push(b'\n');
    to.write_all(&line)?;
    to.flush()
}

/// Reads one frame; `None` at the end.
///
/// # Errors
/// The pipe's; a line that is no such frame.
pub(crate) fn read<T: DeserializeOwned>(from: &mut impl BufRead) -> std::io::Result<Option<T>> {
    let mut line = Vec::new();
    if from.read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    Ok(Some(serde_json::from_slice(&line)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_over_the_line_as_they_were() {
        let body = Body(vec![0, 10, 255]);
        let wish = Wish::Call { method: "PUT".into(), uri: "http://x/".into(), headers: Vec::new(), body };
        let turn = Turn { asked: vec![(7, wish)], dropped: vec![1], ended: Some(Err("no".into())) };
        let mut line = Vec::new();
        write(&mut line, &Answer::Turn(turn)).unwrap();
        assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
        let mut from = line.as_slice();
        let Some(Answer::Turn(read_back)) = read(&mut from).unwrap() else { panic!("a turn") };
        assert!(matches!(&read_back.asked[..], [(7, Wish::Call { body, .. })] if body.0 == [0, 10, 255]));
        assert_eq!((read_back.dropped, read_back.ended), (vec![1], Some(Err("no".into()))));
        assert!(read::<Answer>(&mut from).unwrap().is_none());
    }

    #[test]
    fn a_line_that_is_no_frame_is_an_error() {
        assert!(read::<Answer>(&mut b"hello\n".as_slice()).is_err());
    }
}
