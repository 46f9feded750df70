//! The surface on a socket, until it is told to stop.

mod patient;

use std::future::Future;
use std::io;
use std::time::Duration;

use poem::Server;
use poem::http::uri::Scheme;
use poem::listener::{Acceptor, TcpAcceptor};
use poem::web::{LocalAddr, RemoteAddr};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::app::{App, endpoint_until};
use patient::Patient;

/// How long requests in flight may take after the signal to stop (contract, section 12).
const PATIENCE: Duration = Duration::from_secs(30);

/// How long to wait when a connection cannot be accepted, for example for want of file descriptors.
const BREATH: Duration = Duration::from_millis(50);

/// Serves until `shutdown` completes, then finishes what is in flight, for at most 30 seconds.
///
/// # Errors
/// When the socket cannot be used.
pub async fn serve(
    listener: TcpListener,
    app: App,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let acceptor = Prompt {
        tcp: TcpAcceptor::from_tokio(listener)?,
        patience: app.following.patience,
    };
    let (stop, stopping) = watch::channel(false);
    let shutdown = async move {
        shutdown.await;
        // Streams would go on for ever.
        let _ = stop.send(true);
    };
    Server::new_with_acceptor(acceptor)
        .run_with_graceful_shutdown(endpoint_until(app, stopping), shutdown, Some(PATIENCE))
        .await
}

/// Accepts connections that send at once what is written to them, and outlives moments of want.
struct Prompt {
    tcp: TcpAcceptor,
    /// How long a connection may take nothing of what is sent to it.
    patience: Duration,
}

impl Acceptor for Prompt {
    type Io = Patient<TcpStream>;

    fn local_addr(&self) -> Vec<LocalAddr> {
        self.tcp.local_addr()
    }

    async fn accept(&mut self) -> io::Result<(Self::Io, LocalAddr, RemoteAddr, Scheme)> {
        loop {
            match self.tcp.accept().await {
                Ok((socket, local, remote, scheme)) => {
                    // A connection that is already gone refuses this, and will be found gone when it is read.
                    let _ = socket.set_nodelay(true);
                    let socket = Patient::new(socket, self.patience);
                    return Ok((socket, local, remote, scheme));
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(BREATH).await;
                }
            }
        }
    }
}
