//! Whole documents, read back from their bytes.

mod label;
mod packing_slip;
mod reader;

use crate::Party;

/// A recipient whose name and address need Cyrillic of more than one language.
fn recipient() -> Party<'static> {
    Party {
        name: "Елисавета Ђорђевић-Їжак",
        company: Some("„Цвете и син“ ООД"),
        line1: "бул. „Витоша“ № 125, ет. 4",
        line2: None,
        postal_code: Some("1504"),
        city: "София",
        region: None,
        country: "BG",
        phone: Some("+359 88 812 3456"),
    }
}

/// Nothing sticks out of the paper.
fn assert_inside(page: &reader::Page) {
    let (width, height) = page.size;
    for line in &page.lines {
        assert!(line.x >= 0.0 && line.x + line.width <= width, "{line:?} is wider than the page");
        assert!(line.y >= 0.0 && line.y <= height, "{line:?} is above or below the page");
    }
    for [x, y, w, h] in &page.rectangles {
        assert!(*x >= 0.0 && x + w <= width && *y >= 0.0 && y + h <= height, "{x} {y} {w} {h} sticks out");
    }
}
