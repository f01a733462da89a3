//! Beginning an audit of stock: by request and by schedule alike. The sweeper carries it out.

use crate::commit::{Changed, Step};
use crate::failure::Failure;
use crate::items::{ListedAudit, RunningAudit};
use crate::operation::Operation;
use crate::store::Store;
use domain::Decision;
use domain::audit::StockAudit;

impl Store {
    /// Stores a new audit with its place in its merchant's list and among those under way. An audit of this id that there is
    /// already stays as it is.
    ///
    /// # Errors
    /// As [`Store::create`].
    pub async fn begin_audit(&self, operation: &Operation, audit: StockAudit) -> Result<Changed<StockAudit>, Failure> {
        let also = vec![
            self.put_of(&ListedAudit::of(&audit), operation)?,
            self.put_of(&RunningAudit { audit: audit.id.clone() }, operation)?,
        ];
        self.create(operation, Step { decision: Decision::of(audit), also }).await
    }
}
