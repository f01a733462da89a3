//! A label to ZPL II. Positions are rounded to dots of 203 dpi.

use crate::font::MM_PER_POINT;
use crate::label::{DOT_MM, SIZE_MM};
use crate::page::{Mark, Page};

/// Swiss 721, which Zebra printers carry with Latin, Greek and Cyrillic; a printer without it takes its default font.
const FONT: &str = "^CWT,E:TT0003M_.FNT";

fn dots(mm: f32) -> u32 {
    (mm / DOT_MM).round().max(0.0) as u32
}

/// `line` as field data under `^FH`: nothing that starts a command (`^`, `~`) or an escape (`_`, `\`) remains.
pub(crate) fn escape(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    for c in line.chars() {
        if matches!(c, '^' | '~' | '_' | '\\') || c.is_control() {
            let mut bytes = [0; 4];
            for byte in c.encode_utf8(&mut bytes).bytes() {
                out.push_str(&format!("_{byte:02X}"));
            }
        } else {
            out.push(c);
        }
    }
    out
}

/// Writes one label.
pub(crate) fn write(page: &Page) -> String {
    // ^PA: boxes for unknown characters, bidirectional layout and letter joining are the printer's part.
    let mut out = format!("^XA^CI28{FONT}^PA1,1,1,0^PW{}^LL{}^LH0,0^FWN\n", dots(SIZE_MM.0), dots(SIZE_MM.1));
    for mark in &page.marks {
        let field = match mark {
            Mark::Text { x_mm, baseline_mm, style, line } => {
                let height = dots(style.size_points * MM_PER_POINT);
                format!("^FT{},{}^ATN,{height},{height}^FH_^FD{}^FS", dots(*x_mm), dots(*baseline_mm), escape(line))
            }
            Mark::Fill { x_mm, y_mm, width_mm, height_mm } => {
                let (width, height) = (dots(*width_mm).max(1), dots(*height_mm).max(1));
                // A box whose line is as thick as its shorter side is filled.
                format!("^FO{},{}^GB{width},{height},{},B,0^FS", dots(*x_mm), dots(*y_mm), width.min(height))
            }
            Mark::Bars { x_mm, y_mm, module_mm, height_mm, barcode } => format!(
                "^FO{},{}^BY{}^BCN,{},N,N,N,N^FD{}^FS",
                dots(*x_mm),
                dots(*y_mm),
                dots(*module_mm),
                dots(*height_mm),
                barcode.zpl_field_data()
            ),
        };
        out.push_str(&field);
        out.push('\n');
    }
    out.push_str("^XZ\n");
    out
}
