//! One ORC file, or the stripes that begin in a range of it, to record batches, through orc-rust. Columns are found by name; a
//! column that the file lacks is NULL. Stripes that cannot hold a wanted row are not read.

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use datafusion::arrow::array::{ArrayRef, RecordBatch, new_null_array};
use datafusion::arrow::datatypes::SchemaRef;
use orc_rust::array_decoder::NaiveStripeDecoder;
use orc_rust::projection::ProjectionMask;
use orc_rust::reader::metadata::{FileMetadata, read_metadata};
use orc_rust::schema::{ArrowSchemaOptions, RootDataType};
use orc_rust::stripe::{Stripe, StripeMetadata};
use orc_rust::{TimestampPrecision, error::OrcError};

use super::prune::StripeFilter;
use crate::cast::cast_array;
use crate::error::Failure;
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
    current: Option<NaiveStripeDecoder>,
    batch_rows: usize,
}

impl OrcReader {
    /// Opens a file. An empty file has no rows. Stripes that begin outside of the range or that the filter rules out are left
    /// out.
    pub(crate) fn open(
        path: &Path,
        range: &Range<u64>,
        wanted: Vec<OrcColumn>,
        filter: Option<&StripeFilter>,
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
        let names: Vec<String> = root
            .children()
            .iter()
            .map(|child| child.name().to_lowercase())
            .collect();
        // Hive's first writer did not know the columns' names.
        let positional = names
            .iter()
            .enumerate()
            .all(|(index, name)| *name == format!("_col{index}"));
        let place_in_file = |name: &str, position: usize| {
            if positional {
                (position < names.len()).then_some(position)
            } else {
                names.iter().position(|known| known == name)
            }
        };
        let in_file: Vec<Option<usize>> = wanted
            .iter()
            .map(|column| place_in_file(&column.name, column.position))
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
                filter.keep(&stripes, |name, position| {
                    place_in_file(name, position).map(|place| root.children()[place].data_type())
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
                let Some(batch) = batch else {
                    return Ok(None);
                };
                let columns = self.places.iter().zip(&self.wanted).map(
                    |(place, column)| -> Result<ArrayRef, Failure> {
                        match place {
                            Some(place) => cast_array(batch.column(*place), &column.kind),
                            None => Ok(new_null_array(&column.kind.arrow(), batch.num_rows())),
                        }
                    },
                );
                Ok(Some((columns.collect::<Result<_, _>>()?, batch.num_rows())))
            }
        }
    }
}

impl Stripes {
    fn next_batch(&mut self) -> Result<Option<RecordBatch>, OrcError> {
        loop {
            if let Some(batch) = self.current.as_mut().and_then(Iterator::next) {
                return batch.map(Some);
            }
            // What the last stripe held is let go before the next one is read.
            self.current = None;
            let Some(stripe) = self.waiting.pop_front() else {
                return Ok(None);
            };
            let stripe = Stripe::new(&mut self.file, &self.metadata, &self.projected, &stripe)?;
            let schema = SchemaRef::clone(&self.schema);
            self.current = Some(NaiveStripeDecoder::new(stripe, schema, self.batch_rows)?);
        }
    }
}

/// orc-rust panics at some damaged files, where an error belongs.
fn guarded<T>(read: impl FnOnce() -> Result<T, OrcError>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(read) => read.map_err(|error| error.to_string()),
        Err(_) => Err("the file is damaged".to_owned()),
    }
}
