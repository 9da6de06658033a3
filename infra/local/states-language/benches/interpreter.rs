//! How fast the interpreter goes, by criterion: transitions through Pass, Choice and Map, in both query languages; a thousand
//! executions that wait. `cargo bench -p states-language`.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use machines::{MACHINES, WAIT, entered, input, machine, start, wake};
use states_language::{Execution, Status};

#[path = "machines/mod.rs"]
mod machines;

/// As in the binary `pipeline`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const WAITING: usize = 1000;

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

/// A thousand executions begin to wait, are all woken, and end.
fn waiting(criterion: &mut Criterion) {
    let machine = machine(WAIT);
    let mut group = criterion.benchmark_group("waiting");
    group.throughput(Throughput::Elements(WAITING as u64));
    group.bench_function("thousand_at_once", |bencher| {
        bencher.iter(|| {
            let mut executions: Vec<Execution> =
                (0..WAITING).map(|_| start(&machine, "{}")).collect();
            executions.iter_mut().for_each(wake);
            black_box(executions)
        });
    });
    group.finish();
}

criterion_group!(benches, transitions, waiting);
criterion_main!(benches);
