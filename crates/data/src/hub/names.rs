//! Names that come from outside, checked before they become paths or addresses.

use std::path::{Component, Path};

use super::HubError;

/// Makes sure that `id` is `name` or `owner/name`.
pub fn check_id(id: &str) -> Result<(), HubError> {
    let parts: Vec<_> = id.split('/').collect();
    let fine = |part: &&str| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        !part.is_empty() && part.chars().all(allowed) && !part.starts_with(['.', '-'])
    };
    // Two dashes separate owner and name in the cache.
    if parts.len() <= 2 && parts.iter().all(fine) && !id.contains("..") && !id.contains("--") {
        return Ok(());
    }
    Err(HubError::Id { id: id.to_owned() })
}

/// Makes sure that `revision` is a branch, tag, pull request or commit, and no way out of the cache.
pub(super) fn check_revision(revision: &str) -> Result<(), HubError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/');
    if stays_inside(revision) && revision.chars().all(allowed) {
        return Ok(());
    }
    Err(HubError::Revision { revision: revision.to_owned() })
}

/// Whether a relative path stays in its folder.
pub(super) fn stays_inside(path: &str) -> bool {
    !path.is_empty()
        && !path.contains('\\')
        && !path.contains('\0')
        && Path::new(path).components().all(|component| matches!(component, Component::Normal(_)))
}

/// Whether a server's tag of a file can name it in the cache: a checksum of any writing, and nothing with a folder
/// or a hidden name in it.
pub(super) fn is_tag(etag: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '+' | '=' | ':');
    (1..=128).contains(&etag.len()) && etag.chars().all(allowed) && !etag.starts_with('.')
}

/// Whether this is the name of a commit rather than of a branch.
pub(super) fn is_commit(revision: &str) -> bool {
    revision.len() == 40 && revision.chars().all(|c| c.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids() {
        for id in ["gpt2", "facebook/bart-large-mnli", "MoritzLaurer/ModernBERT-large-zeroshot-v2.0"] {
            assert!(check_id(id).is_ok(), "{id}");
        }
        for id in
            ["", "/", "a/", "a/b/c", "../b", "a/..", "a b", "a?b", "-a", "/etc", "a--b/c", "https://x/y"]
        {
            assert!(check_id(id).is_err(), "{id}");
        }
    }

    #[test]
    fn tags() {
        assert!(is_tag(&"0a".repeat(32)) && is_tag("d41d8-2") && is_tag("sha1:0a+b="));
        for tag in ["", "..", "../x", "a/b", "/x", ".a", "W/a", "a\0", &"a".repeat(129)] {
            assert!(!is_tag(tag), "{tag}");
        }
    }

    #[test]
    fn revisions_and_files() {
        for revision in ["main", "refs/convert/parquet", "refs/pr/12", "v1.0"] {
            assert!(check_revision(revision).is_ok(), "{revision}");
        }
        for revision in ["", "../x", "/x", "a/../../b", "a b", "a?b"] {
            assert!(check_revision(revision).is_err(), "{revision}");
        }
        assert!(stays_inside("1_Pooling/config.json"));
        assert!(!stays_inside("./x") && !stays_inside("a\\..\\b") && !stays_inside("C:\\x"));
        assert!(is_commit(&"a".repeat(40)) && !is_commit("main"));
    }
}
