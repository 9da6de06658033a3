//! Landing files for simulated loads: slices of the project's sample data, drawn from a seed and remembered row by row, so
//! that what is in the warehouse can be compared with what was landed without asking the product.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::Path;

use embedded_runtime::landing::landing_files;
use embedded_runtime::{PipelineTable, Project};
use virtual_time::Entropy;

/// A table's sample rows.
#[derive(Debug, Clone)]
pub struct TableSample {
    /// The table.
    pub table: PipelineTable,
    /// Column names, in lower case.
    pub columns: Vec<String>,
    /// Rows as texts.
    pub rows: Vec<Vec<String>>,
}

/// Why the sample data cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SampleError {
    /// Its files could not be told apart.
    #[error(transparent)]
    Landing(#[from] embedded_runtime::landing::LandingError),
    /// A file cannot be read.
    #[error("cannot read {file}: {source}")]
    Unreadable {
        /// The file.
        file: String,
        /// Why not.
        source: std::io::Error,
    },
    /// A file is no CSV with a header.
    #[error("{file} is not comma-separated text with a header line: {reason}")]
    NotCsv {
        /// The file.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// There is nothing to land.
    #[error("{folder} has no rows for {table}; put a file with a header and a few rows there")]
    Empty {
        /// The folder.
        folder: String,
        /// The table.
        table: String,
    },
}

/// One file to land, and the rows in it.
#[derive(Debug, Clone)]
pub struct LandedFile {
    /// The object's key.
    pub key: String,
    /// Its table.
    pub table: PipelineTable,
    /// Its header.
    pub columns: Vec<String>,
    /// Its rows that can be loaded.
    pub rows: Vec<Vec<String>>,
    /// Its lines that cannot.
    pub bad: Vec<BadLine>,
    /// Rows that it had before a person corrected it.
    pub withdrawn: Vec<Vec<String>>,
    /// Whether it is packed.
    pub zipped: bool,
}

/// The day to which rows are moved; no sample has it.
const RIGHT_DAY: &str = "2026-12-24";

/// Whether a text begins as `2026-11-16` does.
fn begins_with_a_day(text: &str) -> bool {
    let day = text.get(..RIGHT_DAY.len()).unwrap_or_default();
    day != RIGHT_DAY && day.parse::<jiff::civil::Date>().is_ok()
}

/// A line that no table takes.
#[derive(Debug, Clone)]
pub struct BadLine {
    /// Its first value, which nothing else has.
    pub mark: String,
    /// Its values.
    pub values: Vec<String>,
    /// The row that it should have been.
    pub meant: Vec<String>,
}

/// The rows of a comma-separated text with a header; gzip if the name says so.
pub(crate) fn read_rows(
    name: &str,
    bytes: &[u8],
) -> Result<(Vec<String>, Vec<Vec<String>>), SampleError> {
    let not_csv = |reason: String| SampleError::NotCsv {
        file: name.to_owned(),
        reason,
    };
    let mut text = Vec::new();
    if name.ends_with(".gz") {
        let mut decoder = flate2::read::MultiGzDecoder::new(bytes);
        decoder
            .read_to_end(&mut text)
            .map_err(|error| not_csv(error.to_string()))?;
    } else {
        text.extend_from_slice(bytes);
    }
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text);
    let header = reader
        .headers()
        .map_err(|error| not_csv(error.to_string()))?;
    let columns = header
        .iter()
        .map(|name| name.trim().to_lowercase())
        .collect();
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| not_csv(error.to_string()))?;
        rows.push(record.iter().map(str::to_owned).collect());
    }
    Ok((columns, rows))
}

/// Reads the project's sample data.
pub fn samples(project: &Project, folder: &Path) -> Result<Vec<TableSample>, SampleError> {
    let tables = project.tables();
    let mut samples: BTreeMap<PipelineTable, TableSample> = BTreeMap::new();
    for file in landing_files(folder, &tables)? {
        let name = file.path.display().to_string();
        let bytes = std::fs::read(&file.path).map_err(|source| SampleError::Unreadable {
            file: name.clone(),
            source,
        })?;
        let (columns, rows) = read_rows(&name, &bytes)?;
        let sample = samples
            .entry(file.table.clone())
            .or_insert_with(|| TableSample {
                table: file.table.clone(),
                columns,
                rows: Vec::new(),
            });
        // One line is one row: what a file is cut into must not depend on quotes.
        let plain = |row: &Vec<String>| !row.iter().any(|value| value.contains('\n'));
        sample.rows.extend(rows.into_iter().filter(plain));
    }
    for table in tables {
        if samples
            .get(&table)
            .is_none_or(|sample| sample.rows.len() < 4)
        {
            return Err(SampleError::Empty {
                folder: folder.display().to_string(),
                table: format!("{}/{}", table.kind, table.name),
            });
        }
    }
    Ok(samples.into_values().collect())
}

