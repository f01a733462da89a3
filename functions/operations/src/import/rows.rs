//! The file itself: bytes become rows, each good or with its fault.

use domain::Sku;
use domain::allocation::Component;
use domain::catalogue::Item;
use platform::Problem;
use std::collections::BTreeMap;
use std::str::FromStr;

/// Most lines of one import.
const LINES_MAX: usize = 10_000;

/// The columns that there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Column {
    Sku,
    Name,
    Barcodes,
    WeightGrams,
    NonReturnable,
    ShopItem,
    LotTracked,
    SerialTracked,
    SafetyStock,
    LeadTimeDays,
    ReorderPoint,
    Kit,
}

impl Column {
    const ALL: [(Self, &str); 12] = [
        (Self::Sku, "sku"),
        (Self::Name, "name"),
        (Self::Barcodes, "barcodes"),
        (Self::WeightGrams, "weight_grams"),
        (Self::NonReturnable, "non_returnable"),
        (Self::ShopItem, "shop_item"),
        (Self::LotTracked, "lot_tracked"),
        (Self::SerialTracked, "serial_tracked"),
        (Self::SafetyStock, "safety_stock"),
        (Self::LeadTimeDays, "lead_time_days"),
        (Self::ReorderPoint, "reorder_point"),
        (Self::Kit, "kit"),
    ];

    fn name(self) -> &'static str {
        Self::ALL.into_iter().find(|(column, _)| *column == self).map_or("", |(_, name)| name)
    }
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) column: Option<String>,
    pub(super) reason: String,
}

/// What a line says of an item. A column that the file has not is absent here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Patch {
    pub(super) sku: Sku,
    name: String,
    barcodes: Option<Vec<String>>,
    weight_grams: Option<u32>,
    non_returnable: Option<bool>,
    shop_item: Option<Option<String>>,
    lot_tracked: Option<bool>,
    serial_tracked: Option<bool>,
    safety_stock: Option<u32>,
    lead_time_days: Option<u32>,
    reorder_point: Option<Option<u32>>,
    kit: Option<Vec<Component>>,
}

impl Patch {
    /// Whether the line makes the item a kit.
    pub(super) fn names_kit(&self) -> bool {
        self.kit.as_ref().is_some_and(|kit| !kit.is_empty())
    }

    /// The item as this line wants it.
    pub(super) fn apply_to(&self, current: Option<&Item>) -> Item {
        let mut item = current.cloned().unwrap_or_else(|| Item {
            sku: self.sku.clone(),
            name: String::new(),
            barcodes: Vec::new(),
            weight_grams: 0,
            non_returnable: false,
            shop_item: None,
            lot_tracked: false,
            serial_tracked: false,
            safety_stock: 0,
            lead_time_days: 0,
            reorder_point: None,
            kit: Vec::new(),
        });
        item.name.clone_from(&self.name);
        if let Some(barcodes) = &self.barcodes {
            item.barcodes.clone_from(barcodes);
        }
        if let Some(shop_item) = &self.shop_item {
            item.shop_item.clone_from(shop_item);
        }
        item.weight_grams = self.weight_grams.unwrap_or(item.weight_grams);
        item.non_returnable = self.non_returnable.unwrap_or(item.non_returnable);
        item.lot_tracked = self.lot_tracked.unwrap_or(item.lot_tracked);
        item.serial_tracked = self.serial_tracked.unwrap_or(item.serial_tracked);
        item.safety_stock = self.safety_stock.unwrap_or(item.safety_stock);
        item.lead_time_days = self.lead_time_days.unwrap_or(item.lead_time_days);
        item.reorder_point = self.reorder_point.unwrap_or(item.reorder_point);
        if let Some(kit) = &self.kit {
            item.kit.clone_from(kit);
        }
        item
    }
}

/// One line of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    /// Where it begins, from 1.
    pub(super) line: u64,
    /// What stands in the column `sku`, cut to 64 characters.
    pub(super) sku: Option<String>,
    pub(super) content: Result<Patch, Fault>,
}

