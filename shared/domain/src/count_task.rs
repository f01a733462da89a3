//! The count task: somebody counts what lies on the shelf of one inventory level, and an approved count corrects it.
//!
//! | State ↓ / command → | start | count | approve | reject | cancel |
//! |---|---|---|---|---|---|
//! | `requested` | `counting` | refused | refused | refused | `cancelled` |
//! | `counting` | own: no-op; another's: refused | `counted`; at once `completed` when nothing differs and nothing is suspect | refused | refused | `cancelled` |
//! | `counted` | refused | refused | `reviewed` → `completed` in one step | `requested`: counted again | `cancelled` |
//! | `completed`, `cancelled` | refused | refused | refused | refused | `cancelled`: no-op; else refused |
//!
//! Counting stops nobody. What is on the shelf is `on_hand − picked`; the count is compared with that at the moment when it is
//! entered, and what is approved is the *difference*, so that movements between count and approval do no harm.
//! A count is of the whole level, or of one bin of it: of the one that a picker found wanting, which is frozen meanwhile (nobody
//! is sent there, and what else it should hold is suspect). A count of the level clears whatever is suspect.
//!
//! Units that pickers did not find (`count_suspect`) are cleared by it: those that are missing leave the stock, at the cost of the
//! liable party; the others are available again.

use crate::aggregate::{Actor, Decision, History, Rejected};
use crate::ids::{CountTaskId, MerchantId};
use crate::lot_record::LotRecord;
use crate::receiving::UNITS_MAX;
use crate::stock::{Bins, DEFAULT_BIN, Goods, Level, LevelId, LiableParty, Movement, MovementKind, StockChange, Term};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How far a count is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CountState {
    /// On the list, nobody's yet.
    Requested,
    /// Somebody counts.
    Counting,
    /// The count differs from the record, or units were suspect: it waits for a person to approve it.
    Counted,
    /// Passed through on the way to `completed`; kept in the timeline.
    Reviewed,
    /// The record is as counted.
    Completed,
    /// Not to be counted.
    Cancelled,
}

/// What was counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Count {
    /// Units on the shelf.
    pub units: u32,
    /// Units that should have been there at that moment.
    pub expected: i64,
    /// Units of these that pickers had not found.
    pub suspect: i64,
    /// Version of the level that it was compared with.
    pub level_version: u64,
    /// Who counted.
    pub actor: Actor,
}

impl Count {
    /// Units found too many (positive) or missing (negative).
    #[must_use]
    pub fn difference(&self) -> i64 {
        i64::from(self.units) - self.expected
    }
}

/// A count of one inventory level.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountTask {
    /// Its id.
    pub id: CountTaskId,
    /// What is counted.
    pub level: LevelId,
    /// The bin that is counted; the whole level without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bin: Option<String>,
    /// Units of the bin that became suspect when the count was requested.
    #[serde(default)]
    pub suspect: u32,
    /// Why: a pick task's id, or a person's words.
    pub cause: String,
    /// How far it is.
    pub state: CountState,
    /// Badge of the person who counts.
    pub assigned_to: Option<String>,
    /// The count.
    pub count: Option<Count>,
    /// When it was requested, UTC.
    pub created_at: Timestamp,
    /// Timeline.
    pub history: History,
}

impl CountTask {
    /// Asks for a count.
    #[must_use]
    pub fn request(id: CountTaskId, level: LevelId, cause: String, at: Timestamp) -> Self {
        let mut history = History::default();
        history.record(at, "requested", None);
        let state = CountState::Requested;
        Self { id, level, bin: None, suspect: 0, cause, state, assigned_to: None, count: None, created_at: at, history }
    }

    /// Of one bin only, of which `suspect` units are `count_suspect`.
    #[must_use]
    pub fn of_bin(self, bin: String, suspect: u32) -> Self {
        Self { bin: Some(bin), suspect, ..self }
    }

    /// The merchant.
    #[must_use]
    pub fn merchant(&self) -> MerchantId {
        self.id.merchant()
    }

