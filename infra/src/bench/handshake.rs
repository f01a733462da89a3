//! What the first TLS handshake with AWS costs a function: processor time of the client's side alone, in memory.

use super::{BenchError, spread};
use platform::tls::AMAZON_ROOTS;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustix::time::{ClockId, clock_gettime};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};
use std::sync::Arc;

/// Handshakes, each as the first of its process.
const HANDSHAKES: usize = 50;
const SERVER: &str = "dynamodb.eu-central-1.amazonaws.com";

/// Prints it.
pub(super) fn first() -> Result<(), BenchError> {
    let told = |error: Box<dyn std::error::Error>| BenchError::Handshake(error.to_string());
    let server = server().map_err(told)?;
    let times = (0..HANDSHAKES).map(|_| client_ms(&server)).collect::<Result<Vec<_>, _>>().map_err(told)?;
    println!();
    spread("First TLS handshake, processor time of the client", times);
    Ok(())
}

/// A server with a chain of three, as AWS's have, and what must be trusted to believe it.
struct Server {
    config: Arc<ServerConfig>,
    root: CertificateDer<'static>,
}

fn server() -> Result<Server, Box<dyn std::error::Error>> {
    let authority = |name: &str| -> Result<CertificateParams, rcgen::Error> {
        let mut params = CertificateParams::new(vec![name.to_owned()])?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Ok(params)
    };
    let root = CertifiedIssuer::self_signed(authority("root")?, KeyPair::generate()?)?;
    let middle = CertifiedIssuer::signed_by(authority("middle")?, KeyPair::generate()?, &root)?;
    let key = KeyPair::generate()?;
    let own = CertificateParams::new(vec![SERVER.to_owned()])?.signed_by(&key, &middle)?;
    let chain = vec![own.der().clone(), middle.der().clone()];
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    Ok(Server { config: Arc::new(config), root: root.der().clone() })
}

/// Milliseconds of the client's side: reading the roots, and the handshake.
fn client_ms(server: &Server) -> Result<f64, Box<dyn std::error::Error>> {
    let mut spent_ms = 0.0;
    let begun = processor_ms();
    let mut roots = RootCertStore::empty();
    for root in CertificateDer::pem_slice_iter(AMAZON_ROOTS) {
        roots.add(root?)?;
    }
    roots.add(server.root.clone())?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut client = ClientConnection::new(Arc::new(config), ServerName::try_from(SERVER)?)?;
    spent_ms += processor_ms() - begun;
    let mut peer = ServerConnection::new(Arc::clone(&server.config))?;
    while client.is_handshaking() || peer.is_handshaking() {
        let (mut out, mut back) = (Vec::new(), Vec::new());
        let begun = processor_ms();
        client.write_tls(&mut out)?;
        spent_ms += processor_ms() - begun;
        peer.read_tls(&mut out.as_slice())?;
        peer.process_new_packets()?;
        while peer.wants_write() {
            peer.write_tls(&mut back)?;
        }
        let begun = processor_ms();
        let mut unread = back.as_slice();
        while !unread.is_empty() {
            client.read_tls(&mut unread)?;
            client.process_new_packets()?;
        }
        spent_ms += processor_ms() - begun;
    }
    Ok(spent_ms)
}

fn processor_ms() -> f64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    #[allow(clippy::cast_precision_loss)]
    let ms = now.tv_sec as f64 * 1e3 + now.tv_nsec as f64 / 1e6;
    ms
}
