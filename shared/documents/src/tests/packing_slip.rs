use super::{assert_inside, reader, recipient};
use crate::code128::tests::decode;
use crate::packing_slip::{LINES_MAX, pdf};
use crate::{PackingSlip, Party, SlipLine};
use jiff::civil::date;
use proptest::prelude::*;

fn slip(lines: Vec<SlipLine<'_>>) -> PackingSlip<'_> {
    PackingSlip {
        shop_name: "Книжарница „Слово“",
        order_number: "#1042",
        date: date(2026, 3, 14),
        recipient: recipient(),
        barcode: "pkt_0a1b2c3d4e5f67890",
        lines,
    }
}

const MUG: SlipLine<'static> =
    SlipLine { sku: "MUG-1", title: "Чаша, синя, 330 мл", quantity: 2, in_kit: false };

fn read(slip: &PackingSlip<'_>) -> Vec<reader::Page> {
    reader::read(&pdf(slip).expect("a packing slip"))
}

#[test]
fn what_is_in_a_kit_is_shown_and_not_counted_again() {
    let part = SlipLine { sku: "SPOON-1", title: "Лъжица", quantity: 4, in_kit: true };
    let text = read(&slip(vec![MUG, part]))[0].text();
    assert!(text.contains("SPOON-1") && text.contains("Лъжица"), "{text}");
    assert!(text.contains("Lines: 1 · Units in total: 2"), "{text}");
}

#[test]
fn everything_on_the_slip_can_be_copied_out_of_it() {
    let pages =
        read(&slip(vec![MUG, SlipLine { sku: "PEN-7", title: "Химикалка ёъѝ Їґ", quantity: 40, in_kit: false }]));
    let text = pages[0].text();
    for part in [
        "Книжарница „Слово“",
        "#1042",
        "2026-03-14",
        "Елисавета Ђорђевић-Їжак",
        "„Цвете и син“ ООД",
        "бул. „Витоша“ № 125, ет. 4",
        "1504 София",
        "BG",
        "+359 88 812 3456",
        "pkt_0a1b2c3d4e5f67890",
        "MUG-1",
        "Чаша, синя, 330 мл",
        "PEN-7",
        "Химикалка ёъѝ Їґ",
        "Lines: 2 · Units in total: 42",
        "Page 1 of 1",
    ] {
        assert!(text.contains(part), "`{part}` is missing in\n{text}");
    }
    let boxes = pages[0].lines.iter().filter(|line| line.glyphs.contains(&0)).count();
    assert_eq!(boxes, 0, "every character has a picture");
}

#[test]
fn the_same_slip_gives_the_same_bytes() {
    assert_eq!(pdf(&slip(vec![MUG; 60])), pdf(&slip(vec![MUG; 60])));
    assert_ne!(pdf(&slip(vec![MUG; 60])), pdf(&slip(vec![MUG; 61])));
}

#[test]
fn every_page_repeats_the_head_and_says_its_number_and_no_line_is_lost() {
    let skus: Vec<String> = (0..150).map(|at| format!("SKU{at:03}")).collect();
    let title = "A title so long that it needs to be wrapped over several lines of the column, again and again";
    let lines = skus.iter().map(|sku| SlipLine { sku, title, quantity: 3, in_kit: false }).collect();
    let pages = read(&slip(lines));
    assert!(pages.len() > 3);
    for (at, page) in pages.iter().enumerate() {
        let text = page.text();
        assert!(text.contains("SKU\nItem\nQuantity\n"), "page {}", at + 1);
        assert!(text.contains(&format!("Page {} of {}\n", at + 1, pages.len())));
        assert!(at == 0 || text.contains("Packing slip #1042"));
        assert_inside(page);
        let footer = page.lines.iter().filter(|line| line.y < 40.0).count();
        assert_eq!(footer, 2, "no line of the table runs into the footer");
    }
    let all: String = pages.iter().map(reader::Page::text).collect();
    let printed: Vec<&str> = all.lines().filter(|line| line.starts_with("SKU") && *line != "SKU").collect();
    assert_eq!(printed, skus);
    assert!(pages[pages.len() - 1].text().contains("Lines: 150 · Units in total: 450"));
}

#[test]
fn a_slip_without_lines_is_still_a_slip() {
    let pages = read(&slip(Vec::new()));
    assert_eq!(pages.len(), 1);
    assert!(pages[0].text().contains("Lines: 0 · Units in total: 0"));
}

#[test]
fn what_the_font_lacks_is_a_box_that_can_still_be_copied() {
    let pages =
        read(&slip(vec![SlipLine { sku: "E", title: "Mug 😀👩\u{200D}🚀 日本", quantity: 1, in_kit: false }]));
    let line = pages[0].lines.iter().find(|line| line.text.starts_with("Mug")).expect("the title");
    assert_eq!(line.text, "Mug 😀👩\u{200D}🚀 日本");
    assert_eq!(line.glyphs.iter().filter(|glyph| **glyph == 0).count(), 5);
}

#[test]
fn right_to_left_titles_stand_from_right_to_left() {
    let pages = read(&slip(vec![SlipLine { sku: "H", title: "ספר 12", quantity: 1, in_kit: false }]));
    assert!(pages[0].lines.iter().any(|line| line.text == "12 רפס"));
}

#[test]
fn a_scanner_reads_the_id_from_the_bars() {
    let check = |barcode: &str| {
        let pages = read(&PackingSlip { barcode, ..slip(vec![MUG]) });
        assert_inside(&pages[0]);
        assert_eq!(decode(&pages[0].bar_widths()).as_deref(), Some(barcode));
        assert!(pages[0].text().replace('\n', "").contains(barcode), "the text below the bars is whole");
    };
    check("ORD1042");
    check("pkt_0a1b2c3d4e5f67890");
    check("order-of-a-merchant-with-a-very-long-name_0123456789abcdef");
    check(&"x".repeat(81));
    check(&"7".repeat(162));
}

#[test]
fn what_cannot_be_printed_is_refused() {
    let check = |slip: PackingSlip<'_>, expect: &str| {
        let error = pdf(&slip).expect_err("refused").to_string();
        assert!(error.contains(expect), "{error}");
    };
    check(PackingSlip { barcode: "", ..slip(vec![]) }, "has no text");
    check(PackingSlip { barcode: "№1", ..slip(vec![]) }, "character 1 ");
    check(PackingSlip { barcode: &"x".repeat(82), ..slip(vec![]) }, "shorter id");
    check(slip(vec![MUG; LINES_MAX + 1]), "split the order");
    assert!(pdf(&slip(vec![MUG; LINES_MAX])).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn no_text_breaks_the_slip_or_leaves_the_page(
        shop_name in any::<String>(), order_number in any::<String>(), name in ".{0,80}", line1 in any::<String>(),
        barcode in "[ -~]{1,60}", rows in proptest::collection::vec((".{0,60}", ".{0,300}", any::<u32>()), 0..12),
    ) {
        let lines = rows.iter().map(|(sku, title, quantity)| SlipLine { sku, title, quantity: *quantity, in_kit: false }).collect();
        let recipient = Party { name: &name, line1: &line1, ..recipient() };
        let slip = PackingSlip { shop_name: &shop_name, order_number: &order_number, recipient, barcode: &barcode, ..slip(lines) };
        let pages = read(&slip);
        for page in &pages {
            assert_inside(page);
        }
        prop_assert_eq!(decode(&pages[0].bar_widths()), Some(barcode));
    }
}
