//! The one timeline of an order: the histories of all that belongs to it, merged by instant.

use domain::aggregate::History;
use domain::order::Order;
use domain::pick_task::PickTask;
use domain::returns::Return;
use domain::shipment::Shipment;
use domain::tracker::Tracker;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// One event of an order or of what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct TimelineEntry {
    /// When, UTC: by our clock, or by the carrier's for its tracking events.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// To what it happened: `order`, `pick_task`, `shipment`, `tracker` or `return`.
    pub object: &'static str,
    /// The object's id; of a tracker its tracking number.
    pub id: String,
    /// What happened, past tense in snake_case; of a tracker the status.
    pub event: String,
    /// Detail; of a tracker the carrier's own code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Badge of the person who did it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    /// Station where it was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub station: Option<String>,
}

/// Collects histories; sorted at the end.
#[derive(Debug, Default)]
pub(crate) struct Timeline(Vec<TimelineEntry>);

impl Timeline {
    pub(crate) fn order(&mut self, order: &Order) {
        self.history("order", order.id.as_str(), &order.history);
    }

    pub(crate) fn pick_task(&mut self, task: &PickTask) {
        self.history("pick_task", task.id.as_str(), &task.history);
    }

    pub(crate) fn shipment(&mut self, shipment: &Shipment) {
        self.history("shipment", shipment.id.as_str(), &shipment.history);
    }

    pub(crate) fn tracker(&mut self, tracker: &Tracker) {
        self.0.extend(tracker.events.iter().map(|event| TimelineEntry {
            at: event.at,
            object: "tracker",
            id: tracker.tracking_number.clone(),
            event: super::name_of(&event.status),
            note: Some(event.code.clone()),
            person: None,
            station: None,
        }));
    }

    pub(crate) fn back(&mut self, back: &Return) {
        self.history("return", back.id.as_str(), &back.history);
    }

    fn history(&mut self, object: &'static str, id: &str, history: &History) {
        self.0.extend(history.0.iter().map(|entry| TimelineEntry {
            at: entry.at,
            object,
            id: id.to_owned(),
            event: entry.event.clone(),
            note: entry.note.clone(),
            person: entry.person.clone(),
            station: entry.station.clone(),
        }));
    }

    /// Oldest first. Events of one instant stay as they were added: causes are added before effects.
    pub(crate) fn sorted(mut self) -> Vec<TimelineEntry> {
        self.0.sort_by_key(|entry| entry.at);
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(instants: &[i64]) -> History {
        let mut history = History::default();
        for second in instants {
            history.record(Timestamp::from_second(*second).unwrap(), &format!("e{second}"), None);
        }
        history
    }

    #[test]
    fn histories_merge_by_instant_and_nothing_is_lost() {
        let mut timeline = Timeline::default();
        timeline.history("order", "ord_a_1", &history(&[1, 4, 9]));
        timeline.history("pick_task", "tsk_a_1_1", &history(&[4, 5]));
        timeline.history("shipment", "shp_a_1_1", &history(&[2, 4]));
        let merged: Vec<(i64, &str)> =
            timeline.sorted().iter().map(|entry| (entry.at.as_second(), entry.object)).collect();
        assert_eq!(
            merged,
            [
                (1, "order"),
                (2, "shipment"),
                (4, "order"),
                (4, "pick_task"),
                (4, "shipment"),
                (5, "pick_task"),
                (9, "order"),
            ]
        );
    }
}
