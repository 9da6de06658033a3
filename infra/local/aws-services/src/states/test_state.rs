//! TestState: runs one state of a definition, for real or with a mocked result, and shows the data between its fields.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use states_language::{
    Arrival, Effect, Execution, Identity, IntegrationPattern, Mock, Resource, State, StateMachine,
    StateTest, StateType, Status, Surroundings,
};
use virtual_time::Work;

use super::run::{Run, error_and_cause};
use super::{StepFunctions, executions, item_reader, mock, names, required};
use crate::failure::ServiceError;
use crate::function_invoker::Custody;

/// A test lasts for five minutes at most.
const LONGEST_SECONDS: u64 = 300;
/// What a state is called that comes without a name.
const NAMELESS: &str = "StateName";

/// A state that is tested, in a machine of its own: the states that it leads to are there in name only.
struct Subject {
    machine: StateMachine,
    name: String,
    definition: Value,
}

impl StepFunctions {
    pub(super) async fn test_state(
        self: &Arc<Self>,
        input: &Value,
        custody: &mut Custody,
    ) -> Result<Value, ServiceError> {
        let subject = subject(input)?;
        let state = subject.machine.start();
        let test = test_of(input, &subject, state)?;
        let role = match input["roleArn"].as_str() {
            Some(role) => {
                names::check_role(role)?;
                Some(role)
            }
            None => None,
        };
        if state.state_type() == StateType::Task && test.mock.is_none() && role.is_none() {
            return Err(ServiceError::validation(
                "RoleArn must be specified when testing a Task state",
            ));
        }
        let document = input["input"].as_str().unwrap_or("{}");
        executions::check_json(document)?;
        let (name, machine_name) = (self.context.entropy.uuid(), self.context.entropy.uuid());
        let machine_arn = self
            .context
            .arn("states", &format!("stateMachine:{machine_name}"));
        let now = self.context.clock.now();
        let identity = Identity {
            execution_arn: self
                .context
                .arn("states", &format!("express:{machine_name}:{name}")),
            execution_name: name.clone(),
            role_arn: role.unwrap_or_default().to_owned(),
            start_time: now,
            redrive_count: 0,
            redrive_time: None,
            state_machine_arn: machine_arn.clone(),
            state_machine_name: machine_name,
            state_machine_version_arn: None,
            state_machine_alias_arn: None,
        };
        let surroundings = Surroundings {
            longest_seconds: Some(LONGEST_SECONDS),
            test: Some(test),
            ..Surroundings::default()
        };
        let Subject {
            machine,
            definition,
            ..
        } = subject;
        let state_type = machine.start().state_type();
        let seed = self.context.entropy.bits();
        let machine = Arc::new(machine);
        let execution = Execution::start_in(surroundings, machine, identity, document, seed, now)
            .map_err(|error| ServiceError::validation(error.to_string()))?;
        let work = custody.take().unwrap_or_else(|| self.context.clock.work());
        let (execution, work) = self
            .carry_through(execution, &machine_arn, &name, work)
            .await;
        *custody = Some(work);
        Ok(answer(input, document, &execution, state_type, &definition))
    }

    /// Runs the tested state to its end, or to the retry of its failure.
    async fn carry_through(
        self: &Arc<Self>,
        mut execution: Execution,
        machine_arn: &str,
        name: &str,
        mut work: Work,
    ) -> (Execution, Work) {
        let mut timers = Vec::new();
        loop {
            let mut arrivals = Vec::new();
            for effect in execution.effects() {
                match effect {
                    Effect::StartTask(start) => {
                        // What a task needs of its execution is who that is.
                        let now = self.context.clock.now();
                        let run = Run::new(machine_arn, name, None, execution.clone(), now);
                        let guard = work.clone();
                        if let Some((arrival, _)) = self.perform(&run, start, guard).await {
                            arrivals.push(arrival);
                        }
                    }
                    Effect::SetTimer { timer, at } => timers.push((at, timer)),
                    Effect::CancelTimer { timer } => timers.retain(|(_, set)| *set != timer),
                    _ => {}
                }
            }
            let retried = is_retriable(&execution);
            if retried || !matches!(execution.status(), Status::Running) {
                return (execution, work);
            }
            if arrivals.is_empty() {
                timers.sort();
                if timers.is_empty() {
                    return (execution, work);
                }
                let (at, timer) = timers.remove(0);
                work = crate::deadline::reached(&self.context.clock, at, work).await;
                arrivals.push(Arrival::Timer { timer });
            }
            for arrival in arrivals {
                execution.deliver(arrival, self.context.clock.now());
            }
        }
    }
}

fn is_retriable(execution: &Execution) -> bool {
    let details = execution.inspection().get("errorDetails");
    details.is_some_and(|details| !details["retryBackoffIntervalSeconds"].is_null())
}

