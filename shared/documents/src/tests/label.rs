use super::{assert_inside, reader, recipient};
use crate::code128::tests::{decode, decode_zpl};
use crate::label::{pdf, zpl};
use crate::{DocumentError, Label, Party};
use proptest::prelude::*;

fn label() -> Label<'static> {
    Label {
        sender: Party {
            name: "Склад Илиянци",
            line1: "ул. Складова 1",
            city: "София",
            country: "BG",
            ..Party::default()
        },
        recipient: recipient(),
        service: "Sandbox Express 24",
        weight_grams: 1250,
        reference: "shp_42",
        tracking_number: "SBX0123456789BG",
        cash_on_delivery: Some("125.40 EUR"),
    }
}

/// Commands of a label as the printer sees them: text between one `^` or `~` and the next.
fn commands(zpl: &str) -> Vec<&str> {
    zpl.split(['^', '~']).map(str::trim_end).filter(|command| !command.is_empty()).collect()
}

/// Field data as the printer reads it under `^FH_`.
fn unescaped(data: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), data.as_bytes());
    while let Some((&byte, tail)) = rest.split_first() {
        if byte == b'_' {
            let (hex, tail) = tail.split_at(2);
            bytes.push(u8::from_str_radix(&String::from_utf8_lossy(hex), 16).expect("two hexadecimal digits"));
            rest = tail;
        } else {
            bytes.push(byte);
            rest = tail;
        }
    }
    String::from_utf8(bytes).expect("UTF-8")
}

/// Texts and barcode of a label in ZPL.
fn fields(zpl: &str) -> (Vec<String>, Option<String>) {
    let (mut texts, mut barcode, mut hexadecimal) = (Vec::new(), None, false);
    for command in commands(zpl) {
        if command.starts_with("FS") {
            hexadecimal = false;
        } else if command.starts_with("FH") {
            hexadecimal = true;
        } else if let Some(data) = command.strip_prefix("FD") {
            if hexadecimal {
                texts.push(unescaped(data));
            } else {
                barcode = decode_zpl(data);
            }
        }
    }
    (texts, barcode)
}

#[test]
fn both_formats_say_the_same() {
    let pages = reader::read(&pdf(&label()).expect("a label"));
    assert_eq!(pages.len(), 1);
    assert_inside(&pages[0]);
    let zpl = zpl(&label()).expect("a label");
    let (texts, barcode) = fields(&zpl);
    assert_eq!(texts.iter().map(|text| format!("{text}\n")).collect::<String>(), pages[0].text());
    for part in [
        "Sandbox Express 24",
        "1250 g",
        "Склад Илиянци",
        "ул. Складова 1",
        "Елисавета Ђорђевић-Їжак",
        "„Цвете и син“ ООД",
        "1504 София",
        "shp_42",
        "CASH ON DELIVERY",
        "125.40 EUR",
        "SBX0123456789BG",
    ] {
        assert!(texts.iter().any(|text| text == part), "`{part}` is missing in {texts:?}");
    }
    assert_eq!(barcode.as_deref(), Some("SBX0123456789BG"));
    assert_eq!(decode(&pages[0].bar_widths()).as_deref(), Some("SBX0123456789BG"));
}

#[test]
fn zpl_starts_and_ends_one_label_in_utf_8_at_100_by_150_mm() {
    let zpl = zpl(&label()).expect("a label");
    assert!(zpl.starts_with("^XA^CI28"));
    assert!(zpl.ends_with("^XZ\n"));
    assert!(zpl.contains("^PW800^LL1200"));
}

#[test]
fn the_pdf_is_100_by_150_mm() {
    let pages = reader::read(&pdf(&label()).expect("a label"));
    assert_eq!((pages[0].size.0.round(), pages[0].size.1.round()), (283.0, 425.0));
}

#[test]
fn nothing_to_collect_prints_no_box() {
    let free = Label { cash_on_delivery: None, ..label() };
    let (texts, _) = fields(&zpl(&free).expect("a label"));
    assert!(!texts.iter().any(|text| text.contains("CASH")));
}

