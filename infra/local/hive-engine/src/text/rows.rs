//! Cuts many lines of a buffer into fields at once, eight bytes at a time, so that each column can be built in a loop of its
//! own. Called by [`super::lines`] for formats in which single bytes separate.

use super::quoted::{self, Quoting};

/// Marks places that are in [`Rows::unquoted`].
const UNQUOTED: usize = 1 << (usize::BITS - 1);

/// What separates fields.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cutting {
    /// This byte, wherever it stands.
    At(u8),
    /// OpenCSVSerde's separator, quote and escape: three different bytes.
    Quoted(u8, u8, u8),
}

/// Lines that were cut. Places count from the first byte of the first line.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    /// The first line's place in the stream. The mark before it counts to it, if there was one.
    pub offset: u64,
    pub is_behind_mark: bool,
    /// Bytes of all lines with their ends.
    pub length: usize,
    /// The last line ended with a CR, and what follows is not in the buffer.
    pub ends_with_return: bool,
    /// Where each line begins.
    starts: Vec<usize>,
    /// How many of `fields` there are up to the end of each line.
    ends: Vec<usize>,
    /// First byte of each field, and the one behind it.
    fields: Vec<(usize, usize)>,
    /// Fields that do not stand in the lines as they are.
    unquoted: Vec<u8>,
    /// The fields of such a line.
    single: quoted::Fields,
}

impl Rows {
    /// How many lines there are.
    pub(crate) fn count(&self) -> usize {
        self.ends.len()
    }

    /// The place of each line in the stream.
    pub(crate) fn offsets(&self) -> impl Iterator<Item = u64> {
        self.starts.iter().map(|start| match start {
            0 if self.is_behind_mark => 0,
            start => self.offset + *start as u64,
        })
    }

    /// One field of every line; `bytes` are the lines.
    pub(crate) fn column<'a>(
        &'a self,
        place: usize,
        bytes: &'a [u8],
    ) -> impl Iterator<Item = Option<&'a [u8]>> {
        let mut first = 0;
        self.ends.iter().map(move |end| {
            let field = self.fields[first..*end].get(place);
            first = *end;
            field.map(|(from, to)| {
                if *from < UNQUOTED {
                    &bytes[*from..*to]
                } else {
                    &self.unquoted[from - UNQUOTED..to - UNQUOTED]
                }
            })
        })
    }

    /// Cuts at most `most` lines that begin before `limit` and whose ends are in `bytes`. If that is `all` there is, a line may
    /// lack its end.
    pub(crate) fn cut(
        &mut self,
        bytes: &[u8],
        all: bool,
        cutting: Cutting,
        most: usize,
        limit: u64,
    ) {
        self.starts.clear();
        self.ends.clear();
        self.fields.clear();
        self.unquoted.clear();
        self.length = 0;
        self.ends_with_return = false;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        if most == 0 || limit == 0 || bytes.is_empty() {
            return;
        }
        let lacks_end = all && !bytes.last().copied().is_some_and(ends_line);
        match cutting {
            Cutting::At(delimiter) => {
                let mut field = 0;
                each(bytes, [delimiter, b'\n', b'\r'], lacks_end, |place| {
                    if place < self.length {
                        // The LF of a CR LF.
                        return true;
                    }
                    self.fields.push((field, place));
                    if bytes.get(place) == Some(&delimiter) && !ends_line(delimiter) {
                        field = place + 1;
                        return true;
                    }
                    self.end_line(bytes, place);
                    field = self.length;
                    self.ends.len() < most && self.length < limit
                });
            }
            Cutting::Quoted(separator, quote, escape) => {
                let wanted = [separator, quote, escape, b'\n', b'\r'];
                let quoting = Quoting {
                    separator: separator.into(),
                    quote: quote.into(),
                    escape: escape.into(),
                };
                let mut line = Line::default();
                each(bytes, wanted, lacks_end, |place| {
                    if place < self.length {
                        return true;
                    }
                    let byte = bytes.get(place).copied();
                    if !byte.is_none_or(ends_line) {
                        line.see(
                            place,
                            byte == Some(quote),
                            byte == Some(separator),
                            &mut self.fields,
                        );
                        return true;
                    }
                    if place > self.length {
                        line.see(place, false, true, &mut self.fields);
                        if !line.is_plain() {
                            self.split(&bytes[self.length..place], quoting);
                        }
                    }
                    self.end_line(bytes, place);
                    line = Line {
                        field: self.length,
                        ..Line::default()
                    };
                    self.ends.len() < most && self.length < limit
                });
            }
        }
        // Of a line that is not whole.
        self.fields.truncate(self.ends.last().copied().unwrap_or(0));
    }

    /// Ends the line at hand before `place`.
    fn end_line(&mut self, bytes: &[u8], place: usize) {
        self.starts.push(self.length);
        self.ends.push(self.fields.len());
        self.length = bytes.len().min(place + 1);
        if bytes.get(place) == Some(&b'\r') {
            match bytes.get(place + 1) {
                Some(b'\n') => self.length += 1,
                Some(_) => {}
                None => self.ends_with_return = true,
            }
        }
    }

    /// Cuts a line with escapes, quotes inside of fields, or a quote that does not end, with all care.
    fn split(&mut self, line: &[u8], quoting: Quoting) {
        self.fields.truncate(self.ends.last().copied().unwrap_or(0));
        quoted::split(&String::from_utf8_lossy(line), quoting, &mut self.single);
        for field in self.single.iter() {
            let from = self.unquoted.len() + UNQUOTED;
            self.unquoted.extend_from_slice(field);
            self.fields.push((from, self.unquoted.len() + UNQUOTED));
        }
    }
}

