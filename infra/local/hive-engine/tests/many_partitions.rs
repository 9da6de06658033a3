//! Tables of many partitions: what is added, found, loaded and dropped, and that the work grows with their number and no faster.
#![expect(
    clippy::unwrap_used,
    reason = "a test stops where something is not as it should be"
)]

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hive_engine::{Engine, EngineConfig, LocalRoot, SessionOptions};
use virtual_time::Clock;

fn engine(root: &Path) -> Engine {
    let clock = Clock::simulated_from("2026-11-21T02:00:00Z".parse().unwrap());
    let locations = Arc::new(LocalRoot::new(root));
    let metastore = root.join("metastore");
    Engine::open(EngineConfig::new(
        metastore,
        "s3://b/warehouse",
        locations,
        clock,
    ))
    .unwrap()
}

async fn run(engine: &Engine, text: &str) -> Duration {
    let begun = Instant::now();
    let mut session = engine.session(SessionOptions::default());
    session.run_script("script", text, &|_| {}).await.unwrap();
    begun.elapsed()
}

async fn answer(engine: &Engine, query: &str) -> (String, Duration) {
    let begun = Instant::now();
    let result = engine.query(query).await.unwrap();
    (result.rows[0][0].to_string(), begun.elapsed())
}

/// What was done, and how long it took.
async fn live(partitions: usize) -> Vec<(&'static str, Duration)> {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path());
    let lines: String = (0..partitions).fold(String::new(), |mut text, row| {
        writeln!(text, "{row},day{row:05}").unwrap();
        text
    });
    let source = folder.path().join("s3/b/in");
    fs::create_dir_all(&source).unwrap();
    fs::write(source.join("a.csv"), lines).unwrap();
    let table = "(id int) partitioned by (day string) stored as orc";
    run(
        &engine,
        &format!(
            "create external table source (id int, day string) row format delimited fields terminated by ',' \
             location 's3://b/in'; create external table t {table} location 's3://b/t'; \
             create external table found {table} location 's3://b/t'; create external table added {table} location 's3://b/t'"
        ),
    )
    .await;
    let allowed = "set hive.exec.dynamic.partition.mode=nonstrict; set hive.exec.max.dynamic.partitions=100000; \
        set hive.exec.max.dynamic.partitions.pernode=100000; ";
    let load =
        format!("{allowed} insert overwrite table t partition (day) select id, day from source");
    let mut took = vec![("load", run(&engine, &load).await)];
    took.push(("load again", run(&engine, &load).await));
    took.push(("repair", run(&engine, "msck repair table found").await));
    took.push((
        "repair again",
        run(&engine, "msck repair table found").await,
    ));
    let clauses: String = (0..partitions).fold(String::new(), |mut text, row| {
        write!(text, " partition (day='day{row:05}')").unwrap();
        text
    });
    took.push((
        "add all",
        run(&engine, &format!("alter table added add{clauses}")).await,
    ));
    took.push((
        "add one",
        run(&engine, "alter table added add partition (day='one')").await,
    ));
    took.push((
        "drop one",
        run(&engine, "alter table added drop partition (day='one')").await,
    ));
    let one = partitions / 2;
    let overwrite = format!("insert overwrite table t partition (day='day{one:05}') select {one}");
    took.push(("overwrite one", run(&engine, &overwrite).await));
    for table in ["t", "found", "added"] {
        let pruned = format!("select max(id) from {table} where day = 'day{one:05}'");
        let (found, time) = answer(&engine, &pruned).await;
        assert_eq!(found, one.to_string(), "{table}");
        took.push(("query one", time));
    }
    let (all, time) = answer(&engine, "select count(*) from t").await;
    assert_eq!(all, partitions.to_string());
    took.push(("query all", time));
    took.push((
        "drop all",
        run(&engine, "alter table added drop partition (day>='day')").await,
    ));
    assert_eq!(answer(&engine, "select count(*) from added").await.0, "0");
    took
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hundreds_of_partitions_are_loaded_found_added_and_dropped() {
    live(300).await;
}

/// `cargo test --profile fast -p hive-engine --test many_partitions -- --ignored --nocapture` prints the times.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes a minute; it is for measuring"]
async fn ten_times_the_partitions_take_about_ten_times_as_long() {
    let small = live(1_000).await;
    let large = live(10_000).await;
    for ((what, small), (_, large)) in small.iter().zip(&large) {
        let ratio = large.as_secs_f64() / small.as_secs_f64();
        eprintln!("{what:14} {small:>10.1?} {large:>10.1?}  x{ratio:.1}");
        assert!(
            ratio < 25.0 || large.as_millis() < 50,
            "{what}: {small:?} for 1,000 partitions, {large:?} for 10,000"
        );
    }
}
