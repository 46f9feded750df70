//! A receiver over TLS whose behaviour is chosen by the path.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// The name in the receiver's certificate.
pub(crate) const HOST: &str = "hooks.test";

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) requests: Mutex<Vec<Received>>,
    pub(crate) connections: AtomicUsize,
    pub(crate) sent: AtomicUsize,
}

/// A running receiver.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    /// Its certificate in PEM.
    pub(crate) root: Vec<u8>,
    pub(crate) seen: Arc<Seen>,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed([HOST.to_owned(), "127.0.0.1".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Seen::default());
        let shared = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, seen) = (acceptor.clone(), Arc::clone(&shared));
                tokio::spawn(async move {
                    seen.connections.fetch_add(1, Ordering::Relaxed);
                    if let Ok(stream) = acceptor.accept(stream).await {
                        serve(stream, &seen).await;
                    }
                });
            }
        });
        Receiver {
            address,
            root: cert.pem().into_bytes(),
            seen,
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://{HOST}:{}{path}", self.address.port())
    }

    pub(crate) fn requests(&self) -> Vec<Received> {
        self.seen.requests.lock().unwrap().clone()
    }
}

async fn serve(mut stream: TlsStream<TcpStream>, seen: &Seen) {
    while let Some(request) = read(&mut stream).await {
        let path = request
            .head
            .split(' ')
            .nth(1)
            .unwrap_or_default()
            .to_owned();
        seen.requests.lock().unwrap().push(request);
        if answer(&mut stream, &path, seen).await.is_none() {
            return;
        }
    }
}

async fn read(stream: &mut TlsStream<TcpStream>) -> Option<Received> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let mut request = Received {
        head: String::from_utf8(bytes[..end].to_vec()).unwrap(),
        body: bytes[end..].to_vec(),
    };
    let length: usize = request.header("content-length")?.parse().unwrap();
    while request.body.len() < length {
        stream.read_buf(&mut request.body).await.ok()?;
    }
    Some(request)
}

/// Answers; `None` ends the connection.
async fn answer(stream: &mut TlsStream<TcpStream>, path: &str, seen: &Seen) -> Option<()> {
    let plain = |status: &str, more: &str, body: &str| {
        let length = body.len();
        format!("HTTP/1.1 {status}\r\n{more}content-length: {length}\r\n\r\n{body}")
    };
    let text = match path {
        "/ok" => plain("200 OK", "x-id: 7\r\n", "fine"),
        "/500" => plain("500 Internal Server Error", "", "oops"),
        "/429" => plain("429 Too Many Requests", "retry-after: 120\r\n", ""),
        "/410" => plain("410 Gone", "", ""),
        "/302" => plain("302 Found", "location: https://hooks.test/ok\r\n", ""),
        _ if path.starts_with("/to/") => {
            let (status, target) = path["/to/".len()..].split_once('/').unwrap();
            let location = format!("location: {target}\r\n");
            plain(&format!("{status} Moved"), &location, "")
        }
        "/big" => plain("200 OK", "", &"x".repeat(100_000)),
        "/stuck" => "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this".to_owned(),
        "/garbage" => "SSH-2.0-OpenSSH_9.2\r\n\r\n".to_owned(),
        "/endless" => {
            return endless(
                stream,
                "transfer-encoding: chunked\r\n\r\n",
                "4000\r\n",
                seen,
            )
            .await;
        }
        "/headers" => return endless(stream, "", "x-more: ", seen).await,
        "/hang" => {
            // Until the sender goes away.
            let _ = stream.read(&mut [0; 1]).await;
            return None;
        }
        "/reset" => {
            let _ = stream.get_ref().0.set_zero_linger();
            return None;
        }
        _ => plain("404 Not Found", "", ""),
    };
    stream.write_all(text.as_bytes()).await.ok()?;
    stream.flush().await.ok()
}

/// Sends the same for ever.
async fn endless(
    stream: &mut TlsStream<TcpStream>,
    head: &str,
    before: &str,
    seen: &Seen,
) -> Option<()> {
    let head = format!("HTTP/1.1 200 OK\r\n{head}");
    stream.write_all(head.as_bytes()).await.ok()?;
    let piece = format!("{before}{}\r\n", "x".repeat(0x4000));
    loop {
        stream.write_all(piece.as_bytes()).await.ok()?;
        seen.sent.fetch_add(piece.len(), Ordering::Relaxed);
    }
}
