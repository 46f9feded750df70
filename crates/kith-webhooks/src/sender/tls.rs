//! TLS as the HTTP client would set it up itself, but for one thing: the beginning of a handshake is noted.

use std::sync::Arc;

use rustls::client::{
    ClientSessionMemoryCache, ClientSessionStore, Resumption, Tls12ClientSessionValue,
    Tls13ClientSessionValue,
};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, NamedGroup};
use rustls_platform_verifier::Verifier;

use super::SenderError;
use super::trace::Trace;

/// Sessions that are remembered, to be resumed.
const SESSIONS: usize = 1_024;

/// Trusts the roots of the system, and those in the PEM text.
pub(super) fn config(extra_roots: Option<&[u8]>) -> Result<ClientConfig, SenderError> {
    let client = |error: rustls::Error| SenderError::Client(error.to_string());
    let provider = match CryptoProvider::get_default() {
        Some(provider) => Arc::clone(provider),
        None => Arc::new(rustls::crypto::ring::default_provider()),
    };
    let roots = roots(extra_roots)?;
    let verifier = Verifier::new_with_extra_roots(roots, Arc::clone(&provider)).map_err(client)?;
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(client)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.alpn_protocols = vec!["h2".into(), "http/1.1".into()];
    let sessions = Noting(ClientSessionMemoryCache::new(SESSIONS));
    config.resumption = Resumption::store(Arc::new(sessions));
    Ok(config)
}

fn roots(pem: Option<&[u8]>) -> Result<Vec<CertificateDer<'static>>, SenderError> {
    let Some(pem) = pem else {
        return Ok(Vec::new());
    };
    let roots: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let roots = roots.map_err(|error| SenderError::Roots(error.to_string()))?;
    if roots.is_empty() {
        return Err(SenderError::Roots("nothing found".to_owned()));
    }
    Ok(roots)
}

/// The sessions of the handshakes. Each handshake begins with the question what is known of the server.
#[derive(Debug)]
struct Noting(ClientSessionMemoryCache);

impl ClientSessionStore for Noting {
    fn kx_hint(&self, server_name: &ServerName<'_>) -> Option<NamedGroup> {
        if let Some(trace) = Trace::current() {
            trace.shaking_hands();
        }
        self.0.kx_hint(server_name)
    }

    fn set_kx_hint(&self, server_name: ServerName<'static>, group: NamedGroup) {
        self.0.set_kx_hint(server_name, group);
    }

    fn set_tls12_session(&self, server_name: ServerName<'static>, value: Tls12ClientSessionValue) {
        self.0.set_tls12_session(server_name, value);
    }

    fn tls12_session(&self, server_name: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.0.tls12_session(server_name)
    }

    fn remove_tls12_session(&self, server_name: &ServerName<'static>) {
        self.0.remove_tls12_session(server_name);
    }

    fn insert_tls13_ticket(
        &self,
        server_name: ServerName<'static>,
        value: Tls13ClientSessionValue,
    ) {
        self.0.insert_tls13_ticket(server_name, value);
    }

    fn take_tls13_ticket(
        &self,
        server_name: &ServerName<'static>,
    ) -> Option<Tls13ClientSessionValue> {
        self.0.take_tls13_ticket(server_name)
    }
}
