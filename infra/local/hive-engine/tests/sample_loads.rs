//! The repository's own Hive scripts on its sample data: each table is loaded, and loaded again.
#![expect(
    clippy::unwrap_used,
    reason = "a test stops where something is not as it should be"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use hive_engine::{
    Cell, Engine, EngineConfig, LocalRoot, SessionOptions, SessionScript, StatementResult,
    check_script,
};
use virtual_time::Clock;

const TABLES: [(&str, &str); 4] = [
    ("dimension", "country"),
    ("dimension", "currency"),
    ("fact", "card_transaction"),
    ("fact", "transfer_transaction"),
];

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..")
}

fn script(name: &str) -> SessionScript {
    let path = repository().join("hive_scripts").join(name);
    let text =
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    SessionScript {
        name: name.to_owned(),
        text,
    }
}

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

fn stage(root: &Path, kind: &str, table: &str, batch: &str) {
    let target = root.join(format!("s3/b/staging/{kind}/{table}/batch_id={batch}"));
    fs::create_dir_all(&target).unwrap();
    for entry in fs::read_dir(repository().join("sample_data").join(kind).join(table)).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), target.join(entry.file_name())).unwrap();
    }
}

fn hiveconf(batch: &str) -> BTreeMap<String, String> {
    BTreeMap::from([
        ("bucket".to_owned(), "b".to_owned()),
        ("batch_id".to_owned(), batch.to_owned()),
        ("rejected_rows_allowed".to_owned(), "0".to_owned()),
        ("repeated_files".to_owned(), "load".to_owned()),
    ])
}

async fn load(
    engine: &Engine,
    kind: &str,
    table: &str,
    batch: &str,
) -> (Vec<StatementResult>, Vec<String>) {
    let options = SessionOptions {
        hiveconf: hiveconf(batch),
        initial: vec![script(&format!("ddl/{table}.sql"))],
        ..SessionOptions::default()
    };
    let load = script(&format!("{kind}/{table}.sql"));
    let lines = Mutex::new(Vec::new());
    let say = |line: &str| lines.lock().unwrap().push(line.to_owned());
    let results = engine
        .session(options)
        .run_script(&load.name, &load.text, &say)
        .await;
    (
        results.unwrap_or_else(|error| panic!("{error}")),
        lines.into_inner().unwrap(),
    )
}

async fn rows(engine: &Engine, database: &str, table: &str) -> Vec<Vec<Cell>> {
    let mut rows = engine
        .query(&format!("select * from {database}.{table}"))
        .await
        .unwrap()
        .rows;
    rows.sort_by_key(|row| row.iter().map(ToString::to_string).collect::<Vec<_>>());
    rows
}

#[test]
fn every_script_parses() {
    for (kind, table) in TABLES {
        for name in [format!("ddl/{table}.sql"), format!("{kind}/{table}.sql")] {
            let problems = check_script(&script(&name).text, &hiveconf("B1"), &BTreeMap::new());
            assert!(problems.is_empty(), "{name}: {problems:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn loading_a_batch_twice_gives_the_same_table_as_once_and_a_second_batch_is_added() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path());
    for (kind, table) in TABLES {
        let database = format!("{kind}_db");
        stage(folder.path(), kind, table, "B1");
        let (results, lines) = load(&engine, kind, table, "B1").await;
        let first = rows(&engine, &database, table).await;
        assert!(first.len() > 10, "{table} has {} rows", first.len());
        let written: u64 = results
            .iter()
            .flat_map(|result| &result.written)
            .filter(|written| {
                written.table == table && written.database.as_deref() == Some(database.as_str())
            })
            .map(hive_engine::TableWritten::rows)
            .sum();
        if kind == "fact" {
            assert_eq!(written, first.len() as u64);
            assert!(lines.iter().any(|line| {
                line.starts_with(&format!("Partition {database}.{table}{{batch_id=B1, "))
            }));
        }
        let statistics = engine.table_statistics(&database, table).await.unwrap();
        assert_eq!(statistics.rows, first.len() as u64);

        load(&engine, kind, table, "B1").await;
        assert_eq!(rows(&engine, &database, table).await, first, "{table}");

        stage(folder.path(), kind, table, "B2");
        load(&engine, kind, table, "B2").await;
        let expected = if kind == "fact" {
            first.len() * 2
        } else {
            first.len()
        };
        assert_eq!(
            rows(&engine, &database, table).await.len(),
            expected,
            "{table}"
        );
    }
}
