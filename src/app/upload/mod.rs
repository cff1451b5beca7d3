//! An artefact onto the Hub: verified first, with the record of a run that it passed, and a model card.

mod card;
mod error;
mod evidence;
mod files;
mod original;
mod request;

use gatecheck_base::fs::sha256;
use gatecheck_data::hub::{
    Hub, HubSettings, check_id,
    upload::{Content, LocalFile, Upload, Uploaded},
};
use gatecheck_model::convert::Artefact;

use self::{card::Card, evidence::Evidence, original::Original};
pub use self::{error::UploadError, request::Request};
use super::event::{Event, Observer};

/// What would be uploaded.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// Every file, the model card among them.
    pub files: Vec<LocalFile>,
    /// The model card.
    pub card: String,
    /// What is to be known, and stops nothing.
    pub notes: Vec<String>,
}

/// Verifies the artefact, ties it to its record, and writes the card. Changes nothing anywhere.
pub fn prepare(request: &Request, observer: &mut dyn Observer) -> Result<Prepared, UploadError> {
    observer.on_event(&Event::Started { task: "verifying", steps: 0 });
    let prepared = prepared(request);
    observer.on_event(&Event::Finished);
    prepared
}

fn prepared(request: &Request) -> Result<Prepared, UploadError> {
    check_id(&request.repo).map_err(UploadError::Id)?;
    let artefact = Artefact::open(&request.artefact)?;
    let mut doubts = Vec::new();
    if artefact.metadata.is_none() {
        doubts.push("another tool made it, so there are no checksums to verify it by".to_owned());
    }
    if let Err(error) = artefact.check_sums() {
        doubts.push(error.to_string());
    }
    let evidence = match &request.record {
        Some(folder) => Evidence::read(folder, &artefact, &mut doubts)?,
        None => {
            doubts.push("there is no record of a run that it passed".to_owned());
            None
        }
    };
    if !(doubts.is_empty() || request.force) {
        let (folder, with_record) = (request.artefact.clone(), request.record.is_some());
        return Err(UploadError::Unfit { folder, doubts, with_record });
    }
    let (original, notes) = Original::find(request, &artefact)?;
    let mut files = files::of(&artefact)?;
    let repo = &request.repo;
    let card = Card { repo, artefact: &artefact, original: &original, doubts: &doubts, files: &files };
    let card = card.write(evidence.as_ref())?;
    files.push(LocalFile {
        name: files::CARD.to_owned(),
        size: card.len() as u64,
        sha256: sha256(card.as_bytes()),
        content: Content::Bytes(card.clone().into_bytes()),
    });
    Ok(Prepared { files, card, notes })
}

/// Uploads what was prepared.
pub fn send(
    request: &Request,
    prepared: &Prepared,
    observer: &mut dyn Observer,
) -> Result<Uploaded, UploadError> {
    let hub = Hub::new(HubSettings::from_env()).map_err(|error| UploadError::Upload(error.into()))?;
    let upload = Upload {
        repo: &request.repo,
        files: &prepared.files,
        private: request.private,
        pull_request: request.pull_request,
        force: request.force,
        summary: "Upload an MLX artefact with gatecheck",
    };
    let uploaded = hub.upload(&upload, &mut |at| {
        observer.on_event(&Event::At { task: at.file, done: at.received, total: at.total });
    });
    observer.on_event(&Event::Finished);
    Ok(uploaded?)
}
