use super::*;
use proptest::prelude::*;

const HEADER: &str = "sku,name,barcodes,weight_grams,non_returnable,shop_item,safety_stock";

fn rows(lines: &str) -> Vec<Row> {
    read(format!("{HEADER}\n{lines}").as_bytes()).unwrap()
}

fn item(row: &Row) -> Item {
    row.content.as_ref().unwrap().apply_to(None)
}

fn check(line: &str, column: Option<&str>, reason: &str) {
    let rows = rows(line);
    let fault = rows[0].content.as_ref().unwrap_err();
    assert_eq!(fault.column.as_deref(), column, "{line}");
    assert!(fault.reason.contains(reason), "{line}: {}", fault.reason);
}

#[test]
fn a_full_line_is_an_item() {
    let rows = rows("TEA-1,\"Чай, зелен \"\"Премиум\"\" 🍵\",3800|3801,120,yes,gid://1,5");
    let item = item(&rows[0]);
    assert_eq!(item.name, "Чай, зелен \"Премиум\" 🍵");
    assert_eq!(item.barcodes, ["3800", "3801"]);
    assert_eq!((item.weight_grams, item.non_returnable, item.safety_stock), (120, true, 5));
    assert_eq!(item.shop_item.as_deref(), Some("gid://1"));
    assert_eq!(rows[0].line, 2);
}

#[test]
fn a_bad_cell_names_its_column_and_the_neighbours_stand() {
    check("A,Tea,,-1,,,", Some("weight_grams"), "whole number");
    check("A,Tea,,1.5,,,", Some("weight_grams"), "whole number");
    check("A,Tea,,1e3,,,", Some("weight_grams"), "whole number");
    check("A,Tea,,+1,,,", Some("weight_grams"), "whole number");
    check("A,Tea,,99999999999,,,", Some("weight_grams"), "whole number");
    check("A,Tea,,1,maybe,,", Some("non_returnable"), "true or false");
    check("A,Tea,,1,,,lots", Some("safety_stock"), "whole number");
    check(",Tea,,1,,,", Some("sku"), "SKU");
    check("A#1,Tea,,1,,,", Some("sku"), "#");
    check("A,Tea", None, "2 cells");
    check("A,Tea,,1,,,,,", None, "9 cells");
    let mixed = rows("A,Tea,,x,,,\nB,Tea,,1,,,\nC,Tea,,1\nD,Tea,,1,,,");
    let good: Vec<bool> = mixed.iter().map(|row| row.content.is_ok()).collect();
    assert_eq!(good, [false, true, false, true]);
    assert_eq!(mixed[2].sku.as_deref(), Some("C"));
    assert_eq!(mixed[3].line, 5);
}

