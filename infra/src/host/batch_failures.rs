//! A function's answer to a batch: which records it reports as failed.

use std::collections::BTreeSet;

use serde_json::Value;

/// What the answer says of the batch.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Report {
    /// All records are done.
    AllDone,
    /// These are not; the identifiers are as the function gave them.
    Failed(BTreeSet<String>),
    /// The answer cannot be relied on, so that the whole batch counts as failed.
    WholeBatch,
}

/// Reads `batchItemFailures`. As Lambda has it: nothing or an empty list is success; an unreadable answer, or an
/// identifier that is empty or not of this batch, fails the whole batch.
pub(crate) fn read(answer: &[u8], known: impl Fn(&str) -> bool) -> Report {
    if answer.iter().all(u8::is_ascii_whitespace) {
        return Report::AllDone;
    }
    let Ok(answer) = serde_json::from_slice::<Value>(answer) else {
        return Report::WholeBatch;
    };
    let items = match answer {
        Value::Null => return Report::AllDone,
        Value::Object(mut fields) => match fields.remove("batchItemFailures") {
            None | Some(Value::Null) => return Report::AllDone,
            Some(Value::Array(items)) => items,
            Some(_) => return Report::WholeBatch,
        },
        _ => return Report::WholeBatch,
    };
    if items.is_empty() {
        return Report::AllDone;
    }
    let failed: Option<BTreeSet<String>> = items
        .iter()
        .map(|item| {
            let identifier = item.get("itemIdentifier")?.as_str()?;
            known(identifier).then(|| identifier.to_owned())
        })
        .collect();
    failed.map_or(Report::WholeBatch, Report::Failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(answer: &str, expect: &Report) {
        assert_eq!(read(answer.as_bytes(), |id| ["a", "b"].contains(&id)), *expect, "{answer}");
    }

    #[test]
    fn nothing_reported_means_that_all_is_done() {
        for answer in ["", " ", "null", "{}", r#"{"batchItemFailures":null}"#, r#"{"batchItemFailures":[]}"#] {
            check(answer, &Report::AllDone);
        }
    }

    #[test]
    fn only_the_reported_records_failed() {
        let expect = Report::Failed(["b".to_owned()].into());
        check(r#"{"batchItemFailures":[{"itemIdentifier":"b"}]}"#, &expect);
    }

    #[test]
    fn an_unreliable_answer_fails_the_whole_batch() {
        for answer in [
            "nonsense",
            "[]",
            r#"{"batchItemFailures":{}}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":""}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":null}]}"#,
            r#"{"batchItemFailures":[{"identifier":"a"}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":"a"},{"itemIdentifier":"stranger"}]}"#,
        ] {
            check(answer, &Report::WholeBatch);
        }
    }
}
