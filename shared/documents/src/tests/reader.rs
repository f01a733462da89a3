//! Reads back the PDFs that this crate writes, from the bytes alone: objects by the cross-reference table, text by
//! the ToUnicode map, widths and glyphs by the font's own tables.

use miniz_oxide::inflate::decompress_to_vec_zlib;
use std::collections::BTreeMap;

/// A line of text on a page, in PDF points from the bottom left corner.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Line {
    pub(super) x: f32,
    pub(super) y: f32,
    pub(super) width: f32,
    pub(super) text: String,
    /// Glyph numbers in the embedded subset; 0 is the box.
    pub(super) glyphs: Vec<u16>,
}

/// One page.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) size: (f32, f32),
    pub(super) lines: Vec<Line>,
    /// x, y, width, height.
    pub(super) rectangles: Vec<[f32; 4]>,
}

impl Page {
    pub(super) fn text(&self) -> String {
        self.lines.iter().map(|line| format!("{}\n", line.text)).collect()
    }

    /// Widths in modules of the bars and spaces of the page's only barcode, which is the tallest group of rectangles.
    pub(super) fn bar_widths(&self) -> Vec<u8> {
        let bars: Vec<[f32; 4]> =
            self.rectangles.iter().copied().filter(|[_, _, width, height]| *height > 35.0 && *width < 10.0).collect();
        let module = bars.iter().map(|bar| bar[2]).fold(f32::INFINITY, f32::min);
        let modules = |points: f32| (points / module).round() as u8;
        let mut widths = Vec::new();
        for (at, bar) in bars.iter().enumerate() {
            widths.push(modules(bar[2]));
            if let Some(next) = bars.get(at + 1) {
                widths.push(modules(next[0] - bar[0] - bar[2]));
            }
        }
        widths
    }
}

#[derive(Debug, Default)]
struct Font {
    meanings: BTreeMap<u16, String>,
    widths: Vec<f32>,
    glyphs: Vec<u16>,
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Number(f32),
    Name(String),
    Bytes(Vec<u8>),
    Operator(String),
}

fn find(data: &[u8], needle: &str) -> Option<usize> {
    data.windows(needle.len()).position(|window| window == needle.as_bytes())
}

fn after<'a>(text: &'a str, key: &str) -> &'a str {
    text.split_once(key).unwrap_or_else(|| panic!("no {key} in {text}")).1.trim_start()
}

fn number(text: &str) -> usize {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().unwrap_or_else(|_| panic!("no number at {text}"))
}

/// Dictionary and inflated stream by object number.
struct File(BTreeMap<usize, (String, Vec<u8>)>);

impl File {
    fn parse(pdf: &[u8]) -> Self {
        assert!(pdf.starts_with(b"%PDF-1."));
        let tail = String::from_utf8_lossy(&pdf[pdf.len() - 40..]).into_owned();
        let table = String::from_utf8_lossy(&pdf[number(after(&tail, "startxref"))..]).into_owned();
        let mut lines = table.lines().skip(1);
        let count = number(lines.next().expect("subsection").split_once(' ').expect("two numbers").1);
        let mut objects = BTreeMap::new();
        for (id, entry) in lines.take(count).enumerate().filter(|(_, entry)| entry.contains(" n")) {
            let object = &pdf[number(entry)..];
            assert!(object.starts_with(format!("{id} 0 obj").as_bytes()), "the table points at object {id}");
            let end = find(object, "endobj").expect("endobj");
            let head = find(&object[..end], "stream\n").unwrap_or(end);
            let dictionary = String::from_utf8_lossy(&object[..head]).into_owned();
            let stream = if head < end && dictionary.contains("FlateDecode") {
                let start = head + "stream\n".len();
                let length = number(after(&dictionary, "/Length "));
                decompress_to_vec_zlib(&object[start..start + length]).expect("inflates")
            } else {
                Vec::new()
            };
            objects.insert(id, (dictionary, stream));
        }
        Self(objects)
    }

    fn dictionary(&self, id: usize) -> &str {
        &self.0[&id].0
    }

    fn stream(&self, id: usize) -> &[u8] {
        &self.0[&id].1
    }

