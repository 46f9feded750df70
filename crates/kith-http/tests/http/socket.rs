//! The surface on a real socket: bodies in chunks, and the stop.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use crate::world::{KEY, app, memory};

async fn served() -> (
    std::net::SocketAddr,
    oneshot::Sender<()>,
    tokio::task::JoinHandle<std::io::Result<()>>,
) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let server = tokio::spawn(kith_http::serve(listener, app(Arc::new(memory())), async {
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
