//! A driver for tests: answers tasks from a closure, lets timers pass at once, and can write the execution down and read it
//! back between any two arrivals.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    Arrival, Effect, Execution, Identity, StartChild, StartTask, StateMachine, Status, TaskId,
    TimerId,
};

/// What a resource does.
pub(crate) enum Answer {
    Succeeds(Value),
    Fails(&'static str, &'static str),
    /// Accepts, then succeeds.
    SubmitsAndSucceeds(Value, Value),
    /// Is started and never heard of again.
    Hangs,
}

type ChildAnswer<'a> = dyn FnMut(&StartChild) -> Result<Value, &'static str> + 'a;

/// Takes something out of an execution that is written down.
pub(crate) type Loss = fn(&mut Value);

pub(crate) struct Driver<'a> {
    execution: Execution,
    now: Timestamp,
    tasks: VecDeque<StartTask>,
    timers: BTreeMap<(Timestamp, TimerId), ()>,
    hanging: BTreeSet<TaskId>,
    answer: Box<dyn FnMut(&StartTask) -> Answer + 'a>,
    interrupted: bool,
    /// What an interruption loses, and how many more there are: what has lost something may go round for ever.
    forget: Option<(Loss, usize)>,
    /// What a distributed Map asks for: reading, children, writing.
    asked: VecDeque<Effect>,
    /// What a reader finds; `None` when it fails.
    items: Option<Value>,
    /// The children that have ended, by name.
    children: BTreeMap<String, Execution>,
    redrivable: bool,
    /// What a child comes to, if its own machine does not decide it.
    child_answer: Option<Box<ChildAnswer<'a>>>,
    /// Every effect so far.
    pub(crate) effects: Vec<Effect>,
}

impl<'a> Driver<'a> {
    pub(crate) fn start(
        definition: &Value,
        input: &str,
        answer: impl FnMut(&StartTask) -> Answer + 'a,
    ) -> Self {
        let machine = StateMachine::parse(&definition.to_string())
            .unwrap_or_else(|found| panic!("{found:?}"));
        let now = Timestamp::UNIX_EPOCH;
        let identity = Identity::named("machine", "name", now);
        let execution = Execution::start(Arc::new(machine), identity, input, 7, now)
            .expect("the input is JSON");
        Self {
            execution,
            now,
            tasks: VecDeque::new(),
            timers: BTreeMap::new(),
            hanging: BTreeSet::new(),
            answer: Box::new(answer),
            interrupted: false,
            forget: None,
            asked: VecDeque::new(),
            items: None,
            children: BTreeMap::new(),
            redrivable: true,
            child_answer: None,
            effects: Vec::new(),
        }
    }

    /// Writes the execution down and reads it back at every step.
    pub(crate) fn interrupted(mut self) -> Self {
        self.interrupted = true;
        self
    }

    /// As `interrupted`, and what was written down loses something.
    pub(crate) fn forgetting(mut self, forget: Loss) -> Self {
        self.interrupted = true;
        self.forget = Some((forget, 150));
        self
    }

    /// What an item reader finds.
    pub(crate) fn reading(mut self, items: Value) -> Self {
        self.items = Some(items);
        self
    }

    /// Runs to the end, or to where nothing moves any more.
    pub(crate) fn run(mut self) -> Execution {
        while self.execution.status() == &Status::Running && self.step() {}
        self.take_effects();
        self.execution
    }

    /// Like `run`, for those who look at the effects.
    pub(crate) fn run_for_effects(mut self) -> (Execution, Vec<Effect>) {
        while self.execution.status() == &Status::Running && self.step() {}
        self.take_effects();
        (self.execution, self.effects)
    }

    /// Children that come to what the closure says: an output or an error's name.
    pub(crate) fn with_children(
        mut self,
        answer: impl FnMut(&StartChild) -> Result<Value, &'static str> + 'a,
    ) -> Self {
        self.child_answer = Some(Box::new(answer));
        self
    }

    /// Children whose history has no more room.
    pub(crate) fn with_full_children(mut self) -> Self {
        self.redrivable = false;
        self
    }

    /// Redrives the execution, which has ended, and runs it to its end.
    pub(crate) fn redriven(&mut self) -> Execution {
        assert!(self.execution.redrive(self.now), "it can be redriven");
        while self.execution.status() == &Status::Running && self.step() {}
        self.take_effects();
        self.execution.clone()
    }

    /// As `run`, and can be redriven after it.
    pub(crate) fn run_once(&mut self) -> Execution {
        while self.execution.status() == &Status::Running && self.step() {}
        self.take_effects();
        self.execution.clone()
    }

    pub(crate) fn deliver(&mut self, arrival: Arrival) -> bool {
        self.execution.deliver(arrival, self.now)
    }

    /// Whether anything happened.
    fn step(&mut self) -> bool {
        self.take_effects();
        if self.interrupted {
            self.interrupt();
        }
        if let Some((_, left)) = &mut self.forget {
            *left -= 1;
            if *left == 0 {
                return false;
            }
        }
        if let Some(start) = self.tasks.pop_front() {
            let task = start.task;
            match (self.answer)(&start) {
                Answer::Succeeds(output) => self.deliver(Arrival::TaskSucceeded { task, output }),
                Answer::Fails(error, cause) => self.deliver(Arrival::TaskFailed {
                    task,
                    error: Some(error.to_owned()),
                    cause: Some(cause.to_owned()),
                }),
                Answer::SubmitsAndSucceeds(response, output) => {
                    self.deliver(Arrival::TaskSubmitted {
                        task,
                        output: response,
                    });
                    self.deliver(Arrival::TaskSucceeded { task, output })
                }
                Answer::Hangs => {
                    self.hanging.insert(task);
                    self.deliver(Arrival::TaskStarted {
                        task,
                        worker_name: None,
                    })
                }
            };
            return true;
        }
        if let Some(effect) = self.asked.pop_front() {
            let arrival = self.distributed(effect);
            self.deliver(arrival);
            return true;
        }
        let Some(((at, timer), ())) = self.timers.pop_first() else {
            return false;
        };
        self.now = at;
        self.deliver(Arrival::Timer { timer });
        true
    }

