//! Takes a load's batches, sorts their rows into partitions, and keeps one open file per partition (more only when a partition
//! is large and several threads write).

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use datafusion::arrow::array::{ArrayRef, AsArray, RecordBatch, UInt32Array};
use datafusion::arrow::compute::take;
use parking_lot::Mutex;

use super::staging::Staging;
use super::writer::{FileWriter, OutputFormat};
use crate::cast::{cast_array, text};
use crate::error::Failure;
use crate::types::HiveType;

/// From so many rows on a second thread writes a file of its own instead of waiting.
const ROWS_WORTH_A_FILE: u64 = 1 << 20;
/// A stripe is written when it holds so much, or less when many files are open.
const LARGEST_STRIPE: usize = 64 << 20;
const SMALLEST_STRIPE: usize = 256 << 10;

/// Values of the dynamic partition columns.
pub(super) type Values = Vec<Option<String>>;

/// What rows are and where they go.
pub(super) struct SinkPlan {
    /// Name and type of each data column; the batches' first columns.
    pub columns: Vec<(String, HiveType)>,
    /// For each data column its place in the batch; `None` writes NULL.
    pub places: Vec<Option<usize>>,
    /// Name and type of each dynamic partition column; the batches' last columns.
    pub dynamic: Vec<(String, HiveType)>,
    pub format: OutputFormat,
    /// Partitions at most.
    pub most_partitions: usize,
    /// What is said when there are more.
    pub too_many: String,
    /// Bytes that all open files may hold together.
    pub memory: usize,
}

/// A partition's files.
#[derive(Default)]
struct Slot {
    folder: PathBuf,
    rows: AtomicU64,
    writers: Mutex<BTreeMap<usize, Arc<Mutex<Option<FileWriter>>>>>,
}

/// What was written for one partition.
pub(super) struct Written {
    pub values: Values,
    pub folder: PathBuf,
    pub rows: u64,
    pub files: u64,
    pub bytes: u64,
}

/// Takes batches from several threads.
pub(super) struct Sink {
    plan: SinkPlan,
    staging: Arc<Staging>,
    slots: Mutex<HashMap<Values, Arc<Slot>>>,
    open_files: AtomicUsize,
}

impl Sink {
    pub(super) fn new(plan: SinkPlan, staging: Arc<Staging>) -> Self {
        Self {
            plan,
            staging,
            slots: Mutex::new(HashMap::new()),
            open_files: AtomicUsize::new(0),
        }
    }

