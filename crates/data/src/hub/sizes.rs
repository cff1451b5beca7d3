//! How much the Hub would have to send, asked before it is asked to.

use std::path::Path;

use hf_hub::{Repo, RepoType};
use serde::Deserialize;

use super::{Hub, HubError, client::is_busy, dataset, names};

/// What the Hub says of the files of a commit.
#[derive(Deserialize)]
struct Listing {
    siblings: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    rfilename: String,
    size: Option<u64>,
}

impl Hub {
    /// Bytes of the files that [`Hub::model_snapshot`] would bring, if nothing of the model is in the cache: weights,
    /// and the files beside them. Nothing where the Hub tells no sizes.
    pub fn model_bytes(
        &self,
        id: &str,
        revision: Option<&str>,
        companions: fn(&Path) -> Vec<String>,
    ) -> Result<Option<u64>, HubError> {
        let listing = self.listing(RepoType::Model, id, revision.unwrap_or("main"))?;
        // Of a folder that is not there: what every model has, without the folders of its modules.
        let companions = companions(&self.settings.cache.join("none"));
        let is_whole = listing.siblings.iter().any(|file| file.rfilename == "model.safetensors");
        let is_weight = |name: &str| match is_whole {
            true => name == "model.safetensors",
            false => !name.contains('/') && name.ends_with(".safetensors"),
        };
        let wanted = |file: &&Listed| is_weight(&file.rfilename) || companions.contains(&file.rfilename);
        Ok(listing.siblings.iter().filter(wanted).map(|file| file.size).sum())
    }

    /// Bytes of the files that [`Hub::dataset_files`] would bring, if none of them is in the cache. Nothing where
    /// the Hub tells no sizes.
    pub fn dataset_bytes(
        &self,
        id: &str,
        subset: Option<&str>,
        split: &str,
        revision: Option<&str>,
    ) -> Result<Option<u64>, HubError> {
        let listing = match revision {
            Some(revision) => self.listing(RepoType::Dataset, id, revision)?,
            None => match self.listing(RepoType::Dataset, id, dataset::PARQUET) {
                Err(HubError::NotFound { .. }) => self.listing(RepoType::Dataset, id, "main")?,
                other => other?,
            },
        };
        let files: Vec<String> = listing.siblings.iter().map(|file| file.rfilename.clone()).collect();
        let chosen = dataset::choose(&format!("dataset `{id}`"), &files, subset, split)?;
        let wanted = |file: &&Listed| chosen.contains(&file.rfilename);
        Ok(listing.siblings.iter().filter(wanted).map(|file| file.size).sum())
    }

    fn listing(&self, kind: RepoType, id: &str, revision: &str) -> Result<Listing, HubError> {
        names::check_id(id)?;
        names::check_revision(revision)?;
        let what = format!("`{id}`");
        if let Some(variable) = self.settings.offline {
            return Err(HubError::Offline { what, cache: self.settings.cache.clone(), variable });
        }
        let repo = Repo::with_revision(id.to_owned(), kind, revision.to_owned());
        let url = format!("{}/api/{}?blobs=true", self.settings.endpoint, repo.api_url());
        let text = self.client().retrying(is_busy, || self.client().text(&what, &url))?;
        serde_json::from_str(&text).map_err(|error| self.client().odd(&what, error.to_string()))
    }
}
