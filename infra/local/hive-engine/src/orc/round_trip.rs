//! Tests: what the writer writes, the reader reads, for every type and codec.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int32Array, Int32Builder, Int64Array,
    ListArray, MapBuilder, StringArray, StringBuilder, StructArray, UInt32Array,
};
use datafusion::arrow::datatypes::{DataType, Int32Type};

use super::read::{OrcColumn, OrcReader};
use super::{Compression, Compressor, column::Rows, stripe::StripeBuilder, writer::OrcFile};
use crate::cast::{cast_array, text};
use crate::types::HiveType;

fn wanted(columns: &[(String, HiveType)]) -> Vec<OrcColumn> {
    let column = |(position, (name, kind)): (usize, &(String, HiveType))| OrcColumn {
        name: name.clone(),
        position,
        kind: kind.clone(),
    };
    columns.iter().enumerate().map(column).collect()
}

fn read(path: &Path, columns: &[(String, HiveType)]) -> Vec<ArrayRef> {
    let mut reader = OrcReader::open(path, &(0..u64::MAX), wanted(columns), None, 100_000).unwrap();
    let mut parts: Vec<Vec<ArrayRef>> = vec![Vec::new(); columns.len()];
    while let Some((batch, _)) = reader.next_batch(100_000).unwrap() {
        batch
            .into_iter()
            .zip(&mut parts)
            .for_each(|(column, part)| part.push(column));
    }
    parts
        .iter()
        .map(|part| {
            let arrays: Vec<&dyn Array> = part.iter().map(AsRef::as_ref).collect();
            datafusion::arrow::compute::concat(&arrays).unwrap()
        })
        .collect()
}

/// A file with one stripe per element of `stripes`; answers with its size.
fn write(
    path: &Path,
    columns: &[(String, HiveType)],
    compression: Compression,
    stripes: &[Vec<ArrayRef>],
) -> u64 {
    let mut file = OrcFile::create(path, columns.to_vec(), compression.into()).unwrap();
    let mut compressor = Compressor::new(compression).unwrap();
    let mut builder = StripeBuilder::new(columns, Some(1000));
    for arrays in stripes {
        builder.append(arrays, Rows::All(arrays[0].len()));
        file.append(&builder.finish(&mut compressor).unwrap())
            .unwrap();
    }
    file.finish().unwrap()
}

fn round_trip(kind: &str, arrays: &[ArrayRef]) {
    for compression in [
        Compression::None,
        Compression::Zstd,
        Compression::Zlib,
        Compression::Snappy,
        Compression::Lz4,
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f.orc");
        let columns = vec![("c".to_owned(), kind.parse().unwrap())];
        let stripes: Vec<Vec<ArrayRef>> = arrays
            .iter()
            .map(|array| vec![cast_array(array, &columns[0].1).unwrap()])
            .collect();
        let bytes = write(&path, &columns, compression, &stripes);
        assert_eq!(bytes, path.metadata().unwrap().len());
        let whole: Vec<ArrayRef> = arrays
            .iter()
            .map(|array| cast_array(array, &columns[0].1).unwrap())
            .collect();
        let whole: Vec<&dyn Array> = whole.iter().map(AsRef::as_ref).collect();
        let expected = datafusion::arrow::compute::concat(&whole).unwrap();
        let found = &read(&path, &columns)[0];
        assert_eq!(found, &expected, "{kind} {compression:?}");
    }
}

fn texts(values: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

#[test]
fn names_a_file_that_is_not_orc() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("000000_0");
    std::fs::write(&path, "id,name\n").unwrap();
    assert!(
        OrcReader::open(&path, &(0..u64::MAX), Vec::new(), None, 10)
            .err()
            .unwrap()
            .to_string()
            .contains("000000_0: not a readable ORC file")
    );
}

#[test]
fn a_file_without_rows_is_readable() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("f.orc");
    let columns = [("a".to_owned(), HiveType::Int)];
    write(&path, &columns, Compression::Zstd, &[]);
    assert!(
        OrcReader::open(&path, &(0..u64::MAX), Vec::new(), None, 10)
            .unwrap()
            .next_batch(10)
            .unwrap()
            .is_none()
    );
}

#[test]
fn columns_that_the_file_lacks_are_null_and_others_are_found_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("f.orc");
    let columns = vec![
        ("a".to_owned(), HiveType::Int),
        ("b".to_owned(), HiveType::Int),
    ];
    let stripe: Vec<ArrayRef> = vec![
        Arc::new(Int32Array::from(vec![1])),
        Arc::new(Int32Array::from(vec![2])),
    ];
    write(&path, &columns, Compression::Zstd, &[stripe]);
    let found = read(
        &path,
        &[
            ("b".to_owned(), HiveType::BigInt),
            ("x".to_owned(), HiveType::String),
            ("a".to_owned(), HiveType::Int),
        ],
    );
    assert_eq!(found[0].as_ref(), &Int64Array::from(vec![2]) as &dyn Array);
    assert!(found[1].is_null(0));
    assert_eq!(found[2].as_primitive::<Int32Type>().value(0), 1);
}

