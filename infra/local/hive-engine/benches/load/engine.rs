//! The engine's side: each case is a Hive script, run in a process of its own.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use hive_engine::{Cell, Engine, EngineConfig, LocalRoot, SessionOptions};
use virtual_time::Clock;

use crate::cases::Case;
use crate::measure::{Figures, own_usage};

const COLUMNS: &str = "id bigint, customer_id int, amount double, product_id int";

/// Runs a case, or prepares what it works on.
pub(crate) fn run(
    case: Case,
    prepare: bool,
    directory: &Path,
    threads: usize,
) -> anyhow::Result<Figures> {
    let born = Instant::now();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()?;
    runtime.block_on(measured(case, prepare, directory, threads, born))
}

async fn measured(
    case: Case,
    prepare: bool,
    directory: &Path,
    threads: usize,
    born: Instant,
) -> anyhow::Result<Figures> {
    let mut config = EngineConfig::new(
        directory.join("metastore"),
        "s3://b/warehouse",
        Arc::new(LocalRoot::new(directory)),
        Clock::simulated_from("2026-11-21T02:00:00Z".parse()?),
    );
    config.parallelism = threads;
    let engine = Engine::open(config)?;
    let mut session = engine.session(SessionOptions::default());
    let work = if prepare { Case::Thousand } else { case };
    session.run_script("tables", &tables(work), &|_| {}).await?;
    let started = Instant::now();
    let results = session.run_script("work", &script(work), &|_| {}).await?;
    let (seconds, process_seconds) = (
        started.elapsed().as_secs_f64(),
        born.elapsed().as_secs_f64(),
    );
    let (cpu_seconds, peak_mebibytes) = own_usage();
    let checked = match case {
        Case::QueryOne if !prepare => results.into_iter().rev().find_map(|result| result.result),
        _ => Some(
            engine
                .query(&format!(
                    "select count(*), sum(product_id) from {}",
                    target(work)
                ))
                .await?,
        ),
    };
    let row = checked.unwrap_or_default().rows.swap_remove(0);
    let number = |cell: &Cell| match cell {
        Cell::Integer(value) => *value,
        _ => 0,
    };
    Ok(Figures {
        seconds,
        process_seconds,
        cpu_seconds,
        peak_mebibytes,
        answer: [number(&row[0]), number(&row[1])],
    })
}

fn target(case: Case) -> &'static str {
    match case {
        Case::Csv | Case::Quoted => "sales_orc",
        Case::Joins => "joined",
        Case::SmallFiles => "gathered",
        Case::Thousand | Case::OverwriteOne | Case::QueryOne => "history",
    }
}

fn landing(name: &str, columns: &str) -> String {
    format!(
        "CREATE EXTERNAL TABLE IF NOT EXISTS {name} ({columns}) ROW FORMAT DELIMITED FIELDS TERMINATED BY ',' \
         STORED AS TEXTFILE LOCATION 's3://b/landing/{name}';\n"
    )
}

fn tables(case: Case) -> String {
    let sales = format!("{COLUMNS}, date_id int");
    let orc = |name: &str, columns: &str| {
        format!(
            "CREATE EXTERNAL TABLE IF NOT EXISTS {name} ({columns}) PARTITIONED BY (date_id int) STORED AS ORC \
             LOCATION 's3://b/prod/{name}';\n"
        )
    };
    let history = || orc("history", COLUMNS);
    match case {
        Case::Csv => landing("sales", &sales) + &orc("sales_orc", COLUMNS),
        Case::Quoted => {
            "CREATE EXTERNAL TABLE IF NOT EXISTS quoted (id string, customer_id string, amount string, product_id string, \
             date_id string) ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.OpenCSVSerde' STORED AS TEXTFILE \
             LOCATION 's3://b/landing/quoted';\n"
                .to_owned()
                + &orc("sales_orc", COLUMNS)
        }
        Case::Joins => {
            landing("sales", &sales)
                + &landing("customer", "customer_id int, customer_key bigint, region string")
                + &landing("product", "product_id int, product_key int, category string")
                + &orc(
                    "joined",
                    "id bigint, customer_key bigint, region string, product_id int, product_key int, category string, amount double",
                )
        }
        Case::SmallFiles => {
            landing("small", &sales)
                + &format!("CREATE EXTERNAL TABLE IF NOT EXISTS gathered ({sales}) STORED AS ORC LOCATION 's3://b/prod/gathered';\n")
        }
        Case::Thousand => landing("history_csv", &sales).replace("landing/history_csv", "landing/history") + &history(),
        Case::OverwriteOne => landing("day", &sales) + &history(),
        Case::QueryOne => history(),
    }
}

fn script(case: Case) -> String {
    let settings = "SET hive.exec.dynamic.partition.mode=nonstrict;\nSET hive.exec.max.dynamic.partitions=2000;\n\
                    SET hive.exec.max.dynamic.partitions.pernode=2000;\n";
    let statement = match case {
        Case::Csv => {
            "INSERT OVERWRITE TABLE sales_orc PARTITION (date_id) SELECT id, customer_id, amount, product_id, date_id FROM sales"
        }
        Case::Quoted => {
            "INSERT OVERWRITE TABLE sales_orc PARTITION (date_id) SELECT CAST(id AS bigint), CAST(customer_id AS int), \
             CAST(amount AS double), CAST(product_id AS int), CAST(date_id AS int) FROM quoted"
        }
        Case::Joins => {
            "INSERT OVERWRITE TABLE joined PARTITION (date_id) \
             SELECT s.id, c.customer_key, c.region, s.product_id, p.product_key, p.category, s.amount, s.date_id \
             FROM sales s JOIN customer c ON s.customer_id = c.customer_id JOIN product p ON s.product_id = p.product_id"
        }
        Case::SmallFiles => {
            "INSERT OVERWRITE TABLE gathered SELECT id, customer_id, amount, product_id, date_id FROM small"
        }
        Case::Thousand => {
            "INSERT OVERWRITE TABLE history PARTITION (date_id) SELECT id, customer_id, amount, product_id, date_id FROM history_csv"
        }
        Case::OverwriteOne => {
            "INSERT OVERWRITE TABLE history PARTITION (date_id = 20260500) SELECT id, customer_id, amount, product_id FROM day"
        }
        Case::QueryOne => "SELECT count(*), sum(product_id) FROM history WHERE date_id = 20260600",
    };
    format!("{settings}{statement};\n")
}
