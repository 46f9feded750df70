//! Events reach a receiver, also across kills of the server (contract, section 7).

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kith_tests::TestServer;
use kith_tests::binary;
use kith_tests::server::Process;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::{id, left_out, text};

crate::scenarios!(
    every_event_arrives_signed_and_is_recorded,
    nothing_is_lost_when_the_server_is_killed,
    two_servers_deliver_each_event_once,
    a_webhook_must_not_lead_inside,
    the_receiver_of_the_documentation_trusts_a_delivery,
    what_failed_is_sent_again_once,
);

#[derive(Clone, Debug)]
pub(crate) struct Received {
    headers: HashMap<String, String>,
    body: String,
}

/// Answers on this machine, over HTTP; accepts everything that is sent to `/hook`.
pub(crate) struct Receiver {
    pub(crate) url: String,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let received = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&received);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&shared)));
            }
        });
        Receiver { url, received }
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    fn ids(&self) -> HashSet<String> {
        let received = self.received();
        let ids = received.iter().map(|one| one.headers["webhook-id"].clone());
        ids.collect()
    }

    /// Waits until so many different events have arrived.
    pub(crate) async fn until(&self, events: usize) {
        let arrived = async {
            while self.ids().len() < events {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), arrived)
            .await
            .unwrap();
    }
}

