//! What people do between two runs: they correct staged files, change the configuration, redrive an execution, launch a cluster
//! and work on it by hand. Each is part of a life's plan; what they start must keep the promises too.

use std::collections::BTreeMap;

use aws_services::s3::{Condition, PutOptions};
use embedded_runtime::{ExecutionOutcome, RuntimeError};
use serde_json::json;

use crate::life::Life;
use crate::mails;
use crate::plan::{Configuration, Session, Start};

/// The project's configuration file, uploaded at the start.
#[derive(Debug, Clone)]
pub(crate) struct ConfigurationFile {
    bucket: String,
    key: String,
    text: String,
}

impl Life<'_> {
    /// The configuration as the project has it; `None` if no function reads one.
    pub(crate) async fn configuration_file(&self) -> Option<ConfigurationFile> {
        let functions = &self.runtime.stack().functions;
        let environment = |name: &str| {
            let mut values = functions
                .iter()
                .filter_map(|function| function.environment.get(name));
            values.next().cloned()
        };
        let bucket = environment("Config_File_S3_Bucket")?;
        let key = environment("Config_File_S3_Key")?;
        let object = self.runtime.services().s3.get(&bucket, &key).await.ok()?;
        let text = String::from_utf8(object.into_bytes().ok()?.to_vec()).ok()?;
        Some(ConfigurationFile { bucket, key, text })
    }

    /// Uploads the configuration, changed or not.
    pub(crate) async fn configure(&mut self, configuration: Configuration) {
        let Some(file) = self.configuration.clone() else {
            return;
        };
        let text = match configuration {
            Configuration::Kept => file.text.clone(),
            Configuration::Changed => changed(&file.text),
            Configuration::Broken => half(&file.text),
        };
        if self.is_configured == configuration
            || (text == file.text && configuration != Configuration::Kept)
        {
            return;
        }
        let s3 = &self.runtime.services().s3;
        let put = s3.put(
            &file.bucket,
            &file.key,
            text.into_bytes(),
            PutOptions::default(),
        );
        if put.await.is_ok() {
            self.is_configured = configuration;
            self.say(&format!("the configuration is {configuration:?}").to_lowercase());
        }
    }

    /// Whether the present load has more bad lines for a table than may be rejected.
    pub(crate) fn is_blocked(&self) -> bool {
        let mut bad: BTreeMap<_, usize> = BTreeMap::new();
        for file in self.landed.last().into_iter().flatten() {
            *bad.entry(&file.table).or_default() += file.bad.len();
        }
        bad.values()
            .any(|count| *count > self.rejected_rows_allowed)
    }

    /// Corrects the present load's files that have been staged, as long as their table is not loaded; those that still are
    /// in landing are not looked at.
    pub(crate) async fn correct_staged_files(
        &mut self,
        batch: &str,
        is_misdated: bool,
    ) -> Result<(), RuntimeError> {
        let bucket = self.runtime.bucket()?.to_owned();
        let s3 = std::sync::Arc::clone(&self.runtime.services().s3);
        let mut corrected = Vec::new();
        for file in self.landed.last_mut().into_iter().flatten() {
            let (kind, table) = (&file.table.kind, &file.table.name);
            let key = format!("staging/{kind}/{table}/batch_id={batch}/{}", file.name());
            if s3.get(&bucket, &key).await.is_err() {
                continue;
            }
            let ledger = format!("runs/batch_id={batch}/{kind}.{table}.loaded");
            if s3.get(&bucket, &ledger).await.is_ok() {
                continue;
            }
            let mut better = file.clone();
            better.correct();
            let may_be_dated = is_misdated && kind == "fact" && file.withdrawn.is_empty();
            let is_dated = may_be_dated && better.date_anew();
            if file.bad.is_empty() && !is_dated {
                continue;
            }
            let put = s3.put(&bucket, &key, better.content(), PutOptions::default());
            if put.await.is_ok() {
                *file = better;
                corrected.push(key);
            }
        }
        for key in corrected {
            self.say(&format!("a person corrects {key}"));
        }
        Ok(())
    }

    /// Removes the state info that nobody can read, if a mail about this run says so. Returns whether it said so, and whether
    /// a fault of this life had made it so.
    pub(crate) async fn remove_what_the_mail_names(
        &mut self,
        outcome: &ExecutionOutcome,
        mails_before: usize,
    ) -> bool {
        let mails = self.timeline.mails();
        let fresh = mails.get(mails_before..).unwrap_or_default();
        let own = mails::about(fresh, &outcome.execution_arn);
        let Some((bucket, key)) = own.iter().find_map(|mail| mails::removal(mail)) else {
            return false;
        };
        let s3 = &self.runtime.services().s3;
        if s3
            .delete(&bucket, &key, &Condition::default())
            .await
            .is_ok()
        {
            self.say(&format!("a person removes s3://{bucket}/{key}"));
        }
        self.is_state_info_damaged()
    }

    /// Redrives a master. `None` if something did not end; the outcome is the old one if it could not be redriven.
    pub(crate) async fn redrive(
        &mut self,
        failed: &ExecutionOutcome,
    ) -> Result<Option<ExecutionOutcome>, RuntimeError> {
        let request = json!({"executionArn": failed.execution_arn});
        let states = std::sync::Arc::clone(&self.runtime.services().states);
        self.say("a person redrives the run");
        let before = self.before_a_run();
        if states.call("RedriveExecution", request).await.is_err() {
            return Ok(Some(failed.clone()));
        }
        self.redriven_from = Some(failed.status.clone());
        let outcome = self
            .until_all_has_ended(&failed.execution_arn, "the redriven master", before)
            .await;
        self.redriven_from = None;
        outcome
    }

    /// Launches a cluster by hand, runs children on it, and terminates it, or leaves it to the idle policy. Returns
    /// whether everything ended.
    pub(crate) async fn work_by_hand(&mut self, session: &Session) -> Result<bool, RuntimeError> {
        let launch = Start {
            machine: "launch-emr-cluster",
            input: json!({"BatchId": session.batch}),
        };
        let terminate = Start {
            machine: "terminate-emr-cluster",
            input: json!({}),
        };
        let mut starts = vec![launch];
        starts.extend(session.children.iter().cloned());
        if !session.forgotten {
            starts.push(terminate);
        }
        let last = starts.len() - 1;
        let struck_before = self.injector.hits(&self.runtime);
        for (number, start) in starts.iter().enumerate() {
            let had_cluster = self.is_a_cluster_alive();
            let is_terminated = number == last && !session.forgotten;
            self.was_cluster_wanted = number > 0 && !is_terminated;
            self.is_cluster_wanted = number < last;
            self.say(&format!(
                "a person starts {} with {}",
                start.machine, start.input
            ));
            let mails_before = self.timeline.mails().len();
            self.is_by_hand = true;
            let outcome = self.start(start.machine, &start.input).await?;
            self.is_by_hand = false;
            self.was_cluster_wanted = false;
            self.is_cluster_wanted = false;
            let Some(outcome) = outcome else {
                return Ok(false);
            };
            if !self.record.violations.is_empty() {
                return Ok(false);
            }
            let removed = self
                .remove_what_the_mail_names(&outcome, mails_before)
                .await;
            let struck = removed || self.injector.hits(&self.runtime) > struck_before;
            let needs_a_cluster = !matches!(
                start.machine,
                "launch-emr-cluster" | "terminate-emr-cluster"
            );
            let is_excused = struck || self.is_blocked() || (needs_a_cluster && !had_cluster);
            if !outcome.succeeded() && !is_excused {
                let what = format!(
                    "{} by hand with {} ended {} ({}), although nothing went wrong during it",
                    start.machine,
                    start.input,
                    outcome.status,
                    outcome.error.as_deref().unwrap_or_default()
                );
                self.violate("reruns", vec![what]);
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn is_a_cluster_alive(&self) -> bool {
        let clusters = self.runtime.services().emr.clusters();
        clusters.iter().any(|cluster| !cluster.state.has_ended())
    }
}

/// The configuration with other numbers of workers and another way of asking.
fn changed(text: &str) -> String {
    [
        ("ondemand_worker_count = 1", "ondemand_worker_count = 2"),
        (
            "spot_worker_increment_count = 2",
            "spot_worker_increment_count = 3",
        ),
        ("step_concurrency = 2", "step_concurrency = 1"),
        ("shortest_seconds = 5", "shortest_seconds = 15"),
    ]
    .iter()
    .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

/// The first half of the lines.
fn half(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[..lines.len() / 2].join("\n")
}