impl TableSample {
    /// Cuts files for one load. Facts never come twice, so `from` says where the last load's ended and is moved on;
    /// dimensions come whole each time, each time other rows.
    pub(crate) fn files(
        &self,
        batch: usize,
        from: &mut usize,
        entropy: &Entropy,
    ) -> Vec<LandedFile> {
        let is_fact = self.table.kind == "fact";
        let wanted = 3 + entropy.below(6) as usize;
        let rows: Vec<Vec<String>> = if is_fact {
            let left = self.rows.get(*from..).unwrap_or_default();
            let taken = left.iter().take(wanted).cloned().collect::<Vec<_>>();
            *from += taken.len();
            taken
        } else {
            let start = entropy.below(self.rows.len() as u64) as usize;
            let around = self.rows.iter().cycle().skip(start);
            around.take(wanted.min(self.rows.len())).cloned().collect()
        };
        let parts = if rows.len() > 3 && entropy.below(3) == 0 {
            2
        } else {
            1
        };
        let size = rows.len().div_ceil(parts).max(1);
        let chunks = rows.chunks(size).enumerate();
        let files = chunks.map(|(part, rows)| {
            let zipped = entropy.below(5) == 0;
            let suffix = if zipped { ".csv.gz" } else { ".csv" };
            let name = format!("{}-{batch}-{part}{suffix}", self.table.name);
            LandedFile {
                key: format!("landing/{}/{}/{name}", self.table.kind, self.table.name),
                table: self.table.clone(),
                columns: self.columns.clone(),
                rows: rows.to_vec(),
                bad: Vec::new(),
                withdrawn: Vec::new(),
                zipped,
            }
        });
        files.collect()
    }
}

impl LandedFile {
    /// Spoils one to three rows, but never all: values are missing, or there is one too many.
    pub(crate) fn spoil(&mut self, load: usize, entropy: &Entropy) {
        let wanted = 1 + entropy.below(3) as usize;
        while self.bad.len() < wanted && self.rows.len() > 1 {
            let meant = self
                .rows
                .remove(entropy.below(self.rows.len() as u64) as usize);
            let mark = format!("bad-{load}-{}", self.bad.len() + 1);
            let mut values = meant.clone();
            if entropy.below(2) == 0 {
                values.truncate(meant.len().div_ceil(2));
            } else {
                values.push("surplus".to_owned());
            }
            if let Some(first) = values.first_mut() {
                first.clone_from(&mark);
            }
            self.bad.push(BadLine {
                mark,
                values,
                meant,
            });
        }
    }

    /// Makes every bad line the row that it should have been.
    pub(crate) fn correct(&mut self) {
        self.rows.extend(self.bad.drain(..).map(|line| line.meant));
    }

    /// Moves all rows to a day that they did not have, as if the file had been dated wrongly. Returns whether they have days.
    pub(crate) fn date_anew(&mut self) -> bool {
        for row in &mut self.rows {
            let before = row.clone();
            let Some(value) = row.iter_mut().find(|value| begins_with_a_day(value)) else {
                continue;
            };
            value.replace_range(..RIGHT_DAY.len(), RIGHT_DAY);
            self.withdrawn.push(before);
        }
        !self.withdrawn.is_empty()
    }

    /// The name of the file alone.
    pub(crate) fn name(&self) -> &str {
        self.key.rsplit('/').next().unwrap_or_default()
    }

    /// The file: header, a row, the bad lines, the other rows.
    pub(crate) fn content(&self) -> Vec<u8> {
        let mut writer = csv::WriterBuilder::new()
            .flexible(true)
            .from_writer(Vec::new());
        let (first, others) = self.rows.split_at(self.rows.len().min(1));
        let bad = self.bad.iter().map(|line| &line.values);
        // Nothing that is written to memory fails.
        let _ = writer.write_record(&self.columns);
        for row in first.iter().chain(bad).chain(others) {
            let _ = writer.write_record(row);
        }
        let text = writer.into_inner().unwrap_or_default();
        if !self.zipped {
            return text;
        }
        let level = flate2::Compression::fast();
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
        let _ = encoder.write_all(&text);
        encoder.finish().unwrap_or_default()
    }
}
