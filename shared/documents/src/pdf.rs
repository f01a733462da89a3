//! Pages to PDF: text by the used part of the fonts, with the meaning of every code (ToUnicode), bars as rectangles.

use crate::DocumentError;
use crate::font::{Fonts, MM_PER_POINT, Style, Usage, Weight};
use crate::page::{Mark, Page};
use miniz_oxide::deflate::compress_to_vec_zlib;
use pdf_writer::types::{CidFontType, FontFlags, SystemInfo, UnicodeCmap};
use pdf_writer::{Content, Filter, Finish, Name, Pdf, Rect, Ref, Str, TextStr};
use subsetter::GlyphRemapper;

const CATALOG: Ref = Ref::new(1);
const PAGES: Ref = Ref::new(2);
const INFO: Ref = Ref::new(3);
const FONTS_FROM: i32 = 4;
const REFS_PER_FONT: i32 = 6;

const ADOBE_IDENTITY: SystemInfo<'_> =
    SystemInfo { registry: Str(b"Adobe"), ordering: Str(b"Identity"), supplement: 0 };

/// Writes `pages`, all of one size.
///
/// # Errors
/// [`DocumentError::Font`], [`DocumentError::TooManyCharacters`].
pub(crate) fn write(fonts: &Fonts, title: &str, size_mm: (f32, f32), pages: &[Page]) -> Result<Vec<u8>, DocumentError> {
    let mut usages = [Usage::default(), Usage::default()];
    let contents = pages.iter().map(|page| content(fonts, &mut usages, size_mm.1, page));
    let contents = contents.collect::<Result<Vec<_>, _>>()?;

    let used: Vec<(Weight, &Usage)> =
        Weight::ALL.into_iter().zip(&usages).filter(|(_, usage)| !usage.codes().is_empty()).collect();
    let mut pdf = Pdf::new();
    pdf.catalog(CATALOG).pages(PAGES);
    pdf.document_info(INFO).title(TextStr(title)).creator(TextStr("Sklad"));

    let page_ref = |at: usize| Ref::new(FONTS_FROM + 2 * REFS_PER_FONT + 2 * at as i32);
    pdf.pages(PAGES).kids((0..pages.len()).map(page_ref)).count(pages.len() as i32);
    for (at, content) in contents.iter().enumerate() {
        let content_ref = page_ref(at).next();
        let mut page = pdf.page(page_ref(at));
        page.parent(PAGES).contents(content_ref);
        page.media_box(Rect::new(0.0, 0.0, points(size_mm.0), points(size_mm.1)));
        let mut resources = page.resources();
        let mut names = resources.fonts();
        for (weight, _) in &used {
            names.pair(resource_name(*weight), font_ref(*weight, 0));
        }
        names.finish();
        resources.finish();
        page.finish();
        pdf.stream(content_ref, &deflated(content)).filter(Filter::FlateDecode);
    }
    for (weight, usage) in used {
        write_font(&mut pdf, fonts, weight, usage)?;
    }
    Ok(pdf.finish())
}

fn points(mm: f32) -> f32 {
    // Thousandths are finer than any printer and keep the file short.
    (mm / MM_PER_POINT * 1000.0).round() / 1000.0
}

fn resource_name(weight: Weight) -> Name<'static> {
    match weight {
        Weight::Regular => Name(b"R"),
        Weight::Bold => Name(b"B"),
    }
}

fn font_ref(weight: Weight, offset: i32) -> Ref {
    Ref::new(FONTS_FROM + weight as i32 * REFS_PER_FONT + offset)
}

fn deflated(data: &[u8]) -> Vec<u8> {
    compress_to_vec_zlib(data, 8)
}

