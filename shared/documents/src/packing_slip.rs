//! The packing slip: what is in the parcel, for the packer and for the shopper. A4, as many pages as it takes.

use crate::code128::{Code128, QUIET_MODULES};
use crate::font::{Fonts, Style};
use crate::page::{Area, Mark, Page, module_steps};
use crate::{DocumentError, Party, pdf as writer};
use jiff::civil::Date;

/// Most lines on one packing slip.
pub const LINES_MAX: usize = 2_000;

/// What a packing slip says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackingSlip<'a> {
    /// The shop or merchant, as the shopper knows it.
    pub shop_name: &'a str,
    /// The order's number, as the shopper knows it.
    pub order_number: &'a str,
    /// Day of packing, in the warehouse's calendar.
    pub date: Date,
    /// Whom the parcel goes to.
    pub recipient: Party<'a>,
    /// Id of the order or pick task: printed as Code 128 and below it. Printable ASCII, at most 81 characters
    /// (162 if all are digits).
    pub barcode: &'a str,
    /// What is in the parcel, in this order; at most [`LINES_MAX`].
    pub lines: Vec<SlipLine<'a>>,
}

/// One line of a packing slip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlipLine<'a> {
    /// Stock keeping unit; never cut.
    pub sku: &'a str,
    /// Title of the item; wrapped, cut after three lines.
    pub title: &'a str,
    /// Units in the parcel.
    pub quantity: u32,
    /// Whether it says what is in the kit of the line before: it is indented and not counted again.
    pub in_kit: bool,
}

const SIZE_MM: (f32, f32) = (210.0, 297.0);
const LEFT_MM: f32 = 15.0;
const RIGHT_MM: f32 = 195.0;
const WIDTH_MM: f32 = RIGHT_MM - LEFT_MM;
const TOP_MM: f32 = 15.0;
/// Below this there is only the footer.
const BOTTOM_MM: f32 = 278.0;
const FOOTER_MM: f32 = 287.0;

const SKU_WIDTH_MM: f32 = 42.0;
const TITLE_LEFT_MM: f32 = LEFT_MM + SKU_WIDTH_MM + 3.0;
const TITLE_WIDTH_MM: f32 = 112.0;
/// How far what is in a kit is indented.
const KIT_INDENT_MM: f32 = 4.0;
const TITLE_LINES_MAX: usize = 3;

const BARS_HEIGHT_MM: f32 = 14.0;
const HEAD_WIDTH_MM: f32 = 88.0;

const TITLE: Style = Style::bold(17.0);
const HEADING: Style = Style::bold(12.0);
const CAPTION: Style = Style::regular(7.5);
const BODY: Style = Style::regular(9.5);
const BODY_BOLD: Style = Style::bold(9.5);

/// Draws the packing slip as a PDF.
///
/// # Errors
/// [`DocumentError`]: too many lines, or a barcode that cannot be encoded or does not fit.
pub fn pdf(slip: &PackingSlip<'_>) -> Result<Vec<u8>, DocumentError> {
    if slip.lines.len() > LINES_MAX {
        return Err(DocumentError::TooManyLines { lines: slip.lines.len() });
    }
    let fonts = Fonts::load()?;
    let barcode = Code128::encode(slip.barcode)?;
    let mut sheet = Sheet { fonts: &fonts, slip, done: Vec::new(), page: Page::default(), y_mm: TOP_MM };
    sheet.first_head(barcode)?;
    sheet.column_heads();
    for line in &slip.lines {
        sheet.line(line);
    }
    sheet.totals();
    let mut pages = sheet.done;
    pages.push(sheet.page);
    number(&fonts, slip, &mut pages);
    writer::write(&fonts, &format!("Packing slip {}", crate::text::clean(slip.order_number)), SIZE_MM, &pages)
}

struct Sheet<'a> {
    fonts: &'a Fonts,
    slip: &'a PackingSlip<'a>,
    /// Full pages.
    done: Vec<Page>,
    /// The page being filled.
    page: Page,
    /// Top of what comes next on it.
    y_mm: f32,
}

