//! What the merchants of a world do beyond the ordinary: each for a part of the worlds, so that none gets dear.

use crate::simulation::core::Core;
use crate::simulation::size::Size;

/// What is done in a world. A world without a floor has none of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Features {
    /// Shoppers have their orders changed.
    pub(crate) edits: bool,
    /// Items are sold as kits.
    pub(crate) kits: bool,
    /// An item is kept by lot, and a lot may be recalled.
    pub(crate) lots: bool,
    /// Goods lie in named bins, and are carried from one to another.
    pub(crate) bins: bool,
    /// What is on record is corrected, also below what is promised.
    pub(crate) corrections: bool,
    /// Units of an item are kept by serial number.
    pub(crate) serials: bool,
    /// The stock is audited when nothing is left to do.
    pub(crate) audit: bool,
}

impl Features {
    /// Those of the world of this seed.
    pub(crate) fn drawn(core: &Core, size: &Size) -> Self {
        let mut rng = core.luck_of("features");
        let mut one_in = |worlds: u8| rng.u8(0..worlds) == 0 && size.floor;
        Self {
            edits: one_in(3),
            kits: one_in(4),
            lots: one_in(5),
            bins: one_in(5),
            corrections: one_in(4),
            serials: one_in(8),
            audit: one_in(6),
        }
    }
}
