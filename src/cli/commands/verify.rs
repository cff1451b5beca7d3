//! `verify`: an artefact of any tool, on disk and on the arm.

use std::path::PathBuf;

use clap::Args;
use gatecheck_base::text::{megabytes, thousands};
use gatecheck_judge::gate::exit_code;

use crate::{
    app::{
        prepare,
        resolve::Resolver,
        verify::{self, Answer, Stage, Verified},
    },
    cli::{error::CliError, printer::Printer},
};

/// Shown below the help text.
pub(crate) const EXIT_CODES: &str = "Exit codes: 0 whole, and it works · 1 its weights are not the original's, or a \
                                     stage has parted · 2 \
                                     wrong command line, or of another architecture · 3 damaged, or it does not load";

/// Numbers of an output that are shown.
const SHOWN: usize = 4;

/// Arguments of `verify`.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// Folder of the converted model
    pub(crate) artefact: PathBuf,
    /// The original: a configured name, a folder, or a Hub id [default: the folder that it was converted from, if there]
    #[arg(long, value_name = "NAME|FOLDER|HUB_ID")]
    pub(crate) model: Option<String>,
    /// Compare with the original stage by stage, and name the first that parts
    #[arg(long)]
    pub(crate) full_test: bool,
    /// Configuration files with models, beside the built-in ones
    #[arg(long, value_name = "GLOB", num_args = 1..)]
    pub(crate) config: Vec<String>,
}

pub(crate) fn verify(args: &VerifyArgs, printer: Printer) -> Result<u8, CliError> {
    let original = match &args.model {
        Some(word) => {
            let mut progress = printer.progress();
            Some(prepare::model(&Resolver::new(&args.config)?.model(word)?, &mut progress)?.folder)
        }
        None => None,
    };
    let verified = verify::verify(&args.artefact, original.as_deref())?;
    printer.result(&held(&verified))?;
    if !cfg!(feature = "mlx") {
        printer.result("loads     not tried: built without MLX\n")?;
        return Ok(exit_code::INCONCLUSIVE);
    }
    printer.result(&answered(&verified.try_out()?))?;
    let mut is_good = verified.is_conversion;
    if args.full_test {
        let stages = verified.compare()?;
        printer.result(&compared(&stages))?;
        is_good &= verify::first_parted(&stages).is_none();
    }
    Ok(if is_good { exit_code::PASS } else { exit_code::FAIL })
}

fn held(verified: &Verified) -> String {
    let Verified { folder, original, architecture, tool, size_bytes, expected_bytes, checked_files, .. } =
        verified;
    let checksums = match checked_files {
        0 => "none recorded".to_owned(),
        files => format!("those of {files} files hold"),
    };
    let expected = expected_bytes.map(|bytes| format!(", {:.2} MB by its recipe", megabytes(bytes)));
    let original = original.as_ref().map_or("not here".to_owned(), |folder| folder.display().to_string());
    let mut text = format!(
        "artefact  {}, {architecture}, made by {tool}\noriginal  {original}\nchecksums {checksums}\nsize      {:.2} MB{}\n",
        folder.display(),
        megabytes(*size_bytes),
        expected.unwrap_or_default()
    );
    for holding in &verified.holdings {
        let (matrices, weights) = (holding.matrices, thousands(holding.weights));
        text += &format!("holds     {matrices} matrices of {weights} weights: {}\n", holding.stored_as);
    }
    for finding in &verified.findings {
        text += &format!("finding   {finding}\n");
    }
    text
}

fn answered(answers: &[Answer]) -> String {
    let line = |Answer { text, tokens, output }: &Answer| {
        let first: Vec<_> = output.iter().take(SHOWN).map(|value| format!("{value:.4}")).collect();
        let more = if output.len() > SHOWN { " …" } else { "" };
        format!("answers   {tokens} tokens, {} numbers: {}{more}  ({text})\n", output.len(), first.join(" "))
    };
    answers.iter().map(line).collect()
}

fn compared(stages: &[Stage]) -> String {
    let line =
        |stage: &Stage| format!("stage     {:20} differs by {:.2} %\n", stage.name, 100.0 * stage.drift);
    let lines: String = stages.iter().map(line).collect();
    let limit = 100.0 * verify::PARTED;
    match verify::first_parted(stages) {
        Some(stage) => {
            format!("{lines}parts     at `{}`, by more than {limit} % of the states\n", stage.name)
        }
        None => format!("{lines}parts     nowhere (limit {limit} %)\n"),
    }
}