async fn serve(mut stream: TcpStream, received: Arc<Mutex<Vec<Received>>>) {
    let mut bytes = Vec::new();
    loop {
        let end = loop {
            if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            if !matches!(stream.read_buf(&mut bytes).await, Ok(1..)) {
                return;
            }
        };
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let headers: HashMap<_, _> = head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect();
        let length: usize = headers["content-length"].parse().unwrap();
        while bytes.len() < end + length {
            if !matches!(stream.read_buf(&mut bytes).await, Ok(1..)) {
                return;
            }
        }
        let body = String::from_utf8(bytes[end..end + length].to_vec()).unwrap();
        bytes.drain(..end + length);
        received.lock().unwrap().push(Received { headers, body });
        let answer = match head.split(' ').nth(1) {
            Some("/gone") => "410 Gone",
            Some("/fail") => "500 Internal Server Error",
            Some("/later") => "503 Service Unavailable\r\nretry-after: 3600",
            _ => "200 OK",
        };
        let answer = format!("HTTP/1.1 {answer}\r\ncontent-length: 4\r\n\r\nfine");
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// A server that may send to this machine, and whose leases end soon.
pub(crate) fn delivering(server: &TestServer) -> Process {
    delivering_with(server, &[])
}

/// The same with further settings.
pub(crate) fn delivering_with(server: &TestServer, settings: &[(&str, &str)]) -> Process {
    let mut command = binary::command(&server.database.url, &["serve"]).unwrap();
    command
        .env("KITH_LISTEN", "127.0.0.1:0")
        .env("KITH_LOG_FORMAT", "json")
        .env("KITH_WEBHOOK_ALLOW_NETS", "127.0.0.0/8")
        .env("KITH_WEBHOOK_ALLOW_HTTP", "true")
        .env("KITH_WEBHOOK_TIMEOUT", "500ms")
        .envs(settings.iter().copied())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped());
    Process::spawn(command).unwrap()
}

/// Waits until nothing is pending or being delivered; the deliveries.
pub(crate) async fn settled(api: &kith_tests::Api) -> Vec<Value> {
    let all = async {
        loop {
            let page = api.get("/webhook-deliveries?pageSize=100").await.unwrap();
            let items = page.expect(200)["items"].take();
            let items = items.as_array().cloned().unwrap_or_default();
            let open =
                |item: &&Value| matches!(item["status"].as_str(), Some("pending" | "delivering"));
            if items.iter().filter(open).count() == 0 {
                return items;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), all)
        .await
        .unwrap()
}

async fn every_event_arrives_signed_and_is_recorded(server: &mut TestServer) {
    server.kill().unwrap();
    let process = delivering(server);
    let api = server.api.at(process.address);
    let receiver = Receiver::start().await;
    let wanted = json!({
        "url": receiver.url, "secret": "swordfish",
        "events": ["contact.created", "contact.updated", "organization.updated"]
    });
    let webhook = api.call("POST", "/webhooks", &wanted).await.unwrap();
    let webhook = webhook.expect(201);
    let organization = api
        .create("organizations", &json!({"name": "Initech"}))
        .await
        .unwrap();
    let organization = id(&organization.expect(201));
    let contact = json!({"firstName": "Max", "organizationIds": [organization]});
    let contact = id(&api.create("contacts", &contact).await.unwrap().expect(201));
    receiver.until(2).await;
    api.update("contacts", &contact, &json!({"firstName": "Maxine"}))
        .await
        .unwrap();
    // Nothing moved, so nothing is sent.
    api.update("contacts", &contact, &json!({"firstName": "Maxine"}))
        .await
        .unwrap();
    receiver.until(3).await;
    let deliveries = settled(&api).await;
    assert_eq!((deliveries.len(), receiver.received().len()), (3, 3));
    let stored = server.events(0).await.unwrap();
    for received in receiver.received() {
        let id = &received.headers["webhook-id"];
        assert_eq!(received.headers["content-type"], "application/json");
        assert!(received.headers["user-agent"].starts_with("Kith-Webhooks/"));
        assert!(received.headers["webhook-signature"].starts_with("v1,"));
        let signature = &received.headers["x-webhook-signature"];
        assert!(signature.len() == 64 && signature.bytes().all(|c| c.is_ascii_hexdigit()));
        let delivery = deliveries
            .iter()
            .find(|one| text(one, "eventId") == *id)
            .unwrap();
        assert_eq!(text(delivery, "status"), "success");
        assert_eq!(
            (&delivery["statusCode"], &delivery["responseBody"]),
            (&json!(200), &json!("fine"))
        );
        let path = format!("/webhook-deliveries/{}", text(delivery, "id"));
        let details = api.get(&path).await.unwrap().expect(200);
        assert_eq!(text(&details, "requestBody"), received.body);
        let body: Value = serde_json::from_str(&received.body).unwrap();
        assert_eq!(text(&body, "event"), text(delivery, "event"));
    }
    assert!(stored.len() > 3);
    // Once more, to the same receiver with the same id.
    let first = &deliveries[0];
    let path = format!("/webhook-deliveries/{}/resend", text(first, "id"));
    let again = api
        .call("POST", &path, &json!({}))
        .await
        .unwrap()
        .expect(201);
    assert_eq!(again["resendOf"], first["id"]);
    let path = format!("/webhooks/{}/test", id(&webhook));
    api.call("POST", &path, &json!({}))
        .await
        .unwrap()
        .expect(201);
    receiver.until(4).await;
    assert_eq!(settled(&api).await.len(), 5);
    assert_eq!(receiver.received().len(), 5);
}

/// What `verify.mjs` says of a body and its signature; nothing where there is no Node.js.
fn verify(body: &str, signature: &str, secret: &str) -> Option<String> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/all/verify.mjs");
    let mut node = std::process::Command::new("node")
        .arg(script)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .ok()?;
    let asked = json!({"rawBody": body, "received": signature, "secret": secret});
    let mut stdin = node.stdin.take().unwrap();
    std::io::Write::write_all(&mut stdin, asked.to_string().as_bytes()).unwrap();
    drop(stdin);
    let output = node.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", output.status);
    Some(String::from_utf8(output.stdout).unwrap().trim().to_owned())
}

async fn the_receiver_of_the_documentation_trusts_a_delivery(server: &mut TestServer) {
    server.kill().unwrap();
    let process = delivering(server);
    let api = server.api.at(process.address);
    let receiver = Receiver::start().await;
    let secret = "schlüssel-😀";
    let wanted = json!({"url": receiver.url, "secret": secret, "events": ["contact.created"]});
    api.call("POST", "/webhooks", &wanted)
        .await
        .unwrap()
        .expect(201);
    let contact = json!({"firstName": "Søren", "notes": "**株式会社** \"x\""});
    api.create("contacts", &contact).await.unwrap().expect(201);
    receiver.until(1).await;
    let received = receiver.received().remove(0);
    let signature = &received.headers["x-webhook-signature"];
    let Some(answer) = verify(&received.body, signature, secret) else {
        return left_out("the receiver of the documentation", "there is no node");
    };
    assert_eq!(answer, "true");
    for (body, secret) in [
        (received.body.replace("Søren", "Soren"), secret),
        (received.body.clone(), "schlussel-😀"),
    ] {
        assert_eq!(verify(&body, signature, secret).unwrap(), "false");
    }
}

async fn nothing_is_lost_when_the_server_is_killed(server: &mut TestServer) {
    server.kill().unwrap();
    let receiver = Receiver::start().await;
    let mut process = delivering(server);
    let wanted = json!({"url": receiver.url, "events": ["task.created"]});
    let api = server.api.at(process.address);
    api.call("POST", "/webhooks", &wanted)
        .await
        .unwrap()
        .expect(201);
    for round in 1..=3 {
        let api = server.api.at(process.address);
        let tasks: Vec<_> = (0..60)
            .map(|at| json!({"name": format!("{round}-{at}")}))
            .collect();
        let made = api
            .call("POST", "/tasks/many", &json!({"tasks": tasks}))
            .await
            .unwrap();
        made.expect(201);
        // In the middle of delivering, or before it began.
        process.kill().unwrap();
        process = delivering(server);
    }
    receiver.until(180).await;
    let stored = server.events(0).await.unwrap();
    let stored = stored.iter().filter(|event| event.name == "task.created");
    assert_eq!(receiver.ids().len(), stored.count());
    let api = server.api.at(process.address);
    assert!(
        settled(&api)
            .await
            .iter()
            .all(|one| text(one, "status") == "success")
    );
}

async fn what_failed_is_sent_again_once(server: &mut TestServer) {
    server.kill().unwrap();
    let mut one = delivering(server);
    let other = delivering(server);
    let api = server.api.at(other.address);
    // Nobody listens there.
    let wanted = json!({"url": "http://127.0.0.1:9/", "events": ["task.created"]});
    let webhook = api.call("POST", "/webhooks", &wanted).await.unwrap();
    let webhook = id(&webhook.expect(201));
    let tasks: Vec<_> = (0..90).map(|at| json!({"name": at.to_string()})).collect();
    let tasks = json!({ "tasks": tasks });
    let made = api.call("POST", "/tasks/many", &tasks).await;
    made.unwrap().expect(201);
    let failed = settled(&api).await;
    assert!(failed.iter().all(|one| text(one, "status") == "failed"));

    let receiver = Receiver::start().await;
    let path = format!("/webhooks/{webhook}");
    let moved = api.call("PUT", &path, &json!({"url": receiver.url})).await;
    moved.unwrap().expect(200);
    let path = format!("{path}/resend-failed");
    let since = json!({"since": "2026-01-01T00:00:00Z"});
    let begin = async || api.call("POST", &path, &since).await.unwrap().expect(202);
    let job = begin().await;
    assert_eq!(job["total"], 90);
    // Whoever works on it may die.
    one.kill().unwrap();
    one = delivering(server);
    let done = async |job: &Value| {
        let path = format!("/webhook-resends/{}", id(job));
        loop {
            let job = api.get(&path).await.unwrap().expect(200);
            if text(&job, "status") != "running" {
                return job;
            }
        }
    };
    let limit = Duration::from_secs(60);
    let ended = tokio::time::timeout(limit, done(&job)).await.unwrap();
    assert_eq!(
        (&ended["status"], &ended["resent"]),
        (&json!("done"), &json!(90))
    );
    receiver.until(90).await;
    let search = json!({"status": "success", "pageSize": 100});
    let search = async || {
        let page = api
            .call("POST", "/webhook-deliveries/search", &search)
            .await;
        page.unwrap().expect(200)["items"].take()
    };
    settled(&api).await;
    let again = search().await;
    let again = again.as_array().unwrap();
    let originals: HashSet<_> = again.iter().map(|one| text(one, "resendOf")).collect();
    assert_eq!((again.len(), originals.len()), (90, 90));
    // There is nothing left to send.
    let job = begin().await;
    let ended = tokio::time::timeout(limit, done(&job)).await.unwrap();
    assert_eq!((&ended["total"], &ended["resent"]), (&json!(0), &json!(0)));
    let log = api
        .get("/events?types=webhook.resendStarted")
        .await
        .unwrap();
    let log = log.expect(200)["items"].take();
    assert_eq!(log.as_array().unwrap().len(), 2);
    assert_eq!(log[1]["data"]["entityId"], json!(webhook));
    drop(one);
}

async fn two_servers_deliver_each_event_once(server: &mut TestServer) {
    server.kill().unwrap();
    let receiver = Receiver::start().await;
    let one = delivering(server);
    let other = delivering(server);
    let api = server.api.at(one.address);
    for _ in 0..3 {
        let wanted = json!({"url": receiver.url, "events": ["task.created"]});
        api.call("POST", "/webhooks", &wanted)
            .await
            .unwrap()
            .expect(201);
    }
    for (at, process) in [&one, &other, &one, &other].into_iter().enumerate() {
        let tasks: Vec<_> = (0..25)
            .map(|task| json!({"name": format!("{at}-{task}")}))
            .collect();
        let api = server.api.at(process.address);
        let made = api
            .call("POST", "/tasks/many", &json!({"tasks": tasks}))
            .await
            .unwrap();
        made.expect(201);
    }
    receiver.until(100).await;
    let counted = async {
        while receiver.received().len() < 300 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), counted)
        .await
        .unwrap();
    settled(&api).await;
    assert_eq!(receiver.received().len(), 300);
}

async fn a_webhook_must_not_lead_inside(server: &mut TestServer) {
    for url in [
        "https://localhost/",
        "https://127.0.0.1/",
        "https://2130706433/",
        "https://[::ffff:7f00:1]/",
        "http://example.com/",
        "https://a:b@example.com/",
    ] {
        let wanted = json!({"url": url, "events": ["task.created"]});
        let reply = server.api.call("POST", "/webhooks", &wanted).await.unwrap();
        let problem = reply.expect(400);
        assert_eq!(problem["errors"][0]["pointer"], "/url", "{url}");
    }
}
