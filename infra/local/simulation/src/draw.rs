//! Random schedules, drawn only where something happens: a life without faults is lived first and remembered as a
//! [`Catalogue`]. The exhaustive list of single faults comes from it too.

use std::collections::BTreeMap;

use virtual_time::Entropy;

use crate::kind::{Kind, Target};
use crate::life::Record;
use crate::schedule::{Fault, Schedule};
use crate::sight::Sight;

/// What happens in lives without faults.
#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    /// Calls to services, and how often each is made.
    pub calls: Vec<(Sight, u32)>,
    /// Invocations of functions.
    pub functions: Vec<(Sight, u32)>,
    /// States that are entered.
    pub states: Vec<(Sight, u32)>,
    /// Steps.
    pub steps: Vec<String>,
}

impl Catalogue {
    /// What was seen in these lives.
    pub fn of(records: &[Record]) -> Self {
        let mut seen: BTreeMap<Sight, u32> = BTreeMap::new();
        let mut catalogue = Self::default();
        for record in records {
            for (sight, count) in &record.seen {
                let most = seen.entry(sight.clone()).or_default();
                *most = (*most).max(*count);
            }
            for step in &record.steps {
                if !catalogue.steps.contains(step) {
                    catalogue.steps.push(step.clone());
                }
            }
        }
        for (sight, count) in seen {
            if !sight.service.is_empty() {
                catalogue.calls.push((sight, count));
            } else if !sight.function.is_empty() {
                catalogue.functions.push((sight, count));
            } else if !sight.state.is_empty() {
                catalogue.states.push((sight, count));
            }
        }
        catalogue
    }

    /// The schedule that belongs to a seed: mostly one fault, sometimes several, now and then none.
    pub fn draw(&self, seed: u64) -> Schedule {
        let entropy = Entropy::from_seed(seed ^ 0x6661_756c_7473);
        let count = match entropy.below(20) {
            0 => 0,
            1..=9 => 1,
            10..=15 => 2,
            16..=18 => 3,
            _ => 5,
        };
        let mut faults = Vec::new();
        while faults.len() < count {
            let kind = Kind::ALL[entropy.below(Kind::ALL.len() as u64) as usize];
            faults.extend(self.fault(kind, &entropy));
        }
        Schedule {
            seed: Some(seed),
            faults,
        }
    }

    fn fault(&self, kind: Kind, entropy: &Entropy) -> Option<Fault> {
        let mut fault = Fault::new(kind);
        match kind.target() {
            Target::Call => {
                let calls: Vec<_> = self.calls_for(kind).collect();
                let (sight, count) = pick(&calls, entropy)?;
                place(&mut fault, sight);
                fault.nth = nth(*count, entropy);
                fault.times = times(entropy);
            }
            Target::Function => {
                let functions: Vec<_> = self.functions.iter().collect();
                let (sight, count) = pick(&functions, entropy)?;
                place(&mut fault, sight);
                fault.nth = nth(*count, entropy);
                fault.times = times(entropy);
            }
            Target::Step => {
                let steps: Vec<_> = self.steps.iter().collect();
                fault.step = Some((*pick(&steps, entropy)?).clone());
                if kind == Kind::InstanceLost {
                    let roles = ["primary", "core", "task"];
                    fault.role = Some(roles[entropy.below(3) as usize].to_owned());
                }
            }
            Target::Launch => {}
            Target::Moment => {
                let states: Vec<_> = self.states.iter().collect();
                let (sight, count) = pick(&states, entropy)?;
                fault.machine = Some(sight.machine.clone());
                fault.state = Some(sight.state.clone());
                fault.nth = nth(*count, entropy);
                if kind == Kind::StateInfo {
                    let contents = [
                        "missing",
                        "empty",
                        "truncated",
                        "one-line",
                        "foreign",
                        "byte-order-mark",
                    ];
                    fault.content = Some(contents[entropy.below(6) as usize].to_owned());
                }
            }
        }
        Some(fault)
    }

    fn calls_for(&self, kind: Kind) -> impl Iterator<Item = &(Sight, u32)> {
        let crashes = matches!(kind, Kind::CrashBefore | Kind::CrashAfter);
        let fits = move |(sight, _): &&(Sight, u32)| !crashes || !sight.function.is_empty();
        self.calls.iter().filter(fits)
    }

    /// Every single fault once: each kind at each place where it can strike, the first time that something happens there.
    pub fn every_fault(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        for kind in Kind::ALL {
            let at = |sight: &Sight| {
                let mut fault = Fault::new(kind);
                place(&mut fault, sight);
                fault
            };
            match kind.target() {
                Target::Call => faults.extend(self.calls_for(kind).map(|(sight, _)| at(sight))),
                Target::Function => {
                    faults.extend(self.functions.iter().map(|(sight, _)| at(sight)))
                }
                Target::Step => faults.extend(self.steps.iter().map(|step| Fault {
                    step: Some(step.clone()),
                    ..Fault::new(kind)
                })),
                Target::Launch => faults.push(Fault::new(kind)),
                Target::Moment if kind == Kind::StateInfo => {
                    for content in ["missing", "truncated", "foreign"] {
                        faults.extend(self.states.iter().map(|(sight, _)| Fault {
                            content: Some(content.to_owned()),
                            ..at(sight)
                        }));
                    }
                }
                Target::Moment => faults.extend(self.states.iter().map(|(sight, _)| at(sight))),
            }
        }
        faults
    }
}

fn place(fault: &mut Fault, sight: &Sight) {
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    fault.machine = given(&sight.machine);
    fault.state = given(&sight.state);
    fault.function = given(&sight.function);
    fault.service = given(&sight.service);
    fault.action = given(&sight.action);
}

fn pick<'a, T>(choices: &[&'a T], entropy: &Entropy) -> Option<&'a T> {
    let index = entropy.below(choices.len() as u64) as usize;
    choices.get(index).copied()
}

/// Mostly the first, else any of them.
fn nth(count: u32, entropy: &Entropy) -> Option<u32> {
    if count < 2 || entropy.below(2) == 0 {
        return None;
    }
    Some(1 + entropy.below(u64::from(count)) as u32)
}

/// Mostly once, sometimes a few times, now and then more often than anybody tries again.
fn times(entropy: &Entropy) -> Option<u32> {
    match entropy.below(10) {
        0..=6 => None,
        7 | 8 => Some(2 + entropy.below(2) as u32),
        _ => Some(30),
    }
}