    /// Writes a batch; `lane` numbers the thread.
    pub(super) fn write(&self, batch: &RecordBatch, lane: usize) -> Result<(), Failure> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let columns = self
            .plan
            .places
            .iter()
            .zip(&self.plan.columns)
            .map(|(place, (_, kind))| match place {
                Some(place) => cast_array(batch.column(*place), kind),
                None => Ok(datafusion::arrow::array::new_null_array(
                    &kind.arrow(),
                    batch.num_rows(),
                )),
            });
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        if self.plan.dynamic.is_empty() {
            return self.append(Vec::new(), &columns, batch.num_rows(), lane);
        }
        let first = batch.num_columns() - self.plan.dynamic.len();
        let values = self.plan.dynamic.iter().enumerate().map(
            |(index, (_, kind))| -> Result<ArrayRef, Failure> {
                text(&cast_array(batch.column(first + index), kind)?)
            },
        );
        let values = values.collect::<Result<Vec<_>, _>>()?;
        for (key, rows) in group(&values, batch.num_rows()) {
            if rows.len() == batch.num_rows() {
                self.append(key, &columns, rows.len(), lane)?;
                continue;
            }
            let count = rows.len();
            let rows = UInt32Array::from(rows);
            let chosen = columns.iter().map(|column| take(column, &rows, None));
            let chosen = chosen
                .collect::<Result<Vec<_>, _>>()
                .map_err(|error| Failure::Query(error.to_string()))?;
            self.append(key, &chosen, count, lane)?;
        }
        Ok(())
    }

    fn append(
        &self,
        key: Values,
        columns: &[ArrayRef],
        rows: usize,
        lane: usize,
    ) -> Result<(), Failure> {
        let slot = self.slot(key)?;
        let before = slot.rows.fetch_add(rows as u64, Ordering::Relaxed);
        let lane = if before < ROWS_WORTH_A_FILE { 0 } else { lane };
        let writer = Arc::clone(slot.writers.lock().entry(lane).or_default());
        let mut writer = writer.lock();
        if writer.is_none() {
            let path = slot
                .folder
                .join(format!("{lane:06}_0{}", self.plan.format.extension()));
            *writer = Some(FileWriter::create(
                &path,
                &self.plan.columns,
                &self.plan.format,
            )?);
            self.open_files.fetch_add(1, Ordering::Relaxed);
        }
        let share = self.plan.memory / self.open_files.load(Ordering::Relaxed).max(1);
        match writer.as_mut() {
            Some(writer) => {
                writer.append(columns, rows, share.clamp(SMALLEST_STRIPE, LARGEST_STRIPE))
            }
            None => Ok(()),
        }
    }

    fn slot(&self, key: Values) -> Result<Arc<Slot>, Failure> {
        let mut slots = self.slots.lock();
        if let Some(slot) = slots.get(&key) {
            return Ok(Arc::clone(slot));
        }
        if slots.len() >= self.plan.most_partitions {
            return Err(Failure::semantic(&self.plan.too_many));
        }
        let folder = self.staging.folder(&format!("part-{}", slots.len()))?;
        let slot = Arc::new(Slot {
            folder,
            ..Slot::default()
        });
        slots.insert(key, Arc::clone(&slot));
        Ok(slot)
    }

    /// Ends all files; one entry per partition that got rows, in the order of their values.
    pub(super) fn finish(&self) -> Result<Vec<Written>, Failure> {
        let mut all = Vec::new();
        for (values, slot) in self.slots.lock().drain() {
            let (mut files, mut bytes) = (0, 0);
            for writer in slot.writers.lock().values() {
                if let Some(writer) = writer.lock().take() {
                    bytes += writer.finish()?;
                    files += 1;
                }
            }
            let rows = slot.rows.load(Ordering::Relaxed);
            all.push(Written {
                values,
                folder: slot.folder.clone(),
                rows,
                files,
                bytes,
            });
        }
        all.sort_by(|left, right| left.values.cmp(&right.values));
        Ok(all)
    }
}

/// Rows by their values, in the order in which each first appears. The empty text is NULL in a partition's name.
fn group(values: &[ArrayRef], rows: usize) -> Vec<(Values, Vec<u32>)> {
    let columns: Vec<_> = values
        .iter()
        .map(|column| column.as_string::<i32>())
        .collect();
    let mut groups: Vec<(Values, Vec<u32>)> = Vec::new();
    let mut places: HashMap<Vec<Option<&str>>, usize> = HashMap::new();
    let mut last: Option<(Vec<Option<&str>>, usize)> = None;
    for row in 0..rows {
        let key: Vec<Option<&str>> = columns
            .iter()
            .map(|column| {
                let present = !datafusion::arrow::array::Array::is_null(*column, row);
                present
                    .then(|| column.value(row))
                    .filter(|value| !value.is_empty())
            })
            .collect();
        let number = u32::try_from(row).unwrap_or(u32::MAX);
        let place = match &last {
            Some((known, place)) if *known == key => *place,
            _ => *places.entry(key.clone()).or_insert_with(|| {
                groups.push((
                    key.iter().map(|value| value.map(str::to_owned)).collect(),
                    Vec::new(),
                ));
                groups.len() - 1
            }),
        };
        groups[place].1.push(number);
        last = Some((key, place));
    }
    groups
}
