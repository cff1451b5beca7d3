//! The commit: one request with every small file in it, and the names of the large ones.

use base64::{Engine, engine::general_purpose::STANDARD};
use gatecheck_base::fs::read;
use serde_json::{Value, json};

use super::{
    error::UploadError,
    remote::Remote,
    request::{Content, LocalFile, Upload},
    submit::{self, may_pass},
};
use crate::hub::{HubError, names};

const LINES: &str = "application/x-ndjson";

/// What a commit has become.
pub(super) struct Committed {
    pub(super) sha: String,
    /// Of the pull request.
    pub(super) page: Option<String>,
}

impl Remote<'_> {
    /// Commits the files on top of `head`, or proposes them.
    pub(super) fn commit(
        &self,
        upload: &Upload<'_>,
        head: &str,
        files: &[&LocalFile],
        large: &[&LocalFile],
        removed: &[String],
    ) -> Result<Committed, UploadError> {
        let what = format!("the commit to {}", self.what);
        let body = lines(upload.summary, head, files, large, removed)?;
        let query = if upload.pull_request { "?create_pr=1" } else { "" };
        let url = self.api(&format!("models/{}/commit/main{query}", self.id));
        let answer = if upload.pull_request {
            // Asked twice, it would be two of them.
            submit::once(self.hub, &what, &url, LINES, &body).map_err(|error| self.unsure(error))?
        } else {
            match submit::typed(self.hub, &what, &url, LINES, &body) {
                Ok(answer) => answer,
                Err(HubError::Refused { status: 409 | 412, .. }) => return self.overtaken(upload),
                Err(error) => return Err(error.into()),
            }
        };
        let sha = answer["commitOid"].as_str().unwrap_or_default();
        if !names::is_commit(sha) {
            return Err(self.hub.client.odd(&what, format!("`{sha}` is no commit")).into());
        }
        let page = answer["pullRequestUrl"].as_str().map(str::to_owned);
        Ok(Committed { sha: sha.to_owned(), page })
    }

    /// Somebody has committed since: this very upload, where the answer to an earlier attempt was lost, or another.
    fn overtaken(&self, upload: &Upload<'_>) -> Result<Committed, UploadError> {
        let head = self.head()?.unwrap_or_default();
        if self.has_all(upload.files, &head)?.is_empty() {
            return Ok(Committed { sha: head, page: None });
        }
        Err(UploadError::Overtaken { what: self.what.clone() })
    }

    fn unsure(&self, error: HubError) -> UploadError {
        if !may_pass(&error) {
            return error.into();
        }
        let page = format!("{}/discussions", self.page());
        UploadError::Unsure { what: self.what.clone(), page, source: error.into() }
    }
}

/// A commit as lines of JSON.
fn lines(
    summary: &str,
    head: &str,
    files: &[&LocalFile],
    large: &[&LocalFile],
    removed: &[String],
) -> Result<Vec<u8>, UploadError> {
    let header = json!({ "summary": summary, "description": "", "parentCommit": head });
    let mut lines = format!("{}\n", json!({ "key": "header", "value": header }));
    for file in files {
        let is_large = large.iter().any(|other| other.name == file.name);
        lines += &format!("{}\n", if is_large { pointer(file) } else { whole(file)? });
    }
    for name in removed {
        lines += &format!("{}\n", json!({ "key": "deletedFile", "value": { "path": name } }));
    }
    Ok(lines.into_bytes())
}

fn pointer(file: &LocalFile) -> Value {
    let LocalFile { name, sha256, size, .. } = file;
    json!({ "key": "lfsFile", "value": { "path": name, "algo": "sha256", "oid": sha256, "size": size } })
}

fn whole(file: &LocalFile) -> Result<Value, UploadError> {
    let content = match &file.content {
        Content::Bytes(bytes) => STANDARD.encode(bytes),
        Content::Path(path) => {
            let bytes = read(path)?;
            if gatecheck_base::fs::sha256(&bytes) != file.sha256 {
                return Err(UploadError::Changed { path: path.clone() });
            }
            STANDARD.encode(bytes)
        }
    };
    let value = json!({ "content": content, "path": file.name, "encoding": "base64" });
    Ok(json!({ "key": "file", "value": value }))
}
