//! Small landing files of one's own, for tests that run the pipeline many times or need certain rows.

use anyhow::{Result, ensure};
use embedded_runtime::ExecutionOutcome;
use serde_json::{Value, json};

use crate::harness::Pipeline;

/// Where a file of countries lands.
pub(crate) const LANDING_COUNTRY: &str = "landing/dimension/country/country.csv";
/// Where a file of transfers lands.
pub(crate) const LANDING_TRANSFERS: &str = "landing/fact/transfer_transaction/transfers.csv";
pub(crate) const COUNTRY_HEADER: &str =
    "country_code,alpha3_code,country_name,capital,region,currency_code,population";
pub(crate) const TRANSFER_HEADER: &str = "transfer_id,value_date,sender_account,receiver_account,sender_country,receiver_country,currency_code,amount,fee,reference";

/// A file of `count` countries, the first with this name.
pub(crate) fn countries(count: u8, name: &str) -> String {
    let mut text = format!("{COUNTRY_HEADER}\n");
    for row in 0..count {
        let letter = char::from(b'A' + row % 26);
        let other = char::from(b'A' + row / 26);
        text.push_str(&format!(
            "{other}{letter},{other}{letter}X,{name} {row},Town,Asia,USD,{row}\n"
        ));
    }
    text
}

/// One transfer.
pub(crate) fn transfer(id: u32, day: &str) -> String {
    let digits = day.replace('-', "");
    format!(
        "TR-{digits}-{id:04},{day},VN9050542249,SE1871298600,VN,SE,USD,89.52,0.54,reference {id}\n"
    )
}

/// A file of transfers of one day, with consecutive numbers.
pub(crate) fn transfers(ids: std::ops::Range<u32>, day: &str) -> String {
    let rows: String = ids.map(|id| transfer(id, day)).collect();
    format!("{TRANSFER_HEADER}\n{rows}")
}

impl Pipeline {
    /// Lands one file of three countries.
    pub(crate) async fn land_countries(&self) -> Result<()> {
        self.put(LANDING_COUNTRY, &countries(3, "Land")).await
    }

    /// Lands one file of four transfers of one day.
    pub(crate) async fn land_transfers(&self) -> Result<()> {
        self.put(LANDING_TRANSFERS, &transfers(1..5, "2026-11-20"))
            .await
    }

    /// The countries that readers see.
    pub(crate) async fn countries(&self) -> Result<u64> {
        Ok(self
            .value("SELECT COUNT(*) FROM dimension_db.country")
            .await?
            .parse()?)
    }

    /// The transfers that readers see.
    pub(crate) async fn transfers(&self) -> Result<u64> {
        Ok(self
            .value("SELECT COUNT(*) FROM fact_db.transfer_transaction")
            .await?
            .parse()?)
    }

    /// Runs the master and expects that it fails with this error.
    pub(crate) async fn fails(&self, batch: &str, error: &str) -> Result<ExecutionOutcome> {
        let outcome = self.run(json!({ "BatchId": batch })).await?;
        ensure!(
            outcome.status == "FAILED" && outcome.error.as_deref() == Some(error),
            "wanted {error}: {outcome:?}"
        );
        Ok(outcome)
    }

    /// What holds after every run that has ended: no cluster, no lock, so many mails, each readable.
    pub(crate) async fn holds(&self, mails: usize) -> Result<()> {
        let states = self.cluster_states().await?;
        ensure!(
            states.iter().all(|state| state.starts_with("TERMINATED")),
            "{states:?}"
        );
        let lock = self.keys("state/").await?;
        ensure!(lock.is_empty(), "{lock:?}");
        ensure!(
            self.mails().len() == mails,
            "wanted {mails} mails: {:#?}",
            self.mails()
        );
        for (subject, _) in self.mails() {
            ensure!(subject.len() <= 100 && subject.is_ascii(), "{subject}");
        }
        Ok(())
    }

    /// Subject and text of the last mail, every break a blank: sentences are not torn apart by the ends of lines.
    pub(crate) fn last_mail(&self) -> String {
        let (subject, text) = self.mails().pop().unwrap_or_default();
        let words = subject.split_whitespace().chain(text.split_whitespace());
        words.collect::<Vec<_>>().join(" ")
    }

    /// The names of all steps of all clusters whose name begins so, without their tokens, with their states.
    pub(crate) fn steps(&self, prefix: &str) -> Vec<(String, String)> {
        let clusters = self.runtime.services().emr.clusters();
        let steps = clusters.iter().flat_map(|cluster| &cluster.steps);
        steps
            .filter(|step| step.name.starts_with(prefix))
            .map(|step| {
                let name = step.name.split(" [").next().unwrap_or_default().to_owned();
                (name, step.state.as_str().to_owned())
            })
            .collect()
    }

    /// The whole text of the objects below a prefix.
    pub(crate) async fn content(&self, prefix: &str) -> Result<String> {
        let keys = self.keys(prefix).await?;
        let _work = self.runtime.clock().work();
        let s3 = &self.runtime.services().s3;
        let mut text = String::new();
        for key in keys {
            let object = s3.get(self.runtime.bucket()?, &key).await?;
            text.push_str(&String::from_utf8_lossy(&object.into_bytes()?));
        }
        Ok(text)
    }

    /// Removes an object.
    pub(crate) async fn delete(&self, key: &str) -> Result<()> {
        let _work = self.runtime.clock().work();
        let s3 = &self.runtime.services().s3;
        s3.delete(self.runtime.bucket()?, key, &Default::default())
            .await?;
        Ok(())
    }

    /// Starts the master, and comes back after so many seconds of pipeline time with the clock held.
    pub(crate) async fn after(
        &self,
        name: &str,
        input: Value,
        seconds: u64,
    ) -> Result<(String, virtual_time::Work)> {
        let arn = self
            .runtime
            .start_execution("master", Some(name), &input)
            .await?;
        let work = self
            .runtime
            .clock()
            .sleep(std::time::Duration::from_secs(seconds))
            .await;
        Ok((arn, work))
    }

    /// Stops an execution, as a person does.
    pub(crate) async fn abort(&self, arn: &str) -> Result<()> {
        self.states(
            "StopExecution",
            json!({"executionArn": arn, "error": "ByHand", "cause": "a person"}),
        )
        .await?;
        Ok(())
    }

    /// Waits for an execution and what it sets off.
    pub(crate) async fn end(&self, arn: &str) -> Result<ExecutionOutcome> {
        let outcome = self.runtime.wait(arn).await?;
        self.runtime.settle().await;
        Ok(outcome)
    }

    /// The word with which a run ended, if it succeeded.
    pub(crate) fn status_of(outcome: &ExecutionOutcome) -> String {
        let output = outcome.output.clone().unwrap_or_default();
        output["Status"].as_str().unwrap_or_default().to_owned()
    }
}
