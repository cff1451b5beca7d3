//! `pipeline`: many models on many datasets.

use std::path::PathBuf;

use gatecheck_base::text::{duration, megabytes};
use gatecheck_judge::{
    gate::{Verdict, exit_code},
    record::Policy,
    report::{
        Format,
        matrix::{self, Matrix},
        view::plain,
    },
};

use super::{
    report::with_gates,
    run::{limit, listen, measuring},
    upload::{UploadArgs, upload},
};
use crate::{
    app::{
        arms, defaults,
        pipeline::{self, Bytes, Finished, Order, Place, Survey, Way},
        resolve::{ModelDefaults, ResolveError, Resolver},
        run::{Request, cell_folder},
        settings::{Artefacts, Comparison},
        source::Candidates,
        unknown::Unknown,
    },
    cli::{args::PipelineArgs, error::CliError, groups::QuantizationArgs, printer::Printer},
};

pub(crate) fn pipeline(args: &PipelineArgs, printer: Printer) -> Result<u8, CliError> {
    let order = order(args)?;
    let uploads = uploads(args, &order)?;
    let survey = pipeline::survey(&order)?;
    if args.dry_run && args.json {
        let text = serde_json::to_string_pretty(&survey)
            .map_err(|error| CliError::failed(format!("failed to write JSON: {error}"), None))?;
        printer.result(&format!("{text}\n"))?;
    } else if args.dry_run {
        printer.result(&told(&survey))?;
    } else {
        printer.status(told(&survey).trim_end());
    }
    if args.dry_run {
        return Ok(exit_code::PASS);
    }
    let place = order.place.clone();
    let mut progress = printer.progress();
    let ready = pipeline::prepare(order, &mut progress)?;
    let workers = listen(args.measuring.timeout.unwrap_or(defaults::TIMEOUT_S))?;
    let Finished { matrix, out, stopped } = pipeline::measure(ready, &workers, &mut progress)?;
    progress.done();
    let shown = if args.json {
        let (_, bytes) = matrix::render(&matrix)
            .map_err(crate::app::judge::JudgeError::from)?
            .into_iter()
            .find(|(name, _)| *name == Format::Json.matrix_file_name())
            .unwrap_or_default();
        printer.result(&String::from_utf8_lossy(&bytes))
    } else {
        printer.result(&matrix::table::render(&matrix))
    };
    printer.status(&format!(
        "the matrix is in {}, logs and results are in {}",
        out.display(),
        place.folder().display()
    ));
    if stopped {
        printer.error("stopped by the user; the same command goes on with what is left");
    }
    shown?;
    let mut codes = vec![matrix.exit_code];
    for upload in &uploads {
        codes.push(upload.carry_out(&matrix, printer));
    }
    Ok(exit_code::of_all(&codes))
}

/// Words set apart by commas or white space.
fn words(given: &[String]) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in given.iter().flat_map(|some| some.split([',', ' ', '\t', '\n'])) {
        if !word.is_empty() && !words.iter().any(|known| known == word) {
            words.push(word.to_owned());
        }
    }
    words
}

fn order(args: &PipelineArgs) -> Result<Order, CliError> {
    let resolver = Resolver::new(&args.config)?;
    let (named, datasets) = (words(&args.models), words(&args.datasets));
    let models = if named.is_empty() { resolver.chosen_model_names() } else { named.clone() };
    let mut requests = Vec::new();
    for model in &models {
        let of_model = if !named.is_empty() && !datasets.is_empty() {
            datasets.clone()
        } else {
            let mut benchmarks = resolver.benchmarks(model)?;
            benchmarks.retain(|benchmark| datasets.is_empty() || datasets.contains(benchmark));
            benchmarks
        };
        if !of_model.is_empty() {
            requests.push(request(args, &resolver, model, &of_model)?);
        }
    }
    // A word that is wrong is told as such, though no model would have been measured on it.
    for dataset in &datasets {
        resolver.dataset(dataset, None, None, "")?;
    }
    let (jobs, again, out) = (args.jobs as usize, args.no_skip, args.out.clone());
    Ok(Order { requests, jobs, again, out, place: Place::from_env() })
}

fn request(
    args: &PipelineArgs,
    resolver: &Resolver,
    word: &str,
    datasets: &[String],
) -> Result<Request, CliError> {
    let ModelDefaults { bits, group_size, max_accuracy_drop, target_size_mb } = resolver.defaults(word);
    let limits = Policy {
        max_accuracy_drop: max_accuracy_drop.unwrap_or(defaults::MAX_ACCURACY_DROP),
        target_size_mb,
        ..defaults::policy()
    };
    let QuantizationArgs { bits: asked, group_size: asked_group, embedding_bits } = args.quantization;
    let model = resolver.model(word)?;
    let references = resolver.candidates(word, &[], !args.arms.is_empty())?;
    let dataset = |name: &String| {
        let mut found = resolver.dataset(name, None, None, word)?;
        found.limit = limit(args.limit);
        let folder = cell_folder(&args.out, &model.name, &found.spec.name);
        Ok::<_, CliError>((found, folder))
    };
    Ok(Request {
        datasets: datasets.iter().map(dataset).collect::<Result<_, _>>()?,
        comparison: Comparison {
            arms: arms::choose(&args.arms, asked, bits, references.len())?,
            group_size: asked_group.or(group_size),
            embedding_bits,
        },
        candidates: Candidates { references, any_weights: false },
        artefacts: Artefacts { folder: args.output_dir.clone(), may_convert: true },
        measuring: measuring(&args.measuring)?,
        policy: with_gates(limits, &args.gates)?,
        model,
    })
}

