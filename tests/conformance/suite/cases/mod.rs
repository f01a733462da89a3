//! The rules, by topic.

mod administration;
mod attributes;
mod batches;
mod dead_letters;
mod groups;
mod receiving;
mod refusals;
mod sending;
mod visibility;

use super::Case;

/// Every rule.
pub(super) fn all() -> Vec<&'static Case> {
    [
        visibility::CASES,
        receiving::CASES,
        sending::CASES,
        batches::CASES,
        groups::CASES,
        dead_letters::CASES,
        attributes::CASES,
        administration::CASES,
        refusals::CASES,
    ]
    .into_iter()
    .flatten()
    .collect()
}
