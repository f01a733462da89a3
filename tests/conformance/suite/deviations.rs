//! What an endpoint is known to keep differently from AWS's documentation. A rule that is listed here and holds fails
//! the run too, so that the lists stay true.

/// A rule that is not kept.
pub(crate) struct Deviation {
    /// Its name.
    pub(crate) case: &'static str,
    /// What the endpoint does instead.
    pub(crate) reason: &'static str,
}

/// Those of a kind of server.
pub(crate) fn of(server: &str) -> &'static [Deviation] {
    match server {
        "ministack" => MINISTACK,
        "moto" => MOTO,
        _ => &[],
    }
}

/// Of ministack 1.5.33.
const MINISTACK: &[Deviation] = &[];

/// Of moto 5.2.5.
const MOTO: &[Deviation] = &[];
