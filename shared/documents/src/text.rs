//! Text of any script into clusters in the order in which they stand on paper.

use crate::arabic;
use unicode_bidi::{BidiInfo, Level};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Characters of one field that are looked at; the rest is cut, with an ellipsis.
pub(crate) const FIELD_CHARS_MAX: usize = 500;

/// Marks and joiners kept with one base character; more than this is no language.
const CLUSTER_CHARS_MAX: usize = 16;

/// What is drawn as one: a base character with its marks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cluster {
    /// Byte offset in the line.
    start: usize,
    /// Drawn: the base in its joined and mirrored form.
    pub(crate) base: char,
    /// Drawn over the base, if the font has them.
    pub(crate) marks: Vec<char>,
    /// What the cluster means, for search and copying.
    pub(crate) text: String,
}

/// Composed (NFC), on one line, without controls. Direction overrides go too: they could make an address read otherwise
/// than it is stored.
pub(crate) fn clean(text: &str) -> String {
    let mut out = String::new();
    let chars = text.nfc().filter(|c| !is_direction_control(*c));
    for (count, c) in chars.enumerate() {
        if count == FIELD_CHARS_MAX {
            out.push('…');
            break;
        }
        if c.is_whitespace() || c.is_control() {
            if !out.ends_with(' ') {
                out.push(' ');
            }
        } else {
            out.push(c);
        }
    }
    out.trim().to_owned()
}

fn is_direction_control(c: char) -> bool {
    matches!(c, '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// Characters that show nothing by themselves: joiners, variation selectors, soft hyphen, skin tones' tags.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{AD}' | '\u{34F}' | '\u{200B}'..='\u{200D}' | '\u{2060}'..='\u{2064}' | '\u{FE00}'..='\u{FE0F}'
        | '\u{FEFF}' | '\u{E0000}'..='\u{E0FFF}')
}

/// Clusters in reading order.
pub(crate) fn clusters(line: &str) -> Vec<Cluster> {
    let mut out: Vec<Cluster> = Vec::new();
    for (start, c) in line.char_indices() {
        let mark = is_combining_mark(c);
        match out.last_mut() {
            Some(last) if mark || is_invisible(c) => {
                if last.text.chars().count() < CLUSTER_CHARS_MAX {
                    last.text.push(c);
                    if mark {
                        last.marks.push(c);
                    }
                }
            }
            _ => out.push(Cluster { start, base: c, marks: Vec::new(), text: c.to_string() }),
        }
    }
    join(out)
}

/// Arabic joining: letters by their neighbours, lam with alef as one sign.
fn join(clusters: Vec<Cluster>) -> Vec<Cluster> {
    let bases: Vec<char> = clusters.iter().map(|cluster| cluster.base).collect();
    let base_at = |at: usize| bases.get(at).copied();
    let mut out: Vec<Cluster> = Vec::with_capacity(clusters.len());
    let mut alef_taken = false;
    for (at, mut cluster) in clusters.into_iter().enumerate() {
        if std::mem::take(&mut alef_taken) {
            if let Some(lam) = out.last_mut() {
                lam.text.push_str(&cluster.text);
            }
            continue;
        }
        let previous = at.checked_sub(1).and_then(base_at);
        let ligature = arabic::lam_alef(previous, cluster.base, base_at(at + 1));
        alef_taken = ligature.is_some();
        cluster.base = ligature.unwrap_or_else(|| arabic::form(previous, cluster.base, base_at(at + 1)));
        out.push(cluster);
    }
    out
}

/// Clusters from left to right as they stand on paper (Unicode bidirectional algorithm).
pub(crate) fn visual_order(line: &str) -> Vec<Cluster> {
    let logical = clusters(line);
    let bidi = BidiInfo::new(line, None);
    if !bidi.has_rtl() {
        return logical;
    }
    let mut out = Vec::with_capacity(logical.len());
    // A paragraph per separator; `clean` leaves none, so there is one.
    for paragraph in &bidi.paragraphs {
        let (levels, runs) = bidi.visual_runs(paragraph, paragraph.range.clone());
        for run in runs {
            let rtl = levels.get(run.start).is_some_and(Level::is_rtl);
            let mut part: Vec<Cluster> =
                logical.iter().filter(|cluster| run.contains(&cluster.start)).cloned().collect();
            if rtl {
                part.reverse();
                for cluster in &mut part {
                    cluster.base = mirrored(cluster.base);
                    // Hebrew and Arabic vowel signs need positions that the font's outlines alone do not give.
                    cluster.marks.clear();
                }
            }
            out.append(&mut part);
        }
    }
    out
}

fn mirrored(c: char) -> char {
    match c {
        '(' => ')',
        ')' => '(',
        '[' => ']',
        ']' => '[',
        '{' => '}',
        '}' => '{',
        '<' => '>',
        '>' => '<',
        '«' => '»',
        '»' => '«',
        '‹' => '›',
        '›' => '‹',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn drawn(line: &str) -> String {
        visual_order(line).iter().map(|cluster| cluster.base).collect()
    }

    #[test]
    fn decomposed_letters_are_composed_and_controls_removed() {
        let check = |text: &str, expect: &str| assert_eq!(clean(text), expect);
        check("  Никола\u{438}\u{306}\r\n Петров ", "Николай Петров");
        check("a\u{0}\u{1b}b\u{2028}c", "a b c");
        check("admin\u{202e}gpj", "admingpj");
        check("", "");
    }

    #[test]
    fn a_field_is_cut_at_its_limit_and_says_so() {
        let text = clean(&"я".repeat(FIELD_CHARS_MAX + 1));
        assert_eq!(text.chars().count(), FIELD_CHARS_MAX + 1);
        assert!(text.ends_with('…'));
    }

    #[test]
    fn right_to_left_text_stands_reversed_and_numbers_in_it_do_not() {
        let check = |line: &str, expect: &str| assert_eq!(drawn(line), expect);
        check("Иван 12", "Иван 12");
        check("שלום", "םולש");
        check("רחוב 12", "12 בוחר");
        check("(שלום)", "(םולש)");
        check("Ул. שלום 5 София", "Ул. 5 םולש София");
    }

    #[test]
    fn arabic_letters_join() {
        assert_eq!(drawn("محمد"), "\u{FEAA}\u{FEE4}\u{FEA4}\u{FEE3}");
        let lam_alef = visual_order("لا");
        assert_eq!((lam_alef.len(), lam_alef[0].base, lam_alef[0].text.as_str()), (1, '\u{FEFB}', "لا"));
    }

    #[test]
    fn a_joined_emoji_keeps_its_meaning() {
        let all: String = clusters("a👩\u{200D}🚀\u{FE0F}b").iter().map(|cluster| cluster.text.as_str()).collect();
        assert_eq!(all, "a👩\u{200D}🚀\u{FE0F}b");
    }

    proptest! {
        #[test]
        fn no_character_is_lost_or_invented(text in "[a-zа-яא-תا-ي0-9() 😀-😎]{0,60}") {
            let line = clean(&text);
            let mut expect: Vec<char> = line.chars().collect();
            let mut got: Vec<char> = visual_order(&line).iter().flat_map(|c| c.text.chars()).collect();
            expect.sort_unstable();
            got.sort_unstable();
            prop_assert_eq!(got, expect);
        }

        #[test]
        fn any_text_can_be_ordered(text in any::<String>()) {
            visual_order(&clean(&text));
        }
    }
}
