//! Parts of addresses, and where one leads from another.

/// The address of the next page in a `Link`.
pub(super) fn next_page(links: &str) -> Option<&str> {
    let next = links.split(',').find(|link| link.contains("rel=\"next\""))?;
    next.trim().strip_prefix('<')?.split('>').next()
}

/// Scheme, host and port of an address.
pub(super) fn host(url: &str) -> String {
    let start = url.find("://").map_or(0, |at| at + 3);
    let end = url[start..].find(['/', '?', '#']).map_or(url.len(), |at| start + at);
    url[..end].to_ascii_lowercase()
}

/// Where a `Location` at `url` leads.
pub(super) fn join(url: &str, location: &str) -> String {
    let scheme = url.find("://").map_or("", |at| &url[..at]);
    if location.split(['/', '?', '#']).next().is_some_and(|start| start.ends_with(':')) {
        location.to_owned()
    } else if location.starts_with("//") {
        format!("{scheme}:{location}")
    } else if location.starts_with('/') {
        format!("{}{location}", &url[..host(url).len()])
    } else {
        let path = url.split(['?', '#']).next().unwrap_or(url);
        let folder = path.rfind('/').filter(|at| *at >= host(url).len()).map_or(path, |at| &path[..at]);
        format!("{folder}/{location}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations() {
        let url = "http://Hub:80/a/b/c?d=/e";
        for (location, expected) in [
            ("https://cdn/x?y=http://z", "https://cdn/x?y=http://z"),
            ("//cdn/x", "http://cdn/x"),
            ("/x/y", "http://Hub:80/x/y"),
            ("x", "http://Hub:80/a/b/x"),
            ("x?y=http://z", "http://Hub:80/a/b/x?y=http://z"),
        ] {
            assert_eq!(join(url, location), expected);
        }
        assert_eq!(join("http://hub", "x"), "http://hub/x");
    }

    #[test]
    fn the_next_page() {
        let links = "<http://hub/a?cursor=1>; rel=\"first\", <http://hub/a?cursor=3>; rel=\"next\"";
        assert_eq!(next_page(links), Some("http://hub/a?cursor=3"));
        assert_eq!(next_page("<http://hub/a>; rel=\"first\""), None);
    }

    #[test]
    fn the_token_s_host_is_scheme_name_and_port() {
        assert_eq!(host("HTTPS://Hub.co/a"), host("https://hub.co?x"));
        for other in
            ["http://hub.co/a", "https://hub.co:8/a", "https://hub.co.evil/a", "https://hub.co@evil/"]
        {
            assert_ne!(host("https://hub.co/a"), host(other), "{other}");
        }
    }
}
