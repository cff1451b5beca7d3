//! Throughput of the quantizer, in bytes of the same matrix in fp32.
#![expect(clippy::unwrap_used, reason = "a benchmark may panic")]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use gatecheck_model::quant::{Float, Scheme, cast, dequantize, quantize};

/// Elements of a 4096 × 1024 matrix, larger than the caches.
const ELEMENTS: usize = 1 << 22;

fn matrix(float: Float) -> Vec<u8> {
    let wave = |at: usize| (at * 7919 % 1009) as f32 / 504.5 - 1.0;
    let bytes: Vec<u8> = (0..ELEMENTS).flat_map(|at| wave(at).to_le_bytes()).collect();
    cast(&bytes, Float::Float32, float)
}

fn quantizer(criterion: &mut Criterion) {
    for float in [Float::Float32, Float::Float16, Float::Bfloat16] {
        let matrix = matrix(float);
        let mut group = criterion.benchmark_group(float.name());
        group.throughput(Throughput::Bytes(4 * ELEMENTS as u64)).sample_size(20);
        for bits in [3, 4, 8] {
            let scheme = Scheme::affine(bits, 64).unwrap();
            let packed = quantize(scheme, &matrix, float).unwrap();
            group.bench_function(BenchmarkId::new("quantize", bits), |bencher| {
                bencher.iter(|| quantize(scheme, black_box(&matrix), float));
            });
            group.bench_function(BenchmarkId::new("dequantize", bits), |bencher| {
                bencher.iter(|| {
                    dequantize(scheme, black_box(&packed.weight), &packed.scales, &packed.biases, float)
                });
            });
        }
    }
}

criterion_group!(benches, quantizer);
criterion_main!(benches);
