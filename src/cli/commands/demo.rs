//! `demo`: the embedded model on the embedded dataset.

use super::{report::with_gates, run};
use crate::{
    app::{
        arms, defaults, demo,
        run::Request,
        settings::{Artefacts, Comparison},
        source::Candidates,
    },
    cli::{args::DemoArgs, error::CliError, printer::Printer},
};

pub(crate) fn demo(args: &DemoArgs, printer: Printer) -> Result<u8, CliError> {
    let files = args.out.join("files");
    let request = Request {
        comparison: Comparison {
            arms: arms::choose(&args.arms, args.quantization.bits, None, 0)?,
            group_size: args.quantization.group_size,
            embedding_bits: args.quantization.embedding_bits,
        },
        candidates: Candidates::default(),
        policy: with_gates(defaults::policy(), &args.gates)?,
        measuring: run::measuring(&args.measuring)?,
        artefacts: Artefacts { folder: files.join("mlx_converted"), may_convert: true },
        model: demo::model(&files)?,
        datasets: {
            let mut dataset = demo::dataset(&files)?;
            dataset.limit = run::limit(args.limit);
            vec![(dataset, args.out.clone())]
        },
    };
    run::carry_out(&request, args.json, printer)
}
