//! What callers of a session see: errors with their place, results with their figures, progress in Hive's words, and loads
//! that fail, are killed, or run side by side.
#![expect(
    clippy::unwrap_used,
    reason = "a test stops where something is not as it should be"
)]

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use hive_engine::{
    Cell, Engine, EngineConfig, Failure, HiveError, LocalRoot, SessionOptions, StatementKind,
    StatementResult,
};
use virtual_time::Clock;

fn engine(root: &Path) -> Engine {
    let clock = Clock::simulated_from("2026-11-21T02:00:00Z".parse().unwrap());
    let locations = Arc::new(LocalRoot::new(root));
    Engine::open(EngineConfig::new(
        root.join("metastore"),
        "s3://b/warehouse",
        locations,
        clock,
    ))
    .unwrap()
}

async fn run(engine: &Engine, text: &str) -> Result<Vec<StatementResult>, HiveError> {
    engine
        .session(SessionOptions::default())
        .run_script("load.sql", text, &|_| {})
        .await
}

async fn count(engine: &Engine, table: &str) -> i64 {
    let result = engine
        .query(&format!("select count(*) from {table}"))
        .await
        .unwrap();
    match result.rows[0][0] {
        Cell::Integer(rows) => rows,
        ref other => panic!("{other}"),
    }
}

#[tokio::test]
async fn an_error_names_script_line_column_statement_and_text() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path());
    let error = run(&engine, "-- head\nselect 1;\n  select\n    wrong(1);\n")
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "load.sql:4:5: statement 2 (select wrong(1)): the function wrong is not supported"
    );
    assert!(matches!(*error.failure, Failure::Unsupported { .. }));
    let error = run(&engine, "select 1;\nselect (2;").await.unwrap_err();
    assert_eq!((error.place.line, error.place.statement), (2, 2));
}

#[tokio::test]
async fn a_query_cannot_change_anything() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path());
    let error = engine.query("create table t (a int)").await.unwrap_err();
    assert!(
        error.to_string().contains("only SELECT, SHOW and DESCRIBE"),
        "{error}"
    );
    assert!(engine.tables().unwrap().is_empty());
}

#[tokio::test]
async fn statistics_of_a_missing_table_are_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let error = engine(folder.path())
        .table_statistics("default", "nobody")
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "default.nobody: the table default.nobody does not exist"
    );
}

#[tokio::test]
async fn a_load_that_fails_half_way_leaves_the_old_data_and_no_staging() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path());
    run(
        &engine,
        "create table t (a int) stored as orc; insert into t values (1), (2)",
    )
    .await
    .unwrap();
    let load = "insert overwrite table t select if(assert_true(a < 2) is null, a, 0) from t";
    let error = run(&engine, load).await.unwrap_err();
    assert!(
        matches!(*error.failure, Failure::Assertion { .. }),
        "{error}"
    );
    assert_eq!(count(&engine, "t").await, 2);
    let left: Vec<String> = fs::read_dir(folder.path().join("s3/b/warehouse"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(left, ["t"]);
}

#[tokio::test]
async fn what_a_killed_load_wrote_aside_is_no_data_and_goes_with_the_next_load() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path());
    run(&engine, "create table t (a int); insert into t values (1)")
        .await
        .unwrap();
    let left = folder.path().join("s3/b/warehouse/.hive-staging_t_killed");
    fs::create_dir_all(left.join("part-0")).unwrap();
    fs::write(left.join("part-0/000000_0"), "7\n").unwrap();
    fs::write(left.join(".lock"), "").unwrap();
    assert_eq!(count(&engine, "t").await, 1);
    run(&engine, "insert into t values (2)").await.unwrap();
    assert_eq!(count(&engine, "t").await, 2);
    assert!(!left.exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn loads_that_run_side_by_side_lose_no_row_and_no_partition() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path());
    run(
        &engine,
        "create table t (a int) partitioned by (p int) stored as orc; create table flat (a int)",
    )
    .await
    .unwrap();
    let loads: Vec<_> = (0..8)
        .map(|number| {
            let engine = engine.clone();
            tokio::spawn(async move {
                let text = format!(
                    "insert overwrite table t partition (p={number}) select {number}; insert into flat values ({number})"
                );
                run(&engine, &text).await.unwrap();
            })
        })
        .collect();
    for load in loads {
        load.await.unwrap();
    }
    assert_eq!(count(&engine, "t").await, 8);
    assert_eq!(count(&engine, "flat").await, 8);
    let statistics = engine.table_statistics("default", "t").await.unwrap();
    assert_eq!(
        (statistics.partitions, statistics.files, statistics.rows),
        (Some(8), 8, 8)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_beside_loads_sees_the_old_or_the_new_data() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path());
    let made = "create table numbers (n int); create table flat (a int) stored as orc; \
        create table parts (a int) partitioned by (p string) stored as parquet; \
        insert into numbers values (1), (2), (3), (4), (5); \
        insert into flat select 0 from numbers; insert into parts partition (p='x') select 0 from numbers";
    run(&engine, made).await.unwrap();
    let writer = {
        let engine = engine.clone();
        tokio::spawn(async move {
            for turn in 1..=25 {
                let text = format!(
                    "insert overwrite table flat select {turn} from numbers; \
                     insert overwrite table parts partition (p='x') select {turn} from numbers"
                );
                run(&engine, &text).await.unwrap();
            }
        })
    };
    let mut seen = 0;
    while !writer.is_finished() || seen == 0 {
        for table in ["flat", "parts"] {
            let text = format!("select count(*), max(a) - min(a), max(a) from {table}");
            let result = engine.query(&text).await.unwrap();
            let row: Vec<String> = result.rows[0].iter().map(ToString::to_string).collect();
            assert_eq!(row[..2], ["5", "0"], "{table}: {row:?}");
        }
        seen += 1;
    }
    writer.await.unwrap();
}

