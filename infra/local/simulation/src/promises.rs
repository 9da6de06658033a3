//! The promises about clusters and mails, checked after each run of a life. What a mail must say is known from the run's end;
//! how many there may be, from the faults that struck the sending itself.

use aws_services::deadline::reached;
use embedded_runtime::{ExecutionOutcome, RuntimeError};

use crate::injector::{Hit, Struck};
use crate::kind::Kind;
use crate::life::{Before, Life, told};
use crate::mails;
use crate::timeline::Mail;

/// EMR's idle policy ends what everything else has forgotten; after this it must have.
const IDLE_POLICY: std::time::Duration = std::time::Duration::from_secs(4 * 3600);
/// A cluster that is asked to end takes no more work, and is gone within this.
const TERMINATION: jiff::SignedDuration = jiff::SignedDuration::from_secs(120);
/// So many failures of one publication the machines outlast, if each failure is certain.
const CERTAIN_FAILURES: usize = 6;

/// What faults may have done to the mails of one run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Slack {
    /// Nobody could have sent one.
    may_be_missing: bool,
    /// So often one was sent and nobody could know.
    extra: usize,
}

impl Life<'_> {
    /// Whether a fault has damaged the state info at any time of this life.
    pub(crate) fn is_state_info_damaged(&self) -> bool {
        let struck = self.injector.struck(&self.runtime);
        struck
            .iter()
            .any(|struck| struck.kind == Kind::StateInfo && !struck.hits.is_empty())
    }

    /// Whoever launches finds the cluster that there is: two are alive at once only if somebody has damaged the document
    /// that names the first.
    pub(crate) fn check_one_cluster_at_a_time(&mut self) {
        if self.is_state_info_damaged() {
            return;
        }
        let clusters = self.runtime.services().emr.clusters();
        let now = self.runtime.clock().now();
        for (earlier, later) in clusters.iter().zip(clusters.iter().skip(1)) {
            let ended = earlier.ended.unwrap_or(now);
            if ended.duration_since(later.created) > TERMINATION {
                let what = format!("{} was launched while {} was alive", later.id, earlier.id);
                self.violate("clusters", vec![what]);
                return;
            }
        }
    }

    /// No cluster may be alive. One that could not be terminated must be named in a mail, and the idle policy ends it.
    pub(crate) async fn check_clusters(&mut self, before: &Before) {
        let left = self.clusters_alive();
        if left.is_empty() || self.is_cluster_wanted {
            return;
        }
        let mails = self.timeline.mails();
        let fresh = mails.get(before.mails..).unwrap_or_default();
        // Whoever loses the document that names a cluster of his own has to end it himself.
        let is_lost = self.is_by_hand && self.is_state_info_damaged();
        let forgotten = self.was_cluster_wanted || is_lost || self.slack(before).may_be_missing;
        for cluster in left.iter().filter(|_| !forgotten) {
            if !fresh
                .iter()
                .any(|mail| mail.message.contains(cluster.as_str()))
            {
                let what = format!("{cluster} is alive after its run, and no mail names it");
                self.violate("clusters", vec![what]);
            }
        }
        self.say(&format!(
            "{} is alive; EMR's idle policy is awaited",
            left.join(", ")
        ));
        let clock = self.runtime.clock().clone();
        let work = self.custody.take().unwrap_or_else(|| clock.work());
        let work = reached(&clock, clock.after(IDLE_POLICY), work).await;
        self.custody = Some(self.runtime.settled(work).await);
        for cluster in self.clusters_alive() {
            let hours = IDLE_POLICY.as_secs() / 3600;
            let what = format!("{cluster} is alive {hours} hours after its run");
            self.violate("clusters", vec![what]);
        }
    }

    fn clusters_alive(&self) -> Vec<String> {
        let clusters = self.runtime.services().emr.clusters();
        let alive = clusters
            .into_iter()
            .filter(|cluster| !cluster.state.has_ended());
        alive.map(|cluster| cluster.id).collect()
    }

    /// One mail about each master that failed or loaded something, and about each child that failed by hand; none about
    /// anything else. Counts the masters too.
    pub(crate) async fn check_mails(
        &mut self,
        before: &Before,
        by_hand: &ExecutionOutcome,
    ) -> Result<(), RuntimeError> {
        let slack = self.slack(before);
        let mails = self.timeline.mails();
        let fresh = mails.get(before.mails..).unwrap_or_default();
        let masters = self.timeline.executions("master");
        let (known, started) = masters.split_at(before.masters.min(masters.len()));
        let mut problems = Vec::new();
        let mut owned = 0;
        for arn in started {
            let outcome = self.runtime.wait(arn).await?;
            if outcome.succeeded() {
                self.record.succeeded += 1;
            } else {
                self.record.failed += 1;
            }
            let own = mails::about(fresh, arn);
            owned += own.len();
            let is_mailed = !outcome.succeeded() || told(&outcome) == "LOADED";
            // A redriven run that had reached its Fail state only fails again: it has told already.
            let has_told = known.contains(arn)
                && self.redriven_from.as_deref() == Some("FAILED")
                && outcome.status == "FAILED"
                && own.is_empty();
            if !has_told {
                problems.extend(problems_of(&outcome, &own, usize::from(is_mailed), slack));
            }
            // With several runs at once the data is another's, too.
            if let ([_], [mail], "FAILED") = (started, own.as_slice(), outcome.status.as_str()) {
                problems.extend(self.wrong_states(mail).await);
            }
        }
        if !started.contains(&by_hand.execution_arn) {
            let own = mails::about(fresh, &by_hand.execution_arn);
            owned += own.len();
            // Whoever stops an execution by hand needs no mail about it; one may be on its way.
            let is_on_its_way = by_hand.status == "ABORTED" && !own.is_empty();
            let expected = usize::from(by_hand.status == "FAILED" || is_on_its_way);
            problems.extend(problems_of(by_hand, &own, expected, slack));
        }
        let nobodys = fresh
            .iter()
            .filter(|mail| mails::is_about_a_run(mail))
            .count();
        if nobodys > owned {
            problems.push(format!(
                "{} mails are about runs that nobody asked about",
                nobodys - owned
            ));
        }
        self.violate("mails", problems);
        Ok(())
    }

    /// What a mail's table `Data` says of the tables, and what is not so.
    async fn wrong_states(&self, mail: &Mail) -> Vec<String> {
        // That it lacks the batch or the table is found elsewhere.
        let (Some((batch, told)), Ok(bucket)) = (mails::data(mail), self.runtime.bucket()) else {
            return Vec::new();
        };
        let mut wrong = Vec::new();
        if told.is_empty() {
            wrong.push(format!("the mail `{}` tells of no table", mail.subject));
        }
        for (table, state) in told {
            let ledger = format!("runs/batch_id={batch}/{table}.loaded");
            let is_loaded = self
                .runtime
                .services()
                .s3
                .get(bucket, &ledger)
                .await
                .is_ok();
            let is_unknown =
                state == "not known" && mail.message.contains("Not everything could be looked at");
            if !is_unknown && state.starts_with("loaded") != is_loaded {
                wrong.push(format!(
                    "the mail `{}` says of {table}: {state}; {} s3://{bucket}/{ledger}",
                    mail.subject,
                    if is_loaded { "there is" } else { "there is no" },
                ));
            }
        }
        wrong
    }

    /// What the faults that struck since then may have done to mails.
    fn slack(&self, before: &Before) -> Slack {
        let struck = self.injector.struck(&self.runtime);
        let mut slack = Slack::default();
        let (mut certain, mut uncertain) = (0, 0);
        for (index, fault) in struck.iter().enumerate() {
            let known = before.struck.get(index).map_or(0, |fault| fault.hits.len());
            for hit in fault.hits.iter().skip(known) {
                match self.effect(fault, hit) {
                    Effect::None => {}
                    Effect::Certain => certain += 1,
                    Effect::Uncertain => uncertain += 1,
                    Effect::Extra => slack.extra += 1,
                    Effect::Final => slack.may_be_missing = true,
                }
            }
        }
        slack.may_be_missing |= certain > CERTAIN_FAILURES || uncertain > 1;
        slack
    }

    /// What one hit may have done to a mail.
    fn effect(&self, fault: &Struck, hit: &Hit) -> Effect {
        let sight = &hit.sight;
        let is_at_mail = self.is_at_the_mail(hit);
        if fault.kind == Kind::Abort {
            return match (is_at_mail, sight.machine.as_str()) {
                // Whoever stops the one that cleans up and mails does its work.
                (_, "terminate-emr-cluster") => Effect::Final,
                (true, _) => Effect::Extra,
                _ => Effect::None,
            };
        }
        // Events that start the reaper are calls of nobody's state.
        let starts_the_reaper = sight.machine.is_empty() && sight.service == "states";
        let sends = sight.service == "sns"
            || starts_the_reaper
            || (is_at_mail && (sight.service.is_empty() || sight.service == "lambda"));
        let kills = is_at_mail && matches!(fault.kind, Kind::CrashBefore | Kind::CrashAfter);
        if !sends {
            return if kills { Effect::Certain } else { Effect::None };
        }
        match fault.kind {
            Kind::Throttle | Kind::Error | Kind::CrashBefore | Kind::FunctionCrash => {
                Effect::Certain
            }
            Kind::LoseRequest | Kind::Hang | Kind::FunctionTimeout => Effect::Uncertain,
            Kind::Deny | Kind::MalformedAnswer | Kind::UnexpectedStatus => Effect::Final,
            kind if kind.is_after() || kind == Kind::FunctionCrashAtEnd => Effect::Extra,
            _ => Effect::None,
        }
    }
}

