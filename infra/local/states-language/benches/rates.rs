//! What is compared with other interpreters: transitions per second of processor time and of wall time, a thousand executions
//! that wait, and what an execution that waits takes of memory. Prints one line of JSON; `compare/run.sh` reads it.

use std::hint::black_box;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use machines::{MACHINES, WAIT, entered, input, machine, start, wake};
use serde_json::{Map, Value, json};
use states_language::{Execution, StateMachine, Status};

#[path = "machines/mod.rs"]
mod machines;

/// As in the binary `pipeline`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const MEASURED_SECONDS: f64 = 1.0;
const WAITING: usize = 1000;
/// Enough for the pages of the allocator not to count.
const HELD: usize = 20_000;

/// Does it again and again, each time `each` of something, and answers how many of them a second has.
fn rate(each: u64, mut once: impl FnMut()) -> Value {
    once();
    let (clock, begun) = (Instant::now(), processor_seconds());
    let (mut done, mut spent) = (0, 0.0);
    while spent < MEASURED_SECONDS {
        once();
        done += each;
        spent = processor_seconds() - begun;
    }
    let wall = done as f64 / clock.elapsed().as_secs_f64();
    json!({"cpu": (done as f64 / spent).round(), "wall": wall.round()})
}

/// What this thread has used of a processor, which other programs do not change; where the system does not say, the time
/// that has passed.
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

/// Of one execution that waits; Linux says how much memory a process holds, elsewhere nothing is reported.
fn bytes(machine: &Arc<StateMachine>) -> Option<u64> {
    let before = resident_bytes()?;
    let executions: Vec<Execution> = (0..HELD)
        .map(|_| {
            let mut execution = start(machine, "{}");
            // A driver takes them at once.
            execution.effects();
            execution
        })
        .collect();
    let after = resident_bytes()?;
    black_box(&executions);
    Some(after.saturating_sub(before) / HELD as u64)
}

fn resident_bytes() -> Option<u64> {
    let told = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = told.split(' ').nth(1)?.parse().ok()?;
    Some(pages * 4096)
}

fn main() {
    let wait = machine(WAIT);
    // First, while the allocator has nothing left over from anything else.
    let memory = bytes(&wait);
    let input = input();
    let mut machines = Map::new();
    for (name, definition) in MACHINES {
        let machine = machine(definition);
        let once = start(&machine, &input);
        let status = once.status();
        assert!(
            matches!(status, Status::Succeeded { .. }),
            "{name}: {status:?}"
        );
        let measured = rate(100 * entered(&once), || {
            for _ in 0..100 {
                black_box(start(&machine, &input));
            }
        });
        machines.insert(name.to_owned(), measured);
    }
    let waiting = rate(WAITING as u64, || {
        let mut executions: Vec<Execution> = (0..WAITING).map(|_| start(&wait, "{}")).collect();
        executions.iter_mut().for_each(wake);
        black_box(executions);
    });
    println!(
        "{}",
        json!({"machines": machines, "waiting": waiting, "bytesPerWaitingExecution": memory})
    );
}