#[tokio::test]
async fn a_wrong_name_is_found_in_the_script_and_a_close_one_suggested() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path());
    let made = "create table country (code string, name string, area double); create table other (code string)";
    run(&engine, made).await.unwrap();
    let cases = [
        (
            "select code,\n  nme from country",
            "2:3",
            "there is no column nme (there are code, name, area); did you mean name?",
        ),
        (
            "select *\nfrom contry",
            "2:6",
            "the table default.contry does not exist; did you mean country?",
        ),
        (
            "select 1,\n uper(code) from country",
            "2:2",
            "the function uper (did you mean upper?) is not supported",
        ),
        (
            "select c.name\nfrom country c join other o on code = o.code",
            "2:32",
            "the column code is ambiguous: several tables have it, so write the table's name before it",
        ),
        (
            "insert into other\nselect kode from country",
            "2:8",
            "there is no column kode (there are code, name, area); did you mean code?",
        ),
        (
            "select * from nowhere.country",
            "1:15",
            "the database nowhere does not exist",
        ),
    ];
    for (text, place, message) in cases {
        let error = run(&engine, text).await.unwrap_err();
        let found = format!("{}:{}", error.place.line, error.place.column);
        assert_eq!(
            (found.as_str(), error.failure.to_string().as_str()),
            (place, message)
        );
    }
}

#[tokio::test]
async fn a_reopened_engine_finds_what_the_last_one_left() {
    let folder = tempfile::tempdir().unwrap();
    run(
        &engine(folder.path()),
        "create database d; create table d.t stored as orc as select 1 as a",
    )
    .await
    .unwrap();
    let again = engine(folder.path());
    assert_eq!(again.tables().unwrap(), [("d".to_owned(), "t".to_owned())]);
    assert_eq!(count(&again, "d.t").await, 1);
}

#[tokio::test]
async fn results_and_progress_have_the_figures_of_every_partition() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path());
    let lines = Mutex::new(Vec::new());
    let say = |line: &str| lines.lock().unwrap().push(line.to_owned());
    let text = "create table t (a int) partitioned by (batch_id string, day date) stored as orc;\n\
                insert overwrite table t partition (batch_id='B1', day)\n\
                select 1, '2026-01-01' union all select 2, '2026-01-02' union all select 3, '2026-01-01';\n\
                select count(*) as n from t";
    let mut session = engine.session(SessionOptions::default());
    let results = session.run_script("load.sql", text, &say).await.unwrap();
    let kinds: Vec<StatementKind> = results.iter().map(|result| result.kind).collect();
    assert_eq!(
        kinds,
        [
            StatementKind::Definition,
            StatementKind::Load,
            StatementKind::Query
        ]
    );
    let lines_of: Vec<usize> = results.iter().map(|result| result.line).collect();
    assert_eq!(lines_of, [1, 2, 4]);
    let written = &results[1].written[0];
    assert_eq!(
        (
            written.database.as_deref(),
            written.table.as_str(),
            written.rows()
        ),
        (Some("default"), "t", 3)
    );
    let rows: Vec<u64> = written
        .partitions
        .iter()
        .map(|partition| partition.rows)
        .collect();
    assert_eq!(rows, [2, 1]);
    assert_eq!(
        written.partitions[0].values[1],
        ("day".to_owned(), Some("2026-01-01".to_owned()))
    );
    let result = results[2].result.as_ref().unwrap();
    assert_eq!(
        (result.columns.as_slice(), result.types.as_slice()),
        (&["n".to_owned()][..], &["bigint".to_owned()][..])
    );
    let bytes = written.partitions[0].bytes;
    let lines = lines.into_inner().unwrap();
    assert_eq!(
        lines[0],
        "Loading data to table default.t partition (batch_id=B1, day=null)"
    );
    assert_eq!(
        lines[1],
        format!(
            "Partition default.t{{batch_id=B1, day=2026-01-01}} stats: [numFiles=1, numRows=2, totalSize={bytes}]"
        )
    );
    assert_eq!(lines.len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_load_uses_several_threads_and_loses_no_row() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path());
    let source = folder.path().join("s3/b/in");
    fs::create_dir_all(&source).unwrap();
    for file in 0..4 {
        let text: String = (0..80_000)
            .map(|row| format!("{},{},{:040}\n", row, row % 7, row))
            .collect();
        fs::write(source.join(format!("{file}.csv")), text).unwrap();
    }
    let text = "create external table source (id int, part int, name string)\n\
                row format delimited fields terminated by ',' location 's3://b/in';\n\
                create table t (id int, name string) partitioned by (part int) stored as orc;\n\
                set hive.exec.dynamic.partition.mode=nonstrict;\n\
                insert overwrite table t partition (part) select id, name, part from source";
    run(&engine, text).await.unwrap();
    let result = engine
        .query("select count(*), sum(id), count(distinct name), min(length(name)) from t")
        .await
        .unwrap();
    let row: Vec<String> = result.rows[0].iter().map(ToString::to_string).collect();
    assert_eq!(row, ["320000", "12799840000", "80000", "40"]);
    let statistics = engine.table_statistics("default", "t").await.unwrap();
    assert_eq!((statistics.partitions, statistics.files), (Some(7), 7));
}
