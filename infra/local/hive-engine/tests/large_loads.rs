//! Files that are large enough to be read in ranges by several threads, and loads whose buffers do not fit into memory: the rows
//! are those that one thread gives.
#![expect(
    clippy::unwrap_used,
    reason = "a test stops where something is not as it should be"
)]

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use hive_engine::{Cell, Engine, EngineConfig, LocalRoot, SessionOptions};
use virtual_time::Clock;

const ROWS: usize = 24_000;

fn engine(root: &Path, parallelism: usize, memory_limit: usize) -> Engine {
    let mut config = EngineConfig::new(
        root.join("metastore"),
        "s3://b/warehouse",
        Arc::new(LocalRoot::new(root)),
        Clock::simulated_from("2026-11-21T02:00:00Z".parse().unwrap()),
    );
    config.parallelism = parallelism;
    config.memory_limit = memory_limit;
    Engine::open(config).unwrap()
}

/// More than 8 MiB: a header, rows with CR LF or LF, blank lines, unreadable numbers, quoted newlines.
fn content() -> String {
    let mut text = String::from("id,day,amount,note\r\n");
    for row in 0..ROWS {
        let end = if row % 3 == 0 { "\r\n" } else { "\n" };
        let note = "ä".repeat(row % 380);
        let amount = if row % 11 == 0 { "x" } else { "1.5" };
        write!(text, "{row},{},{amount},{note}{end}", row * 7 % 40).unwrap();
        if row % 1000 == 0 {
            write!(text, "\n{row},1,\"2.5\n3\",\"a,b\"\r\n").unwrap();
        }
    }
    assert!(text.len() > 8 << 20);
    text
}

const DDL: &str = "
CREATE EXTERNAL TABLE plain (id bigint, day int, amount double, note string)
ROW FORMAT DELIMITED FIELDS TERMINATED BY ',' LOCATION 's3://b/landing/plain'
TBLPROPERTIES ('skip.header.line.count'='1');
CREATE EXTERNAL TABLE quoted (id string, day string, amount string, note string)
ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.OpenCSVSerde' LOCATION 's3://b/landing/plain'
TBLPROPERTIES ('skip.header.line.count'='1');
CREATE EXTERNAL TABLE packed (id bigint, day int, amount double, note string)
ROW FORMAT DELIMITED FIELDS TERMINATED BY ',' LOCATION 's3://b/landing/packed'
TBLPROPERTIES ('skip.header.line.count'='1');
CREATE TABLE loaded (id bigint, amount double, note string) PARTITIONED BY (source string, day int) STORED AS ORC;
SET hive.exec.dynamic.partition.mode=nonstrict;
SET hive.exec.max.dynamic.partitions.pernode=1000;
INSERT OVERWRITE TABLE loaded PARTITION (source = 'plain', day) SELECT id, amount, note, day FROM plain;
INSERT OVERWRITE TABLE loaded PARTITION (source = 'quoted', day) SELECT id, amount, note, day FROM quoted;
INSERT OVERWRITE TABLE loaded PARTITION (source = 'packed', day) SELECT id, amount, note, day FROM packed;
";

const SUMS: &str = "SELECT source, day, count(*), sum(id), count(amount), sum(amount), count(note), sum(length(note)), min(note), max(note)
FROM loaded GROUP BY source, day ORDER BY source, day";

async fn load(root: &Path, parallelism: usize, memory_limit: usize) -> (Vec<Vec<Cell>>, usize) {
    let landing = root.join("s3/b/landing");
    fs::create_dir_all(landing.join("plain")).unwrap();
    fs::create_dir_all(landing.join("packed")).unwrap();
    fs::write(landing.join("plain/a.csv"), content()).unwrap();
    let packed = fs::File::create(landing.join("packed/a.csv.gz")).unwrap();
    let mut packed = flate2::write::GzEncoder::new(packed, flate2::Compression::fast());
    packed.write_all(content().as_bytes()).unwrap();
    packed.finish().unwrap();
    let engine = engine(root, parallelism, memory_limit);
    let mut session = engine.session(SessionOptions::default());
    session.run_script("load", DDL, &|_| {}).await.unwrap();
    let rows = engine.query(SUMS).await.unwrap().rows;
    let statistics = engine.table_statistics("default", "loaded").await.unwrap();
    assert_eq!(Some(statistics.files), statistics.partitions);
    (rows, rows_of_most(&engine).await)
}

/// Rows that a condition on `id` leaves, which is answered with the help of the stripes' statistics.
async fn rows_of_most(engine: &Engine) -> usize {
    let found = engine
        .query("SELECT id FROM loaded WHERE id >= 23000 AND source = 'plain'")
        .await;
    found.unwrap().rows.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn several_threads_and_little_memory_give_the_rows_that_one_thread_gives() {
    let folder = tempfile::tempdir().unwrap();
    let alone = load(&folder.path().join("one"), 1, 512 << 20).await;
    assert_eq!(alone.1, 1001);
    // Blank lines have no day: 40 days and NULL, from each of three sources.
    assert_eq!(alone.0.len(), 3 * 41);
    let together = load(&folder.path().join("three"), 3, 512 << 20).await;
    assert_eq!(together, alone);
    // Every buffer is written after a few batches.
    let tight = load(&folder.path().join("tight"), 3, 32 << 20).await;
    assert_eq!(tight, alone);
}

#[tokio::test]
async fn a_join_keeps_the_smaller_side_in_memory_wherever_it_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let landing = folder.path().join("s3/b/landing");
    fs::create_dir_all(landing.join("plain")).unwrap();
    fs::create_dir_all(landing.join("days")).unwrap();
    fs::write(landing.join("plain/a.csv"), content()).unwrap();
    let days: String = (0..40).fold(String::new(), |text, day| {
        text + &format!("{day},day {day}\n")
    });
    fs::write(landing.join("days/a.csv"), days).unwrap();
    // The larger side has more than twice as many bytes.
    let engine = engine(folder.path(), 2, 4 << 20);
    let mut session = engine.session(SessionOptions::default());
    let tables = "
        CREATE EXTERNAL TABLE plain (id bigint, day int, amount double, note string)
        ROW FORMAT DELIMITED FIELDS TERMINATED BY ',' LOCATION 's3://b/landing/plain'
        TBLPROPERTIES ('skip.header.line.count'='1');
        CREATE EXTERNAL TABLE days (day int, name string)
        ROW FORMAT DELIMITED FIELDS TERMINATED BY ',' LOCATION 's3://b/landing/days'";
    session.run_script("tables", tables, &|_| {}).await.unwrap();
    let mut counted = Vec::new();
    for sides in ["plain p JOIN days d", "days d JOIN plain p"] {
        let query = format!(
            "SELECT count(*), count(p.note), max(d.name) FROM {sides} ON p.day = d.day WHERE p.note <> d.name"
        );
        counted.push(engine.query(&query).await.unwrap().rows);
    }
    assert_eq!(counted[0], counted[1]);
    assert_eq!(
        counted[0][0][0],
        Cell::Integer(i64::try_from(ROWS).unwrap())
    );
}
