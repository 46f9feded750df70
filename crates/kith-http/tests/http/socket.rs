//! The surface on a real socket: bodies in chunks, and the stop.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use crate::world::{KEY, app, memory};

type Served = (
    std::net::SocketAddr,
    oneshot::Sender<()>,
    tokio::task::JoinHandle<std::io::Result<()>>,
);

async fn served() -> Served {
    serve(app(Arc::new(memory()))).await
}

async fn serve(app: kith_http::App) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let server = tokio::spawn(kith_http::serve(listener, app, async {
        let _ = stopped.await;
    }));
    (address, stop, server)
}

async fn exchange(address: std::net::SocketAddr, parts: &[Vec<u8>]) -> String {
    let mut socket = TcpStream::connect(address).await.unwrap();
    for part in parts {
        socket.write_all(part).await.unwrap();
    }
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

fn head(length: &str) -> Vec<u8> {
    format!("POST /api/v1/tasks HTTP/1.1\r\nHost: x\r\nConnection: close\r\nx-api-key: {KEY}\r\nContent-Type: application/json\r\n{length}\r\n\r\n").into_bytes()
}

fn chunk(bytes: &[u8]) -> Vec<u8> {
    let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
    chunk.extend_from_slice(bytes);
    chunk.extend_from_slice(b"\r\n");
    chunk
}

#[tokio::test]
async fn chunked_bodies_are_read_and_limited() {
    let (address, _stop, _server) = served().await;
    let parts = [
        head("Transfer-Encoding: chunked"),
        chunk(b"{\"name\":"),
        chunk(b"\"T\"}"),
        b"0\r\n\r\n".to_vec(),
    ];
    let answer = exchange(address, &parts).await;
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    let mut parts = vec![head("Transfer-Encoding: chunked")];
    parts.extend((0..10).map(|_| chunk(&vec![b' '; 1024 * 1024])));
    parts.push(b"0\r\n\r\n".to_vec());
    let answer = exchange(address, &parts).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
}

/// A client that sends the body after the head finds the connection usable, whatever became of its request.
#[tokio::test]
async fn a_refused_body_leaves_the_connection_usable() {
    let (address, _stop, _server) = served().await;
    let json = "Content-Type: application/json";
    let key = format!("x-api-key: {KEY}");
    let id = "0198c5f2-7a3e-7c14-9d52-3b8e6f1a2c44";
    for (status, line, headers) in [
        ("401", "POST /api/v1/tasks", vec![json]),
        ("415", "POST /api/v1/tasks", vec![&*key]),
        ("405", "PATCH /api/v1/tasks", vec![&*key, json]),
        ("404", "POST /api/v1/nothing", vec![&*key, json]),
        ("404", "PUT /api/v1/tasks/1", vec![&*key, json]),
        ("400", "POST /api/v1/tasks?x=1", vec![&*key, json]),
        (
            "404",
            &format!("DELETE /api/v1/tasks/{id}"),
            vec![&*key, json],
        ),
        ("200", "GET /healthz", vec![]),
    ] {
        let mut socket = TcpStream::connect(address).await.unwrap();
        socket.set_nodelay(true).unwrap();
        let headers: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
        let head = format!("{line} HTTP/1.1\r\nHost: x\r\n{headers}Content-Length: 12\r\n\r\n");
        socket.write_all(head.as_bytes()).await.unwrap();
        socket.flush().await.unwrap();
        tokio::task::yield_now().await;
        socket.write_all(b"{\"name\":\"T\"}").await.unwrap();
        let mut buffer = [0; 4096];
        let read = socket.read(&mut buffer).await.unwrap();
        let answer = String::from_utf8_lossy(&buffer[..read]).into_owned();
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{answer}"
        );
        socket
            .write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            .await
            .unwrap();
        let read = socket.read(&mut buffer).await.unwrap();
        let answer = String::from_utf8_lossy(&buffer[..read]).into_owned();
        assert!(answer.starts_with("HTTP/1.1 200"), "{line}: {answer}");
    }
}

