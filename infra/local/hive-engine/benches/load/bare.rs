//! The least that the work costs in Rust: arrow-csv reads ranges of the file, orc-rust writes one file per date and thread.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use datafusion::arrow::array::{AsArray, RecordBatch, UInt32Array};
use datafusion::arrow::compute::take_record_batch;
use datafusion::arrow::csv::ReaderBuilder;
use datafusion::arrow::datatypes::{DataType, Field, Int32Type, Schema};
use orc_rust::compression::CompressionType;
use orc_rust::{ArrowWriter, ArrowWriterBuilder};

use crate::measure::{Figures, own_usage};

/// Runs the loop with so many threads.
pub(crate) fn run(directory: &Path, threads: usize) -> anyhow::Result<Figures> {
    let source = directory.join("s3/b/landing/sales/sales.csv");
    let target = directory.join("bare");
    let _ = fs::remove_dir_all(&target);
    fs::create_dir_all(&target)?;
    let started = Instant::now();
    let size = fs::metadata(&source)?.len();
    let edges: Vec<u64> = (0..=threads as u64)
        .map(|part| line_start(&source, size * part / threads as u64, size))
        .collect::<anyhow::Result<_>>()?;
    let answers: Vec<anyhow::Result<[i64; 2]>> = std::thread::scope(|scope| {
        let workers: Vec<_> = edges
            .windows(2)
            .enumerate()
            .map(|(thread, edge)| {
                let (source, target) = (&source, &target);
                scope.spawn(move || load(source, target, thread, edge[0], edge[1]))
            })
            .collect();
        workers
            .into_iter()
            .map(|worker| worker.join().unwrap())
            .collect()
    });
    let seconds = started.elapsed().as_secs_f64();
    let (cpu_seconds, peak_mebibytes) = own_usage();
    let mut answer = [0; 2];
    for part in answers {
        let part = part?;
        answer = [answer[0] + part[0], answer[1] + part[1]];
    }
    Ok(Figures {
        seconds,
        process_seconds: seconds,
        cpu_seconds,
        peak_mebibytes,
        answer,
    })
}

/// The first byte at or behind an offset that begins a line.
fn line_start(path: &Path, offset: u64, size: u64) -> anyhow::Result<u64> {
    if offset == 0 || offset >= size {
        return Ok(offset.min(size));
    }
    let mut file = BufReader::new(File::open(path)?);
    file.seek(SeekFrom::Start(offset - 1))?;
    let mut skipped = Vec::new();
    std::io::BufRead::read_until(&mut file, b'\n', &mut skipped)?;
    Ok(offset - 1 + skipped.len() as u64)
}

fn load(
    source: &Path,
    target: &Path,
    thread: usize,
    from: u64,
    to: u64,
) -> anyhow::Result<[i64; 2]> {
    let field = |name: &str, kind: DataType| Field::new(name, kind, true);
    let schema = Arc::new(Schema::new(vec![
        field("id", DataType::Int64),
        field("customer_id", DataType::Int32),
        field("amount", DataType::Float64),
        field("product_id", DataType::Int32),
        field("date_id", DataType::Int32),
    ]));
    let mut file = File::open(source)?;
    file.seek(SeekFrom::Start(from))?;
    let reader = ReaderBuilder::new(schema)
        .with_batch_size(8192)
        .build(file.take(to - from))?;
    let mut writers: HashMap<i32, ArrowWriter<File>> = HashMap::new();
    let mut answer = [0; 2];
    for batch in reader {
        let batch = batch?;
        answer[0] += i64::try_from(batch.num_rows())?;
        answer[1] += batch
            .column(3)
            .as_primitive::<Int32Type>()
            .iter()
            .flatten()
            .map(i64::from)
            .sum::<i64>();
        let mut rows: HashMap<i32, Vec<u32>> = HashMap::new();
        for (row, date) in batch
            .column(4)
            .as_primitive::<Int32Type>()
            .values()
            .iter()
            .enumerate()
        {
            rows.entry(*date).or_default().push(u32::try_from(row)?);
        }
        let values = batch.project(&[0, 1, 2, 3])?;
        for (date, rows) in rows {
            let chosen: RecordBatch = take_record_batch(&values, &UInt32Array::from(rows))?;
            if let Some(writer) = writers.get_mut(&date) {
                writer.write(&chosen)?;
                continue;
            }
            let folder = target.join(format!("date_id={date}"));
            fs::create_dir_all(&folder)?;
            let file = File::create(folder.join(format!("{thread}.orc")))?;
            let mut writer = ArrowWriterBuilder::new(file, chosen.schema())
                .with_compression(CompressionType::Zstd)
                .try_build()?;
            writer.write(&chosen)?;
            writers.insert(date, writer);
        }
    }
    for writer in writers.into_values() {
        writer.close()?;
    }
    Ok(answer)
}
