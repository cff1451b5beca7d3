//! `convert`: a model to an MLX artefact.

use gatecheck_base::text;
use gatecheck_judge::gate::exit_code;
use gatecheck_model::{
    convert::{Artefact, Outcome, Recipe, artefact_name},
    quant::Float,
};

use crate::{
    app::{
        defaults,
        prepare::{self, PrepareError},
        resolve::{ResolveError, Resolver},
        settings::Artefacts,
        unknown::Unknown,
    },
    cli::{
        args::{ConvertArgs, QuantizationArgs},
        error::CliError,
        printer::Printer,
    },
};

pub(crate) fn convert(args: &ConvertArgs, printer: Printer) -> Result<u8, CliError> {
    let resolver = Resolver::new(&args.config)?;
    let models = match &args.model {
        Some(model) => vec![model.clone()],
        None => resolver.model_names(),
    };
    let mut codes = Vec::new();
    for model in &models {
        match one(model, args, &resolver, printer) {
            Ok(()) => codes.push(exit_code::PASS),
            Err(error) if models.len() == 1 => return Err(error),
            Err(error) => {
                // With many models one failure leaves the others alone; the exit code tells.
                printer.error(&format!("{model}: {}", error.lines()));
                codes.push(error.exit_code);
            }
        }
    }
    Ok(exit_code::of_all(&codes))
}

fn one(name: &str, args: &ConvertArgs, resolver: &Resolver, printer: Printer) -> Result<(), CliError> {
    let configured = resolver.defaults(name);
    let QuantizationArgs { bits, group_size, embedding_bits } = args.quantization;
    let bits = bits.or(configured.bits).unwrap_or(defaults::BITS);
    let group_size = group_size.or(configured.group_size).unwrap_or(defaults::GROUP_SIZE);
    let recipe = Recipe::new(bits, Some(group_size), embedding_bits, dtype(args.dtype.as_deref())?)
        .map_err(PrepareError::from)?;
    let mut progress = printer.progress();
    let source = prepare::model(&resolver.model(name)?, &mut progress)?;
    if args.dry_run {
        let plan = prepare::conversion(&source, &recipe)?;
        let folder = artefact_name(&source.name, &recipe).map_err(PrepareError::from)?;
        let folder = args.output_dir.join(folder);
        return printer.result(&format!("{} → {}\n{plan}\n", source.source, folder.display()));
    }
    let artefacts = Artefacts { folder: args.output_dir.clone(), may_convert: true };
    let outcome = prepare::converted(&source, &recipe, &artefacts, args.no_skip, &mut progress)?;
    printer.result(&told(&outcome)?)
}

fn dtype(word: Option<&str>) -> Result<Option<Float>, ResolveError> {
    let known = [Float::Float32, Float::Float16, Float::Bfloat16];
    let Some(word) = word else { return Ok(None) };
    let found = known.into_iter().find(|float| float.name() == word);
    let names = known.iter().map(|float| float.name().to_owned()).collect();
    found.map(Some).ok_or_else(|| Unknown::new("element type", word, names).into())
}

fn told(outcome: &Outcome) -> Result<String, PrepareError> {
    let artefact = Artefact::open(&outcome.folder)?;
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
