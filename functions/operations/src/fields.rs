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

/// The base URL of a partner's API, without a slash at its end: `https` to a public name. Where AWS is played by this machine, partners
/// may be, too: then `http` to it.
pub(crate) fn base_url(deps: &Deps, pointer: &str, text: &str) -> Result<String, Problem> {
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
    match scheme {
        "https" if is_public_name(authority.host()) => {}
        // On AWS this would be the function's own runtime interface.
        "http" if deps.settings.is_local() && is_loopback(authority.host()) => {}
        "https" => {
            return invalid("the URL must name a public host, like https://api.example.com: no address, no local name");
        }
        _ => return invalid("the URL must be https"),
    }
    Ok(text.trim_end_matches('/').to_owned())
}

/// Whether it can be a name of the public DNS. What a function could reach that others cannot has none: addresses of the machine and
/// of the cloud's own services, also in the shapes that resolvers take for addresses (`0x7f.1`), and names for private use.
fn is_public_name(host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let Some((_, last)) = host.rsplit_once('.') else { return false };
    last.starts_with(|first: char| first.is_ascii_alphabetic())
        && !matches!(last, "localhost" | "local" | "internal" | "localdomain" | "home" | "lan" | "corp")
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

    fn check(url: &str, on_aws: Option<&str>, on_this_machine: Option<&str>) {
        let mut deps = testkit::Stack::new().deps;
        assert_eq!(base_url(&deps, "/api_url", url).ok().as_deref(), on_this_machine, "{url} on this machine");
        deps.settings = platform::Settings::default();
        assert_eq!(base_url(&deps, "/api_url", url).ok().as_deref(), on_aws, "{url} on AWS");
    }

    #[tokio::test]
    async fn a_partners_url_is_https_or_on_this_machine() {
        for (url, expect) in [
            ("https://api.example.com/", Some("https://api.example.com")),
            ("https://api.example.com/v2", Some("https://api.example.com/v2")),
            ("https://api.example.com:8443", Some("https://api.example.com:8443")),
            ("http://api.example.com", None),
            ("http://127.0.0.1.example.com", None),
            ("http://localhost.example.com", None),
            ("https://user:secret@example.com", None),
            ("https://example.com/?a=b", None),
            ("https://example.com/#a", None),
            ("ftp://example.com", None),
            ("example.com", None),
            ("/path", None),
            ("", None),
            ("https://пример.бг", None),
            (&format!("https://example.com/{}", "a".repeat(500)), None),
        ] {
            check(url, expect, expect);
        }
        for url in ["http://127.0.0.1:9000", "http://[::1]:9000", "http://localhost:9000"] {
            check(url, None, Some(url));
        }
    }

    #[tokio::test]
    async fn a_partners_url_names_nothing_that_only_a_function_can_reach() {
        for host in [
            "127.0.0.1",
            "localhost",
            "localhost.",
            "[::1]",
            "169.254.169.254",
            "[fd00:ec2::254]",
            "10.0.0.1",
            "192.168.1.1",
            "8.8.8.8",
            "[::ffff:127.0.0.1]",
            "2130706433",
            "0x7f000001",
            "0177.0.0.1",
            "0x7f.1",
            "127.1",
            "0",
            "metadata",
            "metadata.google.internal",
            "instance-data.ec2.internal",
            "printer.local",
            "x.localhost",
            "sandbox.localdomain.",
        ] {
            check(&format!("https://{host}"), None, None);
            check(&format!("https://{host}:9001/2018-06-01"), None, None);
        }
        for url in ["http://169.254.169.254", "http://10.0.0.1", "http://metadata.google.internal"] {
            check(url, None, None);
        }
    }

    #[test]
    fn a_shops_domain_is_a_name_alone() {
        assert_eq!(domain_name("/shop_domain", "Acme.MyShopify.com").ok().as_deref(), Some("acme.myshopify.com"));
        for bad in ["", "acme", "https://acme.bg", "acme.bg/", "a..b", "-a.bg", "acme.bg ", "магазин.бг"] {
            assert!(domain_name("/shop_domain", bad).is_err(), "{bad}");
        }
    }
}
