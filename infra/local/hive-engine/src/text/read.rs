//! One text file, or the lines that begin in a range of it, to record batches. Holds one batch at a time, however large the
//! file is.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use datafusion::arrow::array::{ArrayRef, Int64Array, StringArray};

use super::columns::{Below, ColumnBuilder};
use super::delimited;
use super::format::{RowFormat, TextFormat};
use super::lines::Lines;
use super::open::{Opened, open};
use super::quoted::{self, Fields, Quoting};
use super::rows::{Cutting, Rows};
use crate::error::Failure;
use crate::types::HiveType;

/// Columns of a batch and its number of rows (there may be no column).
pub(crate) type Columns = (Vec<ArrayRef>, usize);

/// A column that a query wants from a text file.
#[derive(Debug, Clone)]
pub(crate) enum Wanted {
    /// The field at a position, read as a type.
    Field(usize, HiveType),
    /// `INPUT__FILE__NAME`.
    FileName,
    /// `BLOCK__OFFSET__INSIDE__FILE`.
    Offset,
}

/// Reads a file batch by batch.
pub(crate) struct TextReader {
    lines: Lines<Opened>,
    /// Lines that begin here or later are not read.
    range_end: u64,
    path: PathBuf,
    address: String,
    format: TextFormat,
    wanted: Vec<Wanted>,
    builders: Vec<Option<ColumnBuilder>>,
    offsets: Vec<i64>,
    /// Lines that may turn out to be the footer.
    held: VecDeque<(u64, Vec<u8>)>,
    ranges: Vec<(usize, usize)>,
    fields: Fields,
    /// How many lines are cut at once, if the format allows it.
    cutting: Option<Cutting>,
    rows: Rows,
}

/// Lines that are cut at once: what is known of them should stay in the processor's cache.
const ROWS_AT_ONCE: usize = 1024;
/// Bytes of lines after which a batch is full.
const LARGEST_BATCH: usize = 16 << 20;

impl TextReader {
    /// Opens a file and skips its header. `address` is what `INPUT__FILE__NAME` shows. Of a file that is not compressed, and
    /// of which no footer is cut, only a range may be wanted.
    pub(crate) fn open(
        path: &Path,
        address: String,
        range: Range<u64>,
        format: TextFormat,
        wanted: Vec<Wanted>,
    ) -> Result<Self, Failure> {
        let unreadable = || Failure::file("cannot read", path);
        let file = open(path)?;
        let size = match &file {
            Opened::Plain(file) => Some(file.metadata().map_err(unreadable())?.len()),
            Opened::Decompressed(_) => None,
        };
        let mut lines = if range.start > 0 && format.header_lines == 0 {
            Lines::behind(file, range.start).map_err(unreadable())?
        } else {
            Lines::new(file, size).map_err(unreadable())?
        };
        for _ in 0..format.header_lines {
            if lines.next_line().map_err(unreadable())?.is_none() {
                break;
            }
        }
        if range.start > lines.offset() {
            lines = Lines::behind(open(path)?, range.start).map_err(unreadable())?;
        }
        let builders = wanted
            .iter()
            .map(|wanted| match wanted {
                Wanted::Field(_, kind) => ColumnBuilder::new(kind).map(Some),
                _ => Ok(None),
            })
            .collect::<Result<_, _>>()?;
        let cutting = (format.footer_lines == 0)
            .then(|| format.row.cutting())
            .flatten();
        Ok(Self {
            lines,
            cutting,
            rows: Rows::default(),
            range_end: range.end,
            path: path.to_path_buf(),
            address,
            format,
            wanted,
            builders,
            offsets: Vec::new(),
            held: VecDeque::new(),
            ranges: Vec::new(),
            fields: Fields::default(),
        })
    }

