//! Writes a file with every type, for other readers to judge: `cargo run -p orc-writer --example every_type -- FILE`.

use std::error::Error;
use std::fs::File;
use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array, Decimal128Array, Int64Array, RecordBatch, StringArray, TimestampNanosecondArray};
use orc_writer::{OrcWriter, WriterOptions};

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("usage: every_type FILE")?;
    let rows = 100_000_i64;
    let money = (0..rows).map(|row| (row % 11 != 0).then(|| i128::from(row - 500) * 101));
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("id", Arc::new(Int64Array::from_iter_values(0..rows))),
        ("name", Arc::new((0..rows).map(|row| (row % 5 != 0).then(|| format!("größe {row}"))).collect::<StringArray>())),
        ("day", Arc::new(Date32Array::from_iter_values((0..rows).map(|row| (row - 50_000) as i32)))),
        (
            "at",
            Arc::new(TimestampNanosecondArray::from_iter_values((0..rows).map(|row| (row - 50_000) * 1_000_123_456_789))),
        ),
        ("money", Arc::new(money.collect::<Decimal128Array>().with_precision_and_scale(18, 2)?)),
    ];
    let batch = RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true)))?;
    let mut writer = OrcWriter::try_new(File::create(&path)?, batch.schema_ref(), WriterOptions::default())?;
    writer.write(&batch)?;
    let (_, written) = writer.finish()?;
    println!("{path}: {} rows, {} bytes", written.rows, written.bytes);
    Ok(())
}