#[test]
fn a_sku_on_two_lines_is_taken_from_the_first() {
    let rows = rows("A,First,,,,,\nA,Second,,,,,\nA,Third,,,,,");
    assert_eq!(item(&rows[0]).name, "First");
    for row in &rows[1..] {
        assert!(row.content.as_ref().unwrap_err().reason.contains("line 2"), "{row:?}");
    }
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_are_no_fault() {
    let rows = read("\u{FEFF}SKU, Name \r\nA,Tea\r\n\r\nB,\"Two\r\nlines\"\r\n".as_bytes()).unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!(item(&rows[0]).name, "Tea");
    assert_eq!(item(&rows[1]).name, "Two\r\nlines");
    assert_eq!([rows[0].line, rows[1].line], [2, 4]);
    assert!(item(&rows[1]).check().is_err());
}

#[test]
fn lines_are_counted_as_an_editor_counts_them() {
    for end in ["\n", "\r\n", "\r"] {
        let file = ["sku,name", "A,Tea", "B,\"Two", "lines\"", "", "C,Cup"].join(end);
        let lines: Vec<u64> = read(file.as_bytes()).unwrap().iter().map(|row| row.line).collect();
        assert_eq!(lines, [2, 3, 6], "{end:?}");
    }
}

#[test]
fn text_that_is_not_utf8_is_refused_by_line() {
    let mut body = format!("{HEADER}\n").into_bytes();
    body.extend(b"A,\xD7\xE0\xE9,,,,,\nB,Tea,,,,,\n");
    let rows = read(&body).unwrap();
    assert_eq!(rows[0].content.as_ref().unwrap_err().column.as_deref(), Some("name"));
    assert!(rows[1].content.is_ok());
}

#[test]
fn a_wrong_header_row_is_refused_as_a_whole() {
    let detail = |body: &str| read(body.as_bytes()).unwrap_err().detail;
    assert!(detail("").contains("empty"));
    assert!(detail("sku;name\nA;Tea").contains("commas"));
    assert!(detail("sku,title\nA,Tea").contains("`title` is no column"));
    assert!(detail("sku,sku,name\n").contains("twice"));
    assert!(detail("sku,barcodes\n").contains("name is missing"));
}

#[test]
fn a_column_that_is_left_out_stays_and_an_empty_cell_clears() {
    let before = item(&rows("A,Tea,3800,120,true,gid,5")[0]);
    let after = |body: &str| read(body.as_bytes()).unwrap()[0].content.as_ref().unwrap().apply_to(Some(&before));
    assert_eq!(after("sku,name\nA,Coffee"), Item { name: "Coffee".to_owned(), ..before.clone() });
    assert_eq!(after("name,sku,barcodes\nTea,A,"), Item { barcodes: Vec::new(), ..before.clone() });
}

#[test]
fn more_lines_than_the_limit_are_refused() {
    let body = |lines: usize| format!("sku,name\n{}", (0..lines).map(|n| format!("{n},x\n")).collect::<String>());
    assert_eq!(read(body(LINES_MAX).as_bytes()).unwrap().len(), LINES_MAX);
    assert_eq!(read(body(LINES_MAX + 1).as_bytes()).unwrap_err().status, 400);
}

proptest! {
    #[test]
    fn whatever_the_bytes_every_row_is_reported_and_none_panics(body in proptest::collection::vec(any::<u8>(), 0..300)) {
        let mut file = format!("{HEADER}\n").into_bytes();
        file.extend(body);
        if let Ok(rows) = read(&file) {
            for row in rows {
                prop_assert!(row.line >= 2);
                if let Ok(patch) = row.content {
                    let _ = patch.apply_to(None).check();
                }
            }
        }
    }

    #[test]
    fn what_a_spreadsheet_quotes_reads_back(name in "[^\\x00-\\x1f\\x7f]{1,40}", barcode in "[0-9]{1,13}") {
        prop_assume!(!name.trim().is_empty());
        let line = format!("A,\"{}\",{barcode},,,,", name.replace('"', "\"\""));
        let rows = rows(&line);
        let item = item(&rows[0]);
        prop_assert_eq!(item.name, name.trim());
        prop_assert_eq!(item.barcodes, vec![barcode]);
    }
}

#[test]
fn an_empty_cell_leaves_the_reorder_point_to_be_computed_and_a_missing_column_leaves_it_as_it_is() {
    let read = |text: &str| read(text.as_bytes()).unwrap();
    let given = read("sku,name,lead_time_days,reorder_point\nA,Tea,7,20\nB,Cup,,\nC,Pot,x,\nD,Pan,1,0");
    let first = item(&given[0]);
    assert_eq!((first.lead_time_days, first.reorder_point), (7, Some(20)));
    assert_eq!((item(&given[1]).lead_time_days, item(&given[1]).reorder_point), (0, None));
    assert!(given[2].content.as_ref().is_err_and(|fault| fault.column.as_deref() == Some("lead_time_days")));
    assert_eq!(item(&given[3]).reorder_point, Some(0));
    let kept = read("sku,name\nA,Tea")[0].content.as_ref().unwrap().apply_to(Some(&first));
    assert_eq!((kept.lead_time_days, kept.reorder_point), (7, Some(20)));
}
