//! `tune`: the smallest recipe that keeps the quality gate.

use std::path::PathBuf;

use gatecheck_base::text::megabytes;
use gatecheck_judge::{gate::exit_code, record::Policy};

pub(crate) mod args;

use self::args::TuneArgs;
use super::{
    report::with_gates,
    run::{Show, listen, measure_all, measuring},
};
use crate::{
    app::{
        defaults,
        resolve::{ModelDefaults, Resolver},
        run::cell_folder,
        tune::{self, Outcome, RECIPE, Request, TUNED, TuneError, Tuning},
    },
    cli::{error::CliError, printer::Printer},
};

pub(crate) fn tune(args: &TuneArgs, printer: Printer) -> Result<u8, CliError> {
    let request = request(args)?;
    let workers = listen(request.measuring.timeout_s)?;
    let mut progress = printer.progress();
    let outcome = tune::tune(&request, &workers, &mut progress);
    progress.done();
    let Outcome { tuning, found } = match outcome {
        Err(TuneError::Stopped) => {
            let so_far = request.out.join(RECIPE);
            let best = if so_far.exists() {
                format!("; the best recipe so far is `{}`", so_far.display())
            } else {
                String::new()
            };
            printer.error(&format!("stopped by the user; the same command goes on{best}"));
            return Ok(exit_code::INCONCLUSIVE);
        }
        other => other?,
    };
    show(&tuning, args.json, printer)?;
    printer.status(&format!("tables and picture are in {}", request.out.display()));
    let Some((artefact, jobs)) = found else {
        printer.error(&nothing(&tuning));
        return Ok(if tuning.is_refuted() { exit_code::FAIL } else { exit_code::INCONCLUSIVE });
    };
    printer.status(&format!(
        "the recipe is {}, its artefact {}; the rows that nothing was chosen by judge it",
        request.out.join(RECIPE).display(),
        artefact.display()
    ));
    // With `--json` standard output has what was asked for.
    let show = if args.json { Show::Nothing } else { Show::Table };
    measure_all(jobs, &workers, show, printer, progress)
}

fn request(args: &TuneArgs) -> Result<Request, CliError> {
    let resolver = Resolver::new(&args.config)?;
    let ModelDefaults { bits: _, group_size, max_accuracy_drop, target_size_mb: _ } =
        resolver.defaults(&args.model);
    let limits = Policy {
        max_accuracy_drop: max_accuracy_drop.unwrap_or(defaults::MAX_ACCURACY_DROP),
        ..defaults::policy()
    };
    let model = resolver.model(&args.model)?;
    let word = match &args.dataset {
        Some(word) => word.clone(),
        None => resolver.benchmarks(&args.model)?.swap_remove(0),
    };
    let mut dataset = resolver.dataset(&word, args.data.as_deref(), args.split.as_deref(), &args.model)?;
    if dataset.part.is_some() {
        let hint = "name the split alone".to_owned();
        return Err(CliError::usage("`--split` names a half; the halves are made here", hint));
    }
    dataset.limit = super::run::limit(args.limit);
    let named = || {
        let folder = cell_folder(defaults::REPORTS.as_ref(), &model.name, &dataset.spec.name);
        PathBuf::from(format!("{}-{TUNED}", folder.display()))
    };
    Ok(Request {
        out: args.out.clone().unwrap_or_else(named),
        model,
        dataset,
        bits: args.bits.clone(),
        group_size: args.group_size.or(group_size).unwrap_or(defaults::GROUP_SIZE),
        examples: args.examples as usize,
        measuring: measuring(&args.measuring)?,
        policy: with_gates(limits, &args.gates)?,
    })
}

fn show(tuning: &Tuning, json: bool, printer: Printer) -> Result<(), CliError> {
    if json {
        let text = serde_json::to_string_pretty(tuning)
            .map_err(|error| CliError::failed(format!("failed to write JSON: {error}"), None))?;
        return printer.result(&format!("{text}\n"));
    }
    let Some(best) = tuning.best() else { return Ok(()) };
    let size = megabytes(best.measured.size_bytes);
    printer.result(&format!(
        "Found: {size:.2} MB, {:.2} bits a weight, among {} recipes judged\n\nOn the unseen half:\n{}\n",
        best.bits_per_weight,
        tuning.calibration.len(),
        tune::table(&tuning.metric, &tuning.unseen)
    ))
}

/// Why there is no recipe.
fn nothing(tuning: &Tuning) -> String {
    let words = if tuning.is_refuted() {
        "every recipe breaks the gate, the best of them too"
    } else {
        "none is sure to keep the gate; more rows would narrow the intervals"
    };
    format!("no recipe was found: {words} (drop of {} at most {})", tuning.metric, tuning.max_drop)
}
