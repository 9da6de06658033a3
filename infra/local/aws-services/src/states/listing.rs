//! ListExecutions: what runs and what has ended, the newest first, page by page.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::archive::Summary;
use super::machines::MachineKind;
use super::{StepFunctions, express, names, pages, seconds};
use crate::failure::ServiceError;

impl StepFunctions {
    pub(super) fn list_executions(&self, input: &Value) -> Result<Value, ServiceError> {
        let status = input["statusFilter"].as_str();
        let redriven = input["redriveFilter"].as_str();
        let arn = match (
            input["stateMachineArn"].as_str(),
            input["mapRunArn"].as_str(),
        ) {
            (Some(arn), None) if redriven.is_none() => arn,
            (Some(_), None) => {
                return Err(ServiceError::validation(
                    "RedriveFilter can only be specified together with MapRunArn",
                ));
            }
            (None, Some(arn)) => {
                self.map_run(input)?;
                arn
            }
            _ => {
                return Err(ServiceError::validation(
                    "Must specify exactly one of MapRunArn or StateMachineArn",
                ));
            }
        };
        let of_map_run = input["mapRunArn"].is_string();
        if !of_map_run && self.choose(arn)?.kind == MachineKind::Express {
            return Err(express::not_supported());
        }
        let (machine, qualified) = (names::unqualified(arn), names::qualifier(arn).is_some());
        let belongs = |summary: &Summary| {
            let of = [&summary.version_arn, &summary.alias_arn];
            match of_map_run {
                true => summary.map_run.as_deref() == Some(arn),
                false => {
                    summary.machine_arn == machine
                        && (!qualified || of.into_iter().flatten().any(|of| of == arn))
                }
            }
        };
        let wanted = |summary: &Summary| {
            belongs(summary)
                && status.is_none_or(|status| summary.status == status)
                && redriven.is_none_or(|word| (word == "REDRIVEN") == (summary.redrive_count > 0))
        };
        let mut found: BTreeMap<String, Summary> = {
            let runs = self.runs.lock();
            let running = runs.values().map(|run| Summary::of_run(run));
            running
                .filter(|summary| wanted(summary))
                .map(|summary| (summary.arn.clone(), summary))
                .collect()
        };
        for ended in self.archive.select(wanted) {
            found.insert(ended.arn.clone(), ended);
        }
        let mut listed: Vec<Summary> = found.into_values().collect();
        listed.sort_by(|one, other| {
            other
                .started
                .cmp(&one.started)
                .then_with(|| other.name.cmp(&one.name))
        });
        let list = format!("executions of {arn} {status:?} {redriven:?}");
        let (page, next) = pages::page_newest_first(input, &list, listed)?;
        let executions: Vec<Value> = page.iter().map(entry).collect();
        let mut answer = json!({"executions": executions});
        if let Some(next) = next {
            answer["nextToken"] = next.into();
        }
        Ok(answer)
    }
}

fn entry(summary: &Summary) -> Value {
    let mut entry = json!({
        "executionArn": summary.arn,
        "stateMachineArn": summary.machine_arn,
        "name": summary.name,
        "status": summary.status,
        "startDate": seconds(summary.started),
        "redriveCount": summary.redrive_count,
    });
    let texts = [
        ("stateMachineVersionArn", &summary.version_arn),
        ("stateMachineAliasArn", &summary.alias_arn),
        ("mapRunArn", &summary.map_run),
    ];
    for (member, arn) in texts {
        if let Some(arn) = arn {
            entry[member] = arn.as_str().into();
        }
    }
    for (member, time) in [
        ("stopDate", summary.ended),
        ("redriveDate", summary.redriven),
    ] {
        if let Some(time) = time {
            entry[member] = seconds(time);
        }
    }
    entry
}
