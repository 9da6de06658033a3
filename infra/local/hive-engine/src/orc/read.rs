//! One ORC file, or the stripes that begin in a range of it, to record batches, through orc-rust. Columns are found by name; a
//! column that the file lacks is NULL. Stripes that cannot hold a wanted row are not read, and groups of their rows are skipped.

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, new_null_array};
use datafusion::arrow::datatypes::SchemaRef;
use orc_rust::projection::ProjectionMask;
use orc_rust::reader::metadata::{FileMetadata, read_metadata};
use orc_rust::schema::{ArrowSchemaOptions, DataType, RootDataType};
use orc_rust::stripe::{Stripe, StripeMetadata};
use orc_rust::{TimestampPrecision, error::OrcError};

use super::decode::StripeRows;
use super::prune::{Parts, keep};
use crate::cast::cast_array;
use crate::error::Failure;
use crate::tables::part_filter::PartFilter;
use crate::text::read::Columns;
use crate::types::HiveType;

/// A column that a query wants from an ORC file: name, position in the table, type.
#[derive(Debug, Clone)]
pub(crate) struct OrcColumn {
    pub name: String,
    pub position: usize,
    pub kind: HiveType,
}

/// Reads a file batch by batch.
pub(crate) struct OrcReader {
    path: PathBuf,
    source: Source,
    /// Per wanted column: its place in the file's batches, if it is there.
    places: Vec<Option<usize>>,
    wanted: Vec<OrcColumn>,
}

enum Source {
    Stripes(Box<Stripes>),
    /// No column is wanted from the file: only the number of rows counts.
    Rows(u64),
}

/// Stripes that are still to be read; one is in memory.
struct Stripes {
    file: File,
    metadata: FileMetadata,
    projected: RootDataType,
    schema: SchemaRef,
    waiting: VecDeque<StripeMetadata>,
    current: Option<StripeRows>,
    batch_rows: usize,
    filter: Option<PartFilter>,
    names: Arc<Names>,
}

/// The file's columns, in lower case.
struct Names {
    names: Vec<String>,
    /// Hive's first writer did not know them.
    positional: bool,
}

impl Names {
    fn of(root: &RootDataType) -> Self {
        let names: Vec<String> = root
            .children()
            .iter()
            .map(|child| child.name().to_lowercase())
            .collect();
        let positional = names
            .iter()
            .enumerate()
            .all(|(index, name)| *name == format!("_col{index}"));
        Self { names, positional }
    }

    /// The place of a table's column in the file.
    fn place(&self, name: &str, position: usize) -> Option<usize> {
        if self.positional {
            (position < self.names.len()).then_some(position)
        } else {
            self.names.iter().position(|known| known == name)
        }
    }

    fn kind<'a>(
        &self,
        root: &'a RootDataType,
        name: &str,
        position: usize,
    ) -> Option<&'a DataType> {
        let place = self.place(name, position)?;
        Some(root.children()[place].data_type())
    }
}

impl OrcReader {
    /// Opens a file. An empty file has no rows. Stripes that begin outside of the range or that the filter rules out are left
    /// out.
    pub(crate) fn open(
        path: &Path,
        range: &Range<u64>,
        wanted: Vec<OrcColumn>,
        filter: Option<&PartFilter>,
        batch_rows: usize,
    ) -> Result<Self, Failure> {
        let mut file = File::open(path).map_err(Failure::file("cannot open", path))?;
        let size = file
            .metadata()
            .map_err(Failure::file("cannot read", path))?
            .len();
        if size == 0 {
            return Ok(Self {
                path: path.to_path_buf(),
                source: Source::Rows(0),
                places: vec![None; wanted.len()],
                wanted,
            });
        }
        let metadata = guarded(|| read_metadata(&mut file))
            .map_err(|error| Failure::content(path, format!("not a readable ORC file: {error}")))?;
        let root = metadata.root_data_type();
        let names = Arc::new(Names::of(root));
        let in_file: Vec<Option<usize>> = wanted
            .iter()
            .map(|column| names.place(&column.name, column.position))
            .collect();
        let mut projected: Vec<usize> = in_file.iter().flatten().copied().collect();
        projected.sort_unstable();
        projected.dedup();
        let stripes: Vec<&StripeMetadata> = metadata
            .stripe_metadatas()
            .iter()
            .filter(|stripe| range.contains(&stripe.offset()))
            .collect();
        let keep = filter.map_or_else(
            || vec![true; stripes.len()],
            |filter| {
                keep(filter, Parts::Stripes(&stripes), |name, position| {
                    names.kind(root, name, position)
                })
            },
        );
        let kept = stripes.into_iter().zip(keep).filter(|(_, keep)| *keep);
        let waiting: VecDeque<StripeMetadata> = kept.map(|(stripe, _)| stripe.clone()).collect();
        let source = if projected.is_empty() {
            Source::Rows(waiting.iter().map(StripeMetadata::number_of_rows).sum())
        } else {
            let columns: Vec<usize> = projected
                .iter()
                .map(|index| root.children()[*index].data_type().column_index())
                .collect();
            let projected = root.project(&ProjectionMask::roots(root, columns));
            let options =
                ArrowSchemaOptions::new().with_timestamp_precision(TimestampPrecision::Microsecond);
            let schema = projected.create_arrow_schema_with_options(&HashMap::new(), options);
            Source::Stripes(Box::new(Stripes {
                file,
                projected,
                schema: schema.into(),
                waiting,
                current: None,
                batch_rows,
                metadata,
                filter: filter.cloned(),
                names,
            }))
        };
        let places = in_file.iter().map(|place| {
            place.and_then(|place| projected.iter().position(|other| *other == place))
        });
        Ok(Self {
            path: path.to_path_buf(),
            places: places.collect(),
            source,
            wanted,
        })
    }