    fn font(&self, id: usize) -> Font {
        let type0 = self.dictionary(id);
        let cid = self.dictionary(number(after(type0, "/DescendantFonts [")));
        let descriptor = self.dictionary(number(after(cid, "/FontDescriptor")));
        let program = self.stream(number(after(descriptor, "/FontFile2")));
        let face = ttf_parser::Face::parse(program, 0).expect("the subset is a font");
        let glyphs = self.stream(number(after(cid, "/CIDToGIDMap")));
        let glyphs: Vec<u16> = glyphs.chunks(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
        assert!(glyphs.iter().all(|glyph| *glyph < face.number_of_glyphs()), "glyphs are in the subset");
        let widths = after(after(cid, "/W ["), "[").split(']').next().expect("a list");
        let widths = widths.split_whitespace().map(|width| width.parse().expect("a width")).collect();
        let map = String::from_utf8_lossy(self.stream(number(after(type0, "/ToUnicode")))).into_owned();
        assert!(!map.contains("beginbfrange"), "the reader knows single codes only");
        let mut meanings = BTreeMap::new();
        for line in map.lines().filter(|line| line.starts_with('<') && line.contains("> <")) {
            let (code, meaning) = line.split_once("> <").expect("two strings");
            let hex = |text: &str| -> Vec<u16> {
                let digits: Vec<char> = text.chars().filter(char::is_ascii_hexdigit).collect();
                digits
                    .chunks(4)
                    .filter_map(|four| u16::from_str_radix(&four.iter().collect::<String>(), 16).ok())
                    .collect()
            };
            meanings.insert(hex(code)[0], String::from_utf16(&hex(meaning)).expect("UTF-16"));
        }
        meanings.remove(&0);
        meanings.retain(|code, _| usize::from(*code) < glyphs.len());
        Font { meanings, widths, glyphs }
    }
}

fn tokens(content: &[u8]) -> Vec<Token> {
    let mut out = Vec::new();
    let mut at = 0;
    while at < content.len() {
        match content[at] {
            b'(' => {
                let (bytes, end) = literal(content, at + 1);
                out.push(Token::Bytes(bytes));
                at = end;
            }
            b'<' => {
                let end = at + find(&content[at..], ">").expect("closed string");
                let digits: Vec<char> = content[at + 1..end].iter().map(|byte| char::from(*byte)).collect();
                let byte = |pair: &[char]| u8::from_str_radix(&pair.iter().collect::<String>(), 16).expect("hex");
                out.push(Token::Bytes(digits.chunks(2).map(byte).collect()));
                at = end + 1;
            }
            byte if byte.is_ascii_whitespace() => at += 1,
            _ => {
                let rest = &content[at..];
                let length = rest.iter().skip(1).position(|byte| byte.is_ascii_whitespace() || b"(<[]/".contains(byte));
                let word =
                    String::from_utf8_lossy(&rest[..length.map_or(rest.len(), |length| length + 1)]).into_owned();
                at += word.len();
                out.push(match (word.strip_prefix('/'), word.parse()) {
                    (Some(name), _) => Token::Name(name.to_owned()),
                    (None, Ok(number)) => Token::Number(number),
                    (None, Err(_)) => Token::Operator(word),
                });
            }
        }
    }
    out
}

/// A string in parentheses from `at` on, and where it ends.
fn literal(content: &[u8], mut at: usize) -> (Vec<u8>, usize) {
    let (mut bytes, mut depth) = (Vec::new(), 0);
    loop {
        match content[at] {
            b'\\' => {
                at += 1;
                bytes.push(match content[at] {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 8,
                    b'f' => 12,
                    b'0'..=b'7' => {
                        let octal = String::from_utf8_lossy(&content[at..at + 3]).into_owned();
                        at += 2;
                        u8::from_str_radix(&octal, 8).expect("three octal digits")
                    }
                    other => other,
                });
            }
            b')' if depth == 0 => return (bytes, at + 1),
            byte => {
                depth += i32::from(byte == b'(') - i32::from(byte == b')');
                bytes.push(byte);
            }
        }
        at += 1;
    }
}

/// Reads every page.
pub(super) fn read(pdf: &[u8]) -> Vec<Page> {
    let file = File::parse(pdf);
    let root = file.dictionary(number(after(file.dictionary(1), "/Pages")));
    let kids = after(root, "/Kids [").split(']').next().expect("a list").replace(" 0 R", "");
    kids.split_whitespace().map(|id| page(&file, number(id))).collect()
}

fn page(file: &File, id: usize) -> Page {
    let dictionary = file.dictionary(id);
    let media: Vec<f32> = after(dictionary, "/MediaBox [")
        .split(']')
        .next()
        .expect("a list")
        .split_whitespace()
        .map(|n| n.parse().expect("a number"))
        .collect();
    let font = |name: &str| {
        let key = format!("/{name} ");
        after(dictionary, "/Font").contains(&key).then(|| file.font(number(after(after(dictionary, "/Font"), &key))))
    };
    let fonts: BTreeMap<&str, Font> = ["R", "B"].into_iter().filter_map(|name| Some((name, font(name)?))).collect();

    let mut page = Page { size: (media[2], media[3]), ..Page::default() };
    let (mut operands, mut current, mut size, mut at) = (Vec::new(), "", 0.0, (0.0, 0.0));
    for token in tokens(file.stream(number(after(dictionary, "/Contents")))) {
        let Token::Operator(operator) = token else {
            operands.push(token);
            continue;
        };
        match (operator.as_str(), std::mem::take(&mut operands).as_slice()) {
            ("Tf", [Token::Name(name), Token::Number(points)]) => {
                current = fonts.keys().find(|key| *key == name).expect("a font of the page");
                size = *points;
            }
            ("Td", [Token::Number(x), Token::Number(y)]) => at = (*x, *y),
            ("Tj", [Token::Bytes(bytes)]) => {
                let font = &fonts[current];
                let codes: Vec<u16> = bytes.chunks(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
                let width: f32 = codes.iter().map(|code| font.widths[usize::from(*code) - 1]).sum();
                page.lines.push(Line {
                    x: at.0,
                    y: at.1,
                    width: width / 1000.0 * size,
                    text: codes.iter().filter_map(|code| font.meanings.get(code)).map(String::as_str).collect(),
                    glyphs: codes.iter().map(|code| font.glyphs[usize::from(*code)]).collect(),
                });
            }
            ("re", [Token::Number(x), Token::Number(y), Token::Number(w), Token::Number(h)]) => {
                page.rectangles.push([*x, *y, *w, *h]);
            }
            _ => {}
        }
    }
    page
}
