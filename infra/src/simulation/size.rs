//! How large a run is.

/// The world of one seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Merchants.
    pub merchants: usize,
    /// Orders, over all merchants.
    pub orders: usize,
    /// Items of each merchant.
    pub items: usize,
    /// Locations of each merchant.
    pub locations: usize,
    /// Units of each item at each location, at the beginning.
    pub units: u32,
    /// Orders come within so many virtual seconds.
    pub spread_s: u64,
}

impl Size {
    /// A world of the usual size, with one merchant or two, and some orders more or less.
    #[must_use]
    pub fn drawn(rng: &mut fastrand::Rng) -> Self {
        let merchants = if rng.u8(0..5) == 0 { 2 } else { 1 };
        Self {
            merchants,
            orders: rng.usize(2..=5),
            items: rng.usize(1..=2),
            units: rng.u32(2..=5),
            spread_s: 240,
            ..Self::default()
        }
    }
}

impl Default for Size {
    fn default() -> Self {
        Self { merchants: 2, orders: 8, items: 3, locations: 2, units: 6, spread_s: 300 }
    }
}
