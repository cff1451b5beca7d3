//! On several threads MLX gets a batch in parts, each padded by itself and on a stream of its own.

use gatecheck_backend::Encode;
use gatecheck_model::batch::Batch;

use crate::{
    arms::Turn,
    golden::{Golden, same},
    within::{IMPLEMENTATION, SUMMATION},
};

#[test]
fn parts_give_what_the_whole_gives() {
    let turn = Turn::take();
    for golden in Golden::all() {
        let whole = turn.mlx_on(&golden.folder, 1).unwrap().encode(&golden.batch()).unwrap();
        for threads in [2, 3] {
            let mut backend = turn.mlx_on(&golden.folder, threads).unwrap();
            let label = format!("{} on {threads} threads", golden.name);
            let parts = backend.encode(&golden.batch()).unwrap();
            same::<SUMMATION>(&label, &whole, &parts);
            same::<IMPLEMENTATION>(&label, &golden.expected.outputs, &parts);
            // Enough rows for several parts on each stream, in another order.
            let rows = || golden.rows.iter().rev().cycle().take(7 * golden.rows.len());
            let many = backend.encode(&Batch::new(rows())).unwrap();
            for (row, output) in golden.rows.iter().rev().cycle().zip(&many) {
                let place = golden.rows.iter().position(|other| other == row).unwrap();
                same::<SUMMATION>(&label, &whole[place..=place], std::slice::from_ref(output));
            }
        }
    }
}
