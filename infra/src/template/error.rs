//! What is wrong with a template, and where.

use std::path::PathBuf;

/// Why a template was refused.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// The file cannot be read.
    #[error("{}: cannot be read: {source}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Something in the file is wrong, or not known here.
    #[error("{}:{line}: {path}: {problem}", file.display())]
    Refused {
        /// The file.
        file: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Where in the template, as `Resources.Orders.Properties.KeySchema[0]`.
        path: String,
        /// What is wrong.
        problem: Problem,
    },
    /// A parameter was given that the template does not declare.
    #[error("{}: no parameter is called `{name}`; declared: {}", file.display(), known.join(", "))]
    UnknownParameter {
        /// The file.
        file: PathBuf,
        /// The name as given.
        name: String,
        /// Those that the template declares.
        known: Vec<String>,
    },
}

impl TemplateError {
    /// The line of the error, if it has one.
    #[must_use]
    pub fn line(&self) -> Option<usize> {
        match self {
            Self::Refused { line, .. } => Some(*line),
            Self::Unreadable { .. } | Self::UnknownParameter { .. } => None,
        }
    }
}

/// What is wrong at one place of a template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The file is not YAML, or uses more of YAML than CloudFormation takes.
    #[error("{0}")]
    Syntax(String),
    /// A name from a fixed set is none of it.
    #[error("unknown {what} `{found}`; known: {}", list(known, found))]
    Unknown {
        /// What kind of name it is.
        what: &'static str,
        /// The name as written.
        found: String,
        /// The set.
        known: Vec<String>,
    },
    /// A property that must be there is not.
    #[error("`{0}` is missing")]
    Missing(String),
    /// A value of another type is wanted.
    #[error("must be {expected}, is {found}")]
    WrongType {
        /// What is wanted.
        expected: &'static str,
        /// What stands there.
        found: &'static str,
    },
    /// A number outside what AWS accepts.
    #[error("must be from {from} to {to}, is {found}")]
    OutOfRange {
        /// The number as written.
        found: i64,
        /// Smallest accepted.
        from: i64,
        /// Largest accepted.
        to: i64,
    },
    /// Anything else, in words.
    #[error("{0}")]
    Invalid(String),
}

/// Longest set that is listed whole: the property names of one resource type, not all names of a template.
const LISTED_MAX: usize = 24;

fn list(known: &[String], found: &str) -> String {
    if known.is_empty() {
        return "none".to_owned();
    }
    if known.len() <= LISTED_MAX {
        return known.join(", ");
    }
    let start: String = found.chars().take(4).collect();
    let begins_alike = |name: &&String| name.starts_with(&start);
    let near: Vec<&str> = known.iter().filter(begins_alike).map(String::as_str).collect();
    let rest = known.len() - near.len();
    if near.is_empty() {
        format!("{rest} names, none of which begins alike")
    } else {
        format!("{} and {rest} others", near.join(", "))
    }
}

/// A problem and its place, before the file's name is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) line: usize,
    pub(super) path: String,
    pub(super) problem: Problem,
}

impl Fault {
    pub(super) fn in_file(self, file: &std::path::Path) -> TemplateError {
        TemplateError::Refused { file: file.to_owned(), line: self.line, path: self.path, problem: self.problem }
    }
}

/// What every reading step answers.
pub(super) type Checked<T> = Result<T, Fault>;
