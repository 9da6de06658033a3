//! Takes a load's batches: each thread has a [`Lane`], which sorts rows into partitions and gathers them in buffers of its own;
//! full buffers are appended to the one file of their partition. What all buffers hold together is bounded.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use datafusion::arrow::array::{ArrayRef, RecordBatch, new_null_array};
use parking_lot::Mutex;

use super::route::Router;
use super::staging::Staging;
use super::writer::{Buffer, Encoder, OutputFile, OutputFormat};
use crate::cast::{cast_array, text};
use crate::error::Failure;
use crate::orc::column::Rows;
use crate::types::HiveType;

/// A buffer is written when it holds so much, or less when there are many.
const LARGEST_BUFFER: usize = 32 << 20;

/// What the buffers of a load of few partitions hold together at most: more makes stripes larger and nothing faster, and a load that
/// is ten times as long would need more memory.
const ENOUGH: usize = 64 << 20;
/// With many partitions they may hold more, so that each has room for a stripe of this size.
const SMALL_BUFFER: usize = 1 << 20;

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
    /// Bytes that the buffers of all lanes may hold together.
    pub memory: usize,
}

/// A partition's file.
struct Slot {
    folder: PathBuf,
    rows: AtomicU64,
    file: Mutex<Option<OutputFile>>,
}

/// What was written for one partition.
pub(super) struct Written {
    pub values: Values,
    pub folder: PathBuf,
    pub rows: u64,
    pub files: u64,
    pub bytes: u64,
}

/// The files of a load.
pub(super) struct Sink {
    plan: SinkPlan,
    staging: Arc<Staging>,
    slots: Mutex<HashMap<Values, Arc<Slot>>>,
}

impl Sink {
    pub(super) fn new(plan: SinkPlan, staging: Arc<Staging>) -> Self {
        Self {
            plan,
            staging,
            slots: Mutex::new(HashMap::new()),
        }
    }

    fn slot(&self, values: Values) -> Result<Arc<Slot>, Failure> {
        let mut slots = self.slots.lock();
        if let Some(slot) = slots.get(&values) {
            return Ok(Arc::clone(slot));
        }
        if slots.len() >= self.plan.most_partitions {
            return Err(Failure::semantic(&self.plan.too_many));
        }
        let folder = self.staging.folder(&format!("part-{}", slots.len()))?;
        let slot = Arc::new(Slot {
            folder,
            rows: AtomicU64::new(0),
            file: Mutex::new(None),
        });
        slots.insert(values, Arc::clone(&slot));
        Ok(slot)
    }

    /// Ends all files, when every lane has finished; one entry per partition that got rows, in the order of their values.
    pub(super) fn finish(&self) -> Result<Vec<Written>, Failure> {
        let mut all = Vec::new();
        let mut encoder = Encoder::new(&self.plan.format)?;
        for (values, slot) in self.slots.lock().drain() {
            let file = slot.file.lock().take();
            let files = u64::from(file.is_some());
            let bytes = file.map_or(Ok(0), |file| file.finish(&mut encoder))?;
            all.push(Written {
                values,
                folder: slot.folder.clone(),
                rows: slot.rows.load(Ordering::Relaxed),
                files,
                bytes,
            });
        }
        all.sort_by(|left, right| left.values.cmp(&right.values));
        Ok(all)
    }
}

/// One thread's way into the files.
pub(super) struct Lane {
    sink: Arc<Sink>,
    encoder: Encoder,
    router: Router,
    parts: Vec<Part>,
    /// Places in `parts`.
    places: HashMap<Values, usize>,
    /// Bytes that the buffers hold, and may hold.
    held: usize,
    most_held: usize,
    lanes: usize,
}

/// A partition as one lane sees it.
struct Part {
    slot: Arc<Slot>,
    buffer: Buffer,
    held: usize,
    /// Rows of the batch at hand.
    rows: Vec<u32>,
}

impl Lane {
    /// One of `lanes` lanes.
    pub(super) fn new(sink: Arc<Sink>, lanes: usize) -> Result<Self, Failure> {
        Ok(Self {
            encoder: Encoder::new(&sink.plan.format)?,
            router: Router::default(),
            parts: Vec::new(),
            places: HashMap::new(),
            held: 0,
            most_held: sink.plan.memory / lanes.max(1),
            lanes: lanes.max(1),
            sink,
        })
    }

