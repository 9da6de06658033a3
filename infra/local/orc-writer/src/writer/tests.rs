//! Files are read back with orc-rust, the reader that the Hive engine uses.

use std::sync::Arc;

use arrow::array::*;
use arrow::datatypes::*;
use bytes::Bytes;
use orc_rust::arrow_reader::ArrowReaderBuilder;

use super::*;

fn write(batches: &[RecordBatch], options: WriterOptions) -> (Vec<u8>, Written) {
    let mut writer = OrcWriter::try_new(Vec::new(), batches[0].schema_ref(), options).unwrap();
    batches
        .iter()
        .for_each(|batch| writer.write(batch).unwrap());
    writer.finish().unwrap()
}

fn read(file: Vec<u8>) -> Vec<RecordBatch> {
    let reader = ArrowReaderBuilder::try_new(Bytes::from(file))
        .unwrap()
        .build();
    reader.map(Result::unwrap).collect()
}

fn every_type(rows: i64) -> RecordBatch {
    let some = |row: i64| row % 7 != 3;
    let decimals = (0..rows).map(|row| some(row).then_some(i128::from(row) * 1_000_003 - 50));
    let wide = (0..rows).map(|row| some(row).then_some(i128::from(row - 5) * 10_i128.pow(30)));
    let mut lists = ListBuilder::new(Int32Builder::new());
    let mut maps = MapBuilder::new(None, StringBuilder::new(), Int64Builder::new());
    for row in 0..rows {
        for value in 0..row % 4 {
            lists.values().append_value((row * value) as i32);
            maps.keys().append_value(format!("k{value}"));
            maps.values().append_value(row);
        }
        lists.append(some(row));
        maps.append(some(row)).unwrap();
    }
    let inner: ArrayRef = Arc::new(
        (0..rows)
            .map(|row| (some(row) && row % 2 == 0).then(|| format!("in {row}")))
            .collect::<StringArray>(),
    );
    let structs = StructArray::try_new(
        Fields::from(vec![Field::new("inner", DataType::Utf8, true)]),
        vec![inner],
        Some((0..rows).map(some).collect::<Vec<bool>>().into()),
    )
    .unwrap();
    let columns: Vec<(&str, ArrayRef)> = vec![
        (
            "boolean",
            Arc::new(
                (0..rows)
                    .map(|row| some(row).then_some(row % 3 == 0))
                    .collect::<BooleanArray>(),
            ),
        ),
        (
            "tiny",
            Arc::new(
                (0..rows)
                    .map(|row| some(row).then_some(row as i8))
                    .collect::<Int8Array>(),
            ),
        ),
        (
            "small",
            Arc::new(
                (0..rows)
                    .map(|row| some(row).then_some((row * 31) as i16))
                    .collect::<Int16Array>(),
            ),
        ),
        (
            "int",
            Arc::new(
                (0..rows)
                    .map(|row| some(row).then_some((row * row) as i32))
                    .collect::<Int32Array>(),
            ),
        ),
        (
            "big",
            Arc::new(
                (0..rows)
                    .map(|row| Some(row.wrapping_mul(0x5851_f42d_4c95_7f2d)))
                    .collect::<Int64Array>(),
            ),
        ),
        (
            "float",
            Arc::new(
                (0..rows)
                    .map(|row| some(row).then_some(row as f32 / 3.0))
                    .collect::<Float32Array>(),
            ),
        ),
        (
            "double",
            Arc::new(
                (0..rows)
                    .map(|row| some(row).then_some(row as f64 / 7.0))
                    .collect::<Float64Array>(),
            ),
        ),
        (
            "text",
            Arc::new(
                (0..rows)
                    .map(|row| some(row).then(|| format!("größe {row}")))
                    .collect::<StringArray>(),
            ),
        ),
        (
            "binary",
            Arc::new(
                (0..rows)
                    .map(|row| some(row).then(|| row.to_be_bytes()))
                    .collect::<BinaryArray>(),
            ),
        ),
        (
            "date",
            Arc::new(
                (0..rows)
                    .map(|row| some(row).then_some((row - 50) as i32))
                    .collect::<Date32Array>(),
            ),
        ),
        (
            "time",
            Arc::new(
                (0..rows)
                    .map(|row| {
                        some(row).then_some((row - 100) * 86_400_000_000_123 - 7_000_000_000)
                    })
                    .collect::<TimestampNanosecondArray>(),
            ),
        ),
        (
            "money",
            Arc::new(
                decimals
                    .collect::<Decimal128Array>()
                    .with_precision_and_scale(18, 2)
                    .unwrap(),
            ),
        ),
        (
            "wide",
            Arc::new(
                wide.collect::<Decimal128Array>()
                    .with_precision_and_scale(38, 4)
                    .unwrap(),
            ),
        ),
        ("list", Arc::new(lists.finish())),
        ("map", Arc::new(maps.finish())),
        ("struct", Arc::new(structs)),
    ];
    RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, array)| (name, array, true)),
    )
    .unwrap()
}

