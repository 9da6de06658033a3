//! What a simulated life consists of apart from its faults: the loads, their files, and what people do before, between and
//! after the runs. Drawn from the life's seed, so that it stays the same while the schedule of faults is shrunk.

use serde_json::{Value, json};
use virtual_time::Entropy;

use crate::sample::{LandedFile, TableSample};

/// How many failures of one load are answered in ways of their own; after these the mail is followed.
const REMEDIES: usize = 6;

/// A life.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The stack's `RejectedRowsAllowed`.
    pub(crate) rejected_rows_allowed: usize,
    pub(crate) loads: Vec<Load>,
}

/// One load.
#[derive(Debug)]
pub(crate) struct Load {
    /// The name of the batch.
    pub(crate) batch: String,
    /// What the master is started with.
    pub(crate) input: Value,
    pub(crate) files: Vec<LandedFile>,
    /// What has become of the configuration when it begins.
    pub(crate) configuration: Configuration,
    /// Whether a person who corrects staged files finds rows of the wrong day, too.
    pub(crate) is_misdated: bool,
    /// What people do after the first failure, the second, and so on.
    pub(crate) remedies: Vec<Remedy>,
    /// What people start afterwards, one after another, for no good reason: it must do no harm.
    pub(crate) afterwards: Vec<Deed>,
}

/// What people do to the configuration between two runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Configuration {
    /// It is as the project has it.
    Kept,
    /// Some numbers differ.
    Changed,
    /// Half of it is missing.
    Broken,
}

/// What people do after a failure.
#[derive(Debug, Clone)]
pub(crate) enum Remedy {
    /// They start what the mail says.
    Resume,
    /// They start the same batch from its beginning.
    Again,
    /// They redrive the failed execution, and only then follow the mail.
    Redrive,
    /// They launch a cluster and work by hand, and then follow the mail.
    ByHand(Session),
}

/// Something that people do for no good reason.
#[derive(Debug, Clone)]
pub(crate) enum Deed {
    Start(Start),
    Work(Session),
}

/// An execution that a person starts.
#[derive(Debug, Clone)]
pub(crate) struct Start {
    pub(crate) machine: &'static str,
    pub(crate) input: Value,
}

/// A cluster that a person launches, and what that person runs on it.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) batch: String,
    pub(crate) children: Vec<Start>,
    /// Whether the person goes home without terminating it.
    pub(crate) forgotten: bool,
}

impl Plan {
    /// The plan that belongs to a seed.
    pub(crate) fn draw(seed: u64, samples: &[TableSample]) -> Self {
        let entropy = Entropy::from_seed(seed ^ 0x706c_616e);
        let mut from = vec![0; samples.len()];
        let rejected_rows_allowed = if entropy.below(3) == 0 { 2 } else { 0 };
        let count = 1 + usize::from(entropy.below(3) == 0);
        let loads = (1..=count).map(|number| {
            let batch = format!("batch-{number}");
            let mut files = Vec::new();
            for (sample, from) in samples.iter().zip(&mut from) {
                // The first load has everything; later ones may lack a table.
                if number == 1 || entropy.below(4) > 0 {
                    files.extend(sample.files(number, from, &entropy));
                }
            }
            if entropy.below(6) == 0 && !files.is_empty() {
                let chosen = entropy.below(files.len() as u64) as usize;
                files[chosen].spoil(number, &entropy);
            }
            let configuration = match entropy.below(20) {
                0 => Configuration::Broken,
                1 | 2 => Configuration::Changed,
                _ => Configuration::Kept,
            };
            let remedies = (0..REMEDIES).map(|_| remedy(&batch, &entropy));
            let remedies = remedies.collect();
            let mut afterwards = Vec::new();
            while entropy.below(3) == 0 && afterwards.len() < 2 {
                afterwards.push(deed(&batch, &entropy));
            }
            let is_misdated = entropy.below(4) == 0;
            Load {
                is_misdated,
                input: json!({"BatchId": batch}),
                batch,
                files,
                configuration,
                remedies,
                afterwards,
            }
        });
        Self {
            rejected_rows_allowed,
            loads: loads.collect(),
        }
    }
}

fn remedy(batch: &str, entropy: &Entropy) -> Remedy {
    match entropy.below(12) {
        0 | 1 => Remedy::Again,
        2 => Remedy::Redrive,
        3 => Remedy::ByHand(session(batch, entropy)),
        _ => Remedy::Resume,
    }
}

fn deed(batch: &str, entropy: &Entropy) -> Deed {
    if entropy.below(6) == 0 {
        return Deed::Work(session(batch, entropy));
    }
    let master = |input| Start {
        machine: "master",
        input,
    };
    Deed::Start(match entropy.below(4) {
        0 => master(json!({"BatchId": batch})),
        1 => master(json!({"BatchId": batch, "StartFrom": "Workers"})),
        2 => master(json!({"BatchId": batch, "StartFrom": "Facts"})),
        _ => child(batch, entropy),
    })
}

fn session(batch: &str, entropy: &Entropy) -> Session {
    let count = 1 + entropy.below(4);
    Session {
        batch: batch.to_owned(),
        children: (0..count).map(|_| child(batch, entropy)).collect(),
        forgotten: entropy.below(4) == 0,
    }
}

/// Any child, with its batch or without: then state info says which.
fn child(batch: &str, entropy: &Entropy) -> Start {
    let input = if entropy.below(2) == 0 {
        json!({"BatchId": batch})
    } else {
        json!({})
    };
    match entropy.below(4) {
        0 => Start {
            machine: "add-emr-workers",
            input: json!({}),
        },
        1 => Start {
            machine: "terminate-emr-cluster",
            input: json!({}),
        },
        2 => Start {
            machine: "dimension-process",
            input,
        },
        _ => Start {
            machine: "fact-process",
            input,
        },
    }
}
