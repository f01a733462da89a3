//! Short sales and reservations: what they must never do, and what they may cost.

#![allow(clippy::unwrap_used)] // A test fails by panicking.

use std::path::PathBuf;

use infra::simulation::faults::Profile;
use infra::simulation::sale::{Basket, Sale, SaleReport, hold, measure};

fn template() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../template.yaml")
}

/// A sale of fewer units than there are orders, under faults, at some 40 batches a second.
#[track_caller]
fn held(seed: u64, orders: u64, batch: usize, profile: Profile) -> SaleReport {
    let stock = u32::try_from(orders * 3 / 5).unwrap();
    let sale = Sale { template: template(), seed, orders, stock, rate_per_s: 40 * batch as u64, batch, profile };
    let report = hold(&sale).unwrap();
    assert!(report.is_safe(), "seed {seed}: {report:?}");
    assert_eq!(report.reserved, u64::from(stock), "seed {seed}: {report:?}");
    report
}

fn counter_writes(reports: &[SaleReport]) -> f64 {
    let sum = |of: fn(&SaleReport) -> u64| reports.iter().map(of).sum::<u64>() as f64;
    sum(|report| report.counter_writes) / sum(|report| report.orders)
}

#[test]
fn a_sale_in_batches_of_ten_is_safe_under_faults_and_shares_the_counter() {
    let reports = [1, 2].map(|seed| held(seed, 300, 10, Profile::standard()));
    assert!(counter_writes(&reports) < 0.175, "{reports:?}");
}

#[test]
fn a_sale_in_batches_of_a_hundred_is_safe_under_faults_and_shares_the_counter() {
    let reports = [1, 2].map(|seed| held(seed, 1500, 100, Profile::standard()));
    assert!(counter_writes(&reports) < 0.024, "{reports:?}");
}

#[test]
fn who_comes_when_all_is_sold_costs_no_write_of_the_counter() {
    let report = held(1, 300, 10, Profile::none());
    assert!(report.refused_sold_out > 50, "{report:?}");
    assert_eq!(report.counter_writes_sold_out, 0, "{report:?}");
}

#[test]
fn a_reservation_costs_what_it_did() {
    let check = |basket: Basket, batch: usize, writes: f64, requests: u64| {
        let measured = measure(&template(), basket, batch, 100).unwrap();
        let counted = (measured.costs.write_units, measured.costs.requests, measured.function_sqs);
        assert_eq!(counted, (writes, requests, 0), "{basket:?} in batches of {batch}: {measured:?}");
    };
    check(Basket::Hot, 1, 300.0, 700);
    check(Basket::Hot, 10, 130.0, 170);
    check(Basket::Hot, 100, 109.0, 107);
    check(Basket::SoldOut, 10, 300.0, 250);
}
