//! The sender against good and bad receivers.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use kith_domain::ports::Clock;
use kith_domain::ports::webhooks::Destinations;
use kith_domain::time::Timestamp;
use kith_domain::webhook::delivery::{Attempt, FailureKind, KEPT_BODY, Timing};
use kith_domain::webhook::destination::UrlRules;
use kith_domain::webhook::secret::Secret;
use kith_webhooks::{Lookup, Request, Sender, SenderSettings, Transport};
use uuid::Uuid;

use crate::receiver::{HOST, Receiver};

const NOW: Timestamp = Timestamp(1_776_852_000_123);
const EVENT: Uuid = Uuid::from_u128(0x0197_0000_0000_7000_8000_0000_0000_0001);
const BODY: &[u8] = br#"{"event":"contact.created"}"#;

struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        NOW
    }
}

/// Answers each question with the next of these lists, and then again from the first.
struct Scripted {
    answers: Vec<Vec<IpAddr>>,
    asked: AtomicUsize,
}

impl Scripted {
    fn new(answers: &[&[&str]]) -> Arc<Self> {
        let parse = |list: &&[&str]| list.iter().map(|text| text.parse().unwrap()).collect();
        Arc::new(Scripted {
            answers: answers.iter().map(parse).collect(),
            asked: AtomicUsize::new(0),
        })
    }
}

#[async_trait]
impl Lookup for Scripted {
    async fn lookup(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        if host != HOST {
            return Err(io::Error::other("no such host"));
        }
        let at = self.asked.fetch_add(1, Ordering::Relaxed);
        Ok(self.answers[at % self.answers.len()].clone())
    }
}

fn settings(receiver: &Receiver) -> SenderSettings {
    SenderSettings {
        timeout: Duration::from_secs(10),
        rules: UrlRules {
            allow_nets: "127.0.0.1/32".parse().unwrap(),
            allow_http: false,
        },
        extra_roots: Some(receiver.root.clone()),
        ..SenderSettings::default()
    }
}

fn sender(settings: SenderSettings, lookup: Arc<dyn Lookup>) -> Sender {
    Sender::new(settings, Arc::new(Fixed), lookup).unwrap()
}

fn local(receiver: &Receiver) -> Sender {
    sender(settings(receiver), Scripted::new(&[&["127.0.0.1"]]))
}

fn impatient(receiver: &Receiver) -> Sender {
    let settings = SenderSettings {
        timeout: Duration::from_millis(300),
        ..settings(receiver)
    };
    sender(settings, Scripted::new(&[&["127.0.0.1"]]))
}

fn request(url: String) -> Request {
    Request {
        url,
        body: BODY.into(),
        event_id: EVENT,
        secret: Some(Secret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned()).unwrap()),
        number: 1,
    }
}

fn failure(attempt: &Attempt) -> (Option<FailureKind>, String) {
    let error = attempt.error.as_ref();
    let text = error.map(ToString::to_string).unwrap_or_default();
    (error.map(|error| error.kind), text)
}

#[tokio::test]
async fn a_delivery_is_the_stored_bytes_with_both_signatures() {
    let receiver = Receiver::start().await;
    let attempt = local(&receiver).send(request(receiver.url("/ok"))).await;
    assert_eq!(failure(&attempt), (None, String::new()));
    assert_eq!(attempt.status, Some(200));
    assert_eq!(attempt.body, b"fine");
    assert_eq!(attempt.headers, "x-id: 7\ncontent-length: 4\n");
    assert_eq!(attempt.remote, Some(receiver.address));
    assert_eq!((attempt.at, attempt.number), (NOW, 1));
    let timing = attempt.timing;
    let steps = [timing.dns, timing.connect, timing.tls].map(Option::unwrap);
    assert!(steps[2] > 0, "{timing:?}");
    assert!(timing.first_byte.unwrap() >= steps.into_iter().sum());
    assert!(timing.total >= timing.first_byte.unwrap());

    let received = receiver.requests().remove(0);
    assert!(received.head.starts_with("POST /ok HTTP/1.1\r\n"));
    assert_eq!(received.body, BODY);
    for (name, value) in [
        ("content-type", "application/json"),
        (
            "user-agent",
            concat!("Kith-Webhooks/", env!("CARGO_PKG_VERSION")),
        ),
        ("webhook-id", "01970000-0000-7000-8000-000000000001"),
        ("webhook-timestamp", "1776852000"),
    ] {
        assert_eq!(received.header(name), Some(value));
    }
    let secret = request(String::new()).secret.unwrap();
    let plain = kith_webhooks::sign::plain(&secret, BODY);
    let standard = kith_webhooks::sign::standard(&secret, EVENT, 1_776_852_000, BODY);
    assert_eq!(received.header("x-webhook-signature"), Some(plain.as_str()));
    assert_eq!(
        received.header("webhook-signature"),
        Some(standard.as_str())
    );
}

