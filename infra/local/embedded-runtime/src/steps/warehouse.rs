//! The warehouse as the step commands use it: one session of the Hive engine per command.

use async_trait::async_trait;
use hive_engine::{Engine, ProgressLine, SessionOptions, SessionScript, StatementResult};

use super::hive::{Job, Script, Scripts};

/// Runs scripts on the engine.
pub(super) struct Warehouse {
    engine: Engine,
}

impl Warehouse {
    pub(super) fn new(engine: Engine) -> Self {
        Self { engine }
    }
}

#[async_trait]
impl Scripts for Warehouse {
    async fn run(
        &self,
        job: Job,
        progress: ProgressLine<'_>,
    ) -> Result<Vec<StatementResult>, String> {
        let script = |script: Script| SessionScript {
            name: script.name,
            text: script.text,
        };
        let mut session = self.engine.session(SessionOptions {
            hiveconf: job.hiveconf,
            hivevar: job.hivevar,
            database: job.database,
            initial: job.initial.into_iter().map(script).collect(),
        });
        let mut results = Vec::new();
        for script in job.scripts {
            let done = session
                .run_script(&script.name, &script.text, progress)
                .await;
            results.extend(done.map_err(|error| error.to_string())?);
        }
        Ok(results)
    }
}