    /// The next rows, at most `most`; `None` at the end of the file.
    pub(crate) fn next_batch(&mut self, most: usize) -> Result<Option<Columns>, Failure> {
        self.offsets.clear();
        let rows = match self.cutting {
            Some(cutting) => self.take_many(cutting, most),
            None => self.take_lines(most),
        };
        let rows = rows.map_err(Failure::file("cannot read", &self.path))?;
        if rows == 0 {
            return Ok(None);
        }
        let columns = self.wanted.iter().zip(&mut self.builders).map(
            |(wanted, builder)| -> Result<ArrayRef, Failure> {
                Ok(match (wanted, builder) {
                    (_, Some(builder)) => return builder.finish(),
                    (Wanted::Offset, None) => {
                        std::sync::Arc::new(Int64Array::from(self.offsets.clone()))
                    }
                    (_, None) => std::sync::Arc::new(StringArray::from_iter_values(
                        std::iter::repeat_n(&self.address, rows),
                    )),
                })
            },
        );
        Ok(Some((columns.collect::<Result<_, _>>()?, rows)))
    }

    /// Appends so many rows to the columns, cut many at once; answers with their number.
    fn take_many(&mut self, cutting: Cutting, most: usize) -> io::Result<usize> {
        let (mut taken, mut bytes_taken) = (0, 0);
        let wants_offset = self
            .wanted
            .iter()
            .any(|wanted| matches!(wanted, Wanted::Offset));
        while taken < most && bytes_taken < LARGEST_BATCH {
            let at_once = ROWS_AT_ONCE.min(most - taken);
            let (lines, rows) = (&mut self.lines, &mut self.rows);
            let Some(bytes) = lines.next_rows(cutting, at_once, self.range_end, rows)? else {
                break;
            };
            for (wanted, builder) in self.wanted.iter().zip(&mut self.builders) {
                let (Wanted::Field(place, _), Some(builder)) = (wanted, builder) else {
                    continue;
                };
                let fields = rows.column(*place, bytes);
                match &self.format.row {
                    RowFormat::Delimited {
                        nested,
                        escape,
                        null,
                        ..
                    } => {
                        let below = Below {
                            separators: nested,
                            escape: *escape,
                            null,
                        };
                        builder.append_all_delimited(fields, below);
                    }
                    RowFormat::Quoted { .. } => builder.append_all(fields),
                }
            }
            if wants_offset {
                let offsets = rows.offsets();
                self.offsets
                    .extend(offsets.map(|offset| i64::try_from(offset).unwrap_or(i64::MAX)));
            }
            taken += rows.count();
            bytes_taken += bytes.len();
        }
        Ok(taken)
    }

    /// Appends so many rows to the columns, line by line; answers with their number.
    fn take_lines(&mut self, most: usize) -> io::Result<usize> {
        let mut rows = 0;
        while rows < most {
            let next = self.lines.next_line()?;
            let Some((offset, line)) = next.filter(|(offset, _)| *offset < self.range_end) else {
                // Lines behind the range are another reader's.
                self.range_end = 0;
                break;
            };
            let held = if self.format.footer_lines == 0 {
                Some((offset, Cow::Borrowed(line)))
            } else {
                self.held.push_back((offset, line.to_vec()));
                let is_row = self.held.len() > self.format.footer_lines;
                let first = is_row.then(|| self.held.pop_front()).flatten();
                first.map(|(offset, line)| (offset, Cow::Owned(line)))
            };
            if let Some((offset, line)) = held {
                append(
                    &self.format.row,
                    &self.wanted,
                    &mut self.builders,
                    &mut self.ranges,
                    &mut self.fields,
                    &line,
                );
                self.offsets.push(i64::try_from(offset).unwrap_or(i64::MAX));
                rows += 1;
            }
        }
        Ok(rows)
    }
}

