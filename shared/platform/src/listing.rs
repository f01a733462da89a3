//! Lists by cursor: pages of a sharded index, merged on read. The index only says which items to read.

use crate::failure::Failure;
use crate::http::Request;
use crate::items::list_partition;
use crate::problem::Problem;
use crate::settings::Table;
use crate::store::{IndexPage, Key, Store, Stored, Versioned};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use utoipa::ToSchema;

/// Most entries of one page.
pub const PAGE_MAX: usize = 100;
/// Entries of one page unless asked otherwise.
pub const PAGE_DEFAULT: usize = 25;

/// A page of a list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Page<T> {
    /// The entries.
    pub items: Vec<T>,
    /// Send it as `cursor` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// Which page is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    /// Most entries.
    pub limit: usize,
    /// Index sort key after which the page begins.
    pub after: Option<String>,
}

impl PageRequest {
    /// Reads `limit` and `cursor`.
    ///
    /// # Errors
    /// 400 naming the parameter.
    pub fn of(request: &Request) -> Result<Self, Problem> {
        let limit = request.query::<usize>("limit")?.unwrap_or(PAGE_DEFAULT);
        if !(1..=PAGE_MAX).contains(&limit) {
            return Err(Problem::invalid("?limit", format!("limit is 1 to {PAGE_MAX}")));
        }
        let after = request
            .query
            .get("cursor")
            .map(|cursor| {
                position(cursor)
                    .ok_or_else(|| Problem::invalid("?cursor", "cursor takes `next_cursor` of an earlier page"))
            })
            .transpose()?;
        Ok(Self { limit, after })
    }

    /// The page after one that ended with this cursor.
    #[must_use]
    pub fn following(&self, next_cursor: &str) -> Option<Self> {
        Some(Self { limit: self.limit, after: Some(position(next_cursor)?) })
    }

    /// The cursor for the page after the entry with this index sort key.
    #[must_use]
    pub fn cursor(last: &str) -> String {
        URL_SAFE_NO_PAD.encode(last)
    }
}

fn position(cursor: &str) -> Option<String> {
    String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()
}

impl<T> Page<T> {
    /// Changes every entry.
    pub fn map<U>(self, change: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(change).collect(), next_cursor: self.next_cursor }
    }
}

impl Store {
    /// One page of the index whose partitions are `<parts>#<shard>`; `keep` drops entries that the index shows but that no
    /// longer belong (index reads are hints). A page may then be shorter than asked for without being the last.
    ///
    /// # Errors
    /// [`Failure::Unavailable`].
    pub async fn list<T: Stored>(
        &self,
        table: Table,
        index: &str,
        parts: &[&str],
        page: &PageRequest,
        descending: bool,
        keep: impl Fn(&T) -> bool,
    ) -> Result<Page<Versioned<T>>, Failure> {
        let (entries, more) = self.index_entries(table, index, parts, page, descending).await?;
        let next_cursor = entries.last().filter(|_| more).map(|(last, _)| PageRequest::cursor(last));
        let keys: Vec<Key> = entries.into_iter().map(|(_, key)| key).collect();
        let mut items = self.load_many::<T>(&keys).await?;
        items.retain(|item| keep(&item.body));
        Ok(Page { items, next_cursor })
    }

    /// One page of index sort keys and keys over all shards, and whether it is full.
    pub(crate) async fn index_entries(
        &self,
        table: Table,
        index: &str,
        parts: &[&str],
        page: &PageRequest,
        descending: bool,
    ) -> Result<(Vec<(String, Key)>, bool), Failure> {
        let mut entries: Vec<(String, Key)> = Vec::new();
        for shard in 0..self.list_shards() {
            let partition = list_partition(parts, shard);
            entries.extend(
                self.index_page(&IndexPage {
                    table,
                    index,
                    partition: &partition,
                    after: page.after.as_deref(),
                    until: None,
                    descending,
                    limit: page.limit,
                })
                .await?,
            );
        }
        entries.sort();
        if descending {
            entries.reverse();
        }
        let more = entries.len() >= page.limit;
        entries.truncate(page.limit);
        Ok((entries, more))
    }
}
