//! `convert`: a model to an MLX artefact.

use gatecheck_base::text;
use gatecheck_judge::gate::exit_code;
use gatecheck_model::{
    convert::{self, Outcome, Recipe, Request, SHARD_BYTES, Stage},
    quant::Float,
};

use crate::{
    app::{plan::ModelSource, version::VERSION},
    cli::{
        args::{ConvertArgs, QuantizationArgs},
        error::CliError,
        printer::{Printer, Progress},
        resolve::Resolver,
    },
};

pub(crate) fn convert(args: &ConvertArgs, printer: Printer) -> Result<u8, CliError> {
    let resolver = Resolver::new(&args.config, printer)?;
    let models = match &args.model {
        Some(model) => vec![model.clone()],
        None => resolver.model_names(),
    };
    let mut failed = None;
    for model in &models {
        match one(model, args, &resolver, printer) {
            Ok(()) => {}
            Err(error) if models.len() == 1 => return Err(error),
            Err(error) => {
                // With many models one failure leaves the others alone; the exit code tells.
                printer.error(&format!("{model}: {}", error.lines()));
                failed = Some(exit_code::ERROR);
            }
        }
    }
    Ok(failed.unwrap_or(exit_code::PASS))
}

fn one(name: &str, args: &ConvertArgs, resolver: &Resolver, printer: Printer) -> Result<(), CliError> {
    let defaults = resolver.quantization(name);
    let QuantizationArgs { bits, group_size, embedding_bits } = args.quantization;
    let bits = bits.or(defaults.bits).unwrap_or(8);
    let recipe =
        Recipe::new(bits, group_size.or(defaults.group_size), embedding_bits, dtype(args.dtype.as_deref())?)?;
    let source = resolver.model(name)?;
    if args.dry_run {
        let plan = convert::plan(&source.folder, &recipe, SHARD_BYTES)?;
        let folder = args.output_dir.join(convert::artefact_name(&source.name, &recipe)?);
        printer.result(&format!("{} → {}\n{plan}\n", source.source, folder.display()));
        return Ok(());
    }
    let mut request = Request::new(&source.folder, &source.name, &args.output_dir, recipe, VERSION);
    let ModelSource { source, revision, .. } = source;
    request.source_name = source;
    request.revision = revision;
    request.force = args.no_skip;
    let mut progress = printer.progress();
    let outcome = convert::convert(&request, &mut |at| show(&mut progress, at))?;
    progress.done();
    printer.result(&told(&outcome)?);
    Ok(())
}

fn dtype(word: Option<&str>) -> Result<Option<Float>, CliError> {
    let known = [Float::Float32, Float::Float16, Float::Bfloat16];
    let Some(word) = word else { return Ok(None) };
    let found = known.into_iter().find(|float| float.name() == word);
    let names: Vec<String> = known.iter().map(|float| float.name().to_owned()).collect();
    found.map(Some).ok_or_else(|| crate::cli::error::unknown("element type", word, &names))
}

/// Shows how far a conversion has come.
pub(crate) fn show(progress: &mut Progress, at: convert::Progress) {
    let stage = match at.stage {
        Stage::Checksums => "checksums",
        Stage::Scan => "looking at values",
        Stage::Write => "converting",
        Stage::Verify => "verifying",
    };
    progress.at(stage, at.done_bytes, at.total_bytes);
}

fn told(outcome: &Outcome) -> Result<String, CliError> {
    let artefact = convert::Artefact::open(&outcome.folder)?;
    let (size, source) = (text::megabytes(artefact.size_bytes), text::megabytes(outcome.plan.source_bytes()));
    let verb = if outcome.skipped { "Skipped, already converted:" } else { "Converted:" };
    let computed =
        artefact.computed_bytes().map(|bytes| format!(", computed {:.2} MB", text::megabytes(bytes)));
    Ok(format!(
        "{verb} {} ({size:.2} MB{}; weights before {source:.2} MB)\n",
        outcome.folder.display(),
        computed.unwrap_or_default()
    ))
}
