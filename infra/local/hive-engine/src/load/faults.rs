//! Points at which a process may be killed while it publishes a load. Tests kill one at each of them.

/// A point between two steps of publishing. It does nothing, except in a test's own process.
#[inline]
pub(crate) fn point() {
    #[cfg(test)]
    tests::pass();
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::process::Command;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use virtual_time::Clock;

    use crate::engine::{Engine, EngineConfig};
    use crate::locations::LocalRoot;
    use crate::session::SessionOptions;

    /// The warehouse in which a child loads, and the point at which it dies.
    const FOLDER: &str = "HIVE_ENGINE_TEST_FOLDER";
    const KILLED_AT: &str = "HIVE_ENGINE_TEST_KILLED_AT";
    const NAME: &str =
        "load::faults::tests::a_load_that_is_killed_at_any_point_leaves_the_old_or_the_new_data";
    const LOAD: &str = "insert overwrite table flat select 10; \
        insert overwrite table parts partition (p) select 10, 'a' union all select 30, 'c'; \
        insert into flat select 11; \
        insert overwrite table parts partition (p='b') select 20; \
        from one insert overwrite table flat select 12 insert overwrite table parts partition (p='d') select x";

    static PASSED: AtomicUsize = AtomicUsize::new(0);

    pub(super) fn pass() {
        let last = std::env::var(KILLED_AT).ok().and_then(|at| at.parse().ok());
        if last == Some(PASSED.fetch_add(1, Ordering::SeqCst)) {
            std::process::abort();
        }
    }

    fn engine(folder: &Path) -> Engine {
        let clock = Clock::simulated_from("2026-11-21T02:00:00Z".parse().unwrap());
        let locations = Arc::new(LocalRoot::new(folder));
        let metastore = folder.join("metastore");
        let config = EngineConfig::new(metastore, "s3://b/warehouse", locations, clock);
        Engine::open(config).unwrap()
    }

    async fn run(engine: &Engine, text: &str) {
        let mut session = engine.session(SessionOptions::default());
        let strict = "set hive.exec.dynamic.partition.mode=nonstrict; ";
        let text = format!("{strict}{text}");
        session.run_script("load", &text, &|_| {}).await.unwrap();
    }

    async fn rows(engine: &Engine, query: &str) -> Vec<String> {
        let result = engine.query(query).await.unwrap();
        let mut rows: Vec<String> = result.rows.iter().map(|row| row[0].to_string()).collect();
        rows.sort();
        rows
    }

    #[tokio::test]
    async fn a_load_that_is_killed_at_any_point_leaves_the_old_or_the_new_data() {
        if let Ok(folder) = std::env::var(FOLDER) {
            run(&engine(Path::new(&folder)), LOAD).await;
            return;
        }
        for point in 0.. {
            let folder = tempfile::tempdir().unwrap();
            let old = "create table flat (a int); insert into flat values (1), (2); \
                create table parts (a int) partitioned by (p string) stored as orc; \
                create table one stored as parquet as select 40 as x; \
                insert into parts partition (p) select 1, 'a' union all select 2, 'b'";
            run(&engine(folder.path()), old).await;
            let child = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", NAME])
                .env(FOLDER, folder.path())
                .env(KILLED_AT, point.to_string())
                .output()
                .unwrap();
            let engine = engine(folder.path());
            let flat = rows(&engine, "select a from flat").await;
            let wanted: [&[&str]; 4] = [&["1", "2"], &["10"], &["10", "11"], &["12"]];
            assert!(
                wanted.contains(
                    &flat
                        .iter()
                        .map(String::as_str)
                        .collect::<Vec<_>>()
                        .as_slice()
                ),
                "{point}: {flat:?}"
            );
            let parts = rows(&engine, "select concat(p, a) from parts").await;
            for row in &parts {
                assert!(
                    ["a1", "a10", "b2", "b20", "c30", "d40"].contains(&row.as_str()),
                    "{point}: {parts:?}"
                );
            }
            let of = |name: &str| parts.iter().filter(|row| row.starts_with(name)).count();
            assert_eq!((of("a"), of("b")), (1, 1), "{point}: {parts:?}");
            // The same load again finishes what was begun and clears up.
            run(&engine, LOAD).await;
            assert_eq!(rows(&engine, "select a from flat").await, ["12"], "{point}");
            let parts = rows(&engine, "select concat(p, a) from parts").await;
            assert_eq!(parts, ["a10", "b20", "c30", "d40"], "{point}");
            let left = std::fs::read_dir(folder.path().join("s3/b/warehouse")).unwrap();
            let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
            assert_eq!(left.len(), 3, "{point}: {left:?}");
            if child.status.success() {
                assert!(point > 16, "only {point} points were passed");
                return;
            }
        }
    }
}
