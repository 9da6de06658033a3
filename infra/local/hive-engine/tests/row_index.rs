//! ORC's row index: a query that skips groups of rows answers as the same query over text, for every type and codec.

use std::fmt::Write;
use std::fs;
use std::sync::Arc;

use hive_engine::{Engine, EngineConfig, LocalRoot, SessionOptions};
use virtual_time::Clock;

const ROWS: usize = 7300;

const COLUMNS: &str = "a bigint, b string, c array<string>, d struct<x:int,y:array<int>>, e map<string,double>, f timestamp, \
    g decimal(20,3), h boolean, i tinyint, j string, k binary, l double, m date, n array<struct<p:string,q:decimal(9,2)>>, o float, \
    p char(6), q varchar(9), r smallint, s int";

/// One line of text. Every column but the first is NULL in some rows; `j` has too many values for a dictionary.
fn line(row: usize) -> String {
    let or_null = |every: usize, text: String| {
        if row % every == every - 1 {
            "\\N".to_owned()
        } else {
            text
        }
    };
    let items = |count: usize, item: &dyn Fn(usize) -> String, by: &str| {
        (0..count).map(item).collect::<Vec<_>>().join(by)
    };
    let day = format!("20{:02}-{:02}-{:02}", row % 90, row % 12 + 1, row % 28 + 1);
    [
        row.to_string(),
        or_null(7, format!("word {}", row % 97)),
        or_null(5, items(row % 4, &|item| format!("i{}", row * item), "+")),
        or_null(
            11,
            format!("{}+{}", row, items(row % 3, &|item| item.to_string(), ":")),
        ),
        or_null(6, items(row % 3, &|item| format!("k{item}:{row}.5"), "+")),
        or_null(13, format!("{day} 01:02:03.{:06}", row % 1000 * 1000)),
        or_null(3, format!("{row}.125")),
        or_null(4, row.is_multiple_of(3).to_string()),
        or_null(9, (row % 100).to_string()),
        or_null(1000, format!("text {}", row * 31)),
        or_null(8, "Yg==".to_owned()),
        or_null(17, format!("{row}.25")),
        or_null(19, day.clone()),
        or_null(10, items(row % 3, &|item| format!("p{item}:{row}.50"), "+")),
        or_null(21, format!("{}.5", row % 50)),
        or_null(23, format!("c{}", row % 9)),
        or_null(25, format!("v{row}")),
        or_null(27, (row % 30_000).to_string()),
        // The second half of the table has no value at all.
        if row < ROWS / 2 {
            row.to_string()
        } else {
            "\\N".to_owned()
        },
    ]
    .join("|")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_that_skips_groups_answers_as_one_over_text() {
    let folder = tempfile::tempdir().unwrap();
    let engine = Engine::open(EngineConfig::new(
        folder.path().join("metastore"),
        "s3://b/warehouse",
        Arc::new(LocalRoot::new(folder.path())),
        Clock::simulated_from("2026-11-21T02:00:00Z".parse().unwrap()),
    ))
    .unwrap();
    let landing = folder.path().join("s3/b/landing");
    fs::create_dir_all(&landing).unwrap();
    let text = (0..ROWS).fold(String::new(), |mut text, row| {
        writeln!(text, "{}", line(row)).unwrap();
        text
    });
    fs::write(landing.join("a"), text).unwrap();
    let mut session = engine.session(SessionOptions::default());
    let mut script = format!(
        "create external table plain ({COLUMNS}) row format delimited fields terminated by '|' \
         collection items terminated by '+' map keys terminated by ':' location 's3://b/landing';"
    );
    let codecs = ["none", "zlib", "snappy", "lz4", "zstd"];
    for codec in codecs {
        write!(
            script,
            "create table {codec}_t ({COLUMNS}) stored as orc \
             tblproperties ('orc.compress'='{codec}', 'orc.row.index.stride'='1000'); \
             insert into {codec}_t select * from plain order by a;"
        )
        .unwrap();
    }
    session
        .run_script("tables", &script, &|_| {})
        .await
        .unwrap();
    let conditions = [
        "a = 4321",
        "a between 2995 and 3005",
        "a < 3 or a > 7290",
        "s is null and a < 4500",
        "s > 3600",
        "l >= 7200.25",
        "g < 100",
        "j = 'text 31031'",
        "a > 999999",
        "b = 'word 5' and a >= 6000",
    ];
    for condition in conditions {
        let rows = async |table: &str| {
            let sql = format!("select * from {table} where {condition} order by a");
            engine.query(&sql).await.unwrap().rows
        };
        let expected = rows("plain").await;
        assert_eq!(
            expected.is_empty(),
            condition == "a > 999999",
            "{condition}"
        );
        for codec in codecs {
            let found = rows(&format!("{codec}_t")).await;
            assert_eq!(found, expected, "{codec}: {condition}");
        }
    }
}
