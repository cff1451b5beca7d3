//! The model card.

use gatecheck_base::text::thousands;
use gatecheck_data::hub::upload::LocalFile;
use gatecheck_judge::{
    report::{ReportError, in_markdown},
    task::Task,
};
use gatecheck_model::convert::Artefact;
use serde_json::Value;

use super::{
    evidence::Evidence,
    original::{OneOrMore, Original},
};
use crate::app::version::VERSION;

/// How to get at the weights in Python; the repository stands for `REPO`.
const PYTHON: &str = include_str!("load.py");

/// What a card is made of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Card<'a> {
    pub(super) repo: &'a str,
    pub(super) artefact: &'a Artefact,
    pub(super) original: &'a Original,
    /// What speaks against the artefact, and was overruled.
    pub(super) doubts: &'a [String],
    pub(super) files: &'a [LocalFile],
}

impl Card<'_> {
    /// The same artefact, record and original give the same bytes.
    pub(super) fn write(self, evidence: Option<&Evidence>) -> Result<String, ReportError> {
        let measured = match evidence {
            Some(evidence) => {
                let (arm, report) = (in_markdown(&evidence.arm), evidence.markdown()?);
                format!("This artefact is the arm {arm} of the run below.\n\n{report}")
            }
            None => "Nothing: no run of this artefact is attached.\n".to_owned(),
        };
        Ok(format!(
            "{}\n# {}\n\n{}{}\n## Recipe\n\n{}\n## Measured\n\n{measured}\n## Use\n\n```python\n{}```\n\n## Files\n\n{}",
            self.front_matter(evidence),
            in_markdown(self.repo.rsplit('/').next().unwrap_or_default()),
            self.origin(),
            self.warning(),
            self.recipe(),
            PYTHON.replace("REPO", self.repo),
            self.table_of_files(),
        ))
    }

    /// YAML, written as JSON's strings, which no reader takes for anything but strings.
    fn front_matter(self, evidence: Option<&Evidence>) -> String {
        let inherited = &self.original.inherited;
        let mut text = "---\nlibrary_name: mlx\n".to_owned();
        if let Some(id) = &self.original.id {
            text += &key("base_model", &OneOrMore::One(id.clone()));
            if self.artefact.quantization.is_some() {
                text += "base_model_relation: quantized\n";
            }
        }
        let tag = match &inherited.pipeline_tag {
            OneOrMore::None => OneOrMore::One(self.pipeline_tag(evidence).to_owned()),
            known => known.clone(),
        };
        text += &key("pipeline_tag", &tag);
        text += &key("license", &inherited.license);
        text += &key("license_name", &inherited.license_name);
        text += &key("license_link", &self.license_link());
        text += &key("language", &inherited.language);
        text += &key("tags", &OneOrMore::More(self.tags()));
        text + "---\n"
    }

    /// A link within the original's repository leads there from here too.
    fn license_link(self) -> OneOrMore {
        let (link, id) = (&self.original.inherited.license_link, &self.original.id);
        match (link, id) {
            (OneOrMore::One(link), Some(id)) if !link.contains("://") => {
                OneOrMore::One(format!("https://huggingface.co/{id}/blob/main/{link}"))
            }
            _ => link.clone(),
        }
    }

    fn tags(self) -> Vec<String> {
        let bits = self.artefact.quantization.as_ref().map(|it| format!("{}-bit", it.default.bits()));
        ["mlx".to_owned(), "gatecheck".to_owned()].into_iter().chain(bits).collect()
    }

    /// What the model is for, where its own card does not say.
    fn pipeline_tag(self, evidence: Option<&Evidence>) -> &'static str {
        let has = |name: &str| self.files.iter().any(|file| file.name == name);
        match evidence.map(|evidence| evidence.report.dataset.task) {
            Some(Task::Classification) => "text-classification",
            Some(Task::ZeroShot) => "zero-shot-classification",
            Some(Task::Similarity) => "sentence-similarity",
            None if has("modules.json") => "sentence-similarity",
            None => "feature-extraction",
        }
    }

    fn origin(self) -> String {
        let of = match (&self.original.id, &self.original.revision) {
            (Some(id), Some(revision)) => {
                format!("[{id}](https://huggingface.co/{id}) at commit `{revision}`")
            }
            (Some(id), None) => format!("[{id}](https://huggingface.co/{id})"),
            (None, _) => "A model that is not on the Hub,".to_owned(),
        };
        match &self.artefact.metadata {
            Some(metadata) => {
                let version = in_markdown(&metadata.tool_version);
                format!("{of} converted to MLX by gatecheck {version}; uploaded by gatecheck {VERSION}.\n")
            }
            None => format!("{of} converted to MLX by another tool; uploaded by gatecheck {VERSION}.\n"),
        }
    }

    fn warning(self) -> String {
        if self.doubts.is_empty() {
            return String::new();
        }
        let doubts = self.doubts.iter().map(|doubt| format!("> - {}\n", in_markdown(doubt)));
        format!(
            "\n> **This artefact was uploaded by force: it has not been shown that it may stand in for the \
             original.**\n>\n{}",
            doubts.collect::<String>()
        )
    }

    fn recipe(self) -> String {
        let Some(metadata) = &self.artefact.metadata else {
            return "Unknown: `config.json` has what the tool that made it wrote there.\n".to_owned();
        };
        let mut rows = String::new();
        if let Ok(Value::Object(recipe)) = serde_json::to_value(&metadata.recipe) {
            for (name, value) in recipe.iter().filter(|(_, value)| !value.is_null()) {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                rows += &row(&[name.replace('_', " "), value]);
            }
        }
        let facts = [
            ("recipe and inputs, SHA-256", metadata.recipe_sha256.clone()),
            ("size (bytes)", thousands(self.artefact.size_bytes)),
            (
                "tensors left unquantized, or with scales of another type",
                metadata.unquantized.len().to_string(),
            ),
        ];
        rows += &facts.map(|(name, value)| row(&[name.to_owned(), value])).concat();
        format!("| recipe | |\n| --- | --- |\n{rows}")
    }

    fn table_of_files(self) -> String {
        let rows = self
            .files
            .iter()
            .map(|file| row(&[file.name.clone(), thousands(file.size), file.sha256.clone()]));
        format!("| file | bytes | SHA-256 |\n| --- | --- | --- |\n{}", rows.collect::<String>())
    }
}

fn row(cells: &[String]) -> String {
    let cells: Vec<_> = cells.iter().map(|cell| in_markdown(cell)).collect();
    format!("| {} |\n", cells.join(" | "))
}

fn key(name: &str, value: &OneOrMore) -> String {
    let quoted = |word: &String| Value::from(word.as_str()).to_string();
    match value {
        OneOrMore::None => String::new(),
        OneOrMore::One(word) => format!("{name}: {}\n", quoted(word)),
        OneOrMore::More(words) => {
            let words: String = words.iter().map(|word| format!("- {}\n", quoted(word))).collect();
            format!("{name}:\n{words}")
        }
    }
}
