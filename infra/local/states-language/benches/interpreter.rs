//! How fast the interpreter goes: transitions per second through Pass, Choice and Map, in both query languages; a thousand
//! executions that wait; and what a running execution takes of memory. `cargo bench -p states-language`.

use std::hint::black_box;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use jiff::Timestamp;
use states_language::{Arrival, Effect, Execution, Identity, StateMachine, Status};

const MACHINES: [(&str, &str); 6] = [
    (
        "pass_jsonpath",
        include_str!("machines/pass_jsonpath.asl.json"),
    ),
    (
        "pass_jsonata",
        include_str!("machines/pass_jsonata.asl.json"),
    ),
    (
        "choice_jsonpath",
        include_str!("machines/choice_jsonpath.asl.json"),
    ),
    (
        "choice_jsonata",
        include_str!("machines/choice_jsonata.asl.json"),
    ),
    (
        "map_jsonpath",
        include_str!("machines/map_jsonpath.asl.json"),
    ),
    ("map_jsonata", include_str!("machines/map_jsonata.asl.json")),
];
const WAIT: &str = r#"{"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 60, "Next": "P"}, "P": {"Type": "Pass", "End": true}}}"#;
const WAITING: usize = 1000;
/// Enough for the pages of the allocator not to count.
const MEASURED: usize = 20_000;
const MEASURED_SECONDS: f64 = 1.5;

fn input() -> String {
    let items: Vec<u32> = (0..40).collect();
    serde_json::json!({"n": 0, "items": items}).to_string()
}

fn machine(definition: &str) -> Arc<StateMachine> {
    Arc::new(StateMachine::parse(definition).expect("it is valid"))
}

fn start(machine: &Arc<StateMachine>, input: &str) -> Execution {
    let now = Timestamp::UNIX_EPOCH;
    let identity = Identity::named("bench", "one", now);
    Execution::start(Arc::clone(machine), identity, input, 1, now).expect("it is JSON")
}

fn entered(execution: &Execution) -> u64 {
    let events = execution.history().iter();
    events
        .filter(|event| event.event_type.as_str().ends_with("StateEntered"))
        .count() as u64
}

fn transitions(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("transitions");
    let input = input();
    for (name, definition) in MACHINES {
        let machine = machine(definition);
        let once = start(&machine, &input);
        assert!(
            matches!(once.status(), Status::Succeeded { .. }),
            "{name}: {:?}",
            once.status()
        );
        group.throughput(Throughput::Elements(entered(&once)));
        group.bench_with_input(
            BenchmarkId::from_parameter(name),
            &machine,
            |bencher, machine| {
                bencher.iter(|| black_box(start(machine, &input)));
            },
        );
    }
    group.finish();
}

/// Transitions in a second of processor time, which other programs on the machine do not change: what is compared with
/// other interpreters.
fn report_transitions(_: &mut Criterion) {
    let input = input();
    for (name, definition) in MACHINES {
        let machine = machine(definition);
        let each = entered(&start(&machine, &input));
        let (mut transitions, begun) = (0, processor_seconds());
        let mut spent = 0.0;
        while spent < MEASURED_SECONDS {
            for _ in 0..200 {
                black_box(start(&machine, &input));
            }
            transitions += 200 * each;
            spent = processor_seconds() - begun;
        }
        println!("transitions: {name} {:.0}", transitions as f64 / spent);
    }
}

/// What this thread has used of a processor; where the system does not say, the time that has passed.
fn processor_seconds() -> f64 {
    static BEGUN: OnceLock<Instant> = OnceLock::new();
    let begun = BEGUN.get_or_init(Instant::now);
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = told.and_then(|text| text.split(' ').next()?.parse::<f64>().ok());
    nanoseconds.map_or_else(
        || begun.elapsed().as_secs_f64(),
        |nanoseconds| nanoseconds / 1e9,
    )
}

/// A thousand executions begin to wait, are all woken, and end.
fn waiting(criterion: &mut Criterion) {
    let machine = machine(WAIT);
    let mut group = criterion.benchmark_group("waiting");
    group.throughput(Throughput::Elements(WAITING as u64));
    group.bench_function("thousand_at_once", |bencher| {
        bencher.iter(|| {
            let mut executions: Vec<Execution> =
                (0..WAITING).map(|_| start(&machine, "{}")).collect();
            for execution in &mut executions {
                let effects = execution.effects();
                let Some(Effect::SetTimer { timer, at }) = effects.first() else {
                    panic!("it waits");
                };
                execution.deliver(Arrival::Timer { timer: *timer }, *at);
            }
            black_box(executions)
        });
    });
    group.finish();
    report_memory(&machine);
}

/// Linux says how much memory a process holds; elsewhere nothing is reported.
fn report_memory(machine: &Arc<StateMachine>) {
    let Some(before) = resident_bytes() else {
        return;
    };
    let executions: Vec<Execution> = (0..MEASURED)
        .map(|_| {
            let mut execution = start(machine, "{}");
            // A driver takes them at once.
            execution.effects();
            execution
        })
        .collect();
    let Some(after) = resident_bytes() else {
        return;
    };
    let each = after.saturating_sub(before) / MEASURED as u64;
    println!(
        "memory: {each} bytes for each of {} waiting executions",
        executions.len()
    );
}

fn resident_bytes() -> Option<u64> {
    let pages: u64 = std::fs::read_to_string("/proc/self/statm")
        .ok()?
        .split(' ')
        .nth(1)?
        .parse()
        .ok()?;
    Some(pages * 4096)
}

criterion_group!(benches, transitions, waiting, report_transitions);
criterion_main!(benches);
