//! One text file to record batches. Holds one batch at a time, however large the file is.

use std::collections::VecDeque;
use std::io::Read;
use std::path::{Path, PathBuf};

use datafusion::arrow::array::{ArrayRef, Int64Array, StringArray};

use super::columns::{Below, ColumnBuilder};
use super::delimited;
use super::format::{RowFormat, TextFormat};
use super::lines::Lines;
use super::open::open;
use super::quoted::{self, Quoting};
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
    lines: Lines<Box<dyn Read + Send>>,
    path: PathBuf,
    address: String,
    format: TextFormat,
    wanted: Vec<Wanted>,
    builders: Vec<Option<ColumnBuilder>>,
    offsets: Vec<i64>,
    /// Lines that may turn out to be the footer.
    held: VecDeque<(u64, Vec<u8>)>,
    ranges: Vec<(usize, usize)>,
    fields: Vec<String>,
}

impl TextReader {
    /// Opens a file and skips its header. `address` is what `INPUT__FILE__NAME` shows.
    pub(crate) fn open(
        path: &Path,
        address: String,
        format: TextFormat,
        wanted: Vec<Wanted>,
    ) -> Result<Self, Failure> {
        let unreadable = || Failure::file("cannot read", path);
        let mut lines = Lines::new(open(path)?).map_err(unreadable())?;
        for _ in 0..format.header_lines {
            if lines.next_line().map_err(unreadable())?.is_none() {
                break;
            }
        }
        let builders = wanted
            .iter()
            .map(|wanted| match wanted {
                Wanted::Field(_, kind) => ColumnBuilder::new(kind).map(Some),
                _ => Ok(None),
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            lines,
            path: path.to_path_buf(),
            address,
            format,
            wanted,
            builders,
            offsets: Vec::new(),
            held: VecDeque::new(),
            ranges: Vec::new(),
            fields: Vec::new(),
        })
    }

    /// The next rows, at most `most`; `None` at the end of the file.
    pub(crate) fn next_batch(&mut self, most: usize) -> Result<Option<Columns>, Failure> {
        let mut rows = 0;
        self.offsets.clear();
        while rows < most {
            let next = self
                .lines
                .next_line()
                .map_err(Failure::file("cannot read", &self.path))?;
            let Some((offset, line)) = next else { break };
            if self.format.footer_lines == 0 {
                append(
                    &self.format.row,
                    &self.wanted,
                    &mut self.builders,
                    &mut self.ranges,
                    &mut self.fields,
                    line,
                );
                self.offsets.push(i64::try_from(offset).unwrap_or(i64::MAX));
                rows += 1;
                continue;
            }
            self.held.push_back((offset, line.to_vec()));
            if self.held.len() > self.format.footer_lines
                && let Some((offset, line)) = self.held.pop_front()
            {
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
        if rows == 0 {
            return Ok(None);
        }
        let columns =
            self.wanted
                .iter()
                .zip(&mut self.builders)
                .map(|(wanted, builder)| -> ArrayRef {
                    match (wanted, builder) {
                        (_, Some(builder)) => builder.finish(),
                        (Wanted::Offset, None) => {
                            std::sync::Arc::new(Int64Array::from(self.offsets.clone()))
                        }
                        (_, None) => std::sync::Arc::new(StringArray::from_iter_values(
                            std::iter::repeat_n(&self.address, rows),
                        )),
                    }
                });
        Ok(Some((columns.collect(), rows)))
    }
}

/// Appends one line's fields to the columns that want them.
fn append(
    row: &RowFormat,
    wanted: &[Wanted],
    builders: &mut [Option<ColumnBuilder>],
    ranges: &mut Vec<(usize, usize)>,
    fields: &mut Vec<String>,
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
                builder.append(fields.get(*index).map(String::as_bytes));
            }
        }
    }
}
