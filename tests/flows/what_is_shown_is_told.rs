//! Every metric that the template's dashboard and alarms name is told by a function in a run, and none is told that nobody
//! looks at; what they tell is what happened.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::harness::{Pipeline, sample_rows};
use crate::small_batches::{TRANSFER_HEADER, transfer};
use crate::the_template_keeps_its_promises::{list, of_type, stack};

/// The namespace of the functions' own metrics; those of AWS's services come from AWS.
const NAMESPACE: &str = "DataPipeline";

type Shown = BTreeSet<(String, BTreeMap<String, String>)>;

/// What alarms and dashboards show: names with their dimensions.
fn shown() -> Result<Shown> {
    let stack = stack()?;
    let mut shown = Shown::new();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let dimensions = |metric: &Value| {
        let listed = list(&metric["Dimensions"]);
        let pairs = listed
            .iter()
            .map(|one| (text(&one["Name"]), text(&one["Value"])));
        pairs.collect::<BTreeMap<_, _>>()
    };
    for alarm in of_type(&stack, "AWS::CloudWatch::Alarm") {
        let of_math = list(&alarm.properties["Metrics"]);
        let of_math = of_math
            .iter()
            .map(|metric| metric["MetricStat"]["Metric"].clone());
        for metric in of_math.chain([alarm.properties.clone()]) {
            if metric["Namespace"] == NAMESPACE {
                shown.insert((text(&metric["MetricName"]), dimensions(&metric)));
            }
        }
    }
    for dashboard in of_type(&stack, "AWS::CloudWatch::Dashboard") {
        let body = dashboard.properties["DashboardBody"]
            .as_str()
            .context("no body")?;
        let body: Value = serde_json::from_str(body).context("the dashboard is no JSON")?;
        for widget in list(&body["widgets"]) {
            let mut before: Vec<String> = Vec::new();
            for row in list(&widget["properties"]["metrics"]) {
                let words: Vec<String> = list(&row)
                    .iter()
                    .filter_map(|word| word.as_str().map(str::to_owned))
                    .collect();
                if words.is_empty() {
                    continue;
                }
                if words[0] != "..." {
                    // A dot repeats what stands above it.
                    let above = |(at, word): (usize, &String)| match word.as_str() {
                        "." => before.get(at).cloned().unwrap_or_default(),
                        _ => word.clone(),
                    };
                    before = words.iter().enumerate().map(above).collect();
                }
                if let [namespace, name, pairs @ ..] = before.as_slice()
                    && namespace == NAMESPACE
                {
                    let pairs = pairs
                        .chunks(2)
                        .map(|pair| (pair[0].clone(), pair[1].clone()));
                    shown.insert((name.clone(), pairs.collect()));
                }
            }
        }
    }
    Ok(shown)
}

#[tokio::test]
pub(crate) async fn every_metric_that_is_shown_is_told_and_none_besides() -> Result<()> {
    let pipeline = Pipeline::start().await?;
    pipeline.land_samples().await?;
    pipeline.load("b1").await?;
    let told = pipeline
        .metrics()
        .into_iter()
        .filter(|metric| metric.namespace == NAMESPACE);
    let told: Shown = told
        .map(|metric| (metric.name, metric.dimensions))
        .collect();
    let shown = shown()?;
    assert!(shown.len() >= 6, "{shown:#?}");
    let missing: Vec<_> = shown.difference(&told).collect();
    let unseen: Vec<_> = told.difference(&shown).collect();
    assert!(
        missing.is_empty() && unseen.is_empty(),
        "shown and never told: {missing:?}\ntold and never shown: {unseen:?}"
    );
    Ok(())
}

fn sum(pipeline: &Pipeline, name: &str) -> f64 {
    let metrics = pipeline.metrics().into_iter();
    metrics
        .filter(|metric| metric.name == name)
        .map(|metric| metric.value)
        .sum()
}

#[tokio::test]
pub(crate) async fn rows_and_cluster_hours_add_up() -> Result<()> {
    let folder = std::sync::Arc::new(tempfile::TempDir::new()?);
    let pipeline = Pipeline::start_with(folder, |options| {
        let allowed = ("RejectedRowsAllowed".to_owned(), "2".to_owned());
        options.parameters.insert(allowed.0, allowed.1);
    })
    .await?;
    pipeline.land_samples().await?;
    let rows: u64 = sample_rows()?.values().sum();
    pipeline.load("b1").await?;
    assert_eq!(sum(&pipeline, "RowsLoaded"), rows as f64);
    assert_eq!(sum(&pipeline, "RowsRejected"), 0.0);
    // The same batch again loads nothing, and two bad rows are counted apart.
    pipeline.load("b1").await?;
    let bad = "TR-1,not a day,,,,,,,,\n".repeat(2);
    let file = format!("{TRANSFER_HEADER}\n{}{bad}", transfer(7, "2026-11-20"));
    pipeline
        .put("landing/fact/transfer_transaction/late.csv", &file)
        .await?;
    pipeline.load("b2").await?;
    assert_eq!(sum(&pipeline, "RowsLoaded"), rows as f64 + 1.0);
    assert_eq!(sum(&pipeline, "RowsRejected"), 2.0);

    let mut hours = 0.0;
    for cluster in pipeline.runtime.services().emr.clusters() {
        let described = pipeline
            .emr("DescribeCluster", json!({"ClusterId": cluster.id}))
            .await?;
        let of_one = described["Cluster"]["NormalizedInstanceHours"].as_f64();
        hours += of_one.context("EMR does not tell the hours")?;
    }
    assert!(hours > 0.0);
    assert_eq!(sum(&pipeline, "NormalizedInstanceHours"), hours);
    Ok(())
}