#[test]
fn a_type_that_orc_lacks_is_refused_by_name() {
    let schema = Schema::new(vec![Field::new(
        "span",
        DataType::Duration(TimeUnit::Second),
        true,
    )]);
    let error = OrcWriter::try_new(Vec::new(), &schema, WriterOptions::default())
        .err()
        .unwrap();
    assert_eq!(
        error.to_string(),
        "column span: type Duration(s) cannot be written as ORC"
    );
}

#[test]
fn a_batch_of_other_columns_is_refused() {
    let schema = Schema::new(vec![Field::new("number", DataType::Int32, true)]);
    let mut writer = OrcWriter::try_new(Vec::new(), &schema, WriterOptions::default()).unwrap();
    let batch =
        RecordBatch::try_from_iter([("number", Arc::new(Int64Array::from(vec![1])) as ArrayRef)])
            .unwrap();
    let error = writer.write(&batch).unwrap_err().to_string();
    assert!(
        error.contains("number Int64") && error.contains("number Int32"),
        "{error}"
    );
}

#[test]
fn every_type_reads_back_as_it_was_written_under_every_compression() {
    for compression in [
        Compression::None,
        Compression::Zlib,
        Compression::Snappy,
        Compression::Zstd,
    ] {
        let batch = every_type(1500);
        let options = WriterOptions {
            compression,
            ..WriterOptions::default()
        };
        let (file, written) = write(std::slice::from_ref(&batch), options);
        assert_eq!(
            written,
            Written {
                rows: 1500,
                bytes: file.len() as u64
            }
        );
        let read =
            arrow::compute::concat_batches(&read(file.clone())[0].schema(), &read(file)).unwrap();
        for (column, (expected, found)) in batch.columns().iter().zip(read.columns()).enumerate() {
            let name = batch.schema_ref().field(column).name();
            let found = cast(found, expected.data_type()).unwrap();
            assert_eq!(
                format!("{found:?}"),
                format!("{expected:?}"),
                "{name} under {compression:?}"
            );
        }
    }
}

#[test]
fn small_stripes_give_the_same_rows() {
    let batches: Vec<RecordBatch> = (0..5).map(|_| every_type(300)).collect();
    let options = WriterOptions {
        stripe_bytes: 10_000,
        ..WriterOptions::default()
    };
    let (file, written) = write(&batches, options);
    assert_eq!(written.rows, 1500);
    let rows: usize = read(file).iter().map(RecordBatch::num_rows).sum();
    assert_eq!(rows, 1500);
}

#[test]
fn a_file_without_rows_is_readable() {
    let (file, written) = write(&[every_type(0)], WriterOptions::default());
    assert_eq!(written.rows, 0);
    assert_eq!(
        read(file).iter().map(RecordBatch::num_rows).sum::<usize>(),
        0
    );
}

#[test]
fn views_and_dictionaries_are_stored_as_plain_text() {
    let views: ArrayRef = Arc::new(StringViewArray::from(vec![
        Some("a rather long text in a view"),
        None,
    ]));
    let dictionary: ArrayRef = Arc::new(
        vec![Some("one"), Some("one")]
            .into_iter()
            .collect::<DictionaryArray<Int32Type>>(),
    );
    let batch = RecordBatch::try_from_iter_with_nullable([
        ("view", views, true),
        ("dictionary", dictionary, true),
    ])
    .unwrap();
    let (file, _) = write(&[batch], WriterOptions::default());
    let read = read(file);
    let texts = cast(read[0].column(0), &DataType::Utf8).unwrap();
    assert_eq!(
        texts.as_string::<i32>().iter().collect::<Vec<_>>(),
        [Some("a rather long text in a view"), None]
    );
}

#[test]
fn the_footer_has_statistics_of_every_column() {
    let (file, _) = write(&[every_type(100)], WriterOptions::default());
    let metadata = ArrowReaderBuilder::try_new(Bytes::from(file)).unwrap();
    let statistics = metadata.file_metadata().column_file_statistics();
    assert_eq!(statistics.len(), 1 + 16 + 1 + 2 + 1);
    assert_eq!(statistics[5].number_of_values(), 100);
    assert!(statistics[1].has_null());
}