#[tokio::test]
async fn ten_megabytes_are_refused_legibly() {
    let (address, _stop, _server) = served().await;
    let answer = exchange(
        address,
        &[head("Content-Length: 10485760"), vec![b' '; 10_485_760]],
    )
    .await;
    assert!(
        answer.starts_with("HTTP/1.1 413") && answer.contains("body_too_large"),
        "{answer}"
    );
}

#[tokio::test]
async fn a_refusal_leaves_the_connection_usable() {
    let (address, _stop, _server) = served().await;
    let mut socket = TcpStream::connect(address).await.unwrap();
    for _ in 0..2 {
        let head = "POST /api/v1/tasks HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n";
        socket.write_all(head.as_bytes()).await.unwrap();
        socket.flush().await.unwrap();
        tokio::task::yield_now().await;
        socket.write_all(b"{\"name\":\"T\"}").await.unwrap();
        let mut answer = vec![0; 4096];
        let length = socket.read(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer[..length]).into_owned();
        assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    }
}

#[tokio::test]
async fn the_stop_is_prompt_when_nothing_runs() {
    let (address, stop, server) = served().await;
    let mut idle = TcpStream::connect(address).await.unwrap();
    idle.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    let mut buffer = [0; 1024];
    assert!(idle.read(&mut buffer).await.unwrap() > 0);
    stop.send(()).unwrap();
    tokio::time::timeout(Duration::from_secs(5), server)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
}

/// Lets the others run until something holds.
async fn until(holds: impl Fn() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    };
    let limit = Duration::from_secs(60);
    tokio::time::timeout(limit, waiting).await.unwrap();
}

fn follow() -> Vec<u8> {
    let path = "/api/v1/events/stream?after=0";
    format!("GET {path} HTTP/1.1\r\nHost: x\r\nx-api-key: {KEY}\r\n\r\n").into_bytes()
}

#[tokio::test]
async fn a_reader_who_takes_nothing_is_cut_off() {
    let mut app = app(Arc::new(memory()));
    app.following.patience = Duration::from_millis(500);
    // Each reader of the log holds its use cases.
    let webhooks = Arc::clone(&app.webhooks);
    let readers = || Arc::strong_count(&webhooks);
    let (address, _stop, _server) = serve(app).await;
    // More than lies in the buffers of a connection.
    let body = format!("{{\"name\":\"T\",\"notes\":\"{}\"}}", "x".repeat(60_000));
    let length = format!("Content-Length: {}", body.len());
    for _ in 0..100 {
        let parts = [head(&length), body.clone().into_bytes()];
        let answer = exchange(address, &parts).await;
        assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    }
    let idle = readers();
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let mut socket = socket.connect(address).await.unwrap();
    socket.write_all(&follow()).await.unwrap();
    until(|| readers() > idle).await;
    until(|| readers() == idle).await;
    // What was on the way arrives, and no more.
    let mut received = Vec::new();
    let _ = socket.read_to_end(&mut received).await;
    assert!(received.starts_with(b"HTTP/1.1 200"));
    assert!(received.len() < 100 * 60_000, "{}", received.len());
}

#[tokio::test]
async fn a_stream_ends_when_the_server_stops() {
    let app = app(Arc::new(memory()));
    let webhooks = Arc::clone(&app.webhooks);
    let (address, stop, server) = serve(app).await;
    // When it answers, everything is set up.
    let health = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    exchange(address, &[health.to_vec()]).await;
    let idle = Arc::strong_count(&webhooks);
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(&follow()).await.unwrap();
    until(|| Arc::strong_count(&webhooks) > idle).await;
    stop.send(()).unwrap();
    let limit = Duration::from_secs(20);
    let ended = tokio::time::timeout(limit, server).await.unwrap();
    ended.unwrap().unwrap();
    let mut received = Vec::new();
    socket.read_to_end(&mut received).await.unwrap();
    // The end of the chunks, not a broken connection.
    assert!(received.ends_with(b"0\r\n\r\n"));
}
