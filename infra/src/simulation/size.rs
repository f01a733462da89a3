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
    /// Whether merchants sell through a shop too, and not only by the API: then its stock is published.
    pub shop: bool,
    /// Whether people pick and carriers carry. Without them an order is at rest when it is reserved, or waits for stock.
    pub floor: bool,
    /// Whether nothing happens but that orders come: no goods come in, nobody cancels or holds. Then an order that waits is woken
    /// by what reservations give back, or by nobody.
    pub only_orders: bool,
    /// Every how-manieth run of a schedule takes place: what sweeps mend must not need them every minute.
    pub sweeps: u64,
}

/// Every how-manieth sweep takes place, in a drawn world.
const SWEEPS: [u64; 8] = [1, 10, 15, 15, 15, 15, 15, 15];
/// Most orders of a rush.
const RUSH_ORDERS_MAX: usize = 150;

impl Size {
    /// A world of the usual size, with one merchant or two, and some orders more or less; one in twenty-five is a rush.
    #[must_use]
    pub fn drawn(rng: &mut fastrand::Rng) -> Self {
        if rng.u8(0..25) == 0 {
            return Self::rush(rng);
        }
        let merchants = if rng.u8(0..10) == 0 { 2 } else { 1 };
        Self {
            merchants,
            orders: [1, 1, 1, 2, 2, 3][rng.usize(0..6)],
            items: rng.usize(1..=2),
            locations: rng.usize(1..=2),
            units: rng.u32(2..=5),
            spread_s: 240,
            shop: rng.u8(0..6) == 0,
            floor: true,
            only_orders: false,
            sweeps: SWEEPS[rng.usize(0..SWEEPS.len())],
        }
    }

    /// Up to 150 orders for one item at one location within two seconds, and stock for a part of them.
    #[must_use]
    pub fn rush(rng: &mut fastrand::Rng) -> Self {
        let orders = rng.usize(20..=RUSH_ORDERS_MAX);
        // An order is for two units, as a rule.
        let units = u32::try_from(orders * rng.usize(40..=180) / 100).unwrap_or(u32::MAX);
        let only_orders = rng.bool();
        Self {
            merchants: 1,
            orders,
            items: 1,
            locations: 1,
            units,
            spread_s: 2,
            shop: false,
            floor: false,
            only_orders,
            sweeps: 1,
        }
    }
}

impl Default for Size {
    fn default() -> Self {
        Self {
            merchants: 2,
            orders: 8,
            items: 3,
            locations: 2,
            units: 6,
            spread_s: 300,
            shop: true,
            floor: true,
            only_orders: false,
            sweeps: 1,
        }
    }
}

/// How the worlds of many seeds come about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum World {
    /// Each is drawn from its seed.
    Drawn,
    /// Each is a rush drawn from its seed.
    Rush,
    /// All are like this one.
    Fixed(Size),
}

impl World {
    /// The world of a seed.
    #[must_use]
    pub fn size(self, seed: u64) -> Size {
        let mut rng = fastrand::Rng::with_seed(seed);
        match self {
            Self::Drawn => Size::drawn(&mut rng),
            Self::Rush => Size::rush(&mut rng),
            Self::Fixed(size) => size,
        }
    }
}