fn content(fonts: &Fonts, usages: &mut [Usage; 2], page_height_mm: f32, page: &Page) -> Result<Vec<u8>, DocumentError> {
    let mut content = Content::new();
    let up = |y_mm: f32| points(page_height_mm - y_mm);
    for mark in &page.marks {
        match mark {
            Mark::Text { x_mm, baseline_mm, style: Style { weight, size_points }, line } => {
                let codes = usages[*weight as usize].encode(fonts, *weight, line)?;
                content.begin_text().set_font(resource_name(*weight), *size_points);
                content.next_line(points(*x_mm), up(*baseline_mm)).show(Str(&codes)).end_text();
            }
            Mark::Fill { x_mm, y_mm, width_mm, height_mm } => {
                let (width, height) = (points(*width_mm), points(*height_mm));
                content.rect(points(*x_mm), up(y_mm + height_mm), width, height).fill_nonzero();
            }
            Mark::Bars { x_mm, y_mm, module_mm, height_mm, barcode } => {
                let mut at_mm = *x_mm;
                for (index, width) in barcode.widths().into_iter().enumerate() {
                    let width_mm = f32::from(width) * module_mm;
                    if index.is_multiple_of(2) {
                        content.rect(points(at_mm), up(y_mm + height_mm), points(width_mm), points(*height_mm));
                    }
                    at_mm += width_mm;
                }
                content.fill_nonzero();
            }
        }
    }
    Ok(content.finish().to_vec())
}

fn write_font(pdf: &mut Pdf, fonts: &Fonts, weight: Weight, usage: &Usage) -> Result<(), DocumentError> {
    let [type0, cid, descriptor, file, cmap, map] = [0, 1, 2, 3, 4, 5].map(|offset| font_ref(weight, offset));
    let mut remapper = GlyphRemapper::new();
    // Code 0 is the box as well.
    let mut glyph_of_code = vec![0, 0];
    for code in usage.codes() {
        glyph_of_code.extend(remapper.remap(code.glyph.0).to_be_bytes());
    }
    let subset = subsetter::subset(weight.bytes(), 0, &remapper)
        .map_err(|fault| DocumentError::Font { reason: fault.to_string() })?;
    let base_font = format!("{}+{}", subset_tag(&subset), weight.name());
    let base_font = Name(base_font.as_bytes());

    pdf.type0_font(type0)
        .base_font(base_font)
        .encoding_predefined(Name(b"Identity-H"))
        .descendant_font(cid)
        .to_unicode(cmap);

    let mut cid_font = pdf.cid_font(cid);
    cid_font.subtype(CidFontType::Type2).base_font(base_font).system_info(ADOBE_IDENTITY);
    cid_font.font_descriptor(descriptor).default_width(0.0).cid_to_gid_map_stream(map);
    cid_font.widths().consecutive(1, usage.codes().iter().map(|code| code.advance.round()));
    cid_font.finish();

    let face = fonts.face(weight);
    let scaled = |units: i16| f32::from(units) * 1000.0 / f32::from(face.units_per_em());
    let bounds = face.global_bounding_box();
    pdf.font_descriptor(descriptor)
        .name(base_font)
        .flags(FontFlags::SYMBOLIC)
        .bbox(Rect::new(scaled(bounds.x_min), scaled(bounds.y_min), scaled(bounds.x_max), scaled(bounds.y_max)))
        .italic_angle(0.0)
        .ascent(scaled(face.ascender()))
        .descent(scaled(face.descender()))
        .cap_height(scaled(face.capital_height().unwrap_or_else(|| face.ascender())))
        .stem_v(if weight == Weight::Bold { 140.0 } else { 80.0 })
        .font_file2(file);

    pdf.stream(file, &deflated(&subset)).filter(Filter::FlateDecode).pair(Name(b"Length1"), subset.len() as i32);
    pdf.stream(map, &deflated(&glyph_of_code)).filter(Filter::FlateDecode);

    let mut meanings = UnicodeCmap::new(Name(b"Sklad"), ADOBE_IDENTITY);
    for (code, at) in usage.codes().iter().zip(1u16..) {
        meanings.pair_with_multiple(at, code.text.chars());
    }
    pdf.cmap(cmap, &deflated(&meanings.finish())).filter(Filter::FlateDecode);
    Ok(())
}

/// Six letters that tell two subsets of a font apart (FNV-1a of the subset).
fn subset_tag(subset: &[u8]) -> String {
    let mut hash = subset
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    let letter = |_| {
        let letter = char::from(b'A' + (hash % 26) as u8);
        hash /= 26;
        letter
    };
    (0..6).map(letter).collect()
}
