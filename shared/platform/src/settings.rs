//! Settings: environment variables that the template sets, read once at start.

use crate::failure::Failure;
use domain::Queue;
use std::collections::BTreeMap;

/// The tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum Table {
    Accounts,
    Catalogue,
    Stock,
    Movements,
    Orders,
    Tasks,
    Shipments,
    Returns,
    People,
}

impl Table {
    /// Every table.
    pub const ALL: [Self; 9] = [
        Self::Accounts,
        Self::Catalogue,
        Self::Stock,
        Self::Movements,
        Self::Orders,
        Self::Tasks,
        Self::Shipments,
        Self::Returns,
        Self::People,
    ];

    /// The environment variable that names it.
    #[must_use]
    pub fn variable(self) -> &'static str {
        match self {
            Self::Accounts => "ACCOUNTS_TABLE",
            Self::Catalogue => "CATALOGUE_TABLE",
            Self::Stock => "STOCK_TABLE",
            Self::Movements => "MOVEMENTS_TABLE",
            Self::Orders => "ORDERS_TABLE",
            Self::Tasks => "TASKS_TABLE",
            Self::Shipments => "SHIPMENTS_TABLE",
            Self::Returns => "RETURNS_TABLE",
            Self::People => "PEOPLE_TABLE",
        }
    }
}

/// The environment of a function. A function has only the variables of what it touches: asking for another is a bug,
/// found by the first test that runs it from the template.
#[derive(Clone, Default)]
pub struct Settings {
    variables: BTreeMap<String, String>,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.variables.keys()).finish()
    }
}

impl Settings {
    /// The process's environment.
    #[must_use]
    pub fn from_environment() -> Self {
        std::env::vars().collect()
    }

    /// The same with one variable more, or another value of it.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    /// A variable, if it is set and not empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// A variable that must be there.
    ///
    /// # Errors
    /// [`Failure::Bug`] names the variable.
    pub fn require(&self, name: &str) -> Result<&str, Failure> {
        self.get(name).ok_or_else(|| Failure::bug(format!("environment variable {name} is not set for this function")))
    }

    /// A table's name.
    ///
    /// # Errors
    /// [`Failure::Bug`] when the function has no such table.
    pub fn table(&self, table: Table) -> Result<&str, Failure> {
        self.require(table.variable())
    }

    /// A queue's URL.
    ///
    /// # Errors
    /// [`Failure::Bug`] when the function has no such queue.
    pub fn queue_url(&self, queue: Queue) -> Result<&str, Failure> {
        self.require(&format!("{}_QUEUE_URL", queue.name().to_uppercase()))
    }

    /// The URL of a queue's dead-letter queue.
    ///
    /// # Errors
    /// [`Failure::Bug`] when the function has no such queue.
    pub fn dead_letters_url(&self, queue: Queue) -> Result<&str, Failure> {
        self.require(&format!("{}_DEAD_LETTERS_QUEUE_URL", queue.name().to_uppercase()))
    }

    /// Which of the function's tables has this name.
    #[must_use]
    pub fn table_named(&self, name: &str) -> Option<Table> {
        Table::ALL.into_iter().find(|table| self.get(table.variable()) == Some(name))
    }

    /// Whether AWS is played by this machine, or one beside it, without TLS.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.get("AWS_ENDPOINT_URL").is_some_and(|url| url.starts_with("http://"))
    }

    /// Over how many partitions a list is spread.
    #[must_use]
    pub fn list_shards(&self) -> u32 {
        self.get("LIST_SHARDS")
            .and_then(|text| text.parse().ok())
            .filter(|shards| (1..=64).contains(shards))
            .unwrap_or(4)
    }
}

impl FromIterator<(String, String)> for Settings {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(variables: I) -> Self {
        Self { variables: variables.into_iter().collect() }
    }
}
