//! Bugs that the simulation must catch: each can be switched on for a run, and only in a build with debug assertions, as `cargo
//! test` and `cargo local` have. What is deployed is a release build: there [`is_on`] is constantly false, and the compiler
//! leaves the switches out.

/// A bug that was, or could have been, made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeededBug {
    /// A purchase is repeated without asking the carrier what became of the intent that was recorded.
    CarrierCalledWithoutIntent,
    /// A parcel is where the last event that came in says.
    TrackingInArrivalOrder,
    /// The leg of a return moves the order's own parcel.
    ReturnLegMovesOrder,
    /// Messages that failed are acknowledged with the rest of their batch.
    WholeBatchAcknowledged,
    /// A message is acknowledged on a read that may be older than its cause.
    AcknowledgedOnStaleRead,
    /// Messages are sent beside the commit instead of being stored in it: a crash in between loses them.
    SentWithoutOutbox,
    /// A state is written without the condition on the version that it was decided on.
    StatusWithoutVersion,
    /// Units are taken out of a level without the condition that they are there.
    TakenWithoutCondition,
    /// A take is opened without the condition that it is not open yet: arithmetic without an operation's id.
    TakenWithoutName,
    /// An expired take is given back without keeping its orders from claiming.
    ReclaimedWithoutFence,
    /// What an order found sold out while a take was open is not told when the take gives units back.
    SoldOutWhileTakeOpen,
}

impl SeededBug {
    /// Every bug.
    pub const ALL: [Self; 11] = [
        Self::CarrierCalledWithoutIntent,
        Self::TrackingInArrivalOrder,
        Self::ReturnLegMovesOrder,
        Self::WholeBatchAcknowledged,
        Self::AcknowledgedOnStaleRead,
        Self::SentWithoutOutbox,
        Self::StatusWithoutVersion,
        Self::TakenWithoutCondition,
        Self::TakenWithoutName,
        Self::ReclaimedWithoutFence,
        Self::SoldOutWhileTakeOpen,
    ];
}

/// Whether this build has the switches.
pub const CAN_BE_MADE: bool = cfg!(debug_assertions);

thread_local! {
    static ON: std::cell::Cell<Option<SeededBug>> = const { std::cell::Cell::new(None) };
}

/// Whether this bug is to be made.
#[must_use]
pub fn is_on(bug: SeededBug) -> bool {
    CAN_BE_MADE && ON.get() == Some(bug)
}

/// From now on this thread makes that bug, or none.
pub fn switch(bug: Option<SeededBug>) {
    ON.set(bug);
}
