//! Where the Hub is, where its cache is, and who asks.

use std::{env, fmt, fs, path::PathBuf};

use percent_encoding::percent_decode_str;

/// The Hub that is asked when `HF_ENDPOINT` is not set.
const ENDPOINT: &str = "https://huggingface.co";

/// The variables that forbid the network.
const OFFLINE: [&str; 2] = ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"];

/// How to reach the Hub. hf-hub itself honours only `HF_HOME` and `HF_ENDPOINT`, so everything is
/// resolved here, as the Python library does.
#[derive(Clone, PartialEq, Eq)]
pub struct HubSettings {
    /// Address without a slash at the end, and without name and password.
    pub endpoint: String,
    /// `name:password` of the address, which goes before the token, as in Python.
    pub login: Option<String>,
    /// Folder of the cache (`…/hub`).
    pub cache: PathBuf,
    /// Access token.
    pub token: Option<String>,
    /// Use the cache only, since this variable says so.
    pub offline: Option<&'static str>,
}

/// Leaves token and password out.
impl fmt::Debug for HubSettings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { endpoint, login, cache, token, offline } = self;
        let hidden = |secret: &Option<String>| secret.as_ref().map(|_| "…");
        formatter
            .debug_struct("HubSettings")
            .field("endpoint", endpoint)
            .field("login", &hidden(login))
            .field("cache", cache)
            .field("token", &hidden(token))
            .field("offline", offline)
            .finish()
    }
}

impl HubSettings {
    /// Reads `HF_ENDPOINT`, `HF_HUB_CACHE`, `HF_HOME`, `HF_TOKEN`, `HF_TOKEN_PATH` and `HF_HUB_OFFLINE`, and the
    /// older or more general variables that Python reads in their stead.
    pub fn from_env() -> Self {
        Self::from_lookup(|name| env::var(name).ok())
    }

    /// The same from any source of variables; empty ones count as absent.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Self {
        let variable = |name: &str| lookup(name).filter(|value| !value.trim().is_empty());
        let folder = |name: &str| variable(name).map(|path| expand_home(&path, &variable));
        let caches = folder("XDG_CACHE_HOME").unwrap_or_else(|| expand_home("~/.cache", &variable));
        let home = folder("HF_HOME").unwrap_or_else(|| caches.join("huggingface"));
        let cache = folder("HF_HUB_CACHE").or_else(|| folder("HUGGINGFACE_HUB_CACHE"));
        let token_path = folder("HF_TOKEN_PATH").unwrap_or_else(|| home.join("token"));
        let token = variable("HF_TOKEN")
            .or_else(|| variable("HUGGING_FACE_HUB_TOKEN"))
            .or_else(|| fs::read_to_string(token_path).ok())
            .map(|token| token.trim().to_owned());
        let endpoint = variable("HF_ENDPOINT").unwrap_or_else(|| ENDPOINT.to_owned());
        let (endpoint, login) = split_login(endpoint.trim().trim_end_matches('/'));
        Self {
            endpoint,
            login,
            cache: cache.unwrap_or_else(|| home.join("hub")),
            token: token.filter(|token| !token.is_empty()),
            offline: OFFLINE.into_iter().find(|name| is_on(variable(name))),
        }
    }

    /// The same for the cache alone, as if `HF_HUB_OFFLINE` were set.
    pub fn cache_only(self) -> Self {
        Self { offline: Some(OFFLINE[0]), ..self }
    }
}

/// An address without the name and password in it, which must never be shown, and those.
fn split_login(address: &str) -> (String, Option<String>) {
    let start = address.find("://").map_or(0, |at| at + 3);
    let end = address[start..].find('/').map_or(address.len(), |at| start + at);
    let Some(at) = address[start..end].rfind('@') else { return (address.to_owned(), None) };
    let login = percent_decode_str(&address[start..start + at]).decode_utf8_lossy().into_owned();
    (format!("{}{}", &address[..start], &address[start + at + 1..]), Some(login))
}

fn is_on(value: Option<String>) -> bool {
    value.is_some_and(|value| ["1", "on", "yes", "true"].contains(&value.trim().to_lowercase().as_str()))
}

fn expand_home(path: &str, variable: &impl Fn(&str) -> Option<String>) -> PathBuf {
    match (path.strip_prefix("~/"), variable("HOME").or_else(|| variable("USERPROFILE"))) {
        (Some(rest), Some(home)) => PathBuf::from(home).join(rest),
        _ => PathBuf::from(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(variables: &[(&str, &str)]) -> HubSettings {
        HubSettings::from_lookup(|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn defaults_are_python_s() {
        let settings = settings(&[("HOME", "/home/u"), ("HF_HUB_OFFLINE", "0"), ("HF_TOKEN", " ")]);
        let cache = PathBuf::from("/home/u/.cache/huggingface/hub");
        let endpoint = "https://huggingface.co".to_owned();
        assert_eq!(settings, HubSettings { endpoint, login: None, cache, token: None, offline: None });
    }

    #[test]
    fn the_nearer_variable_wins() {
        let all = [("HF_HUB_CACHE", "~/c"), ("HF_HOME", "/h"), ("XDG_CACHE_HOME", "/x"), ("HOME", "/u")];
        assert_eq!(settings(&all).cache, PathBuf::from("/u/c"));
        assert_eq!(settings(&all[1..]).cache, PathBuf::from("/h/hub"));
        assert_eq!(settings(&all[2..]).cache, PathBuf::from("/x/huggingface/hub"));
        let other = settings(&[("HF_ENDPOINT", "http://mirror:8080/"), ("HF_HUB_OFFLINE", "TRUE")]);
        assert_eq!((other.endpoint.as_str(), other.offline), ("http://mirror:8080", Some("HF_HUB_OFFLINE")));
        assert_eq!(settings(&[("TRANSFORMERS_OFFLINE", "1")]).offline, Some("TRANSFORMERS_OFFLINE"));
    }

    #[test]
    fn tokens_come_from_variable_path_or_home_and_stay_hidden() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("token"), "hf_home\n").unwrap();
        fs::write(folder.path().join("other"), "hf_path\n").unwrap();
        let home = folder.path().to_str().unwrap();
        let path = folder.path().join("other");
        let all = [("HF_TOKEN", "hf_env"), ("HF_TOKEN_PATH", path.to_str().unwrap()), ("HF_HOME", home)];
        assert_eq!(settings(&all).token.as_deref(), Some("hf_env"));
        assert_eq!(settings(&all[1..]).token.as_deref(), Some("hf_path"));
        assert_eq!(settings(&all[2..]).token.as_deref(), Some("hf_home"));
        assert!(!format!("{:?}", settings(&all)).contains("hf_"));
    }

    #[test]
    fn name_and_password_of_the_address_stay_hidden() {
        for (address, endpoint, login) in [
            ("https://u:p%40s@mirror:8080/hf/", "https://mirror:8080/hf", Some("u:p@s")),
            ("u:p@mirror", "mirror", Some("u:p")),
            ("http://mirror/a@b", "http://mirror/a@b", None),
        ] {
            let settings = settings(&[("HF_ENDPOINT", address)]);
            assert_eq!((settings.endpoint.as_str(), settings.login.as_deref()), (endpoint, login));
            assert!(login.is_none_or(|login| !format!("{settings:?}").contains(login)));
        }
    }
}