/// Finds the state that is to be tested and gives it a machine.
fn subject(input: &Value) -> Result<Subject, ServiceError> {
    let text = required(input, "definition")?;
    let whole: Value = serde_json::from_str(text).map_err(|error| {
        invalid_definition(&format!("INVALID_JSON_DESCRIPTION: {error} at null"))
    })?;
    let mut language = whole["QueryLanguage"].clone();
    let (name, definition) = match input["stateName"].as_str() {
        None => (NAMELESS, whole),
        Some(name) => {
            let found = find(&whole, name, &language).ok_or_else(|| {
                ServiceError::validation(format!("State not found in definition: '{name}'"))
            })?;
            language = found.1;
            (name, found.0)
        }
    };
    let mut states = Map::new();
    states.insert(name.to_owned(), definition.clone());
    for target in targets(&definition) {
        states
            .entry(target)
            .or_insert_with(|| json!({"Type": "Succeed"}));
    }
    let mut machine = json!({"StartAt": name, "States": states});
    if !language.is_null() {
        machine["QueryLanguage"] = language;
    }
    let machine =
        super::machines::parse(&machine.to_string(), super::machines::MachineKind::Standard)?;
    Ok(Subject {
        machine,
        name: name.to_owned(),
        definition,
    })
}

/// A state of that name, at any depth, and the language of the machine around it.
fn find(block: &Value, name: &str, language: &Value) -> Option<(Value, Value)> {
    let states = block["States"].as_object()?;
    if let Some(state) = states.get(name) {
        return Some((state.clone(), language.clone()));
    }
    states.values().find_map(|state| {
        let branches = state["Branches"].as_array().into_iter().flatten();
        let processors = [&state["ItemProcessor"], &state["Iterator"]];
        branches
            .chain(processors)
            .find_map(|block| find(block, name, language))
    })
}

/// The names of the states that a state leads to.
fn targets(state: &Value) -> Vec<String> {
    let lists = [&state["Choices"], &state["Catch"]];
    let entries = lists
        .into_iter()
        .filter_map(Value::as_array)
        .flatten()
        .map(|entry| &entry["Next"]);
    let names = entries.chain([&state["Next"], &state["Default"]]);
    names
        .filter_map(|name| name.as_str().map(str::to_owned))
        .collect()
}

/// How the request wants the state tested.
fn test_of(input: &Value, subject: &Subject, state: &State) -> Result<StateTest, ServiceError> {
    let configuration = &input["stateConfiguration"];
    let given = &input["mock"];
    let (result, failure) = (&given["result"], &given["errorOutput"]);
    if !result.is_null() && !failure.is_null() {
        return Err(ServiceError::validation(
            "A test mock should have only one of the following fields: [result, errorOutput].",
        ));
    }
    let mocked = !result.is_null() || !failure.is_null();
    if !given.is_null() && !mocked {
        return Err(ServiceError::validation(
            "A test mock should have one of the following fields: [result, errorOutput].",
        ));
    }
    if !mocked && !configuration["mapIterationFailureCount"].is_null() {
        return Err(ServiceError::validation(
            "TestState does not support MapIterationFailureCount when a mock is not specified.",
        ));
    }
    check_mockable(state, mocked)?;
    if let Some(text) = result.as_str() {
        let value = serde_json::from_str(text).map_err(|_| {
            ServiceError::validation("Mocked result must be valid JSON.".to_owned())
        })?;
        check_result(
            subject,
            state,
            &value,
            given["fieldValidationMode"].as_str(),
        )?;
    }
    if let Some(culprit) = configuration["errorCausedByState"].as_str()
        && find(
            &json!({"States": {"": subject.definition}}),
            culprit,
            &Value::Null,
        )
        .is_none()
    {
        return Err(ServiceError::validation(format!(
            "The state '{culprit}' in errorCausedByState is not in the state '{}'",
            subject.name
        )));
    }
    let context = match input["context"].as_str() {
        None => None,
        Some(text) => Some(mock::context(text, state)?),
    };
    let variables = match input["variables"].as_str() {
        None => Map::new(),
        Some(text) => serde_json::from_str(text)
            .map_err(|_| ServiceError::validation("Variables must be a JSON object.".to_owned()))?,
    };
    let text = |value: &Value| value.as_str().map(str::to_owned);
    Ok(StateTest {
        mock: match text(result) {
            Some(result) => Some(Mock::Result(result)),
            None => failure.as_object().map(|_| Mock::Failure {
                error: text(&failure["error"]),
                cause: text(&failure["cause"]),
            }),
        },
        context,
        variables,
        retried: configuration["retrierRetryCount"].as_u64().unwrap_or(0),
        failed_iterations: configuration["mapIterationFailureCount"].as_u64(),
        items: configuration["mapItemReaderData"]
            .as_str()
            .zip(state.item_format())
            .map(|(text, format)| item_reader::read_text(format, text)),
    })
}