/// Reads the file. A SKU that stands on two lines is taken from the first.
///
/// # Errors
/// 400 when the header row is wrong or missing, or there are too many lines.
pub(super) fn read(body: &[u8]) -> Result<Vec<Row>, Problem> {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(body);
    let mut record = csv::ByteRecord::new();
    if !reader.read_byte_record(&mut record).map_err(|error| broken(&error))? {
        return Err(header_problem("the body is empty: the first line names the columns, for example `sku,name`"));
    }
    let columns = header(&record)?;
    let mut lines = Lines { body, counted: 0, line: 1 };
    let mut rows = Vec::new();
    let mut seen: BTreeMap<Sku, u64> = BTreeMap::new();
    while reader.read_byte_record(&mut record).map_err(|error| broken(&error))? {
        if rows.len() == LINES_MAX {
            let detail = format!("an import has at most {LINES_MAX} lines: send the rest as another");
            return Err(Problem::new(400, "too-many-lines", detail));
        }
        let line = lines.line_of(&record);
        let mut content = patch(&columns, &record);
        if let Ok(good) = &content
            && let Some(first) = seen.insert(good.sku.clone(), line)
        {
            seen.insert(good.sku.clone(), first);
            let reason = format!("this SKU stands on line {first} already: that line was taken");
            content = Err(Fault { column: Some(Column::Sku.name().to_owned()), reason });
        }
        rows.push(Row { line, sku: shown_sku(&columns, &record), content });
    }
    Ok(rows)
}

/// Counts lines as an editor does. The reader's own count is one short after `\r\n`, whose second half it takes for the
/// beginning of the next record.
struct Lines<'a> {
    body: &'a [u8],
    counted: usize,
    line: u64,
}

impl Lines<'_> {
    /// The line on which a record begins; records come in the order of the file.
    fn line_of(&mut self, record: &csv::ByteRecord) -> u64 {
        let begin = record.position().and_then(|position| usize::try_from(position.byte()).ok()).unwrap_or(0);
        let rest = self.body.get(begin..).unwrap_or_default();
        let begin = begin + rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        while self.counted < begin.min(self.body.len()) {
            let next = self.body.get(self.counted + 1);
            match self.body.get(self.counted) {
                Some(b'\n') => self.line += 1,
                Some(b'\r') if next != Some(&b'\n') => self.line += 1,
                _ => {}
            }
            self.counted += 1;
        }
        self.line
    }
}

fn broken(error: &csv::Error) -> Problem {
    Problem::new(400, "malformed-csv", format!("the body is not CSV: {error}"))
}

fn header_problem(detail: impl Into<String>) -> Problem {
    Problem::new(400, "invalid-header-row", detail)
}

fn header(record: &csv::ByteRecord) -> Result<Vec<Column>, Problem> {
    let mut columns = Vec::new();
    for cell in record {
        let name = String::from_utf8_lossy(cell).trim().to_lowercase();
        let Some((column, _)) = Column::ALL.into_iter().find(|(_, known)| *known == name) else {
            let known: Vec<&str> = Column::ALL.iter().map(|(_, name)| *name).collect();
            let shown: String = name.chars().take(60).collect();
            let hint = if name.contains([';', '\t']) { " (columns are separated by commas)" } else { "" };
            let detail = format!("`{shown}` is no column{hint}: the columns are {}", known.join(", "));
            return Err(header_problem(detail));
        };
        if columns.contains(&column) {
            return Err(header_problem(format!("the column {name} stands there twice")));
        }
        columns.push(column);
    }
    for needed in [Column::Sku, Column::Name] {
        if !columns.contains(&needed) {
            return Err(header_problem(format!("the column {} is missing", needed.name())));
        }
    }
    Ok(columns)
}

fn shown_sku(columns: &[Column], record: &csv::ByteRecord) -> Option<String> {
    let index = columns.iter().position(|column| *column == Column::Sku)?;
    let text: String = String::from_utf8_lossy(record.get(index)?).trim().chars().take(64).collect();
    (!text.is_empty()).then_some(text)
}

