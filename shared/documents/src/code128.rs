//! Code 128 (ISO/IEC 15417), code sets B and C: any printable ASCII, digits two per symbol where that is shorter.

use crate::DocumentError;

/// Blank modules that a scanner needs on either side.
pub const QUIET_MODULES: usize = 10;

const SWITCH_TO_C: u8 = 99;
const SWITCH_TO_B: u8 = 100;
const START_B: u8 = 104;
const START_C: u8 = 105;
const STOP: u8 = 106;

/// Widths of bar, space, bar, space, … by symbol value, in modules.
const WIDTHS: [&[u8]; 107] = [
    b"212222", b"222122", b"222221", b"121223", b"121322", b"131222", b"122213", b"122312", b"132212", b"221213",
    b"221312", b"231212", b"112232", b"122132", b"122231", b"113222", b"123122", b"123221", b"223211", b"221132",
    b"221231", b"213212", b"223112", b"312131", b"311222", b"321122", b"321221", b"312212", b"322112", b"322211",
    b"212123", b"212321", b"232121", b"111323", b"131123", b"131321", b"112313", b"132113", b"132311", b"211313",
    b"231113", b"231311", b"112133", b"112331", b"132131", b"113123", b"113321", b"133121", b"313121", b"211331",
    b"231131", b"213113", b"213311", b"213131", b"311123", b"311321", b"331121", b"312113", b"312311", b"332111",
    b"314111", b"221411", b"431111", b"111224", b"111422", b"121124", b"121421", b"141122", b"141221", b"112214",
    b"112412", b"122114", b"122411", b"142112", b"142211", b"241211", b"221114", b"413111", b"241112", b"134111",
    b"111242", b"121142", b"121241", b"114212", b"124112", b"124211", b"411212", b"421112", b"421211", b"212141",
    b"214121", b"412121", b"111143", b"111341", b"131141", b"114113", b"114311", b"411113", b"411311", b"113141",
    b"114131", b"311141", b"411131", b"211412", b"211214", b"211232", b"2331112",
];

/// One barcode, ready to draw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code128 {
    text: String,
    /// Symbol values from start to the last of the data; checksum and stop are derived.
    values: Vec<u8>,
}

impl Code128 {
    /// Encodes `text`.
    ///
    /// # Errors
    /// [`DocumentError::BarcodeEmpty`], [`DocumentError::BarcodeCharacter`].
    pub fn encode(text: &str) -> Result<Self, DocumentError> {
        if let Some(at) = text.chars().position(|c| !matches!(c, ' '..='~')) {
            return Err(DocumentError::BarcodeCharacter { position: at + 1 });
        }
        if text.is_empty() {
            return Err(DocumentError::BarcodeEmpty);
        }
        Ok(Self { text: text.to_owned(), values: values_of(text.as_bytes()) })
    }

    /// The text, for the line below the bars.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The check symbol: weighted sum modulo 103.
    fn checksum(&self) -> u8 {
        let sum = self.values.iter().enumerate().map(|(at, value)| at.max(1) * usize::from(*value)).sum::<usize>();
        (sum % 103) as u8
    }

    /// Widths of bar, space, bar, … in modules, from the first bar to the last, quiet zones excluded.
    #[must_use]
    pub fn widths(&self) -> Vec<u8> {
        let tail = [self.checksum(), STOP];
        let all = self.values.iter().chain(&tail);
        all.flat_map(|value| WIDTHS[usize::from(*value)]).map(|digit| digit - b'0').collect()
    }

    /// Modules from the first bar to the last, quiet zones excluded.
    #[must_use]
    pub fn modules(&self) -> usize {
        // Every symbol is 11 modules wide, the stop 13.
        (self.values.len() + 1) * 11 + 13
    }

    /// The same symbols in the field-data notation of ZPL's `^BC` in mode N; free of `^` and `~`.
    pub(crate) fn zpl_field_data(&self) -> String {
        let mut data = String::new();
        let mut pairs = false;
        for &value in &self.values {
            match value {
                START_B | START_C => {
                    pairs = value == START_C;
                    data.push_str(if pairs { ">;" } else { ">:" });
                }
                SWITCH_TO_C if !pairs => {
                    pairs = true;
                    data.push_str(">5");
                }
                SWITCH_TO_B if pairs => {
                    pairs = false;
                    data.push_str(">6");
                }
                value if pairs => data.push_str(&format!("{value:02}")),
                value => match char::from(value + b' ') {
                    '>' => data.push_str(">0"),
                    '^' => data.push_str("><"),
                    '~' => data.push_str(">="),
                    plain => data.push(plain),
                },
            }
        }
        data
    }
}