    /// The next rows, at most `most`; `None` at the end of the file.
    pub(crate) fn next_batch(&mut self, most: usize) -> Result<Option<Columns>, Failure> {
        match &mut self.source {
            Source::Rows(0) => Ok(None),
            Source::Rows(left) => {
                let rows = usize::try_from(*left).unwrap_or(usize::MAX).min(most);
                *left -= rows as u64;
                let columns = self
                    .wanted
                    .iter()
                    .map(|column| new_null_array(&column.kind.arrow(), rows))
                    .collect();
                Ok(Some((columns, rows)))
            }
            Source::Stripes(stripes) => {
                let batch = guarded(|| stripes.next_batch())
                    .map_err(|error| Failure::content(&self.path, error))?;
                let Some((found, rows)) = batch else {
                    return Ok(None);
                };
                let columns = self.places.iter().zip(&self.wanted).map(
                    |(place, column)| -> Result<ArrayRef, Failure> {
                        match place {
                            Some(place) => cast_array(&found[*place], &column.kind),
                            None => Ok(new_null_array(&column.kind.arrow(), rows)),
                        }
                    },
                );
                Ok(Some((columns.collect::<Result<_, _>>()?, rows)))
            }
        }
    }
}

impl Stripes {
    fn next_batch(&mut self) -> Result<Option<Columns>, OrcError> {
        loop {
            if let Some(current) = &mut self.current
                && let Some(batch) = current.next_batch()?
            {
                return Ok(Some(batch));
            }
            // What the last stripe held is let go before the next one is read.
            self.current = None;
            let Some(stripe) = self.waiting.pop_front() else {
                return Ok(None);
            };
            let stripe = Stripe::new(&mut self.file, &self.metadata, &self.projected, &stripe)?;
            let keep = self.groups(&stripe);
            let groups = keep
                .as_ref()
                .map(|(keep, stride)| (keep.as_slice(), *stride));
            self.current = Some(StripeRows::new(
                &stripe,
                &self.schema,
                self.batch_rows,
                groups,
            )?);
        }
    }

    /// Which groups the row index does not rule out, and how many rows one has; `None` where nothing is ruled out.
    fn groups(&self, stripe: &Stripe) -> Option<(Vec<bool>, usize)> {
        let filter = self.filter.as_ref()?;
        let stride = self.metadata.row_index_stride().filter(|rows| *rows > 0)?;
        // One group is the stripe, which was judged before.
        if stripe.number_of_rows() <= stride {
            return None;
        }
        let index = stripe.read_row_indexes(&self.metadata).ok()?;
        let root = self.metadata.root_data_type();
        let keep = keep(filter, Parts::Groups(&index), |name, position| {
            self.names.kind(root, name, position)
        });
        let is_shorter = keep.iter().any(|keep| !keep);
        is_shorter.then_some((keep, stride))
    }
}

/// orc-rust panics at some damaged files, where an error belongs.
fn guarded<T>(read: impl FnOnce() -> Result<T, OrcError>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(read) => read.map_err(|error| error.to_string()),
        Err(_) => Err("the file is damaged".to_owned()),
    }
}
