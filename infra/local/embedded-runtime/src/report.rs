//! The account of a run as the services remember it: its executions, clusters, steps, mails and tables, for tests and for
//! whoever was not there to observe it.

use aws_services::ServiceError;
use serde::Serialize;
use serde_json::{Value, json};

use crate::error::RuntimeError;
use crate::runtime::Runtime;

/// How an execution ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExecutionOutcome {
    /// The execution.
    pub execution_arn: String,
    /// SUCCEEDED, FAILED, TIMED_OUT or ABORTED; RUNNING before its end.
    pub status: String,
    /// Its input.
    pub input: Value,
    /// The output of a success.
    pub output: Option<Value>,
    /// The error's name.
    pub error: Option<String>,
    /// The error's cause.
    pub cause: Option<String>,
    /// When it began, as DescribeExecution has it.
    pub start_date: Value,
    /// When it ended.
    pub stop_date: Value,
}

impl ExecutionOutcome {
    /// From the answer of DescribeExecution.
    pub(crate) fn from_description(description: &Value) -> Self {
        let text = |key: &str| description[key].as_str().map(str::to_owned);
        // Input and output are JSON in a string; anything else is shown as it is.
        let document = |key: &str| {
            text(key).map(|text| serde_json::from_str(&text).unwrap_or(Value::String(text)))
        };
        Self {
            execution_arn: text("executionArn").unwrap_or_default(),
            status: text("status").unwrap_or_default(),
            input: document("input").unwrap_or_default(),
            output: document("output"),
            error: text("error"),
            cause: text("cause"),
            start_date: description["startDate"].clone(),
            stop_date: description["stopDate"].clone(),
        }
    }

    /// Whether it succeeded.
    pub fn succeeded(&self) -> bool {
        self.status == "SUCCEEDED"
    }
}

/// The account of everything under a root.
#[derive(Debug, Clone, Serialize)]
pub struct RunReport {
    /// Every execution of the stack's state machines, by state machine, the newest first.
    pub executions: Vec<MachineReport>,
    /// Every cluster with its steps, as DescribeCluster and ListSteps show them.
    pub clusters: Vec<ClusterReport>,
    /// Every table of the warehouse.
    pub tables: Vec<hive_engine::TableStatistics>,
    /// What the function host has measured.
    pub functions: Vec<lambda_host::FunctionFigures>,
}

/// The executions of a state machine.
#[derive(Debug, Clone, Serialize)]
pub struct MachineReport {
    /// The state machine's name.
    pub state_machine: String,
    /// Its executions.
    pub executions: Vec<ExecutionOutcome>,
}

/// A cluster and its steps.
#[derive(Debug, Clone, Serialize)]
pub struct ClusterReport {
    /// The member `Cluster` of DescribeCluster.
    pub cluster: Value,
    /// The members `Steps` of ListSteps, in the order of their submission.
    pub steps: Vec<Value>,
}

impl Runtime {
    /// Collects the account of everything under the root.
    pub async fn report(&self) -> Result<RunReport, RuntimeError> {
        let _work = self.clock().work();
        let services = self.services();
        let mut executions = Vec::new();
        for machine in &self.stack().state_machines {
            let request = json!({ "stateMachineArn": machine.arn });
            let pages = |request| services.states.call("ListExecutions", request);
            let listed = all_pages(request, "nextToken", "nextToken", "executions", pages).await;
            let mut outcomes = Vec::new();
            for execution in listed.map_err(failed("ListExecutions"))? {
                let request = json!({ "executionArn": execution["executionArn"] });
                let described = services.states.call("DescribeExecution", request).await;
                outcomes.push(ExecutionOutcome::from_description(
                    &described.map_err(failed("DescribeExecution"))?,
                ));
            }
            executions.push(MachineReport {
                state_machine: machine.name.clone(),
                executions: outcomes,
            });
        }
        let pages = |request| services.emr.call("ListClusters", request);
        let listed = all_pages(json!({}), "Marker", "Marker", "Clusters", pages).await;
        let mut clusters = Vec::new();
        for cluster in listed.map_err(failed("ListClusters"))? {
            let request = json!({ "ClusterId": cluster["Id"] });
            let described = services.emr.call("DescribeCluster", request.clone()).await;
            let pages = |request| services.emr.call("ListSteps", request);
            let steps = all_pages(request, "Marker", "Marker", "Steps", pages).await;
            let mut steps = steps.map_err(failed("ListSteps"))?;
            // EMR lists the newest first.
            steps.reverse();
            clusters.push(ClusterReport {
                cluster: described.map_err(failed("DescribeCluster"))?["Cluster"].clone(),
                steps,
            });
        }
        let mut tables = Vec::new();
        let engine = self.engine();
        let warehouse = |error| RuntimeError::Warehouse(Box::new(error));
        for (database, table) in engine.tables().map_err(warehouse)? {
            tables.push(
                engine
                    .table_statistics(&database, &table)
                    .await
                    .map_err(warehouse)?,
            );
        }
        Ok(RunReport {
            executions,
            clusters,
            tables,
            functions: self.host().map(|host| host.figures()).unwrap_or_default(),
        })
    }
}

/// Every page of a list, joined.
async fn all_pages<F, A>(
    mut request: Value,
    token_in: &str,
    token_out: &str,
    member: &str,
    call: F,
) -> Result<Vec<Value>, ServiceError>
where
    F: Fn(Value) -> A,
    A: Future<Output = Result<Value, ServiceError>>,
{
    let mut items = Vec::new();
    loop {
        let page = call(request.clone()).await?;
        items.extend(page[member].as_array().cloned().unwrap_or_default());
        match &page[token_out] {
            Value::String(token) if !token.is_empty() => request[token_in] = json!(token),
            _ => return Ok(items),
        }
    }
}

fn failed(action: &'static str) -> impl FnOnce(ServiceError) -> RuntimeError {
    move |source| RuntimeError::Call {
        action,
        source: Box::new(source),
    }
}