/// Some states have nothing to mock; others cannot be tested without a mock.
fn check_mockable(state: &State, mocked: bool) -> Result<(), ServiceError> {
    let state_type = state.state_type();
    let mockable = matches!(
        state_type,
        StateType::Task | StateType::Map | StateType::Parallel
    );
    if mocked && !mockable {
        return Err(ServiceError::validation(format!(
            "State type '{state_type:?}' is not supported when a mock is specified"
        )));
    }
    if mocked {
        return Ok(());
    }
    if matches!(state_type, StateType::Map | StateType::Parallel) {
        return Err(ServiceError::new(
            "InvalidDefinition",
            "TestState API does not support Map or Parallel states. Supported state types include: [Task, Wait, Pass, Succeed, \
             Fail, Choice]",
        ));
    }
    let waits = match state.resource() {
        Some(Resource::Activity { .. }) => true,
        Some(Resource::Integration(integration)) => {
            integration.pattern != IntegrationPattern::RequestResponse
        }
        _ => false,
    };
    if waits {
        return Err(ServiceError::new(
            "InvalidDefinition",
            "TestState API does not support Activity tasks, .sync or .waitForTaskToken service integration patterns when a mock \
             is not specified.",
        ));
    }
    Ok(())
}

/// Refuses a mocked result that the state's work could not have.
fn check_result(
    subject: &Subject,
    state: &State,
    result: &Value,
    mode: Option<&str>,
) -> Result<(), ServiceError> {
    let writes = !subject.definition["ResultWriter"].is_null();
    let lists = match state.state_type() {
        StateType::Parallel => true,
        StateType::Map => !writes,
        _ => false,
    };
    if lists && !result.is_array() {
        return Err(ServiceError::validation("Mocked result must be an array."));
    }
    match state.resource() {
        Some(Resource::Integration(integration)) => {
            mock::check(integration, result, mode.unwrap_or("STRICT"))
        }
        _ => Ok(()),
    }
}

/// As TestState answers.
fn answer(
    input: &Value,
    document: &str,
    execution: &Execution,
    state_type: StateType,
    definition: &Value,
) -> Value {
    let mut inspected = execution.inspection().clone();
    let next = inspected.shift_remove("nextState");
    let failure = inspected.shift_remove("failure");
    let details = inspected.get("errorDetails");
    let caught = details.is_some_and(|details| !details["catchIndex"].is_null());
    let mut answer = json!({});
    let (error, cause) = match (caught || is_retriable(execution), &failure) {
        (true, Some(failure)) => (
            failure["Error"].as_str().map(str::to_owned),
            failure["Cause"].as_str().map(str::to_owned),
        ),
        _ => error_and_cause(execution.status()),
    };
    let status = match execution.status() {
        Status::Running => "RETRIABLE",
        Status::Succeeded { .. } if caught => "CAUGHT_ERROR",
        Status::Succeeded { .. } => "SUCCEEDED",
        _ => "FAILED",
    };
    answer["status"] = status.into();
    if let Status::Succeeded { output } = execution.status() {
        answer["output"] = output.as_str().into();
    }
    if let Some(error) = error {
        answer["error"] = error.into();
    }
    if let Some(cause) = cause {
        answer["cause"] = plain(&cause).into();
    }
    if let Some(next) = next {
        answer["nextState"] = next;
    }
    if matches!(input["inspectionLevel"].as_str(), Some("DEBUG" | "TRACE")) {
        let mut data = json!({"input": document});
        for (name, value) in inspected {
            if shows(state_type, definition, &name) {
                data[name] = value;
            }
        }
        answer["inspectionData"] = data;
    }
    answer
}

/// Whether AWS shows that of a state of this type.
fn shows(state_type: StateType, definition: &Value, name: &str) -> bool {
    match (state_type, name) {
        (StateType::Pass, "result") => !definition["Result"].is_null(),
        (StateType::Pass, "afterInputPath" | "afterParameters" | "afterArguments") => {
            definition["Result"].is_null() && name != "afterArguments"
        }
        (
            StateType::Parallel,
            "result" | "afterInputPath" | "afterParameters" | "afterArguments",
        ) => false,
        (StateType::Map, "result") => false,
        (
            StateType::Choice | StateType::Wait | StateType::Succeed | StateType::Fail,
            "result"
            | "afterParameters"
            | "afterArguments"
            | "afterResultSelector"
            | "afterResultPath",
        ) => false,
        _ => true,
    }
}

/// A cause without the words that name the state and its event: a test has neither.
fn plain(cause: &str) -> &str {
    if !cause.starts_with("An error occurred while executing the state '") {
        return cause;
    }
    match cause.split_once("). ") {
        Some((_, plain)) => plain,
        None => cause,
    }
}

fn invalid_definition(reason: &str) -> ServiceError {
    ServiceError::new(
        "InvalidDefinition",
        format!("Invalid State Machine Definition: '{reason}'"),
    )
}