/// A quoted line that is being cut as if every field stood in quotes as a whole, or had none.
#[derive(Debug, Default)]
struct Line {
    /// First byte of the field at hand.
    field: usize,
    is_open: bool,
    closed: Option<usize>,
    is_odd: bool,
}

impl Line {
    fn is_plain(&self) -> bool {
        !self.is_odd && !self.is_open
    }

    #[inline]
    fn see(
        &mut self,
        place: usize,
        is_quote: bool,
        is_separator: bool,
        fields: &mut Vec<(usize, usize)>,
    ) {
        if is_quote {
            if self.is_open {
                (self.is_open, self.closed) = (false, Some(place));
            } else if place == self.field {
                self.is_open = true;
            } else {
                self.is_odd = true;
            }
        } else if !is_separator {
            self.is_odd = true;
        } else if !self.is_open {
            match self.closed.take() {
                None => fields.push((self.field, place)),
                Some(closed) => {
                    self.is_odd |= closed + 1 != place;
                    fields.push((self.field + 1, closed));
                }
            }
            self.field = place + 1;
        }
    }
}

#[inline]
fn ends_line(byte: u8) -> bool {
    byte == b'\n' || byte == b'\r'
}

/// Calls with the place of each byte that is `wanted`, and with the place behind the last one if that is wanted too, until the
/// answer is false.
#[inline(always)]
fn each<const WANTED: usize>(
    bytes: &[u8],
    wanted: [u8; WANTED],
    is_end_wanted: bool,
    mut found: impl FnMut(usize) -> bool,
) {
    const LOW: u64 = u64::from_ne_bytes([0x7f; 8]);
    let wanted = wanted.map(|byte| u64::from_ne_bytes([byte; 8]));
    let mut at = 0;
    loop {
        let (word, rest) = match bytes[at..].first_chunk::<8>() {
            Some(word) => (*word, None),
            None => {
                let rest = &bytes[at..];
                let mut word = [0; 8];
                word[..rest.len()].copy_from_slice(rest);
                (word, Some(rest.len()))
            }
        };
        let word = u64::from_le_bytes(word);
        // The highest bit of each byte that is wanted.
        let mut matches = wanted.iter().fold(0, |matches, wanted| {
            let differing = word ^ wanted;
            matches | !(((differing & LOW) + LOW) | differing | LOW)
        });
        if let Some(rest) = rest {
            let end = 1u64 << (8 * rest);
            matches = matches & (end - 1) | if is_end_wanted { end << 7 } else { 0 };
        }
        while matches != 0 {
            if !found(at + (matches.trailing_zeros() / 8) as usize) {
                return;
            }
            matches &= matches - 1;
        }
        if rest.is_some() {
            return;
        }
        at += 8;
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::super::delimited;
    use super::super::lines::Lines;
    use super::*;

    /// Gives a few bytes at a time, so that lines end between reads.
    struct Slow<'a>(&'a [u8], usize);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let count = self.1.min(self.0.len()).min(buffer.len());
            buffer[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    /// The first four fields of a line, and its offset.
    type Row = (u64, Vec<Option<String>>);

    fn shown(field: Option<&[u8]>) -> Option<String> {
        field.map(|field| String::from_utf8_lossy(field).into_owned())
    }

    fn at_once(bytes: &[u8], cutting: Cutting, step: usize, most: usize, end: u64) -> Vec<Row> {
        let mut lines = Lines::new(Slow(bytes, step), None).unwrap();
        let (mut rows, mut all) = (Rows::default(), Vec::<Row>::new());
        while let Some(bytes) = lines.next_rows(cutting, most, end, &mut rows).unwrap() {
            assert!(rows.count() <= most);
            let first = all.len();
            all.extend(rows.offsets().map(|offset| (offset, Vec::new())));
            for place in 0..4 {
                let column = rows.column(place, bytes).map(shown);
                all[first..]
                    .iter_mut()
                    .zip(column)
                    .for_each(|(row, field)| row.1.push(field));
            }
        }
        all
    }

    fn one_by_one(bytes: &[u8], cutting: Cutting, end: u64) -> Vec<Row> {
        let mut lines = Lines::new(bytes, None).unwrap();
        let (mut ranges, mut fields, mut all) = (Vec::new(), quoted::Fields::default(), Vec::new());
        while let Some((offset, line)) = lines.next_line().unwrap().filter(|line| line.0 < end) {
            let row = match cutting {
                Cutting::At(delimiter) => {
                    delimited::split(line, delimiter, None, &mut ranges);
                    let field = |place| {
                        ranges
                            .get(place)
                            .map(|(from, to): &(usize, usize)| &line[*from..*to])
                    };
                    (0..4).map(|place| shown(field(place))).collect()
                }
                Cutting::Quoted(separator, quote, escape) => {
                    let quoting = Quoting {
                        separator: separator.into(),
                        quote: quote.into(),
                        escape: escape.into(),
                    };
                    quoted::split(&String::from_utf8_lossy(line), quoting, &mut fields);
                    (0..4).map(|place| shown(fields.get(place))).collect()
                }
            };
            all.push((offset, row));
        }
        all
    }

    fn expect_the_same(bytes: &[u8]) {
        for cutting in [
            Cutting::At(b','),
            Cutting::At(0xc3),
            Cutting::Quoted(b',', b'"', b'\\'),
        ] {
            for end in [u64::MAX, bytes.len() as u64 / 2, 1, 0] {
                let expected = one_by_one(bytes, cutting, end);
                for (step, most) in [(1, 3), (5, 1), (1 << 20, 2), (1 << 20, 1 << 20)] {
                    let found = at_once(bytes, cutting, step, most, end);
                    let text = String::from_utf8_lossy(bytes);
                    assert_eq!(found, expected, "{text:?} {cutting:?} {end} {step} {most}");
                }
            }
        }
    }

    #[test]
    fn many_lines_at_once_have_the_fields_of_each_alone() {
        for text in [
            "",
            "\n",
            "\r\n\r\n\n\r",
            "a",
            "a,b\nc,d,e\n\n,\n,,",
            "\u{feff}id,name\r\n1,é\r\n2,ü\r3,ê",
            "\"a\",\"b\"\n\"c,d\",\"\"\n",
            "\"a\"\"b\",c\\,d\n\"open, x\ny\n",
            "a\"b\",\"c\"d,  \"e\"\n\"a\" ,b\n",
            "x,\"\n\",y\n",
        ] {
            expect_the_same(text.as_bytes());
        }
    }

    #[test]
    fn lines_of_any_characters_have_the_fields_of_each_alone() {
        let pieces = [
            "a",
            "bc",
            ",",
            ",",
            "\"",
            "\"",
            "\\",
            "\n",
            "\r",
            "\r\n",
            " ",
            "é",
            "1234567890",
            "\",\"",
        ];
        let mut seed = 7u64;
        for _ in 0..400 {
            let mut text = String::new();
            for _ in 0..30 {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                text.push_str(pieces[(seed >> 33) as usize % pieces.len()]);
            }
            expect_the_same(text.as_bytes());
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_fields_too() {
        expect_the_same(b"\xff\xfe,\x80\n\"\xff\",\"\xc3\"x\n\xc3");
    }
}
