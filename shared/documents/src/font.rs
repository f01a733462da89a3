//! The built-in fonts: measuring, line breaking, and the part of a font that one document uses.

use crate::DocumentError;
use crate::text::{self, Cluster};
use std::collections::BTreeMap;
use ttf_parser::{Face, GlyphId};

/// Millimetres per typographic point.
pub(crate) const MM_PER_POINT: f32 = 25.4 / 72.0;

/// Weight of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Weight {
    Regular,
    Bold,
}

impl Weight {
    pub(crate) const ALL: [Self; 2] = [Self::Regular, Self::Bold];

    pub(crate) fn bytes(self) -> &'static [u8] {
        match self {
            Self::Regular => include_bytes!("../assets/DejaVuSans.ttf"),
            Self::Bold => include_bytes!("../assets/DejaVuSans-Bold.ttf"),
        }
    }

    /// PostScript name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Regular => "DejaVuSans",
            Self::Bold => "DejaVuSans-Bold",
        }
    }
}

/// A weight and a size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Style {
    pub(crate) weight: Weight,
    pub(crate) size_points: f32,
}

impl Style {
    pub(crate) const fn regular(size_points: f32) -> Self {
        Self { weight: Weight::Regular, size_points }
    }

    pub(crate) const fn bold(size_points: f32) -> Self {
        Self { weight: Weight::Bold, size_points }
    }

    /// Distance between two baselines.
    pub(crate) fn leading_mm(self) -> f32 {
        self.size_points * MM_PER_POINT * 1.25
    }
}

/// Both faces, parsed.
pub(crate) struct Fonts {
    regular: Face<'static>,
    bold: Face<'static>,
}

impl Fonts {
    /// # Errors
    /// [`DocumentError::Font`].
    pub(crate) fn load() -> Result<Self, DocumentError> {
        let face = |weight: Weight| {
            Face::parse(weight.bytes(), 0).map_err(|fault| DocumentError::Font { reason: fault.to_string() })
        };
        Ok(Self { regular: face(Weight::Regular)?, bold: face(Weight::Bold)? })
    }

    pub(crate) fn face(&self, weight: Weight) -> &Face<'static> {
        match weight {
            Weight::Regular => &self.regular,
            Weight::Bold => &self.bold,
        }
    }

    /// Glyphs of a cluster. A base that the font lacks becomes glyph 0, a visible box; marks that it lacks are left out.
    fn glyphs(&self, weight: Weight, cluster: &Cluster) -> Vec<GlyphId> {
        let face = self.face(weight);
        let mut glyphs = vec![face.glyph_index(cluster.base).unwrap_or_default()];
        glyphs.extend(cluster.marks.iter().filter_map(|mark| face.glyph_index(*mark)));
        glyphs
    }

    /// Advance in thousandths of the size.
    fn advance(&self, weight: Weight, glyph: GlyphId) -> f32 {
        let face = self.face(weight);
        f32::from(face.glyph_hor_advance(glyph).unwrap_or(0)) * 1000.0 / f32::from(face.units_per_em())
    }

    fn cluster_width_mm(&self, style: Style, cluster: &Cluster) -> f32 {
        let glyphs = self.glyphs(style.weight, cluster);
        let sum: f32 = glyphs.iter().map(|glyph| self.advance(style.weight, *glyph)).sum();
        sum / 1000.0 * style.size_points * MM_PER_POINT
    }

    pub(crate) fn width_mm(&self, style: Style, line: &str) -> f32 {
        text::clusters(line).iter().map(|cluster| self.cluster_width_mm(style, cluster)).sum()
    }

    /// The first of `styles` in which `line` fits on one line.
    pub(crate) fn fitting(&self, styles: &[Style], line: &str, width_mm: f32) -> Option<Style> {
        styles.iter().copied().find(|style| self.width_mm(*style, line) <= width_mm)
    }

    /// Breaks `text` into lines no wider than `width_mm`: between words, inside a word only if it is wider than a line.
    pub(crate) fn wrap(&self, style: Style, text: &str, width_mm: f32) -> Vec<String> {
        let space_mm = self.width_mm(style, " ");
        let (mut lines, mut line, mut line_mm) = (Vec::new(), String::new(), 0.0);
        for word in text::clean(text).split(' ') {
            let word_mm = self.width_mm(style, word);
            if !line.is_empty() && line_mm + space_mm + word_mm <= width_mm {
                line.push(' ');
                line.push_str(word);
                line_mm += space_mm + word_mm;
                continue;
            }
            if !line.is_empty() {
                lines.push(std::mem::take(&mut line));
            }
            line_mm = 0.0;
            for cluster in text::clusters(word) {
                let cluster_mm = self.cluster_width_mm(style, &cluster);
                if !line.is_empty() && line_mm + cluster_mm > width_mm {
                    lines.push(std::mem::take(&mut line));
                    line_mm = 0.0;
                }
                line.push_str(&cluster.text);
                line_mm += cluster_mm;
            }
        }
        if !line.is_empty() {
            lines.push(line);
        }
        lines
    }

    /// As [`Fonts::wrap`], at most `lines_max` lines; what does not fit ends in an ellipsis.
    pub(crate) fn wrap_cut(&self, style: Style, text: &str, width_mm: f32, lines_max: usize) -> Vec<String> {
        let mut lines = self.wrap(style, text, width_mm);
        if lines.len() > lines_max {
            lines.truncate(lines_max);
            if let Some(last) = lines.last_mut() {
                self.end_in_ellipsis(style, last, width_mm);
            }
        }
        lines
    }

    pub(crate) fn end_in_ellipsis(&self, style: Style, line: &mut String, width_mm: f32) {
        let mut kept = text::clusters(line);
        loop {
            let start: String = kept.iter().map(|cluster| cluster.text.as_str()).collect();
            let shortened = format!("{}…", start.trim_end());
            if kept.pop().is_none() || self.width_mm(style, &shortened) <= width_mm {
                *line = shortened;
                return;
            }
        }
    }
}