#[tokio::test]
async fn without_a_secret_nothing_is_signed() {
    let receiver = Receiver::start().await;
    let unsigned = Request {
        secret: None,
        ..request(receiver.url("/ok"))
    };
    assert!(local(&receiver).send(unsigned).await.error.is_none());
    let received = receiver.requests().remove(0);
    assert!(received.header("webhook-id").is_some());
    assert!(!received.head.to_lowercase().contains("signature"));
}

#[tokio::test]
async fn a_connection_serves_many_deliveries() {
    let receiver = Receiver::start().await;
    let sender = local(&receiver);
    for at in 0..20 {
        let attempt = sender.send(request(receiver.url("/ok"))).await;
        assert!(attempt.error.is_none(), "{attempt:?}");
        let Timing {
            dns, connect, tls, ..
        } = attempt.timing;
        let connected = [dns, connect, tls].map(|step| step.is_some());
        assert_eq!(connected, [at == 0; 3], "{attempt:?}");
    }
    assert_eq!(receiver.seen.connections.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn other_statuses_are_failures_and_redirects_are_not_followed() {
    let receiver = Receiver::start().await;
    let sender = local(&receiver);
    for (path, status, body) in [
        ("/500", 500, "oops"),
        ("/429", 429, ""),
        ("/410", 410, ""),
        ("/302", 302, ""),
        ("/nowhere", 404, ""),
    ] {
        let attempt = sender.send(request(receiver.url(path))).await;
        assert_eq!(attempt.status, Some(status));
        assert_eq!(attempt.body, body.as_bytes());
        let (kind, text) = failure(&attempt);
        assert_eq!(kind, Some(FailureKind::Status));
        assert!(text.starts_with(&format!("status: the receiver answered {status}")));
        let wish = (status == 429).then_some(Timestamp(NOW.0 + 120_000));
        assert_eq!(attempt.retry_after, wish);
    }
    assert_eq!(receiver.requests().len(), 5);
}

#[tokio::test]
async fn an_answer_that_does_not_come_or_does_not_end_is_a_timeout() {
    let receiver = Receiver::start().await;
    let sender = impatient(&receiver);
    let attempt = sender.send(request(receiver.url("/hang"))).await;
    assert_eq!(
        failure(&attempt),
        (
            Some(FailureKind::Timeout),
            "timeout: no answer within 300 ms".to_owned()
        )
    );
    assert_eq!(
        (attempt.status, attempt.remote.map(|remote| remote.ip())),
        (None, Some(receiver.address.ip()))
    );
    let attempt = sender.send(request(receiver.url("/stuck"))).await;
    let (kind, text) = failure(&attempt);
    assert_eq!(kind, Some(FailureKind::Timeout));
    assert!(text.contains("the answer did not end"), "{text}");
    assert_eq!(
        (attempt.status, attempt.body.as_slice()),
        (Some(200), b"only this".as_slice())
    );
}

#[tokio::test]
async fn a_hanging_name_server_is_a_timeout() {
    struct Silent;
    #[async_trait]
    impl Lookup for Silent {
        async fn lookup(&self, _: &str) -> io::Result<Vec<IpAddr>> {
            std::future::pending().await
        }
    }
    let receiver = Receiver::start().await;
    let settings = SenderSettings {
        timeout: Duration::from_millis(100),
        ..settings(&receiver)
    };
    let attempt = sender(settings, Arc::new(Silent))
        .send(request(receiver.url("/ok")))
        .await;
    assert_eq!(failure(&attempt).1, "timeout: no connection within 100 ms");
}

#[tokio::test]
async fn of_a_large_answer_only_the_beginning_is_read() {
    let receiver = Receiver::start().await;
    let sender = local(&receiver);
    for path in ["/big", "/endless"] {
        let attempt = sender.send(request(receiver.url(path))).await;
        assert_eq!(failure(&attempt).0, None, "{path}");
        assert_eq!(attempt.body.len(), KEPT_BODY, "{path}");
    }
    let attempt = sender.send(request(receiver.url("/headers"))).await;
    assert_eq!(
        failure(&attempt).0,
        Some(FailureKind::Protocol),
        "{attempt:?}"
    );
    assert!(attempt.headers.is_empty());
    // What the sender did not read lies in the buffers of the connections, not in its memory.
    assert!(receiver.seen.sent.load(Ordering::Relaxed) < 64 << 20);
}

#[tokio::test]
async fn broken_connections_and_answers_are_named() {
    let receiver = Receiver::start().await;
    let sender = local(&receiver);
    for path in ["/reset", "/garbage"] {
        let attempt = sender.send(request(receiver.url(path))).await;
        let (kind, text) = failure(&attempt);
        assert_eq!(kind, Some(FailureKind::Protocol), "{path}: {text}");
    }
    // Nobody listens on the port of a listener that is gone.
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = gone.local_addr().unwrap().port();
    drop(gone);
    let attempt = sender
        .send(request(format!("https://{HOST}:{port}/")))
        .await;
    let (kind, text) = failure(&attempt);
    assert_eq!(kind, Some(FailureKind::Connect), "{text}");
    assert!(text.contains("refused"), "{text}");
    let attempt = sender
        .send(request("https://unknown.test/".to_owned()))
        .await;
    assert_eq!(
        failure(&attempt),
        (
            Some(FailureKind::Dns),
            "dns: the host name cannot be resolved: no such host".to_owned()
        )
    );
}

#[tokio::test]
async fn an_untrusted_certificate_is_a_tls_failure() {
    let receiver = Receiver::start().await;
    let other = Receiver::start().await;
    let sender = sender(settings(&other), Scripted::new(&[&["127.0.0.1"]]));
    let attempt = sender.send(request(receiver.url("/ok"))).await;
    let (kind, text) = failure(&attempt);
    assert_eq!(kind, Some(FailureKind::Tls), "{text}");
    let timing = attempt.timing;
    assert!(
        timing.connect.is_some() && timing.tls.is_none(),
        "{timing:?}"
    );
    assert!(receiver.requests().is_empty());
}

#[tokio::test]
async fn forbidden_addresses_are_not_dialled_however_they_are_written() {
    let receiver = Receiver::start().await;
    let closed = SenderSettings {
        rules: UrlRules::default(),
        ..settings(&receiver)
    };
    let port = receiver.address.port();
    let lookup = Scripted::new(&[&["127.0.0.1", "::1", "::ffff:127.0.0.1", "10.0.0.1"]]);
    let sender = sender(closed, lookup);
    for url in [
        receiver.url("/ok"),
        format!("https://127.0.0.1:{port}/ok"),
        format!("https://2130706433:{port}/ok"),
        format!("https://[::ffff:7f00:1]:{port}/ok"),
        format!("https://0x7f.1:{port}/ok"),
    ] {
        let attempt = sender.send(request(url.clone())).await;
        let (kind, text) = failure(&attempt);
        assert_eq!(kind, Some(FailureKind::BlockedAddress), "{url}: {text}");
        assert!(text.contains("is a loopback address"), "{url}: {text}");
    }
    assert_eq!(receiver.seen.connections.load(Ordering::Relaxed), 0);
    let error = sender.check(&receiver.url("/ok")).await.unwrap_err();
    assert!(
        error.starts_with("hooks.test leads to 127.0.0.1 is a loopback address"),
        "{error}"
    );
    assert_eq!(sender.check("https://unknown.test/").await, Ok(()));
}

/// A name server that first shows a good address and then a forbidden one, or both at once.
#[tokio::test]
async fn a_name_that_rebinds_reaches_allowed_addresses_only() {
    let receiver = Receiver::start().await;
    // Nothing that is allowed: the receiver's own address is forbidden here, 127.0.0.2 is the "public" one.
    let rules = UrlRules {
        allow_nets: "127.0.0.2/32".parse().unwrap(),
        allow_http: false,
    };
    let strict = SenderSettings {
        rules,
        ..settings(&receiver)
    };
    let lookup = Scripted::new(&[&["127.0.0.2"], &["127.0.0.1"], &["127.0.0.1", "127.0.0.2"]]);
    let sender = sender(strict, Arc::<Scripted>::clone(&lookup));
    // The check when saving sees the good answer, the dial the bad one.
    assert_eq!(sender.check(&receiver.url("/ok")).await, Ok(()));
    let attempt = sender.send(request(receiver.url("/ok"))).await;
    assert_eq!(failure(&attempt).0, Some(FailureKind::BlockedAddress));
    // Both at once: only the allowed one is tried, and nobody listens there.
    let attempt = sender.send(request(receiver.url("/ok"))).await;
    assert_eq!(failure(&attempt).0, Some(FailureKind::Connect));
    assert_eq!(
        attempt.remote.map(|remote| remote.ip()),
        Some("127.0.0.2".parse().unwrap())
    );
    for _ in 0..9 {
        let attempt = sender.send(request(receiver.url("/ok"))).await;
        assert!(attempt.error.is_some());
    }
    assert_eq!(receiver.seen.connections.load(Ordering::Relaxed), 0);
    assert_eq!(lookup.asked.load(Ordering::Relaxed), 12);
}

/// A name server that shows a public address whenever a URL is checked, and an inner one whenever it is dialled.
#[tokio::test]
async fn a_name_that_alternates_never_leads_inside() {
    let receiver = Receiver::start().await;
    let closed = SenderSettings {
        rules: UrlRules::default(),
        ..settings(&receiver)
    };
    for inside in ["127.0.0.1", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1"] {
        let lookup = Scripted::new(&[&["8.8.8.8"], &[inside]]);
        let sender = sender(closed.clone(), lookup);
        for _ in 0..10 {
            assert_eq!(sender.check(&receiver.url("/ok")).await, Ok(()));
            let attempt = sender.send(request(receiver.url("/ok"))).await;
            let (kind, text) = failure(&attempt);
            assert_eq!(kind, Some(FailureKind::BlockedAddress), "{inside}: {text}");
            assert_eq!(attempt.remote, None);
        }
    }
    assert_eq!(receiver.seen.connections.load(Ordering::Relaxed), 0);
}

/// The receiver that is allowed sends on to one that is not.
#[tokio::test]
async fn a_redirect_never_leads_inside() {
    let (receiver, inside) = (Receiver::start().await, Receiver::start().await);
    let sender = local(&receiver);
    let port = inside.address.port();
    for status in [301, 302, 303, 307, 308] {
        for target in [
            format!("https://{HOST}:{port}/ok"),
            format!("https://127.0.0.1:{port}/ok"),
            format!("http://127.0.0.1:{port}/ok"),
            "http://169.254.169.254/latest/meta-data/".to_owned(),
        ] {
            let path = format!("/to/{status}/{target}");
            let attempt = sender.send(request(receiver.url(&path))).await;
            let (kind, text) = failure(&attempt);
            assert_eq!(
                (kind, attempt.status),
                (Some(FailureKind::Status), Some(status))
            );
            assert!(text.contains("redirects are not followed"), "{text}");
        }
    }
    assert_eq!(inside.seen.connections.load(Ordering::Relaxed), 0);
    assert_eq!(receiver.requests().len(), 20);
}

#[tokio::test]
async fn http_is_for_allowed_networks_only() {
    let receiver = Receiver::start().await;
    let open = SenderSettings {
        rules: UrlRules {
            allow_nets: "127.0.0.0/8".parse().unwrap(),
            allow_http: true,
        },
        ..settings(&receiver)
    };
    let sender = sender(open, Scripted::new(&[&["8.8.8.8"]]));
    let attempt = sender.send(request(format!("http://{HOST}/ok"))).await;
    let (kind, text) = failure(&attempt);
    assert_eq!(kind, Some(FailureKind::BlockedAddress));
    assert!(text.contains("http is accepted for"), "{text}");
    // Plain HTTP reaches the port, which expects TLS.
    let port = receiver.address.port();
    let attempt = sender
        .send(request(format!("http://127.0.0.1:{port}/ok")))
        .await;
    assert_eq!(
        attempt.remote.map(|remote| remote.port()).or(Some(port)),
        Some(port)
    );
    assert_eq!(receiver.seen.connections.load(Ordering::Relaxed), 1);
}