#[test]
fn integers_of_every_width_come_back() {
    let long: Vec<Option<i64>> = (0..3000i64)
        .map(|row| match row % 7 {
            0 => None,
            1..=3 => Some(row),
            4 => Some(i64::MIN + row),
            5 => Some(i64::MAX - row),
            _ => Some(row * row * 31 - 1_000_000),
        })
        .collect();
    let long: ArrayRef = Arc::new(Int64Array::from(long));
    let sequence: ArrayRef = Arc::new((0..2000).collect::<Int64Array>());
    let repeated: ArrayRef = Arc::new(Int64Array::from(vec![42; 1500]));
    for kind in ["bigint", "int", "smallint", "tinyint"] {
        round_trip(kind, &[Arc::clone(&long)]);
        round_trip(kind, &[Arc::clone(&sequence)]);
        round_trip(kind, &[Arc::clone(&repeated)]);
    }
}

#[test]
fn booleans_doubles_and_floats_come_back() {
    let bits: ArrayRef = Arc::new(
        (0..1000)
            .map(|row| (row % 5 != 0).then_some(row % 3 == 0))
            .collect::<BooleanArray>(),
    );
    round_trip("boolean", &[bits]);
    let doubles: ArrayRef = Arc::new(Float64Array::from(vec![
        Some(1.5),
        None,
        Some(-0.0),
        Some(f64::INFINITY),
        Some(1e-300),
    ]));
    round_trip("double", &[Arc::clone(&doubles)]);
    round_trip("float", &[doubles]);
}

#[test]
fn texts_come_back_with_and_without_a_dictionary() {
    let few: ArrayRef = Arc::new(
        (0..20_000)
            .map(|row| (row % 11 != 0).then(|| format!("value {}", row % 97)))
            .collect::<StringArray>(),
    );
    round_trip("string", &[Arc::clone(&few), few]);
    let many: ArrayRef = Arc::new(
        (0..20_000)
            .map(|row| Some(format!("é{row}")))
            .collect::<StringArray>(),
    );
    round_trip("string", &[many]);
    round_trip("varchar(3)", &[texts(&[Some("abcdef"), None, Some("")])]);
    round_trip("char(5)", &[texts(&[Some("abc"), None, Some("äöüßxyz")])]);
    round_trip("binary", &[texts(&[Some("abc"), None, Some("")])]);
}

#[test]
fn decimals_dates_and_timestamps_come_back() {
    round_trip(
        "decimal(38,10)",
        &[texts(&[
            Some("1234567890123456789012345678.0123456789"),
            None,
            Some("-0.5"),
            Some("0"),
        ])],
    );
    round_trip("decimal(12,2)", &[texts(&[Some("99.95"), Some("-1.00")])]);
    round_trip(
        "date",
        &[texts(&[
            Some("1900-01-01"),
            Some("2026-11-21"),
            None,
            Some("9999-12-31"),
        ])],
    );
    let times = [
        "1969-12-31 23:59:58.5",
        "1969-12-31 23:59:59.000001",
        "2026-11-21 02:00:00.123456",
        "2015-01-01 00:00:00",
        "1900-01-01 00:00:00",
        "9999-12-31 23:59:59",
    ];
    round_trip("timestamp", &[texts(&times.map(Some))]);
}

#[test]
fn nested_values_come_back() {
    let list = ListArray::from_iter_primitive::<Int32Type, _, _>([
        Some(vec![Some(1), None, Some(3)]),
        None,
        Some(vec![]),
    ]);
    round_trip("array<int>", &[Arc::new(list)]);
    let kind: HiveType = "struct<a:int,b:string>".parse().unwrap();
    let DataType::Struct(fields) = kind.arrow() else {
        panic!()
    };
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int32Array::from(vec![Some(1), None])),
        texts(&[Some("x"), None]),
    ];
    round_trip(
        "struct<a:int,b:string>",
        &[Arc::new(StructArray::new(fields, columns, None))],
    );
}

