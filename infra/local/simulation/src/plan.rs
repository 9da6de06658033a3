//! What a simulated life consists of apart from its faults: the loads, their files, and what people do after each. Drawn from
//! the life's seed, so that it stays the same while the schedule of faults is shrunk.

use serde_json::{Value, json};
use virtual_time::Entropy;

use crate::sample::{LandedFile, TableSample};

/// A life.
#[derive(Debug)]
pub(crate) struct Plan {
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
    /// What people start afterwards, one after another, for no good reason: it must do no harm.
    pub(crate) afterwards: Vec<Start>,
}

/// An execution that a person starts.
#[derive(Debug, Clone)]
pub(crate) struct Start {
    pub(crate) machine: &'static str,
    pub(crate) input: Value,
}

impl Plan {
    /// The plan that belongs to a seed.
    pub(crate) fn draw(seed: u64, samples: &[TableSample]) -> Self {
        let entropy = Entropy::from_seed(seed ^ 0x706c_616e);
        let mut from = vec![0; samples.len()];
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
            let mut afterwards = Vec::new();
            while entropy.below(3) == 0 && afterwards.len() < 2 {
                afterwards.push(start(&batch, &entropy));
            }
            Load {
                input: json!({"BatchId": batch}),
                batch,
                files,
                afterwards,
            }
        });
        Self {
            loads: loads.collect(),
        }
    }
}

fn start(batch: &str, entropy: &Entropy) -> Start {
    let master = |input| Start {
        machine: "master",
        input,
    };
    match entropy.below(7) {
        0 => master(json!({"BatchId": batch})),
        1 => master(json!({"BatchId": batch, "StartFrom": "Workers"})),
        2 => master(json!({"BatchId": batch, "StartFrom": "Facts"})),
        3 => Start {
            machine: "dimension-process",
            input: json!({"BatchId": batch}),
        },
        4 => Start {
            machine: "fact-process",
            input: json!({"BatchId": batch}),
        },
        5 => Start {
            machine: "add-emr-workers",
            input: json!({}),
        },
        _ => Start {
            machine: "terminate-emr-cluster",
            input: json!({}),
        },
    }
}
