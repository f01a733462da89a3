//! A bounded audit: does the stock equation hold for some of the levels that people are working from right now?

use crate::look::Run;
use platform::items::StoredLevel;
use platform::{Deps, Failure};

/// Most levels read in a run.
const LEVELS_MAX: usize = 5;

/// Reads some of the levels of the orders looked at, others each minute. A level that breaks the equation is a bug or a
/// change from outside: it is reported, never corrected here.
pub(crate) async fn audit(deps: &Deps, run: &mut Run, minute: usize) -> Result<(), Failure> {
    let levels: Vec<_> = std::mem::take(&mut run.levels).into_iter().collect();
    let first = minute.wrapping_mul(LEVELS_MAX) % levels.len().max(1);
    for (merchant, sku, location) in levels.iter().cycle().skip(first).take(LEVELS_MAX.min(levels.len())) {
        let key = StoredLevel::key_of(merchant, sku, location);
        let Some(stored) = deps.store.load::<StoredLevel>(&key).await? else { continue };
        let level = stored.body.level();
        if !level.is_sound() {
            tracing::error!(%merchant, %sku, %location, ?level, "the stock equation does not hold");
            run.swept.unsound.push(key);
        }
    }
    Ok(())
}