/// One character code of a font in the PDF.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Code {
    pub(crate) glyph: GlyphId,
    /// What it means; empty for a mark, whose meaning its base carries.
    pub(crate) text: String,
    /// In thousandths of the size.
    pub(crate) advance: f32,
}

/// The characters of one weight that a document uses. Codes are given per glyph *and* meaning, so that two
/// characters shown as the same box remain two characters when copied.
#[derive(Default)]
pub(crate) struct Usage {
    by_meaning: BTreeMap<(u16, String), u16>,
    codes: Vec<Code>,
}

impl Usage {
    /// Codes from 1 on, in order.
    pub(crate) fn codes(&self) -> &[Code] {
        &self.codes
    }

    /// Codes for `line` as it stands on paper, two bytes each, high byte first.
    ///
    /// # Errors
    /// [`DocumentError::TooManyCharacters`].
    pub(crate) fn encode(&mut self, fonts: &Fonts, weight: Weight, line: &str) -> Result<Vec<u8>, DocumentError> {
        let mut bytes = Vec::new();
        for cluster in text::visual_order(line) {
            let mut meaning = cluster.text.clone();
            for glyph in fonts.glyphs(weight, &cluster) {
                let code = self.code(fonts, weight, glyph, std::mem::take(&mut meaning))?;
                bytes.extend(code.to_be_bytes());
            }
        }
        Ok(bytes)
    }

    fn code(&mut self, fonts: &Fonts, weight: Weight, glyph: GlyphId, text: String) -> Result<u16, DocumentError> {
        let key = (glyph.0, text);
        if let Some(code) = self.by_meaning.get(&key) {
            return Ok(*code);
        }
        let code = u16::try_from(self.codes.len() + 1).map_err(|_| DocumentError::TooManyCharacters)?;
        self.codes.push(Code { glyph, text: key.1.clone(), advance: fonts.advance(weight, glyph) });
        self.by_meaning.insert(key, code);
        Ok(code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_fonts_cover_the_scripts_that_the_shops_write() {
        let fonts = Fonts::load().expect("built-in fonts");
        let sample = "AZaz09 ÄÖÜßéčšž łŁțȘ Αλφα БГДЂЄІЇЙЉЊЋЎЏҐЮЯѝюя אבת №€₴₽лв«»„“–—…•× ﻻﻼﮒ";
        for c in sample.chars().filter(|c| !c.is_whitespace()) {
            for weight in Weight::ALL {
                assert!(fonts.face(weight).glyph_index(c).is_some(), "{c} in {}", weight.name());
            }
        }
    }

    #[test]
    fn both_fonts_stay_small_enough_for_a_lambda() {
        assert!(Weight::ALL.iter().map(|weight| weight.bytes().len()).sum::<usize>() <= 200 * 1024);
    }

    #[test]
    fn more_meanings_than_codes_are_an_error_and_not_a_wrong_text() {
        let fonts = Fonts::load().expect("built-in fonts");
        let mut usage = Usage::default();
        let mut add = |count: u32, from: u32| {
            (from..from + count)
                .filter_map(char::from_u32)
                .try_for_each(|unknown| usage.encode(&fonts, Weight::Regular, &unknown.to_string()).map(|_| ()))
        };
        assert_eq!(add(65_535, 0x2_0000), Ok(()));
        assert_eq!(add(1, 0x2_0000), Ok(()), "a known character needs no new code");
        assert_eq!(add(1, 0x4_0000), Err(DocumentError::TooManyCharacters));
    }

    proptest! {
        #[test]
        fn no_line_is_wider_than_its_column_and_no_word_is_lost(
            text in "([a-zа-я]{1,30} ){0,12}[😀א-ת]{0,20}", width_mm in 15.0f32..120.0,
        ) {
            let fonts = Fonts::load().expect("built-in fonts");
            let style = Style::regular(9.0);
            let lines = fonts.wrap(style, &text, width_mm);
            for line in &lines {
                prop_assert!(fonts.width_mm(style, line) <= width_mm + 0.01, "{line}");
            }
            let letters = |text: &str| text.chars().filter(|c| *c != ' ').collect::<String>();
            prop_assert_eq!(letters(&lines.concat()), letters(&text));
            let cut = fonts.wrap_cut(style, &text, width_mm, 2);
            prop_assert!(cut.len() <= 2);
            prop_assert_eq!(cut.last().is_some_and(|last| last.ends_with('…')), lines.len() > 2);
            for line in &cut {
                prop_assert!(fonts.width_mm(style, line) <= width_mm + 0.01, "{line}");
            }
        }
    }
}
