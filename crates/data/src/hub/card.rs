//! What a model's page says of it.

use gatecheck_base::fs;
use hf_hub::RepoType;

use super::{Hub, HubError};

const CARD: &str = "README.md";

impl Hub {
    /// The model card at `revision`, or the head of `main`; `None` where the model has none.
    pub fn model_card(&self, id: &str, revision: Option<&str>) -> Result<Option<String>, HubError> {
        let commit = self.commit(RepoType::Model, id, revision.unwrap_or("main"))?;
        if !commit.has(CARD) {
            // The cache alone cannot tell.
            return commit.incomplete().map_or(Ok(None), Err);
        }
        let path = commit.fetch(CARD, &mut |_| {})?;
        Ok(Some(String::from_utf8_lossy(&fs::read(&path)?).into_owned()))
    }
}
