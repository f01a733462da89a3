//! Packing slips and shipping labels: pure functions from plain structs to bytes.
//!
//! Invariants: the same input gives the same bytes (no clock, no random; the date is an argument); no input
//! panics; no text of the input can become a printer command; every character stays extractable from the PDF,
//! also one that the built-in font can only show as a box; no error text repeats personal data.

mod arabic;
pub mod code128;
mod font;
pub mod label;
pub mod packing_slip;
mod page;
mod party;
mod pdf;
mod text;
mod zpl;

#[cfg(test)]
mod tests;

pub use label::Label;
pub use packing_slip::{PackingSlip, SlipLine};
pub use party::Party;

/// Why a document could not be made. None of these passes by itself: the caller must change the input.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// There is nothing to put into the barcode.
    #[error("the barcode has no text: give the id or the tracking number")]
    BarcodeEmpty,
    /// The barcode's text holds something other than printable ASCII.
    #[error(
        "character {position} of the barcode's text is not printable ASCII: use an id of letters, digits and - . _"
    )]
    BarcodeCharacter {
        /// Position in characters, from 1.
        position: usize,
    },
    /// The bars would be too narrow for a scanner.
    #[error("the barcode needs {modules} modules and the paper has room for {modules_max}: use a shorter id")]
    BarcodeTooLong {
        /// Modules (narrowest bars) needed, quiet zones included.
        modules: usize,
        /// Modules for which there is room.
        modules_max: usize,
    },
    /// The amount to collect does not fit its box, and must not be cut.
    #[error("the amount to collect is too long for its box: give digits and a currency code only")]
    AmountTooLong,
    /// More lines than one packing slip takes.
    #[error("{lines} lines are more than the {} of one packing slip: split the order", packing_slip::LINES_MAX)]
    TooManyLines {
        /// Lines given.
        lines: usize,
    },
    /// More different characters than a font in a PDF can hold (65,535).
    #[error("the text has more than 65,535 different characters: shorten the titles")]
    TooManyCharacters,
    /// The built-in font cannot be used: a fault of the build, not of the input.
    #[error("the built-in font cannot be used ({reason}): restore shared/documents/assets and rebuild")]
    Font {
        /// What the font library said.
        reason: String,
    },
}