    fn distributed(&mut self, effect: Effect) -> Arrival {
        let failed = |task, cause: &str| Arrival::TaskFailed {
            task,
            error: None,
            cause: Some(cause.to_owned()),
        };
        match effect {
            Effect::ReadItems(request) => match &self.items {
                Some(items) => Arrival::TaskSucceeded {
                    task: request.task,
                    output: items.clone(),
                },
                None => failed(request.task, "there is no such object"),
            },
            Effect::WriteResults(request) => Arrival::TaskSucceeded {
                task: request.task,
                output: json!({"MapRunArn": request.map_run_arn, "pending": request.pending.len()}),
            },
            Effect::StartChild(start) if self.child_answer.is_some() => {
                let answer = self.child_answer.as_mut().map(|answer| answer(&start));
                let status = match answer {
                    Some(Err(error)) => Status::Failed {
                        error: Some(error.to_owned()),
                        cause: None,
                    },
                    other => Status::Succeeded {
                        output: other
                            .and_then(Result::ok)
                            .unwrap_or_default()
                            .to_string()
                            .into(),
                    },
                };
                Arrival::ChildEnded {
                    task: start.task,
                    status,
                    redrivable: true,
                }
            }
            Effect::StartChild(start) => {
                let child = self.child(&start);
                self.children.insert(start.name, child.clone());
                Arrival::ChildEnded {
                    task: start.task,
                    status: child.status().clone(),
                    redrivable: self.redrivable,
                }
            }
            other => panic!("not of a distributed Map: {other:?}"),
        }
    }

    /// A child, run or redriven to where it waits.
    fn child(&mut self, start: &StartChild) -> Execution {
        if let Some(mut child) = self.children.remove(&start.name).filter(|_| start.redriven) {
            child.redrive(self.now);
            return child;
        }
        let machine = self.execution.machine().item_processor(start.state);
        let machine = Arc::new(machine.expect("it is distributed"));
        let identity = Identity::named("machine/label", &start.name, self.now);
        Execution::start(machine, identity, &start.input, start.seed, self.now)
            .expect("the input is JSON")
    }

    fn take_effects(&mut self) {
        for effect in self.execution.effects() {
            self.effects.push(effect.clone());
            self.obey(effect);
        }
    }

    fn obey(&mut self, effect: Effect) {
        match effect {
            Effect::StartTask(start) => self.tasks.push_back(start),
            Effect::ReadItems(_) | Effect::StartChild(_) | Effect::WriteResults(_) => {
                self.asked.push_back(effect);
            }
            Effect::CancelTask { task } => {
                self.tasks.retain(|start| start.task != task);
                self.asked.retain(
                    |effect| !matches!(effect, Effect::StartChild(start) if start.task == task),
                );
            }
            Effect::SetTimer { timer, at } => drop(self.timers.insert((at, timer), ())),
            Effect::CancelTimer { timer } => self.timers.retain(|(_, set), ()| *set != timer),
        }
    }

    /// Everything but the text of the execution is lost.
    fn interrupt(&mut self) {
        let text = serde_json::to_string(&self.execution).expect("it can be written");
        if let Some((forget, _)) = self.forget {
            let mut document = serde_json::from_str(&text).expect("it is JSON");
            forget(&mut document);
            self.execution = serde_json::from_value(document).expect("it can be read");
        } else {
            self.execution = serde_json::from_str(&text).expect("it can be read");
            assert_eq!(
                serde_json::to_string(&self.execution).expect("it can be written"),
                text
            );
        }
        self.tasks.clear();
        self.asked.clear();
        self.timers.clear();
        for effect in self.execution.outstanding() {
            let hangs =
                matches!(&effect, Effect::StartTask(start) if self.hanging.contains(&start.task));
            if !hangs {
                self.obey(effect);
            }
        }
    }
}

/// Runs a machine whose tasks all fail, so that only machines without tasks are of use.
pub(crate) fn run(definition: &Value, input: Value) -> Execution {
    Driver::start(definition, &input.to_string(), |_| {
        Answer::Fails("NoTask", "there are no tasks here")
    })
    .run()
}

/// A machine of one state, which is the end.
pub(crate) fn machine_of(mut state: Value) -> Value {
    if !matches!(state["Type"].as_str(), Some("Choice" | "Succeed" | "Fail")) {
        state["End"] = json!(true);
    }
    json!({"StartAt": "State", "States": {"State": state}})
}

/// The output of an execution that has succeeded.
pub(crate) fn output(execution: &Execution) -> Value {
    match execution.status() {
        Status::Succeeded { output } => serde_json::from_str(output).expect("output is JSON"),
        other => panic!("not succeeded but {other:?}"),
    }
}

/// The error and cause of an execution that has failed.
pub(crate) fn failure(execution: &Execution) -> (&str, &str) {
    match execution.status() {
        Status::Failed { error, cause } => (
            error.as_deref().unwrap_or_default(),
            cause.as_deref().unwrap_or_default(),
        ),
        other => panic!("not failed but {other:?}"),
    }
}

/// The history as lines: `3 <- 2 PassStateExited`.
pub(crate) fn chain(execution: &Execution) -> Vec<String> {
    execution
        .history()
        .iter()
        .map(|event| {
            format!(
                "{} <- {} {}",
                event.id,
                event.previous_event_id,
                event.event_type.as_str()
            )
        })
        .collect()
}