/// What is to be uploaded; refused before anything is done for it where it cannot be.
fn uploads(args: &PipelineArgs, order: &Order) -> Result<Vec<PendingUpload>, CliError> {
    let Some(owner) = &args.upload_to else { return Ok(Vec::new()) };
    args.upload.iter().map(|word| pending_upload(word, owner, order)).collect()
}

fn pending_upload(word: &str, owner: &str, order: &Order) -> Result<PendingUpload, CliError> {
    let parts = word.rsplit_once(':').filter(|(model, quant)| !model.is_empty() && !quant.is_empty());
    let Some((model, quant)) = parts else {
        let hint = "give a model and how it is quantized, such as `--upload minilm:q8`".to_owned();
        return Err(CliError::usage(format!("`{word}` names no artefact to upload"), hint));
    };
    let Some(request) = order.requests.iter().find(|request| request.model.name == model) else {
        let known = order.requests.iter().map(|request| request.model.name.clone()).collect();
        return Err(ResolveError::from(Unknown::new("model of this pipeline", model, known)).into());
    };
    let arms: Vec<String> = request.comparison.arms.iter().map(|arm| arm.name()).collect();
    if !arms.contains(&format!("mlx-{quant}")) {
        let hint = format!("its arms are {}", arms.join(", "));
        return Err(CliError::usage(format!("`{model}` is not measured as `{quant}` here"), hint));
    }
    let name = format!("{model}-mlx-{quant}");
    Ok(PendingUpload {
        model: model.to_owned(),
        artefact: request.artefacts.folder.join(&name),
        repo: format!("{owner}/{name}"),
    })
}

/// An artefact that goes to the Hub when its model has passed.
struct PendingUpload {
    model: String,
    artefact: PathBuf,
    repo: String,
}

impl PendingUpload {
    /// Uploads it with the record of its first dataset, if the model has passed on all of them.
    fn carry_out(&self, matrix: &Matrix, printer: Printer) -> u8 {
        let cells: Vec<_> = matrix.cells.iter().filter(|cell| cell.model == self.model).collect();
        if let Some(cell) = cells.iter().find(|cell| cell.verdict != Verdict::Pass) {
            let dataset = plain(&cell.dataset);
            printer.error(&format!("not uploaded: {} has not passed on {dataset}", plain(&self.repo)));
            return cell.exit_code;
        }
        let args = UploadArgs {
            artefact: self.artefact.clone(),
            repo: self.repo.clone(),
            record: cells.iter().find_map(|cell| cell.report.as_ref().map(PathBuf::from)),
            base_model: None,
            private: false,
            pr: false,
            dry_run: false,
            force: false,
        };
        upload(&args, printer).unwrap_or_else(|error| {
            printer.error(&error.lines());
            error.exit_code
        })
    }
}

/// The plan.
fn told(survey: &Survey) -> String {
    let mut text = format!("{} models, {} cells\n", survey.models.len(), survey.cells.len());
    for model in &survey.models {
        let place = match &model.folder {
            Some(folder) => folder.display().to_string(),
            None => "to be downloaded".to_owned(),
        };
        let convert = match (&model.problem, model.to_convert, model.artefacts.len()) {
            (Some(problem), ..) => format!("cannot be converted: {problem}"),
            (None, 0, 0) => "nothing to convert".to_owned(),
            (None, 0, _) => "converted".to_owned(),
            (None, left, _) => format!("{left} to convert"),
        };
        text += &format!("  {}: {}, {convert}\n", plain(&model.name), plain(&place));
    }
    for cell in &survey.cells {
        let way = match cell.way {
            Way::Measured => "measured already; kept if nothing changed",
            Way::Begun => "begun; gone on with",
            Way::Fresh => "to be measured",
        };
        let (model, dataset) = (plain(&cell.model), plain(&cell.dataset));
        text += &format!("  {model} on {dataset}: {}, {way}\n", cell.arms.join(", "));
    }
    let gigabytes = |bytes: &Bytes| {
        let unknown = match bytes.unknown.len() {
            0 => String::new(),
            count => format!(", and {count} of unknown size ({})", plain(&bytes.unknown.join(", "))),
        };
        format!("{:.3} GB{unknown}", megabytes(bytes.known) / 1000.0)
    };
    text += &format!("downloads: {}\n", gigabytes(&survey.downloads));
    text += &format!("disk for conversions: {}\n", gigabytes(&survey.conversions));
    let timed = survey.cells.len() - survey.without_time;
    text += &match (timed, survey.without_time) {
        (0, _) => "time: unknown, nothing of it was measured before\n".to_owned(),
        (_, 0) => format!("time: about {}, from earlier records\n", duration(survey.seconds)),
        (timed, without) => format!(
            "time: about {} for {timed} cells, from earlier records; unknown for {without}\n",
            duration(survey.seconds)
        ),
    };
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_set_apart_by_commas_and_spaces() {
        let given = ["a b,c".to_owned(), " d, a ,".to_owned()];
        assert_eq!(words(&given), ["a", "b", "c", "d"]);
        assert!(words(&[" ,".to_owned()]).is_empty());
    }
}