#[test]
fn picked_rows_are_written_in_their_order_also_nested_ones() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("f.orc");
    let columns: Vec<(String, HiveType)> = [
        ("a", "int"),
        ("b", "string"),
        ("c", "array<int>"),
        ("d", "struct<x:int>"),
        ("e", "map<string,int>"),
    ]
    .iter()
    .map(|(name, kind)| ((*name).to_owned(), kind.parse().unwrap()))
    .collect();
    let numbers: ArrayRef = Arc::new(
        (0..50)
            .map(|row| (row % 7 != 3).then_some(row))
            .collect::<Int32Array>(),
    );
    let words: ArrayRef = Arc::new(
        (0..50)
            .map(|row| (row % 5 != 1).then(|| format!("w{}", row % 9)))
            .collect::<StringArray>(),
    );
    let lists = ListArray::from_iter_primitive::<Int32Type, _, _>(
        (0..50).map(|row| (row % 6 != 2).then(|| (0..row % 4).map(Some))),
    );
    let DataType::Struct(fields) = columns[3].1.arrow() else {
        panic!()
    };
    let nulls = (0..50).map(|row| row % 4 != 1).collect::<Vec<bool>>();
    let structs = StructArray::new(fields, vec![Arc::clone(&numbers)], Some(nulls.into()));
    let mut maps = MapBuilder::new(None, StringBuilder::new(), Int32Builder::new());
    for row in 0..50 {
        for key in 0..row % 3 {
            maps.keys().append_value(format!("k{key}"));
            maps.values().append_value(row);
        }
        maps.append(row % 8 != 5).unwrap();
    }
    let maps = cast_array(&(Arc::new(maps.finish()) as ArrayRef), &columns[4].1).unwrap();
    let arrays: Vec<ArrayRef> = vec![numbers, words, Arc::new(lists), Arc::new(structs), maps];
    let picked: Vec<u32> = (0..50).filter(|row| row % 3 != 0).rev().collect();
    let mut file = OrcFile::create(&path, columns.clone(), Compression::Zstd.into()).unwrap();
    let mut builder = StripeBuilder::new(&columns, None);
    builder.append(&arrays, Rows::Picked(&picked));
    let mut compressor = Compressor::new(Compression::Zstd).unwrap();
    file.append(&builder.finish(&mut compressor).unwrap())
        .unwrap();
    assert!(builder.is_empty());
    file.finish().unwrap();
    let picked = UInt32Array::from(picked);
    for (found, array) in read(&path, &columns).iter().zip(&arrays) {
        let expected = datafusion::arrow::compute::take(array, &picked, None).unwrap();
        assert_eq!(text_of(found), text_of(&expected));
    }
}

/// Values printed, because arrays that are equal may differ in what they hold where they are NULL.
fn text_of(array: &ArrayRef) -> Vec<String> {
    let options = datafusion::arrow::util::display::FormatOptions::new().with_null("NULL");
    let shown = datafusion::arrow::util::display::ArrayFormatter::try_new(array, &options).unwrap();
    (0..array.len())
        .map(|row| shown.value(row).to_string())
        .collect()
}

#[test]
fn ranges_of_a_file_share_its_stripes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("f.orc");
    let columns = vec![("a".to_owned(), HiveType::Int)];
    let stripes: Vec<Vec<ArrayRef>> = (0..5)
        .map(|stripe| {
            let rows = (0..100).map(|row| row * 37 % 1000 + stripe);
            vec![Arc::new(Int32Array::from_iter_values(rows)) as ArrayRef]
        })
        .collect();
    let size = write(&path, &columns, Compression::None, &stripes);
    for cut in 0..=size {
        let rows = |range: Range<u64>, columns: Vec<OrcColumn>| {
            let mut reader = OrcReader::open(&path, &range, columns, None, 1000).unwrap();
            std::iter::from_fn(|| reader.next_batch(1000).unwrap())
                .map(|(_, rows)| rows)
                .sum::<usize>()
        };
        let counted = rows(0..cut, Vec::new());
        assert_eq!(counted % 100, 0);
        assert_eq!(counted + rows(cut..u64::MAX, Vec::new()), 500);
        assert_eq!(counted, rows(0..cut, wanted(&columns)));
    }
}

#[test]
fn a_damaged_file_is_an_error_and_no_panic() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("f.orc");
    let columns = vec![("a".to_owned(), HiveType::String)];
    let rows: ArrayRef = Arc::new(
        (0..1000)
            .map(|row| Some(format!("{row}{}", row * 31)))
            .collect::<StringArray>(),
    );
    write(&path, &columns, Compression::Zstd, &[vec![rows]]);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[6..400].fill(0x55);
    std::fs::write(&path, bytes).unwrap();
    let mut reader = OrcReader::open(&path, &(0..u64::MAX), wanted(&columns), None, 100).unwrap();
    let failure = reader.next_batch(100).err().unwrap().to_string();
    assert!(failure.contains("f.orc"), "{failure}");
}

#[test]
fn printed_values_survive_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("f.orc");
    let columns = vec![("t".to_owned(), HiveType::Timestamp)];
    let times = cast_array(
        &texts(&[Some("1969-12-31 23:59:58.5")]),
        &HiveType::Timestamp,
    )
    .unwrap();
    write(&path, &columns, Compression::Zstd, &[vec![times]]);
    assert_eq!(
        text(&read(&path, &columns)[0])
            .unwrap()
            .as_string::<i32>()
            .value(0),
        "1969-12-31 23:59:58.5"
    );
}