fn patch(columns: &[Column], record: &csv::ByteRecord) -> Result<Patch, Fault> {
    if record.len() != columns.len() {
        let reason = format!(
            "the line has {} cells, the header {}: put a cell with a comma or a quote between quotes",
            record.len(),
            columns.len()
        );
        return Err(Fault { column: None, reason });
    }
    let mut cells: BTreeMap<Column, &str> = BTreeMap::new();
    for (column, cell) in columns.iter().zip(record) {
        let text = std::str::from_utf8(cell).map_err(|_| fault(*column, "it is not UTF-8: save the file as UTF-8"))?;
        cells.insert(*column, text.trim());
    }
    let cell = |column| cells.get(&column).copied();
    let sku = Sku::parse(cell(Column::Sku).unwrap_or_default());
    let flag = |column: Column| {
        move |text: &str| match text.to_lowercase().as_str() {
            "true" | "yes" | "1" => Ok(true),
            "" | "false" | "no" | "0" => Ok(false),
            _ => Err(fault(column, "send true or false")),
        }
    };
    Ok(Patch {
        sku: sku.map_err(|error| fault(Column::Sku, error.to_string()))?,
        name: cell(Column::Name).unwrap_or_default().to_owned(),
        barcodes: cell(Column::Barcodes).map(barcodes),
        weight_grams: cell(Column::WeightGrams).map(|text| whole(Column::WeightGrams, text)).transpose()?,
        non_returnable: cell(Column::NonReturnable).map(flag(Column::NonReturnable)).transpose()?,
        shop_item: cell(Column::ShopItem).map(|text| (!text.is_empty()).then(|| text.to_owned())),
        lot_tracked: cell(Column::LotTracked).map(flag(Column::LotTracked)).transpose()?,
        serial_tracked: cell(Column::SerialTracked).map(flag(Column::SerialTracked)).transpose()?,
        safety_stock: cell(Column::SafetyStock).map(|text| whole(Column::SafetyStock, text)).transpose()?,
        lead_time_days: cell(Column::LeadTimeDays).map(|text| whole(Column::LeadTimeDays, text)).transpose()?,
        // An empty cell is not a reorder point of none: it is computed then.
        reorder_point: cell(Column::ReorderPoint)
            .map(|text| (!text.is_empty()).then(|| whole(Column::ReorderPoint, text)).transpose())
            .transpose()?,
        kit: cell(Column::Kit).map(kit).transpose()?,
    })
}

fn fault(column: Column, reason: impl Into<String>) -> Fault {
    Fault { column: Some(column.name().to_owned()), reason: reason.into() }
}

fn barcodes(cell: &str) -> Vec<String> {
    cell.split('|').map(str::trim).filter(|barcode| !barcode.is_empty()).map(str::to_owned).collect()
}

/// The components of a kit: `TEA*2|CUP` is two of TEA and one of CUP.
fn kit(cell: &str) -> Result<Vec<Component>, Fault> {
    let component = |part: &str| {
        let digits = |units: &str| !units.is_empty() && units.bytes().all(|b| b.is_ascii_digit());
        let (sku, quantity) = match part.rsplit_once('*').filter(|(_, units)| digits(units.trim())) {
            Some((sku, units)) => (sku.trim(), whole(Column::Kit, units.trim())?),
            None => (part, 1),
        };
        let sku = Sku::parse(sku).map_err(|error| fault(Column::Kit, error.to_string()))?;
        Ok(Component { sku, quantity })
    };
    cell.split('|').map(str::trim).filter(|part| !part.is_empty()).map(component).collect()
}

fn whole(column: Column, cell: &str) -> Result<u32, Fault> {
    if cell.is_empty() {
        return Ok(0);
    }
    // `u32` reads a leading plus, which no spreadsheet writes and no person means.
    let digits = cell.bytes().all(|b| b.is_ascii_digit());
    u32::from_str(cell)
        .ok()
        .filter(|_| digits)
        .ok_or_else(|| fault(column, "send a whole number without sign, separator or unit"))
}

#[cfg(test)]
#[path = "rows_tests.rs"]
mod tests;