/// What a fault may do to a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    None,
    /// It was not sent, and everybody knows.
    Certain,
    /// It was not sent, but it could have been: trying again for ever would send many.
    Uncertain,
    /// It was sent, and nobody knows.
    Extra,
    /// It cannot be sent.
    Final,
}

fn problems_of(
    outcome: &ExecutionOutcome,
    own: &[&Mail],
    expected: usize,
    slack: Slack,
) -> Vec<String> {
    let name = outcome.execution_arn.rsplit(':').next().unwrap_or_default();
    let mut problems = Vec::new();
    // Whoever stops a run that is done, but for its last states, may get both mails.
    let is_late = |mail: &Mail| outcome.status == "ABORTED" && mails::tells_of_a_load(mail);
    let late = own.iter().filter(|mail| is_late(mail)).count().min(1);
    let least = if slack.may_be_missing { 0 } else { expected };
    let most = if expected == 0 {
        0
    } else {
        expected + slack.extra.max(late)
    };
    if !(least..=most).contains(&own.len()) {
        problems.push(format!(
            "{} mails about {name} {} ({}); {expected} expected",
            own.len(),
            outcome.status,
            told(outcome)
        ));
    }
    let mut incidents: Vec<_> = own
        .iter()
        .map(|mail| mails::field(mail, "Incident"))
        .collect();
    incidents.dedup();
    if incidents.len() > 1 && outcome.status != "ABORTED" {
        problems.push(format!(
            "the mails about {name} tell of different incidents"
        ));
    }
    for mail in own {
        let is_of_success = outcome.succeeded() || is_late(mail);
        let missing = match (is_of_success, outcome.status.as_str()) {
            (true, _) => mails::missing(mail, &["Run", "Started", "Incident", "Rows", "Cost"]),
            (false, "FAILED") => mails::missing(
                mail,
                &[
                    "Run",
                    "Started",
                    "Incident",
                    "Failed",
                    "Error",
                    "Why",
                    "Data",
                    "Cost",
                    "To resume",
                ],
            ),
            _ => mails::missing(mail, &["Run", "Incident", "Cost", "To resume"]),
        };
        if !missing.is_empty() {
            problems.push(format!(
                "the mail `{}` does not say: {}",
                mail.subject,
                missing.join(", ")
            ));
        }
        if !is_of_success && mails::resume(mail).is_none() {
            problems.push(format!("the mail `{}` has no resume input", mail.subject));
        }
    }
    problems
}
