//! From a schedule that breaks a promise to the few faults that matter: each is left out in turn, then made plainer, as long
//! as a promise is still broken.

use crate::life::{Record, World, live};
use crate::schedule::Schedule;

/// The smallest schedule found, and its life. `record` is the life that broke a promise; the same promise must stay broken.
pub fn shrink(world: &World, record: Record) -> Record {
    let promise = record.violations.first().map(|violation| violation.promise);
    let breaks = |schedule: &Schedule| {
        let record = live(world, record.seed, schedule, false);
        let found = record.violations.iter();
        let same = found
            .map(|violation| violation.promise)
            .any(|found| Some(found) == promise);
        same.then_some(record)
    };
    let mut best: Option<Record> = None;
    let mut schedule = record.schedule.clone();
    let mut index = 0;
    while index < schedule.faults.len() {
        let mut fewer = schedule.clone();
        fewer.faults.remove(index);
        match breaks(&fewer) {
            Some(record) => {
                schedule = fewer;
                best = Some(record);
            }
            None => index += 1,
        }
    }
    for index in 0..schedule.faults.len() {
        for plainer in [
            |fault: &mut crate::Fault| fault.times.take().is_some(),
            |fault: &mut crate::Fault| fault.nth.take().is_some(),
        ] {
            let mut candidate = schedule.clone();
            if !plainer(&mut candidate.faults[index]) {
                continue;
            }
            if let Some(record) = breaks(&candidate) {
                schedule = candidate;
                best = Some(record);
            }
        }
    }
    best.unwrap_or(record)
}
