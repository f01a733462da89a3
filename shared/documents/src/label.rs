//! The shipping label, 100 × 150 mm: one layout, drawn as PDF or as ZPL II for label printers of 203 dpi.

use crate::code128::Code128;
use crate::font::{Fonts, Style};
use crate::page::{Area, Mark, Page, module_steps};
use crate::{DocumentError, Party, pdf as pdf_writer, zpl as zpl_writer};

/// What a label says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label<'a> {
    /// Who sends, and where an undeliverable parcel goes back to.
    pub sender: Party<'a>,
    /// Whom the parcel goes to.
    pub recipient: Party<'a>,
    /// Carrier and service, as the carrier names it.
    pub service: &'a str,
    /// Gross weight in grams.
    pub weight_grams: u64,
    /// The shipper's own reference.
    pub reference: &'a str,
    /// Printed as Code 128 and below it. Printable ASCII, at most 31 characters (62 if all are digits).
    pub tracking_number: &'a str,
    /// What the courier collects, amount and currency as to be read (`125.40 EUR`); `None` if nothing.
    pub cash_on_delivery: Option<&'a str>,
}

pub(crate) const SIZE_MM: (f32, f32) = (100.0, 150.0);
/// A dot of a 203 dpi printer: bars are whole dots in both formats.
pub(crate) const DOT_MM: f32 = 0.125;

const LEFT_MM: f32 = 4.0;
const WIDTH_MM: f32 = SIZE_MM.0 - 2.0 * LEFT_MM;
const RIGHT_MM: f32 = LEFT_MM + WIDTH_MM;
/// Scanners at a belt want no bar under 0.25 mm.
const MODULE_DOTS: std::ops::RangeInclusive<u16> = 2..=4;
const BARS_HEIGHT_MM: f32 = 25.0;

const SERVICE: Style = Style::bold(15.0);
const CAPTION: Style = Style::regular(7.0);
const BODY: Style = Style::regular(9.0);
const BODY_BOLD: Style = Style::bold(10.0);

/// Draws the label as a PDF of one page.
///
/// # Errors
/// [`DocumentError`]: a tracking number that cannot be encoded or does not fit, an amount that does not fit.
pub fn pdf(label: &Label<'_>) -> Result<Vec<u8>, DocumentError> {
    let fonts = Fonts::load()?;
    let page = layout(&fonts, label)?;
    pdf_writer::write(&fonts, &format!("Label {}", label.tracking_number), SIZE_MM, &[page])
}

/// Writes the label as ZPL II for 203 dpi, in UTF-8 (`^CI28`). No input can reach the printer as a command.
///
/// # Errors
/// [`DocumentError`]: a tracking number that cannot be encoded or does not fit, an amount that does not fit.
pub fn zpl(label: &Label<'_>) -> Result<String, DocumentError> {
    let fonts = Fonts::load()?;
    Ok(zpl_writer::write(&layout(&fonts, label)?))
}

fn layout(fonts: &Fonts, label: &Label<'_>) -> Result<Page, DocumentError> {
    let barcode = Code128::encode(label.tracking_number)?;
    let module_dots = module_steps(&barcode, SIZE_MM.0, DOT_MM, MODULE_DOTS)?;
    let mut page = Page::default();

    let weight = format!("{} g", label.weight_grams);
    let weight_mm = fonts.width_mm(SERVICE, &weight);
    let service = fonts.wrap_cut(SERVICE, label.service, WIDTH_MM - weight_mm - 4.0, 1);
    page.lines(LEFT_MM, 9.5, SERVICE, &service);
    page.text_right(fonts, RIGHT_MM, 9.5, SERVICE, &weight);
    page.rule(LEFT_MM, 12.5, WIDTH_MM, 0.5);

    page.text(LEFT_MM, 16.5, CAPTION, "From");
    let area = Area { x_mm: LEFT_MM, y_mm: 17.0, width_mm: WIDTH_MM, height_mm: 22.0 };
    page.party(fonts, &label.sender, area, &[8.0, 7.0, 6.0, 5.0]);
    page.rule(LEFT_MM, 40.5, WIDTH_MM, 0.5);

    page.text(LEFT_MM, 44.5, CAPTION, "To");
    let area = Area { x_mm: LEFT_MM, y_mm: 45.5, width_mm: WIDTH_MM, height_mm: 41.5 };
    page.party(fonts, &label.recipient, area, &[14.0, 12.5, 11.0, 9.5, 8.0, 7.0]);
    page.rule(LEFT_MM, 88.0, WIDTH_MM, 0.5);

    page.text(LEFT_MM, 92.0, CAPTION, "Reference");
    let small = Style::regular(6.0);
    let style = fonts.fitting(&[BODY, Style::regular(7.5)], label.reference, WIDTH_MM).unwrap_or(small);
    page.lines(LEFT_MM, 96.5, style, &fonts.wrap_cut(style, label.reference, WIDTH_MM, 1));
    if let Some(amount) = label.cash_on_delivery {
        page.frame(LEFT_MM, 99.5, WIDTH_MM, 10.5, 0.75);
        page.text(LEFT_MM + 3.0, 106.5, BODY_BOLD, "CASH ON DELIVERY");
        let amount = crate::text::clean(amount);
        // A cut amount would be a wrong amount.
        let style = fonts.fitting(&[SERVICE, Style::bold(11.0), Style::bold(8.0)], &amount, WIDTH_MM - 50.0);
        let style = style.ok_or(DocumentError::AmountTooLong)?;
        page.text_right(fonts, RIGHT_MM - 3.0, 106.5, style, &amount);
    }

    let module_mm = f32::from(module_dots) * DOT_MM;
    let width_mm = barcode.modules() as f32 * module_mm;
    // On a whole dot, so that the printer rounds nothing.
    let x_mm = ((SIZE_MM.0 - width_mm) / 2.0 / DOT_MM).floor() * DOT_MM;
    let area = Area { x_mm: LEFT_MM, y_mm: 140.0, width_mm: WIDTH_MM, height_mm: 8.0 };
    page.centred(
        fonts,
        area,
        SIZE_MM.0 / 2.0,
        &[Style::bold(12.0), Style::bold(9.0), Style::bold(7.0)],
        barcode.text(),
    );
    page.marks.push(Mark::Bars { x_mm, y_mm: 114.0, module_mm, height_mm: BARS_HEIGHT_MM, barcode });
    Ok(page)
}