impl Sheet<'_> {
    fn first_head(&mut self, barcode: Code128) -> Result<(), DocumentError> {
        let (fonts, slip) = (self.fonts, self.slip);
        // Beside the shop's name if the bars are short enough to be scanned well there, else in a row of their own.
        let beside = module_steps(&barcode, WIDTH_MM - HEAD_WIDTH_MM, 0.01, 25..=40);
        let (steps, own_row) = match beside {
            Ok(steps) => (steps, false),
            Err(_) => (module_steps(&barcode, WIDTH_MM, 0.01, 19..=40)?, true),
        };
        let name = fonts.wrap_cut(TITLE, slip.shop_name, if own_row { WIDTH_MM } else { HEAD_WIDTH_MM }, 2);
        let mut y_mm = self.page.lines(LEFT_MM, TOP_MM + 5.0, TITLE, &name);
        self.page.text(LEFT_MM, y_mm, HEADING, "Packing slip");
        y_mm += 5.0;

        let bars_y_mm = if own_row { y_mm } else { TOP_MM };
        let bars_end_mm = self.barcode(barcode, f32::from(steps) * 0.01, bars_y_mm);
        y_mm = y_mm.max(bars_end_mm) + 4.0;

        let facts_left_mm = LEFT_MM + 100.0;
        for (left_mm, caption) in [(LEFT_MM, "Ship to"), (facts_left_mm, "Order"), (facts_left_mm + 50.0, "Date")] {
            self.page.text(left_mm, y_mm, CAPTION, caption);
        }
        let number = fonts.wrap_cut(BODY_BOLD, slip.order_number, 46.0, 3);
        self.page.lines(facts_left_mm, y_mm + 5.0, BODY_BOLD, &number);
        self.page.text(facts_left_mm + 50.0, y_mm + 5.0, BODY_BOLD, &slip.date.to_string());
        let area = Area { x_mm: LEFT_MM, y_mm, width_mm: 95.0, height_mm: 46.0 };
        let end_mm = self.page.party(fonts, &slip.recipient, area, &[10.5, 9.0, 7.5, 6.0]);
        self.y_mm = end_mm.max(y_mm + 14.0) + 6.0;
        Ok(())
    }

    /// Bars at the right margin, their text centred below; returns where they end.
    fn barcode(&mut self, barcode: Code128, module_mm: f32, y_mm: f32) -> f32 {
        let width_mm = barcode.modules() as f32 * module_mm;
        let x_mm = RIGHT_MM - width_mm - QUIET_MODULES as f32 * module_mm;
        let y_text_mm = y_mm + BARS_HEIGHT_MM + 0.5;
        let area = Area { x_mm: LEFT_MM, y_mm: y_text_mm, width_mm: WIDTH_MM, height_mm: 10.0 };
        let end_mm = self.page.centred(self.fonts, area, x_mm + width_mm / 2.0, &[CAPTION], barcode.text());
        self.page.marks.push(Mark::Bars { x_mm, y_mm, module_mm, height_mm: BARS_HEIGHT_MM, barcode });
        end_mm + 1.5
    }

    fn column_heads(&mut self) {
        let (fonts, y_mm) = (self.fonts, self.y_mm);
        let page = &mut self.page;
        page.text(LEFT_MM, y_mm + 4.0, BODY_BOLD, "SKU");
        page.text(TITLE_LEFT_MM, y_mm + 4.0, BODY_BOLD, "Item");
        page.text_right(fonts, RIGHT_MM, y_mm + 4.0, BODY_BOLD, "Quantity");
        page.rule(LEFT_MM, y_mm + 6.0, WIDTH_MM, 0.4);
        self.y_mm += 7.0;
    }

    fn next_page(&mut self) {
        self.done.push(std::mem::take(&mut self.page));
        self.y_mm = TOP_MM;
        let (fonts, slip) = (self.fonts, self.slip);
        let heading = format!("{} · Packing slip {}", slip.shop_name, slip.order_number);
        let heading = fonts.wrap_cut(BODY_BOLD, &heading, WIDTH_MM, 1);
        self.page.lines(LEFT_MM, TOP_MM + 3.0, BODY_BOLD, &heading);
        self.y_mm += 8.0;
    }

    fn line(&mut self, line: &SlipLine<'_>) {
        let fonts = self.fonts;
        let indent_mm = if line.in_kit { KIT_INDENT_MM } else { 0.0 };
        let sku = fonts.wrap(BODY, line.sku, SKU_WIDTH_MM - indent_mm);
        let title = fonts.wrap_cut(BODY, line.title, TITLE_WIDTH_MM - indent_mm, TITLE_LINES_MAX);
        let rows = sku.len().max(title.len()).max(1);
        let height_mm = rows as f32 * BODY.leading_mm() + 2.4;
        if self.y_mm + height_mm > BOTTOM_MM {
            self.next_page();
            self.column_heads();
        }
        let baseline_mm = self.y_mm + BODY.leading_mm();
        let bottom_mm = self.y_mm + height_mm;
        let page = &mut self.page;
        page.lines(LEFT_MM + indent_mm, baseline_mm, BODY, &sku);
        page.lines(TITLE_LEFT_MM + indent_mm, baseline_mm, BODY, &title);
        let style = if line.in_kit { BODY } else { BODY_BOLD };
        page.text_right(fonts, RIGHT_MM, baseline_mm, style, &line.quantity.to_string());
        page.rule(LEFT_MM, bottom_mm - 0.1, WIDTH_MM, 0.1);
        self.y_mm = bottom_mm;
    }

    fn totals(&mut self) {
        let fonts = self.fonts;
        if self.y_mm + 10.0 > BOTTOM_MM {
            self.next_page();
        }
        let counted = || self.slip.lines.iter().filter(|line| !line.in_kit);
        let units: u64 = counted().map(|line| u64::from(line.quantity)).sum();
        let text = format!("Lines: {} · Units in total: {units}", counted().count());
        let y_mm = self.y_mm + 7.0;
        self.page.text_right(fonts, RIGHT_MM, y_mm, HEADING, &text);
    }
}

/// Footers, once the number of pages is known.
fn number(fonts: &Fonts, slip: &PackingSlip<'_>, pages: &mut [Page]) {
    let count = pages.len();
    for (at, page) in pages.iter_mut().enumerate() {
        let order = fonts.wrap_cut(CAPTION, &format!("Order {}", slip.order_number), 120.0, 1);
        page.lines(LEFT_MM, FOOTER_MM, CAPTION, &order);
        page.text_right(fonts, RIGHT_MM, FOOTER_MM, CAPTION, &format!("Page {} of {count}", at + 1));
    }
}
