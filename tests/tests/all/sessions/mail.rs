//! Links for a new password by mail, to a mail server that the test plays.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use kith_tests::TestServer;
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::{PASSWORD, give_password, post, serving, sign_in};

crate::scenarios!(a_link_comes_by_mail);

/// A mail server that takes everything.
pub(crate) struct MailServer {
    /// Where it listens: `smtp://127.0.0.1:2525`.
    pub(crate) url: String,
    letters: UnboundedReceiver<String>,
    /// Everybody who was ever written to.
    pub(crate) readers: Arc<Mutex<Vec<String>>>,
}

impl MailServer {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("smtp://{}", listener.local_addr().unwrap());
        let (taken, letters) = unbounded_channel();
        let readers = Arc::new(Mutex::new(Vec::new()));
        let known = Arc::clone(&readers);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(converse(stream, taken.clone(), Arc::clone(&known)));
            }
        });
        MailServer {
            url,
            letters,
            readers,
        }
    }

    /// The next letter.
    pub(crate) async fn letter(&mut self) -> String {
        let letter = tokio::time::timeout(Duration::from_secs(60), self.letters.recv());
        letter.await.unwrap().unwrap()
    }
}

async fn converse(
    mut stream: TcpStream,
    taken: UnboundedSender<String>,
    readers: Arc<Mutex<Vec<String>>>,
) {
    let (reading, mut writing) = stream.split();
    let mut lines = BufReader::new(reading).lines();
    writing.write_all(b"220 test\r\n").await.unwrap();
    while let Ok(Some(line)) = lines.next_line().await {
        let verb = line.get(..4).unwrap_or_default().to_uppercase();
        let answer: &[u8] = match verb.as_str() {
            "DATA" => b"354 go on\r\n",
            "QUIT" => b"221 bye\r\n",
            "EHLO" => b"250-test\r\n250 AUTH PLAIN\r\n",
            "AUTH" => b"235 welcome\r\n",
            _ => b"250 fine\r\n",
        };
        if verb == "RCPT" {
            readers.lock().unwrap().push(line);
        }
        writing.write_all(answer).await.unwrap();
        if verb == "DATA" {
            let mut letter = String::new();
            while let Ok(Some(line)) = lines.next_line().await
                && line != "."
            {
                letter.push_str(&line);
                letter.push('\n');
            }
            writing.write_all(b"250 taken\r\n").await.unwrap();
            taken.send(letter).unwrap();
        }
    }
}

/// The token of the link in a letter, whose lines may have been broken for the way.
pub(crate) fn token_in(letter: &str) -> String {
    let letter = letter.replace("=\n", "").replace("=23", "#");
    let (_, token) = letter.split_once("/password-reset#").unwrap();
    token
        .chars()
        .take_while(char::is_ascii_alphanumeric)
        .collect()
}

async fn a_link_comes_by_mail(server: &mut TestServer) {
    let email = give_password(&server.api, PASSWORD).await;
    let mut mail = MailServer::start().await;
    let settings = [
        ("KITH_SMTP_URL", mail.url.clone()),
        ("KITH_MAIL_FROM", "Kith <kith@example.com>".to_owned()),
        ("KITH_PUBLIC_URL", "http://kith.example".to_owned()),
    ];
    let settings = settings
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    let mailing = serving(server, &settings);
    let api = &server.api.at(mailing.address);
    for address in ["nobody@example.com", &email.to_uppercase()] {
        let reply = post(api, "/password-reset", &json!({"email": address})).await;
        reply.expect(202);
        assert_eq!(reply.text(), "");
    }
    let letter = mail.letter().await;
    assert!(letter.contains("From: Kith <kith@example.com>"), "{letter}");
    assert!(
        letter.contains("http://kith.example/password-reset"),
        "{letter}"
    );
    let readers = mail.readers.lock().unwrap().clone();
    assert!(
        matches!(&*readers, [reader] if reader.contains(&email)),
        "{readers:?}"
    );
    let body = json!({"token": token_in(&letter), "newPassword": "another password"});
    post(api, "/password-reset/complete", &body)
        .await
        .expect(204);
    post(api, "/password-reset/complete", &body)
        .await
        .expect(404);
    sign_in(api, &email, "another password").await;
}
