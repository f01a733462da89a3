//! Units that are kept by serial number follow their task: scanned, or put back.

use domain::Decision;
use domain::pick_task::PickTask;
use domain::serial_record::SerialRecord;
use platform::items::serial_key;
use platform::{Deps, Failure, Operation, Write};

/// The writes of the records of units that a step scanned, or put back.
pub(crate) async fn follow(
    deps: &Deps,
    before: &PickTask,
    after: &PickTask,
    operation: &Operation,
) -> Result<Vec<Write>, Failure> {
    let (had, has) = (before.serials(), after.serials());
    let merchant = before.merchant();
    let mut writes = Vec::new();
    for unit in had.symmetric_difference(&has) {
        let (sku, serial) = unit;
        let known = deps.store.load::<SerialRecord>(&serial_key(&merchant, sku, serial)).await?;
        let scanned = has.contains(unit);
        let record = match &known {
            Some(known) if scanned => known.body.pick(&before.order, &before.location)?,
            Some(known) => known.body.put_back(&before.order),
            None if scanned => return Err(SerialRecord::not_in_stock(serial).into()),
            None => continue,
        };
        writes.extend(deps.store.write_of(known.as_ref(), Decision::of(record), operation)?.0);
    }
    Ok(writes)
}
