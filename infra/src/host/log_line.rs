//! How one line that a function wrote is shown: a JSON line of `tracing` becomes a line for people.

use serde_json::{Map, Value};

/// Terminal colours told apart easily; red is left to errors.
const COLOURS: [u8; 10] = [36, 32, 35, 34, 33, 96, 92, 95, 94, 93];

/// Whether and how lines are coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Colour {
    /// Escape sequences for a terminal.
    Ansi,
    /// Plain text.
    None,
}

impl Colour {
    /// Colour on a terminal, unless `NO_COLOR` (no-color.org) is set to something.
    pub(crate) fn of_terminal() -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        if !refused && std::io::IsTerminal::is_terminal(&std::io::stdout()) { Self::Ansi } else { Self::None }
    }

    /// The text in the colour of an ANSI code.
    pub(crate) fn paint(self, code: u8, text: &str) -> String {
        match self {
            Self::Ansi => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
            Self::None => text.to_owned(),
        }
    }
}

/// One line for people. `position` is the source's place among all sources; it chooses the colour.
pub(crate) fn show(source: &str, position: usize, width: usize, line: &str, colour: Colour) -> String {
    let name = colour.paint(COLOURS[position % COLOURS.len()], &format!("{source:width$}"));
    let fields = match serde_json::from_str::<Value>(line) {
        Ok(Value::Object(fields)) => fields,
        _ => return format!("{name}  {}", printable(line)),
    };
    let (time, level, rest) = parts(fields);
    let level = match level.as_str() {
        "ERROR" => colour.paint(31, "ERROR"),
        "WARN" => colour.paint(33, "WARN "),
        other => format!("{other:5}"),
    };
    format!("{name}  {time} {level} {rest}")
}

/// Time of day, level, and message with all other fields, from a flattened or a nested event.
fn parts(mut line: Map<String, Value>) -> (String, String, String) {
    let mut text_of = |name: &str| match line.remove(name) {
        Some(Value::String(text)) => text,
        Some(other) => other.to_string(),
        None => String::new(),
    };
    let timestamp = text_of("timestamp");
    let time = timestamp.split_once('T').map_or(timestamp.as_str(), |(_, time)| time);
    let time = time.get(..12).unwrap_or(time).trim_end_matches('Z').to_owned();
    let level = text_of("level").to_ascii_uppercase();
    line.remove("target");
    line.remove("threadId");
    // What CloudWatch is told about a metric's line; the metric itself stays.
    line.remove("_aws");

    let mut message = String::new();
    let mut fields: Vec<(String, String)> = Vec::new();
    // Spans list their ancestors first; an inner value of the same name wins, as the event's own does.
    let spans = match line.remove("spans") {
        Some(Value::Array(spans)) => spans,
        _ => line.remove("span").into_iter().collect(),
    };
    line.remove("span");
    for span in spans {
        if let Value::Object(mut span) = span {
            span.remove("name");
            add(&mut fields, span);
        }
    }
    if let Some(Value::Object(mut event)) = line.remove("fields") {
        take_message(&mut event, &mut message);
        add(&mut fields, event);
    }
    take_message(&mut line, &mut message);
    add(&mut fields, line);
    let mut rest = printable(&message);
    for (name, value) in fields {
        rest.push_str(if rest.is_empty() { "" } else { " " });
        rest.push_str(&format!("{}={}", printable(&name), printable(&value)));
    }
    (time, level, rest)
}

fn take_message(from: &mut Map<String, Value>, message: &mut String) {
    if let Some(Value::String(text)) = from.remove("message") {
        *message = text;
    }
}

fn add(fields: &mut Vec<(String, String)>, more: Map<String, Value>) {
    for (name, value) in more {
        let value = match value {
            Value::String(text) => text,
            other => other.to_string(),
        };
        match fields.iter_mut().find(|(known, _)| *known == name) {
            Some(field) => field.1 = value,
            None => fields.push((name, value)),
        }
    }
}

/// What a function prints must not move the cursor of the terminal that shows it.
fn printable(text: &str) -> String {
    text.chars().map(|character| if character.is_control() && character != '\t' { ' ' } else { character }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expect: &str) {
        assert_eq!(show("relay", 0, 7, line, Colour::None), expect);
    }

    #[test]
    fn a_json_line_becomes_time_level_message_and_fields() {
        check(
            r#"{"timestamp":"2026-02-03T04:05:06.123456Z","level":"INFO","target":"relay","message":"sent","count":2}"#,
            "relay    04:05:06.123 INFO  sent count=2",
        );
        check(
            r#"{"timestamp":"2026-02-03T04:05:06Z","level":"ERROR","fields":{"message":"no","order":"ord_1"},"span":{"name":"handle","order":"x"},"spans":[{"name":"handle","request":"r"},{"name":"inner","request":"s"}]}"#,
            "relay    04:05:06 ERROR no request=s order=ord_1",
        );
    }

    #[test]
    fn a_metric_is_shown_without_what_cloudwatch_is_told_of_it() {
        check(
            r#"{"_aws":{"Timestamp":1,"CloudWatchMetrics":[]},"Stage":"local","State":"received","OrdersEntered":1}"#,
            "relay           OrdersEntered=1 Stage=local State=received",
        );
    }

    #[test]
    fn any_other_line_is_shown_without_control_characters() {
        check("thread 'main' panicked\u{1b}[31m", "relay    thread 'main' panicked [31m");
        check("[1, 2]", "relay    [1, 2]");
        check(r#"{"message":"a\nb"}"#, "relay           a b");
    }

    #[test]
    fn sources_next_to_each_other_have_different_colours() {
        let first = show("a", 0, 1, "x", Colour::Ansi);
        let second = show("a", 1, 1, "x", Colour::Ansi);
        assert_ne!(first, second);
        assert!(first.starts_with("\u{1b}["), "{first:?}");
    }
}
