//! Fields that several requests have: URLs, secrets.

use domain::account::check_text;
use platform::secrets::Sealed;
use platform::{Deps, Problem};

/// Longest secret or token, bytes.
const SECRET_BYTES_MAX: usize = 2048;
/// Most secrets of one webhook.
const SECRETS_MAX: usize = 5;
/// Longest URL, bytes.
const URL_BYTES_MAX: usize = 500;

/// The base URL of a partner's API, without a slash at its end: `https`, or `http` to this machine.
pub(crate) fn base_url(pointer: &str, text: &str) -> Result<String, Problem> {
    let invalid = |detail: &str| Err(Problem::invalid(pointer, detail));
    if text.len() > URL_BYTES_MAX {
        return invalid("a URL has at most 500 bytes");
    }
    let Ok(uri) = text.parse::<http::Uri>() else {
        return invalid("it is no URL: send one like https://api.example.com");
    };
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return invalid("it is no absolute URL: send one like https://api.example.com");
    };
    if authority.as_str().contains('@') || uri.query().is_some() || text.contains('#') {
        return invalid("send the base URL alone, without user, query or fragment");
    }
    if authority.host().is_empty() {
        return invalid("the URL names no host");
    }
    match scheme {
        "https" => {}
        "http" if is_loopback(authority.host()) => {}
        _ => return invalid("the URL must be https; http is for this machine only (127.0.0.1, [::1], localhost)"),
    }
    Ok(text.trim_end_matches('/').to_owned())
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// A domain name, in lower case.
pub(crate) fn domain_name(pointer: &str, text: &str) -> Result<String, Problem> {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if text.len() <= 253 && text.contains('.') && text.split('.').all(label) {
        Ok(text.to_ascii_lowercase())
    } else {
        Err(Problem::invalid(pointer, "send the shop's domain alone, like acme.myshopify.com, in ASCII (punycode)"))
    }
}

/// Checks a secret and seals it for the object named `owner`.
pub(crate) fn seal(deps: &Deps, owner: &str, pointer: &str, secret: &str) -> Result<Sealed, Problem> {
    check_text(pointer, secret, SECRET_BYTES_MAX).map_err(platform::requests::refused)?;
    Ok(deps.secrets.seal(owner, secret, &deps.ids.random(24))?)
}

/// Checks the secrets of a webhook, at least `least`, and seals them.
pub(crate) fn seal_all(deps: &Deps, owner: &str, secrets: &[String], least: usize) -> Result<Vec<Sealed>, Problem> {
    if !(least..=SECRETS_MAX).contains(&secrets.len()) {
        let detail = format!("send {least} to {SECRETS_MAX} secrets, newest first");
        return Err(Problem::invalid("/webhook_secrets", detail));
    }
    (0..)
        .zip(secrets)
        .map(|(index, secret): (usize, _)| seal(deps, owner, &format!("/webhook_secrets/{index}"), secret))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, expect: Option<&str>) {
        assert_eq!(base_url("/api_url", url).ok().as_deref(), expect, "{url}");
    }

    #[test]
    fn a_partners_url_is_https_or_on_this_machine() {
        check("https://api.example.com/", Some("https://api.example.com"));
        check("https://api.example.com/v2", Some("https://api.example.com/v2"));
        check("http://127.0.0.1:9000", Some("http://127.0.0.1:9000"));
        check("http://[::1]:9000", Some("http://[::1]:9000"));
        check("http://localhost:9000", Some("http://localhost:9000"));
        check("http://api.example.com", None);
        check("http://127.0.0.1.example.com", None);
        check("http://localhost.example.com", None);
        check("http://169.254.169.254", None);
        check("https://user:secret@example.com", None);
        check("https://example.com/?a=b", None);
        check("https://example.com/#a", None);
        check("ftp://example.com", None);
        check("example.com", None);
        check("/path", None);
        check("", None);
        check("https://пример.бг", None);
        check(&format!("https://example.com/{}", "a".repeat(500)), None);
    }

    #[test]
    fn a_shops_domain_is_a_name_alone() {
        assert_eq!(domain_name("/shop_domain", "Acme.MyShopify.com").ok().as_deref(), Some("acme.myshopify.com"));
        for bad in ["", "acme", "https://acme.bg", "acme.bg/", "a..b", "-a.bg", "acme.bg ", "магазин.бг"] {
            assert!(domain_name("/shop_domain", bad).is_err(), "{bad}");
        }
    }
}
