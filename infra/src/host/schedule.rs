//! A schedule that invokes a function at a fixed rate.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};

use super::environments::Pool;
use super::moment;
use super::names::{ACCOUNT, REGION, rule_arn};
use crate::template::model::Schedule;

/// Pauses before the second and third attempt (an asynchronous invocation has two retries). A retry that would
/// come after the next tick is left to that tick.
const RETRY_PAUSES: [Duration; 2] = [Duration::from_secs(60), Duration::from_secs(120)];

/// Runs until `stopping`. The first tick comes one period after the start, as with a new rule on AWS; a tick that
/// is due while the function still runs is left out.
pub(crate) async fn run(schedule: &Schedule, pool: &Arc<Pool>, mut stopping: watch::Receiver<bool>) {
    let period = Duration::from_secs(schedule.every_s.max(1));
    let mut ticks = tokio::time::interval_at(Instant::now() + period, period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    while !*stopping.borrow() {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stopping.changed() => return,
        }
        let event = event(schedule, &moment::request_id(), moment::now()).to_string();
        let mut waited = Duration::ZERO;
        for pause in RETRY_PAUSES.into_iter().map(Some).chain([None]) {
            // The pool logs why an invocation failed.
            if pool.invoke(moment::request_id(), event.clone().into()).await.is_ok() {
                break;
            }
            let Some(pause) = pause else { break };
            waited += pause;
            if waited >= period {
                break;
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                _ = stopping.changed() => return,
            }
        }
    }
}

/// The schedule's constant input, or EventBridge's own event.
pub(crate) fn event(schedule: &Schedule, id: &str, at: jiff::Timestamp) -> Value {
    schedule.input.clone().unwrap_or_else(|| {
        json!({
            "version": "0",
            "id": id,
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "account": ACCOUNT,
            "time": format!("{at:.0}"),
            "region": REGION,
            "resources": [rule_arn(&schedule.name)],
            "detail": {},
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_event_is_eventbridges_unless_the_template_gives_an_input() {
        let mut schedule = Schedule { name: "EveryMinute".to_owned(), every_s: 60, input: None };
        let at = "2026-02-03T04:05:06.789Z".parse().unwrap();
        let made = event(&schedule, "id-1", at);
        assert_eq!(made["detail-type"], "Scheduled Event");
        assert_eq!(made["time"], "2026-02-03T04:05:06Z");
        assert_eq!(made["resources"][0], rule_arn("EveryMinute"));
        schedule.input = Some(json!({"task": "sweep"}));
        assert_eq!(event(&schedule, "id-1", at), json!({"task": "sweep"}));
    }
}