    /// Whether somebody still has to do something with it.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self.state, CountState::Requested | CountState::Counting | CountState::Counted)
    }

    /// Takes the task.
    ///
    /// # Errors
    /// `count-claimed` when it is another person's; `count-ended` when there is nothing to count.
    pub fn start(&self, actor: &Actor, at: Timestamp) -> Result<Decision<Self>, Rejected> {
        let mut next = self.clone();
        match self.state {
            CountState::Requested => {
                next.state = CountState::Counting;
                next.assigned_to = Some(actor.person.clone());
                next.history.record_by(at, "counting", None, actor);
            }
            CountState::Counting => self.check_owner(actor)?,
            CountState::Counted | CountState::Reviewed | CountState::Completed | CountState::Cancelled => {
                return Err(self.ended());
            }
        }
        Ok(Decision::of(next))
    }

    /// `units` lie on the shelf, or in the bin; `level` and `bins` are what is on record now, at `version`.
    ///
    /// # Errors
    /// `not-counting`, `count-claimed`, `count-ended`; `invalid-field` for more units than a shelf holds.
    pub fn counted(
        &self,
        units: u32,
        (level, bins, version): (&Level, &Bins, u64),
        actor: &Actor,
        at: Timestamp,
    ) -> Result<Decision<Self>, Rejected> {
        match self.state {
            CountState::Counting => self.check_owner(actor)?,
            CountState::Requested => return Err(Rejected::new("not-counting", "start the task first")),
            CountState::Counted | CountState::Reviewed | CountState::Completed | CountState::Cancelled => {
                return Err(self.ended());
            }
        }
        if units > UNITS_MAX {
            let detail = format!("a count has at most {UNITS_MAX} units: count in parts, and correct by adjustments");
            return Err(Rejected::new("invalid-field", detail).at("/units"));
        }
        let mut next = self.clone();
        let (expected, suspect) = match &self.bin {
            None => (level.get(Term::OnHand) - level.get(Term::Picked), level.get(Term::CountSuspect)),
            Some(bin) => (bins.units_in(bin, level), level.get(Term::CountSuspect).min(self.suspect.into())),
        };
        let count = Count { units, expected, suspect, level_version: version, actor: actor.clone() };
        // A frozen bin is picked from again only when somebody has seen to it.
        let differs = count.difference() != 0 || suspect != 0 || self.bin.is_some();
        next.history.record_by(at, "counted", Some(format!("{units} of {expected}")), actor);
        next.count = Some(count);
        next.state = if differs { CountState::Counted } else { CountState::Completed };
        if !differs {
            next.history.record(at, "completed", None);
        }
        Ok(Decision::of(next))
    }

    /// A person approves the count: `level` is what is on record now, `lot` the record of its lot where it has one.
    ///
    /// # Errors
    /// `not-counted`, `count-ended`; `insufficient-stock` when more is missing than is neither suspect nor available: then orders
    /// are promised what is not there.
    pub fn approve(
        &self,
        level: &Level,
        lot: Option<&LotRecord>,
        (liable, reason): (LiableParty, &str),
        actor: &Actor,
        at: Timestamp,
    ) -> Result<Decision<Self>, Rejected> {
        let count = self.to_review()?;
        let unit = |units: i64| u32::try_from(units).unwrap_or(0);
        let suspect = level.get(Term::CountSuspect).min(count.suspect).max(0);
        let missing = (-count.difference()).max(0);
        let surplus = count.difference().max(0);
        let lost_suspects = missing.min(suspect);
        let lost_others = missing - lost_suspects;
        let shelf = lot.map_or(Term::Available, |record| record.term(Term::Available, at));
        // What the sweeper has not looked at yet is available still.
        let from = if level.get(Term::Available) >= lost_others { Term::Available } else { shelf };
        if level.get(from) < lost_others {
            let detail = format!(
                "{missing} units are missing, and only {} are not promised to orders: cancel orders first, or count again",
                level.get(from) + suspect
            );
            return Err(Rejected::new("insufficient-stock", detail));
        }
        let LevelId { sku, location, lot: of_lot } = &self.level;
        let moved = |kind, units: i64, from, to| Movement {
            goods: Goods { bin: self.bin_name().to_owned(), ..Goods::default() }.in_lot(of_lot.as_ref()),
            actor: Some(actor.clone()),
            liable: (kind == MovementKind::CountAdjust).then_some(liable),
            reason: Some(reason.to_owned()),
            ..Movement::new(kind, unit(units), from, to, self.id.as_str(), at)
        };
        let mut stock = Vec::new();
        for (term, units) in [(Term::CountSuspect, lost_suspects), (from, lost_others)] {
            if units > 0 {
                let movement = moved(MovementKind::CountAdjust, units, Some(term), None);
                stock.push(StockChange::remove(sku, location, unit(units), term).moved([movement]));
            }
        }
        let found = suspect - lost_suspects;
        if found > 0 {
            let movement = moved(MovementKind::StatusChange, found, Some(Term::CountSuspect), Some(shelf));
            stock.push(StockChange::shift(sku, location, unit(found), Term::CountSuspect, shelf).moved([movement]));
        }
        if surplus > 0 {
            let movement = moved(MovementKind::CountAdjust, surplus, None, Some(shelf));
            stock.push(StockChange::add(sku, location, unit(surplus), shelf).moved([movement]));
        }
        let mut stock: Vec<StockChange> = stock.into_iter().map(|change| change.of_lot(of_lot.clone())).collect();
        stock.extend(self.thaw());
        let mut next = self.clone();
        next.history.record_by(at, "reviewed", Some(format!("{:+} units", count.difference())), actor);
        next.state = CountState::Completed;
        next.history.record(at, "completed", None);
        Ok(Decision::of(next).with_stock(StockChange::merged(stock)))
    }

    /// A person does not believe the count: it is counted again.
    ///
    /// # Errors
    /// `not-counted`, `count-ended`.
    pub fn reject(&self, actor: &Actor, at: Timestamp) -> Result<Decision<Self>, Rejected> {
        self.to_review()?;
        let mut next = self.clone();
        next.state = CountState::Requested;
        (next.count, next.assigned_to) = (None, None);
        next.history.record_by(at, "rejected", None, actor);
        Ok(Decision::of(next))
    }

    /// Nobody needs to count. A bin may be picked from again; what is suspect stays so until the level is counted.
    ///
    /// # Errors
    /// `count-ended` when it is completed.
    pub fn cancel(&self, actor: &Actor, at: Timestamp) -> Result<Decision<Self>, Rejected> {
        let mut next = self.clone();
        match self.state {
            CountState::Requested | CountState::Counting | CountState::Counted => {
                next.state = CountState::Cancelled;
                next.history.record_by(at, "cancelled", None, actor);
                Ok(Decision::of(next).with_stock(self.thaw()))
            }
            CountState::Cancelled => Ok(Decision::of(next)),
            CountState::Reviewed | CountState::Completed => Err(self.ended()),
        }
    }

    fn bin_name(&self) -> &str {
        self.bin.as_deref().unwrap_or(DEFAULT_BIN)
    }

    fn thaw(&self) -> Option<StockChange> {
        self.bin.as_ref().map(|bin| StockChange::within(&self.level).freezing(bin, false))
    }

    fn to_review(&self) -> Result<&Count, Rejected> {
        match (self.state, &self.count) {
            (CountState::Counted, Some(count)) => Ok(count),
            (CountState::Requested | CountState::Counting, _) | (CountState::Counted, None) => {
                Err(Rejected::new("not-counted", "there is no count to review yet"))
            }
            (CountState::Reviewed | CountState::Completed | CountState::Cancelled, _) => Err(self.ended()),
        }
    }

    fn check_owner(&self, actor: &Actor) -> Result<(), Rejected> {
        match &self.assigned_to {
            Some(owner) if *owner != actor.person => {
                let detail = format!("{owner} counts this: take another task");
                Err(Rejected::new("count-claimed", detail).at("/actor/person"))
            }
            _ => Ok(()),
        }
    }

    fn ended(&self) -> Rejected {
        let state = crate::order::serde_plain(&self.state);
        Rejected::new("count-ended", format!("the count is {state}: ask for another one"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{LocationId, Sku};
    use proptest::prelude::*;

    fn at() -> Timestamp {
        "2026-11-02T08:00:00Z".parse().unwrap()
    }

    fn who(badge: &str) -> Actor {
        Actor { person: badge.to_owned(), station: "HALL-1".to_owned() }
    }

    fn task() -> CountTask {
        let id = CountTaskId::derive(&MerchantId::derive(&["acme"]), &["1"]);
        let level =
            LevelId { sku: Sku::parse("TEA").unwrap(), location: LocationId::parse("SOF1").unwrap(), lot: None };
        CountTask::request(id, level, "cycle count".to_owned(), at())
    }

    fn level(available: i64, reserved: i64, picked: i64, suspect: i64) -> Level {
        let terms = [
            (Term::OnHand, available + reserved + picked + suspect),
            (Term::Available, available),
            (Term::Reserved, reserved),
            (Term::Picked, picked),
            (Term::CountSuspect, suspect),
        ];
        Level(terms.into())
    }

    const WHY: (LiableParty, &str) = (LiableParty::Warehouse, "cycle count");

    #[derive(Debug, Clone, Copy)]
    enum Command {
        Start(&'static str),
        Count(u32),
        Approve,
        Reject,
        Cancel,
    }

    fn apply(task: &CountTask, command: Command) -> Result<Decision<CountTask>, Rejected> {
        let record = level(5, 1, 1, 1);
        match command {
            Command::Start(badge) => task.start(&who(badge), at()),
            Command::Count(units) => task.counted(units, (&record, &Bins::default(), 7), &who("ann"), at()),
            Command::Approve => task.approve(&record, None, WHY, &who("boss"), at()),
            Command::Reject => task.reject(&who("boss"), at()),
            Command::Cancel => task.cancel(&who("boss"), at()),
        }
    }

    #[test]
    fn every_state_answers_every_command_as_the_table_says() {
        use Command as C;
        use CountState as S;
        let start =
            |commands: &[Command]| commands.iter().fold(task(), |task, command| apply(&task, *command).unwrap().next);
        let commands = [C::Start("ann"), C::Start("bob"), C::Count(6), C::Approve, C::Reject, C::Cancel];
        let (ended, not_yet) = (Err("count-ended"), Err("not-counted"));
        type Row = (Vec<Command>, S, [Result<S, &'static str>; 6]);
        let table: [Row; 5] = [
            (
                vec![],
                S::Requested,
                [Ok(S::Counting), Ok(S::Counting), Err("not-counting"), not_yet, not_yet, Ok(S::Cancelled)],
            ),
            (
                vec![C::Start("ann")],
                S::Counting,
                [Ok(S::Counting), Err("count-claimed"), Ok(S::Counted), not_yet, not_yet, Ok(S::Cancelled)],
            ),
            (
                vec![C::Start("ann"), C::Count(6)],
                S::Counted,
                [ended, ended, ended, Ok(S::Completed), Ok(S::Requested), Ok(S::Cancelled)],
            ),
            (vec![C::Start("ann"), C::Count(6), C::Approve], S::Completed, [ended, ended, ended, ended, ended, ended]),
            (vec![C::Cancel], S::Cancelled, [ended, ended, ended, ended, ended, Ok(S::Cancelled)]),
        ];
        for (before, state, row) in table {
            let task = start(&before);
            assert_eq!(task.state, state);
            for (command, expect) in commands.into_iter().zip(row) {
                let got = apply(&task, command).map(|decision| decision.next.state).map_err(|rejected| rejected.code);
                assert_eq!(got, expect, "{state:?} × {command:?}");
            }
        }
    }

    #[test]
    fn a_count_that_agrees_and_clears_nothing_needs_no_review() {
        let counting = task().start(&who("ann"), at()).unwrap().next;
        let counted = |units, record: &Level| {
            counting.counted(units, (record, &Bins::default(), 7), &who("ann"), at()).unwrap().next.state
        };
        assert_eq!(counted(6, &level(5, 1, 3, 0)), CountState::Completed, "what is picked is not on the shelf");
        assert_eq!(counted(7, &level(5, 1, 3, 0)), CountState::Counted);
        assert_eq!(counted(6, &level(4, 1, 3, 1)), CountState::Counted, "suspect units were found");
    }

    #[test]
    fn more_than_is_free_cannot_be_missing() {
        let record = level(2, 5, 0, 1);
        let counting = task().start(&who("ann"), at()).unwrap().next;
        let counted = counting.counted(4, (&record, &Bins::default(), 7), &who("ann"), at()).unwrap().next;
        assert_eq!(counted.approve(&record, None, WHY, &who("boss"), at()).unwrap_err().code, "insufficient-stock");
    }

    proptest! {
        #[test]
        fn an_approved_count_makes_the_record_what_was_counted_and_clears_what_was_suspect(
            terms in (0_i64..9, 0_i64..9, 0_i64..9, 0_i64..9),
            units in 0_u32..40,
            arrived in 0_u32..5,
        ) {
            let record = level(terms.0, terms.1, terms.2, terms.3);
            let counting = task().start(&who("ann"), at()).unwrap().next;
            let counted = counting.counted(units, (&record, &Bins::default(), 7), &who("ann"), at()).unwrap().next;
            // Goods come in between the count and its approval: they are on the shelf, and were not counted.
            let (sku, location) = (&counted.level.sku, &counted.level.location);
            let later = record.after(&StockChange::add(sku, location, arrived, Term::Available)).unwrap();
            if counted.state == CountState::Completed {
                prop_assert_eq!(i64::from(units), terms.0 + terms.1 + terms.3);
                return Ok(());
            }
            let Ok(decision) = counted.approve(&later, None, WHY, &who("boss"), at()) else {
                prop_assert!(i64::from(units) < terms.1);
                return Ok(());
            };
            let mut after = later;
            let mut balance = 0;
            for change in &decision.stock {
                prop_assert!(change.is_balanced());
                balance += change.movements.iter().filter(|m| m.kind == MovementKind::CountAdjust)
                    .map(|m| if m.to.is_some() { i64::from(m.quantity) } else { -i64::from(m.quantity) }).sum::<i64>();
                prop_assert!(change.movements.iter().all(|m| m.liable.is_some() == (m.kind == MovementKind::CountAdjust)));
                after = after.after(change).expect("no term becomes negative");
            }
            prop_assert!(after.is_sound());
            prop_assert_eq!(after.get(Term::CountSuspect), 0);
            prop_assert_eq!(after.get(Term::OnHand) - after.get(Term::Picked), i64::from(units) + i64::from(arrived));
            prop_assert_eq!(balance, decision.next.count.as_ref().unwrap().difference());
        }
    }
}
