//! The custom operations of the baseline and one encoder layer, at the sizes of MiniLM-L6.
#![expect(clippy::unwrap_used, reason = "a benchmark may panic")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use gatecheck_candle::cases::{Sizes, cases};

fn operations(criterion: &mut Criterion) {
    for (rows, length) in [(1, 32), (8, 64), (32, 128)] {
        let mut group = criterion.benchmark_group(format!("{rows}x{length}"));
        group.throughput(Throughput::Elements((rows * length) as u64)).sample_size(20);
        for (name, mut case) in cases(Sizes { rows, length, hidden: 384, heads: 12 }).unwrap() {
            group.bench_function(name, |bencher| bencher.iter(&mut case));
        }
    }
}

criterion_group!(benches, operations);
criterion_main!(benches);
