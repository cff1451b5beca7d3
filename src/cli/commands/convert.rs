//! `convert`: a model to an MLX artefact.

use gatecheck_base::text;
use gatecheck_judge::gate::exit_code;
use gatecheck_model::{
    convert::{Artefact, Outcome, Recipe, artefact_name, table},
    quant::{Float, Mode},
};

use crate::{
    app::{
        defaults,
        prepare::{self, PrepareError, Target},
        recipe,
        resolve::{ModelDefaults, ResolveError, Resolver},
        unknown::Unknown,
    },
    cli::{args::ConvertArgs, error::CliError, groups::QuantizationArgs, printer::Printer},
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
    let recipe = recipe(args, &resolver.defaults(name))?;
    let mut progress = printer.progress();
    let source = prepare::model(&resolver.model(name)?, &mut progress)?;
    if args.dry_run {
        let plan = prepare::conversion(&source, &recipe)?;
        let named = artefact_name(&source.name, &recipe).map_err(PrepareError::from)?;
        let folder = args.mlx_path.clone().unwrap_or_else(|| args.output_dir.join(named));
        return printer.result(&format!("{} → {}\n{plan}\n", source.source, folder.display()));
    }
    let target = Target { output: &args.output_dir, folder: args.mlx_path.as_deref(), force: args.no_skip };
    let outcome = prepare::converted(&source, &recipe, target, &mut progress)?;
    progress.done();
    printer.status(table(&outcome.groups).trim_end());
    printer.result(&told(&outcome)?)
}

/// What the arguments say, or else the recipe file, or else the configuration.
fn recipe(args: &ConvertArgs, configured: &ModelDefaults) -> Result<Recipe, CliError> {
    let base = args.recipe.as_deref().map(recipe::open).transpose().map_err(PrepareError::from)?;
    let is_plain = base.is_none();
    let mut choices = base.unwrap_or_default();
    if let Some(word) = &args.mode {
        let known = || Mode::ALL.iter().map(|mode| mode.name().to_owned()).collect();
        let mode = Mode::of_name(word).ok_or_else(|| Unknown::new("mode", word, known()));
        choices.mode = mode.map_err(ResolveError::from)?;
    }
    let QuantizationArgs { bits, group_size, embedding_bits } = args.quantization;
    choices.bits = bits.or(choices.bits);
    choices.group_size = group_size.or(choices.group_size);
    if is_plain && choices.mode == Mode::Affine {
        choices.bits = choices.bits.or(configured.bits).or(Some(defaults::BITS));
        choices.group_size = choices.group_size.or(configured.group_size);
    }
    choices.embedding_bits = embedding_bits.or(choices.embedding_bits);
    choices.dtype = dtype(args.dtype.as_deref())?.or(choices.dtype);
    Ok(Recipe::of(choices).map_err(PrepareError::from)?)
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
