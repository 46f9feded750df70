//! What a receiver can do with a request, and what has to be recorded of it then: a table.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::server::TlsStream;

use super::Control;
use super::ledger::Ledger;
use super::request;

/// What a receiver does.
#[derive(Clone, Copy, Debug)]
pub enum Does {
    /// Answers at once: status line, further header lines, body.
    Answers(&'static str, &'static str, &'static str),
    /// Answers with success after a while.
    AnswersAfter(Duration),
    /// Answers with success when [`super::Receiver::let_go`] says so.
    Waits,
    /// Says nothing.
    Hangs,
    /// Sends these bytes and then nothing.
    Stops(&'static str),
    /// Breaks the connection.
    Resets,
    /// Answers with a body of this size, or one without an end.
    Streams(Option<u64>),
    /// Answers with a header of this size.
    SendsHeader(u64),
    /// Answers with headers without an end.
    SendsHeaders,
}

/// What is recorded of the delivery.
#[derive(Clone, Copy, Debug)]
pub struct Recorded {
    /// `status`.
    pub status: &'static str,
    /// `statusCode`.
    pub code: Option<u16>,
    /// What `error` begins with.
    pub error: Option<&'static str>,
    /// How many bytes are kept of the answer's body.
    pub kept: usize,
}

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Behaviour {
    /// The first part of the path.
    pub name: &'static str,
    /// What happens.
    pub does: Does,
    /// What has to be recorded of it.
    pub recorded: Recorded,
}

const fn success(code: u16, kept: usize) -> Recorded {
    Recorded {
        status: "success",
        code: Some(code),
        error: None,
        kept,
    }
}

const fn failure(code: Option<u16>, error: &'static str, kept: usize) -> Recorded {
    Recorded {
        status: "failed",
        code,
        error: Some(error),
        kept,
    }
}

const fn row(name: &'static str, does: Does, recorded: Recorded) -> Behaviour {
    Behaviour {
        name,
        does,
        recorded,
    }
}

/// Every behaviour.
pub const BEHAVIOURS: [Behaviour; 17] = [
    row("fast", Does::Answers("200 OK", "", "fine"), success(200, 4)),
    row(
        "empty",
        Does::Answers("204 No Content", "", ""),
        success(204, 0),
    ),
    row(
        "slow",
        Does::AnswersAfter(Duration::from_millis(50)),
        success(200, 4),
    ),
    row("wait", Does::Waits, success(200, 4)),
    row(
        "hang",
        Does::Hangs,
        failure(None, "timeout: no answer within", 0),
    ),
    row(
        "stop",
        Does::Stops("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this"),
        failure(Some(200), "timeout: the answer did not end within", 9),
    ),
    row(
        "garbage",
        Does::Stops("SSH-2.0-OpenSSH_9.2\r\n\r\n"),
        failure(None, "protocol: ", 0),
    ),
    row("reset", Does::Resets, failure(None, "protocol: ", 0)),
    row(
        "500",
        Does::Answers("500 Internal Server Error", "", "oops"),
        failure(Some(500), "status: the receiver answered 500", 4),
    ),
    row(
        "429",
        Does::Answers("429 Too Many Requests", "retry-after: 120\r\n", ""),
        failure(Some(429), "status: the receiver answered 429", 0),
    ),
    row(
        "302",
        Does::Answers("302 Found", "location: /fast\r\n", ""),
        failure(
            Some(302),
            "status: the receiver answered 302; redirects are not followed",
            0,
        ),
    ),
    row(
        "410",
        Does::Answers("410 Gone", "", ""),
        failure(Some(410), "status: the receiver answered 410", 0),
    ),
    row(
        "404",
        Does::Answers("404 Not Found", "", "nobody"),
        failure(Some(404), "status: the receiver answered 404", 6),
    ),
    row("endless", Does::Streams(None), success(200, 16_384)),
    row(
        "large",
        Does::Streams(Some(300 << 20)),
        success(200, 16_384),
    ),
    row(
        "header",
        Does::SendsHeader(1 << 30),
        failure(None, "protocol: ", 0),
    ),
    row(
        "headers",
        Does::SendsHeaders,
        failure(None, "protocol: ", 0),
    ),
];

/// What is done with a request to a path; nobody is at home at an unknown one.
fn by_path(path: &str) -> Does {
    let name = path.split('/').nth(1).unwrap_or_default();
    let found = BEHAVIOURS.iter().find(|behaviour| behaviour.name == name);
    found.map_or(Does::Answers("404 Not Found", "", ""), |behaviour| {
        behaviour.does
    })
}

/// Serves a connection to its end.
pub(super) async fn serve(
    mut stream: TlsStream<TcpStream>,
    ledger: &Ledger,
    mut told: watch::Receiver<Control>,
) {
    let mut rest = Vec::with_capacity(8 * 1024);
    while let Some(request) = request::read(&mut stream, &mut rest).await {
        let does = by_path(&request.path);
        let Some(open) = ledger.arrived(request) else {
            return;
        };
        let goes_on = answer(&mut stream, does, &mut told).await;
        if goes_on.is_none() {
            return;
        }
        if is_success(does) {
            open.accepted();
        }
    }
}

fn is_success(does: Does) -> bool {
    match does {
        Does::Answers(status, ..) => status.starts_with('2'),
        Does::AnswersAfter(_) | Does::Waits => true,
        Does::Hangs
        | Does::Stops(_)
        | Does::Resets
        | Does::Streams(_)
        | Does::SendsHeader(_)
        | Does::SendsHeaders => false,
    }
}

/// Answers; `None` ends the connection.
async fn answer(
    stream: &mut TlsStream<TcpStream>,
    does: Does,
    told: &mut watch::Receiver<Control>,
) -> Option<()> {
    match does {
        Does::Answers(status, headers, body) => send(stream, status, headers, body).await,
        Does::AnswersAfter(pause) => {
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = gone(stream) => return None,
            }
            send(stream, "200 OK", "", "fine").await
        }
        Does::Waits => {
            tokio::select! {
                released = told.wait_for(|control| !control.is_holding) => {
                    released.ok()?;
                }
                () = gone(stream) => return None,
            }
            send(stream, "200 OK", "", "fine").await
        }
        Does::Hangs => {
            gone(stream).await;
            None
        }
        Does::Stops(text) => {
            stream.write_all(text.as_bytes()).await.ok()?;
            stream.flush().await.ok()?;
            gone(stream).await;
            None
        }
        Does::Resets => {
            // Closed without lingering, a connection is reset.
            let _ = stream.get_ref().0.set_zero_linger();
            None
        }
        Does::Streams(Some(size)) => {
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {size}\r\n\r\n");
            pour(stream, &head, &[b'x'; 0x4000], size).await
        }
        Does::Streams(None) => {
            let mut piece = b"4000\r\n".to_vec();
            piece.resize(piece.len() + 0x4000, b'x');
            piece.extend_from_slice(b"\r\n");
            let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
            pour(stream, head, &piece, u64::MAX).await
        }
        Does::SendsHeaders => {
            let piece = "x-more: and more\r\n".repeat(1_000);
            pour(stream, "HTTP/1.1 200 OK\r\n", piece.as_bytes(), u64::MAX).await
        }
        Does::SendsHeader(size) => {
            pour(stream, "HTTP/1.1 200 OK\r\nx-more: ", &[b'x'; 0x4000], size).await
        }
    }
}

async fn send(
    stream: &mut TlsStream<TcpStream>,
    status: &str,
    headers: &str,
    body: &str,
) -> Option<()> {
    let length = body.len();
    let text = format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\n\r\n{body}");
    stream.write_all(text.as_bytes()).await.ok()?;
    stream.flush().await.ok()
}

/// Sends a head, and the same piece until that is `size` or nobody takes it any more.
async fn pour(
    stream: &mut TlsStream<TcpStream>,
    head: &str,
    piece: &[u8],
    size: u64,
) -> Option<()> {
    stream.write_all(head.as_bytes()).await.ok()?;
    let mut left = size;
    while left > 0 {
        let length = usize::try_from(left).map_or(piece.len(), |left| left.min(piece.len()));
        stream.write_all(piece.get(..length)?).await.ok()?;
        left -= length as u64;
    }
    stream.flush().await.ok()
}

/// Returns when the sender has gone: it sends nothing while it waits for an answer.
async fn gone(stream: &mut TlsStream<TcpStream>) {
    let _ = stream.read(&mut [0; 1]).await;
}