/// Appends one line's fields to the columns that want them.
fn append(
    row: &RowFormat,
    wanted: &[Wanted],
    builders: &mut [Option<ColumnBuilder>],
    ranges: &mut Vec<(usize, usize)>,
    fields: &mut Fields,
    line: &[u8],
) {
    match row {
        RowFormat::Delimited {
            field,
            nested,
            escape,
            null,
        } => {
            delimited::split(line, *field, *escape, ranges);
            for (wanted, builder) in wanted.iter().zip(builders) {
                let (Wanted::Field(index, _), Some(builder)) = (wanted, builder) else {
                    continue;
                };
                let value = ranges.get(*index).map(|(start, end)| &line[*start..*end]);
                let below = Below {
                    separators: nested,
                    escape: *escape,
                    null,
                };
                builder.append_delimited(value, below);
            }
        }
        RowFormat::Quoted {
            separator,
            quote,
            escape,
        } => {
            let quoting = Quoting {
                separator: *separator,
                quote: *quote,
                escape: *escape,
            };
            quoted::split(&String::from_utf8_lossy(line), quoting, fields);
            for (wanted, builder) in wanted.iter().zip(builders) {
                let (Wanted::Field(index, _), Some(builder)) = (wanted, builder) else {
                    continue;
                };
                builder.append(fields.get(*index));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use datafusion::arrow::array::{Array, AsArray};
    use datafusion::arrow::datatypes::Int64Type;

    use super::*;

    const ALL: Range<u64> = 0..u64::MAX;

    /// Each row as its offset and its first two fields.
    fn rows(path: &Path, format: &TextFormat, range: Range<u64>) -> Vec<String> {
        let wanted = vec![
            Wanted::Offset,
            Wanted::Field(0, HiveType::String),
            Wanted::Field(1, HiveType::Int),
        ];
        let mut reader =
            TextReader::open(path, String::new(), range, format.clone(), wanted).unwrap();
        let mut rows = Vec::new();
        while let Some((columns, count)) = reader.next_batch(3).unwrap() {
            let texts: Vec<ArrayRef> = columns
                .iter()
                .map(|column| crate::cast::text(column).unwrap())
                .collect();
            assert_eq!(columns[0].as_primitive::<Int64Type>().len(), count);
            rows.extend((0..count).map(|row| {
                let cell = |text: &ArrayRef| {
                    let text = text.as_string::<i32>();
                    text.is_valid(row).then(|| text.value(row).to_owned())
                };
                format!("{:?}", texts.iter().map(cell).collect::<Vec<_>>())
            }));
        }
        rows
    }

    fn quoted(header_lines: usize) -> TextFormat {
        TextFormat {
            row: RowFormat::Quoted {
                separator: ',',
                quote: '"',
                escape: '\\',
            },
            header_lines,
            footer_lines: 0,
        }
    }

    fn delimited(header_lines: usize) -> TextFormat {
        let mut format = TextFormat {
            header_lines,
            ..TextFormat::default()
        };
        if let RowFormat::Delimited { field, .. } = &mut format.row {
            *field = b',';
        }
        format
    }

    #[test]
    fn two_ranges_have_the_rows_of_the_file_wherever_it_is_cut() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f.csv");
        let contents = [
            // A row, CR LF and a CR alone across the cut; a blank line; no end of the last line.
            "name,number\r\n\"second, header\"\r\nä,1\r\n\r\nb,x\rc,3\n\\N,4\nlast,5",
            // A newline in quotes ends the row for OpenCSVSerde too, which sees one line at a time.
            "\u{feff}h\nh\n\"a\n\",1\n\"b, \"\"c\"\"\r\nd\",2\n\"e\",3\n",
            "only",
            "",
        ];
        for content in contents {
            std::fs::write(&path, content).unwrap();
            for format in [
                quoted(0),
                quoted(2),
                delimited(0),
                delimited(2),
                delimited(50),
            ] {
                let whole = rows(&path, &format, ALL);
                for cut in 0..=content.len() as u64 {
                    let mut both = rows(&path, &format, 0..cut);
                    both.extend(rows(&path, &format, cut..u64::MAX));
                    assert_eq!(both, whole, "{content:?} cut at {cut} with {format:?}");
                }
            }
        }
    }

    #[test]
    fn a_compressed_file_is_read_from_its_beginning() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f.csv.gz");
        let mut file = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        file.write_all(b"a,1\nb,2\n").unwrap();
        std::fs::write(&path, file.finish().unwrap()).unwrap();
        assert_eq!(rows(&path, &delimited(0), ALL).len(), 2);
        assert!(!super::super::open::is_splittable(&path));
    }
}
