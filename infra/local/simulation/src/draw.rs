//! Random schedules, drawn only where something happens: a few lives are lived first, without faults and with one that leads
//! to the failure paths, and remembered as a [`Catalogue`]. The exhaustive list of faults comes from it too.

use std::collections::BTreeMap;

use virtual_time::Entropy;

use crate::kind::{Kind, Target};
use crate::life::Record;
use crate::schedule::{CONTENTS, Fault, Schedule};
use crate::sight::Sight;

/// What happens in lives.
#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    /// Calls to services.
    pub calls: Vec<Place>,
    /// Invocations of functions.
    pub functions: Vec<Place>,
    /// States that are entered.
    pub states: Vec<Place>,
    /// Steps.
    pub steps: Vec<String>,
}

/// Somewhere that faults can strike.
#[derive(Debug, Clone)]
pub struct Place {
    /// What is seen there.
    pub sight: Sight,
    /// How often, at most.
    pub count: u32,
    /// The faults without which nothing comes here: it is on a failure path.
    pub after: Vec<Fault>,
}

impl Catalogue {
    /// What was seen in these lives. Those without faults come first.
    pub fn of(records: &[Record]) -> Self {
        let mut seen: BTreeMap<Sight, (u32, Vec<Fault>)> = BTreeMap::new();
        let mut catalogue = Self::default();
        for record in records {
            for (sight, count) in &record.seen {
                let new = || (0, record.schedule.faults.clone());
                let (most, _) = seen.entry(sight.clone()).or_insert_with(new);
                *most = (*most).max(*count);
            }
            for step in &record.steps {
                if !catalogue.steps.contains(step) {
                    catalogue.steps.push(step.clone());
                }
            }
        }
        for (sight, (count, after)) in seen {
            let places = if !sight.service.is_empty() {
                &mut catalogue.calls
            } else if !sight.function.is_empty() {
                &mut catalogue.functions
            } else if !sight.state.is_empty() {
                &mut catalogue.states
            } else {
                continue;
            };
            places.push(Place {
                sight,
                count,
                after,
            });
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
            faults.extend(self.faults(kind, &entropy));
        }
        Schedule {
            seed: Some(seed),
            faults,
        }
    }

    /// A fault of this kind somewhere, behind those that lead there.
    fn faults(&self, kind: Kind, entropy: &Entropy) -> Vec<Fault> {
        let mut after = Vec::new();
        let fault = self.fault(kind, entropy, &mut after);
        after.into_iter().chain(fault).collect()
    }

    fn fault(&self, kind: Kind, entropy: &Entropy, after: &mut Vec<Fault>) -> Option<Fault> {
        let mut fault = Fault::new(kind);
        match kind.target() {
            Target::Call => {
                let calls: Vec<_> = self.calls_for(kind).collect();
                let place = pick(&calls, entropy)?;
                place.put(&mut fault, after);
                fault.nth = nth(place.count, entropy);
                fault.times = times(entropy);
            }
            Target::Function => {
                let functions: Vec<_> = self.functions.iter().collect();
                let place = pick(&functions, entropy)?;
                place.put(&mut fault, after);
                fault.nth = nth(place.count, entropy);
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
                let place = pick(&states, entropy)?;
                place.put(&mut fault, after);
                fault.nth = nth(place.count, entropy);
                if kind == Kind::StateInfo {
                    fault.content = Some(CONTENTS[entropy.below(6) as usize].to_owned());
                }
            }
        }
        Some(fault)
    }

    fn calls_for(&self, kind: Kind) -> impl Iterator<Item = &Place> {
        let crashes = matches!(kind, Kind::CrashBefore | Kind::CrashAfter);
        let fits = move |place: &&Place| !crashes || !place.sight.function.is_empty();
        self.calls.iter().filter(fits)
    }

    /// Every single fault once, behind those that lead to it: each kind at each place where it can strike, the first time
    /// that something happens there.
    pub fn every_fault(&self) -> Vec<Vec<Fault>> {
        let mut every = Vec::new();
        for kind in Kind::ALL {
            let at = |place: &Place| {
                let mut faults = Vec::new();
                let mut fault = Fault::new(kind);
                place.put(&mut fault, &mut faults);
                faults.push(fault);
                faults
            };
            match kind.target() {
                Target::Call => every.extend(self.calls_for(kind).map(at)),
                Target::Function => every.extend(self.functions.iter().map(at)),
                Target::Step => every.extend(self.steps.iter().map(|step| {
                    vec![Fault {
                        step: Some(step.clone()),
                        ..Fault::new(kind)
                    }]
                })),
                Target::Launch => every.push(vec![Fault::new(kind)]),
                Target::Moment if kind == Kind::StateInfo => {
                    for content in ["missing", "truncated", "foreign"] {
                        every.extend(self.states.iter().map(|place| {
                            let mut faults = at(place);
                            if let Some(fault) = faults.last_mut() {
                                fault.content = Some(content.to_owned());
                            }
                            faults
                        }));
                    }
                }
                Target::Moment => every.extend(self.states.iter().map(at)),
            }
        }
        every
    }
}

impl Place {
    /// Lets a fault strike here, and tells the faults that lead here.
    fn put(&self, fault: &mut Fault, after: &mut Vec<Fault>) {
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        fault.machine = given(&self.sight.machine);
        fault.state = given(&self.sight.state);
        fault.function = given(&self.sight.function);
        fault.service = given(&self.sight.service);
        fault.action = given(&self.sight.action);
        after.extend(self.after.iter().cloned());
    }
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
