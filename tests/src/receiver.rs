//! A receiver of webhooks over TLS on this machine: what it does with a request is a row of a table, chosen by the path,
//! and it keeps account of everything that arrives.

mod behaviour;
mod ledger;
mod request;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

pub use behaviour::{BEHAVIOURS, Behaviour, Does, Recorded};
pub use ledger::{Arrivals, Ledger};
pub use request::{Incoming, signatures};

/// How long the receiver may take to open or close its door.
const PATIENCE: Duration = Duration::from_secs(10);

/// The secret of the webhook that leads to a path; each has its own, so that none is signed with another's.
pub fn secret(path: &str) -> String {
    format!("the secret of {path}")
}

/// A running receiver.
pub struct Receiver {
    /// Where it listens.
    pub address: SocketAddr,
    /// What has arrived.
    pub ledger: Arc<Ledger>,
    root: PathBuf,
    control: watch::Sender<Control>,
}

/// What the receiver is told.
#[derive(Clone, Copy, Debug)]
struct Control {
    is_up: bool,
    /// Whether answers that are held are kept back.
    is_holding: bool,
}

impl Receiver {
    /// Starts one, with a certificate of its own.
    ///
    /// # Errors
    /// When there is no certificate, or no port.
    pub async fn start() -> Result<Self> {
        // The program has done so already, or another receiver.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["127.0.0.1".to_owned()])?;
        let key = PrivateKeyDer::try_from(signing_key.serialize_der())
            .map_err(|problem| anyhow::anyhow!("the key of the receiver: {problem}"))?;
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)?;
        let root = certificate_file();
        std::fs::write(&root, cert.pem())?;
        let listener = listen().await?;
        let address = listener.local_addr()?;
        let ledger = Arc::new(Ledger::default());
        let (control, told) = watch::channel(Control {
            is_up: true,
            is_holding: true,
        });
        let door = Door {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            ledger: Arc::clone(&ledger),
            told,
        };
        tokio::spawn(door.keep(listener, address));
        Ok(Receiver {
            address,
            ledger,
            root,
            control,
        })
    }

    /// The URL of a path: `/` and the name of a behaviour, and more that tells one webhook from the other.
    pub fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.address)
    }

    /// Its certificate, in PEM.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The settings with which a server delivers to it.
    pub fn settings(&self, timeout: Duration) -> Vec<(&'static str, String)> {
        vec![
            ("KITH_WEBHOOK_CA_FILE", self.root.display().to_string()),
            ("KITH_WEBHOOK_ALLOW_NETS", "127.0.0.0/8".to_owned()),
            ("KITH_WEBHOOK_TIMEOUT", format!("{}ms", timeout.as_millis())),
        ]
    }

    /// Breaks all connections and refuses new ones, from when this returns.
    ///
    /// # Errors
    /// When the door stays open.
    pub async fn go_down(&self) -> Result<()> {
        self.control.send_modify(|control| control.is_up = false);
        self.until(false).await
    }

    /// Accepts connections again, from when this returns.
    ///
    /// # Errors
    /// When the door stays closed.
    pub async fn come_up(&self) -> Result<()> {
        self.control.send_modify(|control| control.is_up = true);
        self.until(true).await
    }

    async fn until(&self, is_open: bool) -> Result<()> {
        let changed = async {
            while TcpStream::connect(self.address).await.is_ok() != is_open {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, changed)
            .await
            .context("the receiver neither opens nor closes")
    }

    /// Gives the answers that are held.
    pub fn let_go(&self) {
        self.control
            .send_modify(|control| control.is_holding = false);
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        // What cannot be deleted stays in the folder for temporary files.
        let _ = std::fs::remove_file(&self.root);
    }
}

/// Listens at a port below those that connections get: while the receiver is down, nobody else may come by it.
async fn listen() -> Result<TcpListener> {
    const PORTS: std::ops::Range<u16> = 10_000..32_000;
    let first = std::process::id() as u16 % PORTS.len() as u16;
    for at in 0..PORTS.len() as u16 {
        let port = PORTS.start + (first + at) % PORTS.len() as u16;
        if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)).await {
            return Ok(listener);
        }
    }
    anyhow::bail!("there is no free port")
}

fn certificate_file() -> PathBuf {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let number = MADE.fetch_add(1, Ordering::Relaxed);
    let name = format!("kith_receiver_{}_{number}.pem", std::process::id());
    std::env::temp_dir().join(name)
}

/// Lets connections in.
struct Door {
    acceptor: TlsAcceptor,
    ledger: Arc<Ledger>,
    told: watch::Receiver<Control>,
}

impl Door {
    /// Ends with the [`Receiver`].
    async fn keep(mut self, listener: TcpListener, address: SocketAddr) {
        let mut open = Some(listener);
        loop {
            let is_up = self.told.borrow_and_update().is_up;
            if !is_up {
                open = None;
            } else if open.is_none() {
                // The port is ours as soon as the last connection is gone.
                open = TcpListener::bind(address).await.ok();
            }
            let accepted = async {
                match &open {
                    Some(listener) => listener.accept().await.ok(),
                    None if is_up => {
                        tokio::task::yield_now().await;
                        None
                    }
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                changed = self.told.changed() => {
                    if changed.is_err() {
                        return;
                    }
                }
                accepted = accepted => {
                    if let Some((stream, _)) = accepted {
                        self.let_in(stream);
                    }
                }
            }
        }
    }

    fn let_in(&self, stream: TcpStream) {
        let (acceptor, ledger) = (self.acceptor.clone(), Arc::clone(&self.ledger));
        let (mut told, held) = (self.told.clone(), self.told.clone());
        tokio::spawn(async move {
            let serve = async {
                // Answers are small, and each is waited for.
                let _ = stream.set_nodelay(true);
                if let Ok(stream) = acceptor.accept(stream).await {
                    behaviour::serve(stream, &ledger, held).await;
                }
            };
            tokio::select! {
                () = serve => {}
                // Also when there is nobody left to say so.
                _ = told.wait_for(|control| !control.is_up) => {}
            }
        });
    }
}
