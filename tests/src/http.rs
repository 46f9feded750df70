//! A small HTTP/1.1 client: one connection, kept open, whose every byte is in the hands of the caller.

use std::net::SocketAddr;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Longest head of a response.
const LONGEST_HEAD: usize = 64 * 1024;

/// A connection to a server.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    /// Received and not yet used.
    received: Vec<u8>,
    /// The request in the making, kept for its memory.
    sending: Vec<u8>,
}

/// What a server answered.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The lines after the status line, as they came.
    pub head: String,
    /// The body.
    pub body: Vec<u8>,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// When nobody listens.
    pub async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Connection {
            stream,
            received: Vec::with_capacity(8 * 1024),
            sending: Vec::with_capacity(1024),
        })
    }

    /// Sends a request and waits for its answer. `head` holds header lines, each with its CRLF.
    ///
    /// # Errors
    /// When the connection breaks or the answer is not HTTP.
    pub async fn request(
        &mut self,
        method: &str,
        path: &str,
        head: &str,
        body: &[u8],
    ) -> Result<Reply> {
        self.sending.clear();
        for part in [
            method,
            " ",
            path,
            " HTTP/1.1\r\nhost: kith\r\n",
            head,
            "content-length: ",
            &body.len().to_string(),
            "\r\n\r\n",
        ] {
            self.sending.extend_from_slice(part.as_bytes());
        }
        self.sending.extend_from_slice(body);
        self.stream.write_all(&self.sending).await?;
        self.reply(method == "HEAD").await
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn send(&mut self, bytes: &[u8]) -> Result<()> {
        Ok(self.stream.write_all(bytes).await?)
    }

    /// Waits for an answer; `bodiless` if it announces a body that does not come, as to `HEAD`.
    ///
    /// # Errors
    /// When the connection breaks or the answer is not HTTP.
    pub async fn reply(&mut self, bodiless: bool) -> Result<Reply> {
        let end = loop {
            if let Some(end) = find(&self.received, b"\r\n\r\n") {
                break end;
            }
            if self.received.len() > LONGEST_HEAD {
                bail!("the head of the answer does not end");
            }
            self.receive().await?;
        };
        let head: Vec<u8> = self.received.drain(..end + 4).collect();
        let head = String::from_utf8(head).context("the head of the answer is not UTF-8")?;
        let (first, head) = head.split_once("\r\n").context("no status line")?;
        let status = first.split(' ').nth(1).and_then(|code| code.parse().ok());
        let mut reply = Reply {
            status: status.with_context(|| format!("no status in {first:?}"))?,
            head: head.to_owned(),
            body: Vec::new(),
        };
        if bodiless || reply.status < 200 || matches!(reply.status, 204 | 304) {
            return Ok(reply);
        }
        if reply.header("transfer-encoding").is_some() {
            reply.body = self.chunks().await?;
        } else if let Some(length) = reply.header("content-length") {
            let length = length.parse().context("no number as content-length")?;
            reply.body = self.take(length).await?;
        }
        Ok(reply)
    }

    /// Asks for a stream of server-sent events.
    ///
    /// # Errors
    /// When the connection breaks, or the answer is another one.
    pub async fn follow(mut self, path: &str, head: &str) -> Result<Stream> {
        let request = format!("GET {path} HTTP/1.1\r\nhost: kith\r\n{head}\r\n");
        self.send(request.as_bytes()).await?;
        let reply = self.reply(true).await?;
        if reply.status != 200 || reply.header("content-type") != Some("text/event-stream") {
            bail!("no stream of events, but {} {}", reply.status, reply.head);
        }
        Ok(Stream {
            connection: self,
            text: String::new(),
        })
    }

    async fn chunks(&mut self) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let chunk = self.chunk().await?;
            if chunk.is_empty() {
                return Ok(body);
            }
            body.extend_from_slice(&chunk);
        }
    }

    /// The next chunk; the last one is empty.
    async fn chunk(&mut self) -> Result<Vec<u8>> {
        let end = loop {
            match find(&self.received, b"\r\n") {
                Some(end) => break end,
                None => self.receive().await?,
            }
        };
        let line: Vec<u8> = self.received.drain(..end + 2).collect();
        let size = usize::from_str_radix(String::from_utf8_lossy(&line).trim(), 16)
            .context("no size of a chunk")?;
        let mut chunk = self.take(size + 2).await?;
        chunk.truncate(size);
        Ok(chunk)
    }

    async fn take(&mut self, length: usize) -> Result<Vec<u8>> {
        while self.received.len() < length {
            self.receive().await?;
        }
        if self.received.len() == length {
            let fresh = Vec::with_capacity(self.received.capacity().min(64 * 1024));
            return Ok(std::mem::replace(&mut self.received, fresh));
        }
        Ok(self.received.drain(..length).collect())
    }

    async fn receive(&mut self) -> Result<()> {
        if self.stream.read_buf(&mut self.received).await? == 0 {
            bail!("the server closed the connection");
        }
        Ok(())
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

/// A stream of server-sent events.
#[derive(Debug)]
pub struct Stream {
    connection: Connection,
    /// Received and not yet read.
    text: String,
}

impl Stream {
    /// The next event: its id, its name and its data. Comments are passed over.
    ///
    /// # Errors
    /// When the stream ends, or this is none.
    pub async fn next(&mut self) -> Result<(i64, String, Value)> {
        loop {
            while let Some((event, rest)) = self.text.split_once("\n\n") {
                let read = read_event(event);
                self.text = rest.to_owned();
                if let Some(event) = read? {
                    return Ok(event);
                }
            }
            let chunk = self.connection.chunk().await?;
            if chunk.is_empty() {
                bail!("the stream has ended");
            }
            self.text.push_str(std::str::from_utf8(&chunk)?);
        }
    }
}

/// Nothing if it is a comment.
fn read_event(text: &str) -> Result<Option<(i64, String, Value)>> {
    if text.starts_with(':') {
        return Ok(None);
    }
    let field = |name: &str| {
        let found = text.lines().find_map(|line| line.strip_prefix(name));
        found.with_context(|| format!("no {name} in {text:?}"))
    };
    let data = serde_json::from_str(field("data: ")?)?;
    let event = (field("id: ")?.parse()?, field("event: ")?.to_owned(), data);
    Ok(Some(event))
}

impl Reply {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head
            .split("\r\n")
            .filter_map(|line| line.split_once(':'))
            .find(|(given, _)| given.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON, null if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The body as JSON, of an answer that must have this status.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}\n{}", self.head, self.text());
        self.json()
    }
}