    /// Takes a batch.
    pub(super) fn write(&mut self, batch: &RecordBatch) -> Result<(), Failure> {
        let count = batch.num_rows();
        if count == 0 {
            return Ok(());
        }
        let plan = &self.sink.plan;
        let columns = plan
            .places
            .iter()
            .zip(&plan.columns)
            .map(|(place, (_, kind))| match place {
                Some(place) => cast_array(batch.column(*place), kind),
                None => Ok(new_null_array(&kind.arrow(), count)),
            });
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        if plan.dynamic.is_empty() {
            let place = self.part(Vec::new())?;
            self.append(place, &columns, Rows::All(count))?;
            return self.keep_within_memory();
        }
        let first = batch.num_columns() - plan.dynamic.len();
        let values = plan
            .dynamic
            .iter()
            .enumerate()
            .map(|(index, (_, kind))| cast_array(batch.column(first + index), kind));
        let values = values.collect::<Result<Vec<ArrayRef>, _>>()?;
        let mut router = std::mem::take(&mut self.router);
        let routed = router.route(&values, count, |row| {
            let place = self.part(partition_values(&values, row)?)?;
            Ok(place)
        });
        self.router = router;
        let mut touched = Vec::new();
        for (row, place) in routed?.into_iter().enumerate() {
            let rows = &mut self.parts[place].rows;
            if rows.is_empty() {
                touched.push(place);
            }
            rows.push(u32::try_from(row).unwrap_or(u32::MAX));
        }
        for place in touched {
            let mut rows = std::mem::take(&mut self.parts[place].rows);
            let picked = if rows.len() == count {
                Rows::All(count)
            } else {
                Rows::Picked(&rows)
            };
            self.append(place, &columns, picked)?;
            rows.clear();
            self.parts[place].rows = rows;
        }
        self.keep_within_memory()
    }

    /// Writes what is left in the buffers.
    pub(super) fn finish(mut self) -> Result<(), Failure> {
        (0..self.parts.len()).try_for_each(|place| self.flush(place))
    }

    fn part(&mut self, values: Values) -> Result<usize, Failure> {
        if let Some(place) = self.places.get(&values) {
            return Ok(*place);
        }
        let place = self.parts.len();
        self.parts.push(Part {
            slot: self.sink.slot(values.clone())?,
            buffer: Buffer::new(&self.sink.plan.columns, &self.sink.plan.format),
            held: 0,
            rows: Vec::new(),
        });
        self.places.insert(values, place);
        Ok(place)
    }

    fn append(
        &mut self,
        place: usize,
        columns: &[ArrayRef],
        rows: Rows<'_>,
    ) -> Result<(), Failure> {
        let part = &mut self.parts[place];
        part.buffer.append(columns, rows)?;
        part.slot
            .rows
            .fetch_add(rows.len() as u64, Ordering::Relaxed);
        let held = part.buffer.held_bytes();
        self.held = self.held + held - part.held;
        part.held = held;
        if held > LARGEST_BUFFER {
            return self.flush(place);
        }
        Ok(())
    }

    /// Writes the largest buffers when all of them hold too much.
    fn keep_within_memory(&mut self) -> Result<(), Failure> {
        let enough = (ENOUGH / self.lanes).max(self.parts.len() * SMALL_BUFFER);
        let most_held = self.most_held.min(enough);
        if self.held <= most_held {
            return Ok(());
        }
        let mut order: Vec<usize> = (0..self.parts.len()).collect();
        order.sort_unstable_by_key(|place| std::cmp::Reverse(self.parts[*place].held));
        for place in order {
            if self.held <= most_held / 2 {
                break;
            }
            self.flush(place)?;
        }
        Ok(())
    }

    fn flush(&mut self, place: usize) -> Result<(), Failure> {
        let plan = &self.sink.plan;
        let part = &mut self.parts[place];
        if part.buffer.is_empty() {
            return Ok(());
        }
        let encoded = part.buffer.finish(&mut self.encoder)?;
        let held = part.buffer.held_bytes();
        self.held = self.held + held - part.held;
        part.held = held;
        let mut file = part.slot.file.lock();
        let file = match &mut *file {
            Some(file) => file,
            none => none.insert(OutputFile::create(
                &part
                    .slot
                    .folder
                    .join(format!("000000_0{}", plan.format.extension())),
                &plan.columns,
                &plan.format,
            )?),
        };
        file.append(&encoded)
    }
}

/// A row's values as they name its partition. The empty text is NULL there.
fn partition_values(columns: &[ArrayRef], row: usize) -> Result<Values, Failure> {
    use datafusion::arrow::array::{Array, AsArray};
    columns
        .iter()
        .map(|column| {
            let value = text(&column.slice(row, 1))?;
            let value = value.as_string::<i32>();
            let shown = (!value.is_null(0)).then(|| value.value(0));
            Ok(shown.filter(|shown| !shown.is_empty()).map(str::to_owned))
        })
        .collect()
}
