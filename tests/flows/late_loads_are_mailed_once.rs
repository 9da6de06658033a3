//! A load that is late is mailed once: a day on which one was due and none has succeeded by the `late-load` machine, a run
//! that takes too long by the alarm on what the functions tell.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::harness::{Metric, Pipeline};
use crate::small_batches::COUNTRY_HEADER;
use crate::the_template_keeps_its_promises::{of_type, stack};

/// A pipeline whose schedule is on. Its first load is due a day after its start.
async fn scheduled() -> Result<Pipeline> {
    let folder = std::sync::Arc::new(tempfile::TempDir::new()?);
    Pipeline::start_with(folder, |options| {
        let on = ("ScheduleState".to_owned(), "ENABLED".to_owned());
        options.parameters.insert(on.0, on.1);
    })
    .await
}

impl Pipeline {
    /// Lets so many hours pass.
    async fn pass(&self, hours: u64) {
        drop(
            self.runtime
                .clock()
                .sleep(Duration::from_secs(hours * 3600))
                .await,
        );
    }

    /// When the loads were due about which somebody was told that none had succeeded.
    fn told_late(&self) -> Vec<String> {
        let mails = self.mails();
        let late = mails
            .iter()
            .filter(|(subject, _)| subject.contains("no load has succeeded"));
        late.filter_map(|(_, text)| {
            let text: Value = serde_json::from_str(text).ok()?;
            text["Due"].as_str().map(str::to_owned)
        })
        .collect()
    }
}

#[tokio::test]
pub(crate) async fn a_day_without_a_success_is_mailed_once_and_not_again() -> Result<()> {
    let pipeline = scheduled().await?;
    // Its row has too few columns, so no load of it succeeds.
    let broken = format!("{COUNTRY_HEADER}\nAA,AAX\n");
    pipeline
        .put("landing/dimension/country/broken.csv", &broken)
        .await?;
    pipeline.pass(30).await;
    let failed = |mails: &[(String, String)]| {
        let failed = mails
            .iter()
            .filter(|(subject, _)| subject.contains("FAILED"));
        failed.count()
    };
    assert_eq!(failed(&pipeline.mails()), 1, "{:#?}", pipeline.mails());
    assert_eq!(pipeline.told_late(), ["2026-11-22T02:00:00Z"]);

    // The scheduler delivers at least once, and a day may have several loads.
    for due in ["2026-11-22T02:00:00Z", "2026-11-22T14:00:00Z"] {
        let input = json!({"ScheduledTime": due, "LateAfterSeconds": 600});
        let outcome = pipeline.run_machine("late-load", input).await?;
        ensure!(outcome.succeeded(), "{outcome:?}");
    }
    assert_eq!(pipeline.told_late(), ["2026-11-22T02:00:00Z"]);

    pipeline.pass(24).await;
    assert_eq!(
        pipeline.told_late(),
        ["2026-11-22T02:00:00Z", "2026-11-23T02:00:00Z"]
    );
    Ok(())
}

#[tokio::test]
pub(crate) async fn a_day_with_a_success_is_not_mailed_nor_one_with_nothing_to_load() -> Result<()>
{
    let pipeline = scheduled().await?;
    pipeline.land_countries().await?;
    pipeline.pass(30).await;
    assert_eq!(pipeline.countries().await?, 3);
    pipeline.pass(24).await;
    assert_eq!(pipeline.told_late(), Vec::<String>::new());
    pipeline.holds(1).await
}

#[tokio::test]
pub(crate) async fn a_load_that_was_made_up_for_in_time_is_not_late() -> Result<()> {
    let pipeline = Pipeline::start().await?;
    pipeline.land_countries().await?;
    pipeline.load("by-hand").await?;
    let due = |time: &str| json!({"ScheduledTime": time, "LateAfterSeconds": 600});
    let started_before = due("2026-11-21T02:00:00Z");
    pipeline.run_machine("late-load", started_before).await?;
    assert_eq!(pipeline.told_late(), Vec::<String>::new());
    // What began before a load was due does not make up for it.
    let due_later = due("2026-11-21T02:10:00Z");
    pipeline.run_machine("late-load", due_later).await?;
    assert_eq!(pipeline.told_late(), ["2026-11-21T02:10:00Z"]);
    Ok(())
}

/// How often an alarm of the template would have mailed: its changes to ALARM, period by period, as CloudWatch evaluates it.
fn alarms(alarm: &str, metrics: &[Metric]) -> Result<usize> {
    let stack = stack()?;
    let alarm = of_type(&stack, "AWS::CloudWatch::Alarm")
        .into_iter()
        .find(|found| found.logical_id == alarm)
        .with_context(|| format!("there is no alarm {alarm}"))?;
    let number = |member: &str| {
        let value = &alarm.properties[member];
        let read = value.as_f64().or_else(|| value.as_str()?.parse().ok());
        read.with_context(|| format!("{member} is {value}"))
    };
    assert_eq!(
        alarm.properties["ComparisonOperator"],
        "GreaterThanThreshold"
    );
    assert_eq!(alarm.properties["Statistic"], "Maximum");
    assert_eq!(alarm.properties["TreatMissingData"], "notBreaching");
    let name = alarm.properties["MetricName"].as_str().unwrap_or_default();
    let (period, of, threshold) = (
        number("Period")? as i64 * 1000,
        number("EvaluationPeriods")? as usize,
        number("Threshold")?,
    );
    let datapoints = number("DatapointsToAlarm").unwrap_or(of as f64) as usize;
    let told: Vec<&Metric> = metrics
        .iter()
        .filter(|metric| metric.name == name)
        .collect();
    let (Some(first), Some(last)) = (told.first(), told.last()) else {
        return Ok(0);
    };
    let (mut alarms, mut is_on, mut breaches) = (0, false, Vec::new());
    for begin in (first.at / period..=last.at / period + of as i64).map(|index| index * period) {
        let within = told
            .iter()
            .filter(|metric| (begin..begin + period).contains(&metric.at));
        breaches.push(within.map(|metric| metric.value).fold(0.0, f64::max) > threshold);
        let recent = breaches.iter().rev().take(of).filter(|breach| **breach);
        let now = recent.count() >= datapoints;
        alarms += usize::from(now && !is_on);
        is_on = now;
    }
    assert!(!is_on, "the alarm goes off when the run has ended");
    Ok(alarms)
}

#[tokio::test]
pub(crate) async fn a_run_that_takes_too_long_raises_its_alarm_once() -> Result<()> {
    let pipeline = Pipeline::start().await?;
    pipeline.land_countries().await?;
    pipeline.load("quick").await?;
    assert_eq!(alarms("RunTakesTooLongAlarm", &pipeline.metrics())?, 0);

    pipeline.land_countries().await?;
    crate::start_and_lock::hang_step(&pipeline, "load dimension country");
    pipeline.fails("slow", "TablesFailed").await?;
    let metrics = pipeline.metrics();
    let longest = metrics.iter().filter(|metric| metric.name == "RunSeconds");
    let longest = longest.map(|metric| metric.value).fold(0.0, f64::max);
    assert!(longest > 28_800.0, "the step had eight hours: {longest}");
    assert_eq!(alarms("RunTakesTooLongAlarm", &metrics)?, 1);
    Ok(())
}
