//! Whom TLS trusts, set up no sooner than it is needed: most invocations speak with AWS alone.

use std::sync::OnceLock;
use std::time::Duration;

use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;

use crate::settings::Settings;

/// The five roots to which AWS's services chain: all that Amazon recommends for a trust store of one's own, whoever issues.
/// <https://www.amazontrust.com/repository/>
pub const AMAZON_ROOTS: &[u8] = include_bytes!("amazon-roots.pem");

/// HTTP for the SDK.
pub(crate) fn aws_client(settings: &Settings) -> SharedHttpClient {
    if settings.is_local() {
        return Builder::new().build_http();
    }
    // An endpoint of one's own may have any certificate; of the regions in China nothing is said.
    let is_amazons = settings.get("AWS_ENDPOINT_URL").is_none()
        && settings.get("AWS_REGION").is_some_and(|region| !region.starts_with("cn-"));
    let roots = if is_amazons { AMAZON_ROOTS.to_vec() } else { public_roots() };
    Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).tls_context(trusting(roots)).build_https()
}

/// HTTP for partners: whoever browsers trust is trusted.
pub(crate) fn partners_connector(settings: &Settings) -> SharedHttpConnector {
    SharedHttpConnector::new(Lazily { is_local: settings.is_local(), built: OnceLock::new() })
}

/// A connector that is built by its first call: there are a hundred public roots to read, and seldom a partner to call.
#[derive(Debug)]
struct Lazily {
    is_local: bool,
    built: OnceLock<SharedHttpConnector>,
}

impl Lazily {
    fn build(&self) -> SharedHttpConnector {
        let settings = HttpConnectorSettings::builder()
            .connect_timeout(Duration::from_secs(3))
            .read_timeout(Duration::from_secs(12))
            .build();
        let builder = Connector::builder().connector_settings(settings).sleep_impl(TokioSleep::new());
        if self.is_local {
            return SharedHttpConnector::new(builder.build_http());
        }
        SharedHttpConnector::new(
            builder.tls_provider(Provider::Rustls(CryptoMode::Ring)).tls_context(trusting(public_roots())).build(),
        )
    }
}

impl HttpConnector for Lazily {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        self.built.get_or_init(|| self.build()).call(request)
    }
}

fn trusting(roots: Vec<u8>) -> TlsContext {
    let roots = TrustStore::empty().with_pem_certificate(roots);
    TlsContext::builder().with_trust_store(roots).build().unwrap_or_default()
}

fn public_roots() -> Vec<u8> {
    use base64::Engine as _;
    let mut pem = Vec::new();
    for root in webpki_root_certs::TLS_SERVER_ROOT_CERTS {
        pem.extend_from_slice(b"-----BEGIN CERTIFICATE-----\n");
        pem.extend_from_slice(base64::engine::general_purpose::STANDARD.encode(root).as_bytes());
        pem.extend_from_slice(b"\n-----END CERTIFICATE-----\n");
    }
    pem
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use std::collections::BTreeSet;

    fn certificates(pem: &[u8]) -> BTreeSet<Vec<u8>> {
        let text = String::from_utf8_lossy(pem);
        let bodies = text.split("-----BEGIN CERTIFICATE-----").skip(1);
        let lines =
            bodies.filter_map(|body| Some(body.split_once("-----END")?.0.split_whitespace().collect::<String>()));
        lines.map(|body| base64::engine::general_purpose::STANDARD.decode(body).unwrap()).collect()
    }

    #[test]
    fn the_roots_for_aws_are_those_of_amazon_among_the_public_ones() {
        let is_amazons = |root: &&[u8]| {
            [&b"Amazon Root CA "[..], b"Starfield Services Root Certificate Authority - G2"]
                .iter()
                .any(|name| root.windows(name.len()).any(|window| window == *name))
        };
        let public = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().map(|root| &**root);
        let expected: BTreeSet<Vec<u8>> = public.filter(is_amazons).map(<[u8]>::to_vec).collect();
        assert_eq!(expected.len(), 5);
        assert_eq!(certificates(AMAZON_ROOTS), expected);
    }

    #[test]
    fn public_roots_are_written_as_they_are() {
        let expected = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().map(|root| root.to_vec()).collect();
        assert_eq!(certificates(&public_roots()), expected);
    }

    #[tokio::test]
    async fn a_connector_over_tls_is_built_by_its_first_call_and_tells_that_nobody_listens() {
        let lazily = Lazily { is_local: false, built: OnceLock::new() };
        assert!(lazily.built.get().is_none());
        // Of its port, given back at once.
        let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let request = HttpRequest::get(format!("https://{address}/")).unwrap();
        let error = lazily.call(request).await.unwrap_err();
        assert!(error.is_io(), "{error:?}");
        assert!(lazily.built.get().is_some());
    }
}
