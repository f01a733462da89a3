//! Business metrics, taken from the lines that the functions log: the same lines, read by the same rules (embedded metric
//! format), that CloudWatch takes them from.

use std::collections::BTreeMap;
use std::sync::Mutex;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::environment::lock;
use super::status::Metric;

/// Metrics that are told apart, at most: some thirty there are.
const SERIES_MAX: usize = 512;

/// What the metrics add up to since the start of the host.
#[derive(Debug, Default)]
pub(crate) struct MetricSums {
    sums: Mutex<BTreeMap<Series, f64>>,
}

/// A metric with its dimensions' values, as CloudWatch tells metrics apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Series {
    namespace: String,
    name: String,
    dimensions: BTreeMap<String, String>,
}

impl MetricSums {
    /// Reads one line of a function's output; most are none of a metric.
    pub(crate) fn read(&self, line: &str) {
        // Nearly every line ends here.
        if !line.contains("\"_aws\"") {
            return;
        }
        let mut sums = lock(&self.sums);
        for (series, value) in samples(line) {
            let room = sums.len() < SERIES_MAX;
            match sums.get_mut(&series) {
                Some(sum) => *sum += value,
                None if room => {
                    sums.insert(series, value);
                }
                // A function that makes metrics without end must not fill the memory: its first ones stay.
                None => {}
            }
        }
    }

    /// All sums.
    pub(crate) fn snapshot(&self) -> Vec<Metric> {
        let sums = lock(&self.sums);
        let metric = |(series, sum): (&Series, &f64)| {
            let Series { namespace, name, dimensions } = series.clone();
            Metric { namespace, name, dimensions, sum: *sum }
        };
        sums.iter().map(metric).collect()
    }
}

/// `_aws` of a line.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Announced {
    cloud_watch_metrics: Vec<Directive>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Directive {
    namespace: String,
    dimensions: Vec<Vec<String>>,
    metrics: Vec<Definition>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Definition {
    name: String,
}

/// What a line says: each metric that it announces, once for each set of dimensions, as far as their values are there.
fn samples(line: &str) -> Vec<(Series, f64)> {
    let Ok(mut fields) = serde_json::from_str::<Map<String, Value>>(line) else {
        return Vec::new();
    };
    let Some(Ok(announced)) = fields.remove("_aws").map(serde_json::from_value::<Announced>) else {
        return Vec::new();
    };
    let mut samples = Vec::new();
    for directive in announced.cloud_watch_metrics {
        for set in &directive.dimensions {
            let value = |name: &String| Some((name.clone(), fields.get(name)?.as_str()?.to_owned()));
            let Some(dimensions) = set.iter().map(value).collect::<Option<BTreeMap<_, _>>>() else {
                continue;
            };
            for Definition { name } in &directive.metrics {
                let Some(sum) = fields.get(name).and_then(sum) else { continue };
                let (namespace, name) = (directive.namespace.clone(), name.clone());
                samples.push((Series { namespace, name, dimensions: dimensions.clone() }, sum));
            }
        }
    }
    samples
}

/// A metric's value is a number or a list of them.
fn sum(value: &Value) -> Option<f64> {
    match value {
        Value::Array(values) => values.iter().map(Value::as_f64).sum(),
        value => value.as_f64(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use platform::metrics::{Metric as Business, Sample};
    use proptest::prelude::*;

    #[track_caller]
    fn check(lines: &[&str], expect: &[(&str, &str, f64)]) {
        let sums = MetricSums::default();
        lines.iter().for_each(|line| sums.read(line));
        let found: Vec<(String, String, f64)> = sums
            .snapshot()
            .into_iter()
            .map(|Metric { name, dimensions, sum, .. }| {
                let dimensions: Vec<String> = dimensions.into_values().collect();
                (name, dimensions.join(" "), sum)
            })
            .collect();
        let expect: Vec<_> =
            expect.iter().map(|(name, values, sum)| ((*name).to_owned(), (*values).to_owned(), *sum)).collect();
        assert_eq!(found, expect, "{lines:?}");
    }

    #[test]
    fn lines_of_the_functions_add_up_by_metric_and_dimensions() {
        let at = jiff::Timestamp::from_second(1).unwrap();
        let entered = |state: &str| Sample::entered(Business::OrdersEntered, state).line("local", at);
        let late = Sample::of(Business::OrdersLate, 3).line("local", at);
        let lines = [entered("received"), late, entered("received"), entered("allocated")];
        check(
            &lines.each_ref().map(String::as_str),
            &[
                ("OrdersEntered", "local allocated", 1.0),
                ("OrdersEntered", "local received", 2.0),
                ("OrdersLate", "local", 3.0),
            ],
        );
    }

    #[test]
    fn a_line_counts_as_cloudwatch_reads_it() {
        let line = |dimensions: &str, rest: &str| {
            format!(
                r#"{{"_aws":{{"Timestamp":1,"CloudWatchMetrics":[{{"Namespace":"N","Dimensions":{dimensions},"Metrics":[{{"Name":"M"}}]}}]}},"A":"a","B":"b"{rest}}}"#
            )
        };
        let two = line(r#"[["A"],["A","B"]]"#, r#","M":[1,2.5]"#);
        check(&[&two], &[("M", "a", 3.5), ("M", "a b", 3.5)]);
        check(&[&line("[[]]", r#","M":1"#)], &[("M", "", 1.0)]);
        check(&[&line(r#"[["C"]]"#, r#","M":1"#)], &[]);
        check(&[&line(r#"[["A"]]"#, r#","M":"many""#)], &[]);
        check(&[&line(r#"[["A"]]"#, "")], &[]);
        for line in [
            r#"{"message":"\"_aws\""}"#,
            r#"{"fields":{"_aws":{"CloudWatchMetrics":[]}}}"#,
            r#"{"_aws":{}}"#,
            r#"["_aws"]"#,
            r#"{"_aws""#,
        ] {
            check(&[line], &[]);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn memory_is_bounded_and_known_metrics_go_on(states in prop::collection::vec("[a-z]{1,8}", 1..40)) {
            let (sums, at) = (MetricSums::default(), jiff::Timestamp::UNIX_EPOCH);
            let enter = |state: &str| sums.read(&Sample::entered(Business::ParcelsEntered, state).line("local", at));
            (0..SERIES_MAX).for_each(|number| enter(&format!("S{number}")));
            states.iter().for_each(|state| enter(state));
            enter("S0");
            let snapshot = sums.snapshot();
            prop_assert_eq!(snapshot.len(), SERIES_MAX);
            prop_assert_eq!(snapshot.iter().map(|metric| metric.sum).sum::<f64>(), SERIES_MAX as f64 + 1.0);
        }
    }
}