#[test]
fn the_same_label_gives_the_same_bytes() {
    assert_eq!(pdf(&label()), pdf(&label()));
    assert_eq!(zpl(&label()), zpl(&label()));
}

#[test]
fn a_command_in_a_name_is_printed_and_not_obeyed() {
    let hostile = "^XZ^XA~JA_5EXZ\\&";
    let recipient = Party { name: hostile, ..recipient() };
    let zpl = zpl(&Label { recipient, ..label() }).expect("a label");
    assert_eq!(zpl.matches("^XZ").count(), 1);
    assert!(!zpl.contains('~'));
    assert!(fields(&zpl).0.iter().any(|text| text == hostile));
}

#[test]
fn an_address_that_fits_in_small_type_is_not_cut() {
    let line1 =
        "ж.к. Младост 1А, бл. 523, вх. Г, ет. 8, ап. 112, звънец „Петрови и синове“, до детската градина „Слънце“";
    let recipient = Party { line1, line2: Some(line1), ..recipient() };
    let pages = reader::read(&pdf(&Label { recipient, ..label() }).expect("a label"));
    let letters = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
    assert_eq!(letters(&pages[0].text()).matches(&letters(line1)).count(), 2);
    assert!(!pages[0].text().contains('…'));
}

#[test]
fn tracking_numbers_up_to_the_width_of_the_label_are_scannable() {
    let check = |tracking_number: &str, fits: bool| {
        let label = Label { tracking_number, ..label() };
        assert_eq!(zpl(&label).is_ok(), fits, "{tracking_number}");
        let Ok(pdf) = pdf(&label) else {
            return assert!(!fits);
        };
        let pages = reader::read(&pdf);
        assert_inside(&pages[0]);
        assert_eq!(decode(&pages[0].bar_widths()).as_deref(), Some(tracking_number));
        assert!(pages[0].text().replace('\n', "").contains(tracking_number), "the text below the bars is whole");
    };
    check("1", true);
    check(&"W".repeat(31), true);
    check(&"W".repeat(32), false);
    check(&"4".repeat(62), true);
    check(&"4".repeat(64), false);
    check("", false);
    check("Я", false);
}

#[test]
fn an_amount_is_printed_whole_or_not_at_all() {
    let amount = |amount| Label { cash_on_delivery: Some(amount), ..label() };
    let (texts, _) = fields(&zpl(&amount("1,234,567.89 EUR")).expect("a label"));
    assert!(texts.iter().any(|text| text == "1,234,567.89 EUR"));
    let long = "1234567890.00 EUR and a story";
    assert_eq!(zpl(&amount(long)), Err(DocumentError::AmountTooLong));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_text_becomes_a_command_or_leaves_the_label(
        name in any::<String>(), line1 in "[\\^~_\\\\&a-zа-я0-9\n ]{0,200}", service in any::<String>(),
        reference in ".{0,80}", amount in "[0-9.,^~_ A-Z€]{0,12}", tracking_number in "[!-~]{1,28}", weight_grams in any::<u64>(),
    ) {
        let recipient = Party { name: &name, line1: &line1, ..recipient() };
        let label = Label {
            recipient, service: &service, reference: &reference, cash_on_delivery: Some(&amount), weight_grams,
            tracking_number: &tracking_number, ..label()
        };
        let zpl = zpl(&label).expect("a label");
        for command in commands(&zpl) {
            let known = ["XA", "XZ", "CI28", "CWT,", "PA1", "PW", "LL", "LH", "FWN", "FT", "FO", "ATN", "FH_", "FD", "FS", "GB", "BY", "BCN"];
            prop_assert!(known.iter().any(|known| command.starts_with(known)), "{command}");
        }
        let pages = reader::read(&pdf(&label).expect("a label"));
        assert_inside(&pages[0]);
        prop_assert_eq!(decode(&pages[0].bar_widths()), Some(tracking_number.clone()));
        prop_assert_eq!(fields(&zpl).1, Some(tracking_number));
    }
}
