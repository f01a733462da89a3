//! `carrier-booking`.
