//! What stands on a page, in millimetres from the top left corner; drawn as PDF or ZPL.

use crate::code128::{Code128, QUIET_MODULES};
use crate::font::{Fonts, Style};
use crate::{DocumentError, Party};

/// One thing on paper.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Mark {
    /// A line of text in reading order, from its left end on its baseline.
    Text { x_mm: f32, baseline_mm: f32, style: Style, line: String },
    /// A filled rectangle.
    Fill { x_mm: f32, y_mm: f32, width_mm: f32, height_mm: f32 },
    /// Bars, from the first bar's left edge.
    Bars { x_mm: f32, y_mm: f32, module_mm: f32, height_mm: f32, barcode: Code128 },
}

/// A sheet being filled.
#[derive(Default)]
pub(crate) struct Page {
    pub(crate) marks: Vec<Mark>,
}

impl Page {
    /// A cleaned line, left-aligned.
    pub(crate) fn text(&mut self, x_mm: f32, baseline_mm: f32, style: Style, line: &str) {
        let line = crate::text::clean(line);
        if !line.is_empty() {
            self.marks.push(Mark::Text { x_mm, baseline_mm, style, line });
        }
    }

    /// A cleaned line that ends at `right_mm`.
    pub(crate) fn text_right(&mut self, fonts: &Fonts, right_mm: f32, baseline_mm: f32, style: Style, line: &str) {
        let line = crate::text::clean(line);
        self.text(right_mm - fonts.width_mm(style, &line), baseline_mm, style, &line);
    }

    /// Lines below each other; returns the baseline after the last.
    pub(crate) fn lines(&mut self, x_mm: f32, baseline_mm: f32, style: Style, lines: &[String]) -> f32 {
        let mut at = baseline_mm;
        for line in lines {
            self.text(x_mm, at, style, line);
            at += style.leading_mm();
        }
        at
    }

    /// `text` around `centre_mm` but inside `area`, on one line in the first of `styles` in which it fits, in the last
    /// on several lines, cut at the area's end. Returns the last baseline.
    pub(crate) fn centred(&mut self, fonts: &Fonts, area: Area, centre_mm: f32, styles: &[Style], text: &str) -> f32 {
        let Some(style) = fonts.fitting(styles, text, area.width_mm).or(styles.last().copied()) else {
            return area.y_mm;
        };
        let lines_max = (area.height_mm / style.leading_mm()) as usize;
        let mut baseline_mm = area.y_mm;
        for line in fonts.wrap_cut(style, text, area.width_mm, lines_max.max(1)) {
            let width_mm = fonts.width_mm(style, &line);
            let x_mm = (centre_mm - width_mm / 2.0).min(area.x_mm + area.width_mm - width_mm).max(area.x_mm);
            baseline_mm += style.leading_mm();
            self.text(x_mm, baseline_mm, style, &line);
        }
        baseline_mm
    }

    /// A horizontal rule.
    pub(crate) fn rule(&mut self, x_mm: f32, y_mm: f32, width_mm: f32, thickness_mm: f32) {
        self.marks.push(Mark::Fill { x_mm, y_mm, width_mm, height_mm: thickness_mm });
    }

    /// An empty frame.
    pub(crate) fn frame(&mut self, x_mm: f32, y_mm: f32, width_mm: f32, height_mm: f32, thickness_mm: f32) {
        self.rule(x_mm, y_mm, width_mm, thickness_mm);
        self.rule(x_mm, y_mm + height_mm - thickness_mm, width_mm, thickness_mm);
        for x_mm in [x_mm, x_mm + width_mm - thickness_mm] {
            self.marks.push(Mark::Fill { x_mm, y_mm, width_mm: thickness_mm, height_mm });
        }
    }

    /// A name in bold and the address below it, in the largest of `sizes` (points, falling) at which all fits;
    /// at the smallest, what does not fit is cut with an ellipsis. Returns the baseline after the last line.
    pub(crate) fn party(&mut self, fonts: &Fonts, party: &Party<'_>, area: Area, sizes: &[f32]) -> f32 {
        let mut set = Vec::new();
        for (at, &size) in sizes.iter().enumerate() {
            let (bold, regular) = (Style::bold(size * 1.1), Style::regular(size));
            let wrap = |style: Style, text: &str| {
                fonts.wrap(style, text, area.width_mm).into_iter().map(move |line| (style, line)).collect::<Vec<_>>()
            };
            set = wrap(bold, party.name);
            for line in party.lines_below_name() {
                set.extend(wrap(regular, &line));
            }
            let fitting = fitting(&set, area.height_mm);
            if fitting == set.len() {
                break;
            }
            if at + 1 == sizes.len() {
                set.truncate(fitting.max(1));
                if let Some((style, last)) = set.last_mut() {
                    fonts.end_in_ellipsis(*style, last, area.width_mm);
                }
            }
        }
        let mut y_mm = area.y_mm;
        for (style, line) in &set {
            y_mm += style.leading_mm();
            self.text(area.x_mm, y_mm, *style, line);
        }
        y_mm
    }
}

/// How many of `lines` fit below each other.
fn fitting(lines: &[(Style, String)], height_mm: f32) -> usize {
    let mut used_mm = 0.0;
    lines
        .iter()
        .take_while(|(style, _)| {
            used_mm += style.leading_mm();
            used_mm <= height_mm
        })
        .count()
}

/// A rectangle to fill.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Area {
    pub(crate) x_mm: f32,
    pub(crate) y_mm: f32,
    pub(crate) width_mm: f32,
    pub(crate) height_mm: f32,
}

/// The widest module, in steps of `step_mm`, at which `barcode` with its quiet zones fits `width_mm`.
///
/// # Errors
/// [`DocumentError::BarcodeTooLong`] if that is under `min_steps`.
pub(crate) fn module_steps(
    barcode: &Code128,
    width_mm: f32,
    step_mm: f32,
    steps: std::ops::RangeInclusive<u16>,
) -> Result<u16, DocumentError> {
    let modules = barcode.modules() + 2 * QUIET_MODULES;
    let room = |count: u16| (width_mm / (f32::from(count) * step_mm)) as usize;
    let modules_max = room(*steps.start());
    steps.rev().find(|count| modules <= room(*count)).ok_or(DocumentError::BarcodeTooLong { modules, modules_max })
}
