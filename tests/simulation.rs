//! The simulation within `cargo test`.

use std::path::PathBuf;

use infra::simulation::faults::Profile;
use infra::simulation::size::Size;
use infra::simulation::{Plan, run};

fn template() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../template.yaml")
}

fn plan(seed: u64) -> Plan {
    Plan { template: template(), seed, profile: Some(Profile::none()), size: Size::default(), trace: true }
}

#[test]
fn without_faults_every_order_comes_through() {
    let report = run(&plan(1)).unwrap();
    assert_eq!(report.violations, [], "{}", report.trace.join("\n"));
    assert_eq!(report.orders, Size::default().orders);
}

#[test]
fn a_seed_repeats_itself() {
    let (one, other) = (run(&plan(2)).unwrap().trace, run(&plan(2)).unwrap().trace);
    for (first, second) in one.iter().zip(&other) {
        assert_eq!(first, second);
    }
    assert_eq!(one.len(), other.len());
}