/// Start symbol and data symbols. A pair of digits costs one symbol, a change of set another one: set C pays from
/// four digits at either end, from six in the middle.
fn values_of(text: &[u8]) -> Vec<u8> {
    let digits_at = |at: usize| text[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let leading = digits_at(0);
    let mut pairs = leading >= 4 || (leading == 2 && text.len() == 2);
    let mut values = vec![if pairs { START_C } else { START_B }];
    let mut at = 0;
    while at < text.len() {
        let digits = digits_at(at);
        if pairs {
            if digits >= 2 {
                values.push((text[at] - b'0') * 10 + text[at + 1] - b'0');
                at += 2;
            } else {
                pairs = false;
                values.push(SWITCH_TO_B);
            }
            continue;
        }
        let at_end = at + digits == text.len();
        if digits.is_multiple_of(2) && (digits >= 6 || (digits >= 4 && at_end)) {
            pairs = true;
            values.push(SWITCH_TO_C);
        } else {
            values.push(text[at] - b' ');
            at += 1;
        }
    }
    values
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Reads bars back as a scanner does: by width pattern only. `None` if a pattern or the checksum is wrong.
    pub(crate) fn decode(widths: &[u8]) -> Option<String> {
        let (stop, symbols) = (widths.last_chunk::<7>()?, &widths[..widths.len() - 7]);
        let value_of = |pattern: &[u8]| {
            let digits: Vec<u8> = pattern.iter().map(|width| width + b'0').collect();
            WIDTHS.iter().position(|known| *known == digits).map(|at| at as u8)
        };
        let values = symbols.chunks(6).map(value_of).collect::<Option<Vec<u8>>>()?;
        let (check, data) = values.split_last()?;
        let sum: u32 = data.iter().zip(0u32..).map(|(value, at)| u32::from(*value) * at.max(1)).sum();
        if value_of(stop) != Some(STOP) || sum % 103 != u32::from(*check) {
            return None;
        }
        read_values(data)
    }

    fn read_values(data: &[u8]) -> Option<String> {
        let mut pairs = match data.first()? {
            104 => false,
            105 => true,
            _ => return None,
        };
        let mut text = String::new();
        for value in &data[1..] {
            match (pairs, *value) {
                (true, 0..=99) => text.push_str(&format!("{value:02}")),
                (true, 100) => pairs = false,
                (false, 99) => pairs = true,
                (false, 0..=94) => text.push(char::from(value + 32)),
                _ => return None,
            }
        }
        Some(text)
    }

    /// Reads ZPL's notation back, as the manual's table of invocation codes has it.
    pub(crate) fn decode_zpl(data: &str) -> Option<String> {
        let mut values = Vec::new();
        let mut chars = data.chars();
        let mut pairs = false;
        while let Some(c) = chars.next() {
            let value = match c {
                '>' => match chars.next()? {
                    ';' => 105,
                    ':' => 104,
                    '5' => 99,
                    '6' => 100,
                    '0' => b'>' - 32,
                    '<' => b'^' - 32,
                    '=' => b'~' - 32,
                    _ => return None,
                },
                c if pairs => (c.to_digit(10)? * 10 + chars.next()?.to_digit(10)?) as u8,
                c => u8::try_from(c).ok()?.checked_sub(32)?,
            };
            if value >= 99 {
                pairs = matches!(value, 99 | 105);
            }
            values.push(value);
        }
        read_values(&values)
    }

    fn barcode(text: &str) -> Code128 {
        Code128::encode(text).expect("printable ASCII")
    }

    #[test]
    fn every_pattern_is_distinct_eleven_modules_wide_and_of_even_bar_parity() {
        for (at, pattern) in WIDTHS[..106].iter().enumerate() {
            let widths: Vec<u32> = pattern.iter().map(|digit| u32::from(digit - b'0')).collect();
            assert_eq!(widths.iter().sum::<u32>(), 11, "symbol {at}");
            assert_eq!(widths.iter().step_by(2).sum::<u32>() % 2, 0, "symbol {at}");
            assert_eq!(WIDTHS.iter().filter(|other| *other == pattern).count(), 1, "symbol {at}");
        }
    }

    #[test]
    fn checksum_agrees_with_the_worked_example() {
        // The example of most textbooks: PJJ123C in set A has 54; in set B the start is one more.
        assert_eq!(barcode("PJJ123C").checksum(), 55);
    }

    #[test]
    fn digits_take_half_the_symbols() {
        let check = |text: &str, symbols: usize| assert_eq!(barcode(text).values.len(), symbols, "{text}");
        check("12345678", 1 + 4);
        check("12", 1 + 1);
        check("1234567", 1 + 3 + 1 + 1);
        check("AB1234", 1 + 2 + 1 + 2);
        check("A123456B", 1 + 1 + 1 + 3 + 1 + 1);
        check("A1234B", 1 + 6);
        check("ABC", 1 + 3);
    }

    #[test]
    fn what_code_128_b_cannot_say_is_refused() {
        let check = |text: &str, error: DocumentError| assert_eq!(Code128::encode(text), Err(error));
        check("", DocumentError::BarcodeEmpty);
        check("AБ", DocumentError::BarcodeCharacter { position: 2 });
        check("A\n", DocumentError::BarcodeCharacter { position: 2 });
    }

    proptest! {
        #[test]
        fn bars_read_back_as_the_text(text in "([ -~]{1,12}|[0-9]{1,12}|[A-Z]{0,3}[0-9]{0,9}[a-z]{1,3}){1,3}") {
            let barcode = barcode(&text);
            let widths = barcode.widths();
            prop_assert_eq!(widths.iter().map(|width| usize::from(*width)).sum::<usize>(), barcode.modules());
            prop_assert_eq!(decode(&widths), Some(text.clone()));
            let zpl = barcode.zpl_field_data();
            prop_assert!(!zpl.contains(['^', '~']));
            prop_assert_eq!(decode_zpl(&zpl), Some(text));
        }

        #[test]
        fn a_changed_symbol_is_noticed(text in "[ -~]{1,20}", at in 0usize..20, other in 0u8..95) {
            let mut changed = barcode(&text);
            let check = changed.checksum();
            let at = 1 + at % (changed.values.len() - 1);
            prop_assume!(changed.values[at] != other);
            // A weight that is a multiple of 103 does not occur at these lengths, so one change always shows.
            changed.values[at] = other;
            prop_assert_ne!(changed.checksum(), check);
        }
    }
}
