//! Secrets stay where they belong: of a whole run at the most talkative level, nothing holds one but the answers that
//! show it once.

use std::process::Stdio;

use kith_tests::server::Process;
use kith_tests::{Api, Reply, TestServer, binary};
use serde_json::{Value, json};

use crate::sessions::mail::{MailServer, token_in};
use crate::sessions::{PASSWORD, cookie, give_password, post, sign_in, with_cookie};
use crate::{id, text};

crate::scenarios!(nothing_tells_a_secret);

const WRONG: &str = "hunter2-hunter2";
const CHANGED: &str = "staple battery horse";
const WEBHOOK: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1u";

/// What was shown once, and everything else that was said.
#[derive(Default)]
struct Run {
    secrets: Vec<(&'static str, String)>,
    said: Vec<(String, String)>,
}

impl Run {
    fn keep(&mut self, what: &'static str, secret: impl Into<String>) {
        self.secrets.push((what, secret.into()));
    }

    /// An answer that shows no secret.
    fn hear(&mut self, what: &str, reply: Reply) -> Value {
        let headers = if reply.header("set-cookie").is_some() {
            String::new()
        } else {
            reply.head.clone()
        };
        self.said
            .push((what.to_owned(), format!("{headers}\n{}", reply.text())));
        reply.json()
    }
}

async fn nothing_tells_a_secret(server: &mut TestServer) {
    let mut run = Run::default();
    let mut mail = MailServer::start().await;
    let out = std::env::temp_dir().join(format!("kith-secrets-{}", server.api.company));
    let mut command = binary::command(&server.database.url, &["serve"]).unwrap();
    command
        .env("KITH_LISTEN", "127.0.0.1:0")
        .env("KITH_LOG_FORMAT", "json")
        .env("KITH_LOG", "trace")
        .env("KITH_SIGN_UP", "open")
        .env("KITH_WEBHOOK_ALLOW_NETS", "127.0.0.0/8")
        .env("KITH_WEBHOOK_ALLOW_HTTP", "true")
        .env(
            "KITH_SMTP_URL",
            mail.url
                .replace("smtp://", "smtp://kith:mail-server-password@"),
        )
        .env("KITH_MAIL_FROM", "kith@example.com")
        .stdout(std::fs::File::create(&out).unwrap())
        .stderr(Stdio::piped());
    let process = Process::spawn(command).unwrap();
    let api = server.api.at(process.address);
    run.keep("the password of the mail server", "mail-server-password");
    live(&mut run, &api, &mut mail).await;

    let log = api.get("/events?limit=1000").await.unwrap();
    assert!(log.text().contains("webhook.created"));
    run.hear("the event log", log);
    run.said.push(("the log".to_owned(), process.log()));
    run.said.push((
        "what was printed".to_owned(),
        std::fs::read_to_string(&out).unwrap(),
    ));
    std::fs::remove_file(&out).unwrap();
    let log = &process.log();
    assert!(
        log.contains("sqlx::query") && log.contains("answered"),
        "it is not talkative"
    );
    assert_eq!(run.secrets.len(), 14);
    for (what, secret) in &run.secrets {
        assert!(secret.len() >= 12, "{what}");
        for (place, text) in &run.said {
            let found = text.find(secret.as_str());
            let around = found.map(|at| {
                let line = text[..at].rfind('\n').map_or(0, |at| at + 1);
                text[line..].lines().next()
            });
            assert!(found.is_none(), "{place} tells {what}: {around:?}");
        }
    }
}

/// Whatever handles a secret is done, rightly and wrongly.
async fn live(run: &mut Run, api: &Api, mail: &mut MailServer) {
    let key = api
        .key_line
        .trim_start_matches("x-api-key: ")
        .trim()
        .to_owned();
    run.keep("the key of the administrator", key.clone());
    for (what, secret) in [
        ("a password", PASSWORD),
        ("a wrong password", WRONG),
        ("a new password", CHANGED),
    ] {
        run.keep(what, secret);
    }
    let email = give_password(api, PASSWORD).await;
    let session = sign_in(api, &email, PASSWORD).await;
    run.keep(
        "a session",
        session.trim_start_matches("kith_session=").to_owned(),
    );
    let session = with_cookie(api, &session);
    for (what, method, path, body) in [
        (
            "a wrong sign-in",
            "POST",
            "/sign-in",
            json!({"email": email, "password": WRONG}),
        ),
        (
            "a sign-in of nobody",
            "POST",
            "/sign-in",
            json!({"email": "nobody@example.com", "password": WRONG}),
        ),
        ("a misplaced password", "POST", "/sign-in", json!(WRONG)),
        (
            "a list of passwords",
            "POST",
            "/sign-in",
            json!({"email": email, "password": [WRONG]}),
        ),
        (
            "a wrong token",
            "POST",
            "/password-reset/complete",
            json!({"token": WRONG, "newPassword": WRONG}),
        ),
        (
            "a wrong invitation",
            "POST",
            "/sign-up",
            json!({"token": WRONG, "firstName": "X", "password": WRONG}),
        ),
        (
            "a sign-up with an address that is taken",
            "POST",
            "/sign-up",
            json!({"companyName": "X", "email": email, "firstName": "X", "password": WRONG}),
        ),
        (
            "a wrong present password",
            "PUT",
            "/users/me/password",
            json!({"currentPassword": WRONG, "newPassword": PASSWORD}),
        ),
        (
            "a change of the password",
            "PUT",
            "/users/me/password",
            json!({"currentPassword": PASSWORD, "newPassword": CHANGED}),
        ),
    ] {
        let reply = session.call(method, path, &body).await.unwrap();
        run.hear(what, reply);
    }
    let wrong = api.with_key(api.user, WRONG);
    run.hear("a wrong key", wrong.get("/users/me").await.unwrap());
    let wrong = with_cookie(api, &format!("kith_session={WRONG}"));
    run.hear("a wrong session", wrong.get("/users/me").await.unwrap());

    let roles = api.get("/roles").await.unwrap().expect(200);
    let body = json!({"email": "eva@example.com", "roleId": roles[1]["id"]});
    let invitation = api.call("POST", "/invitations", &body).await.unwrap();
    let token = text(&invitation.expect(201), "token");
    run.keep("an invitation", token.clone());
    let body = json!({"token": token, "firstName": "Eva", "password": PASSWORD});
    let reply = post(api, "/sign-up", &body).await;
    run.keep(
        "the session of the invited",
        cookie(&reply)
            .trim_start_matches("kith_session=")
            .to_owned(),
    );
    let eva = run.hear("a sign-up", reply);
    let body = json!({"companyName": "Max", "email": "max@example.com", "firstName": "Max", "password": PASSWORD});
    let reply = post(api, "/sign-up", &body).await;
    run.keep(
        "the session of a founder",
        cookie(&reply)
            .trim_start_matches("kith_session=")
            .to_owned(),
    );
    run.hear("a founding", reply);
    let path = format!("/users/{}/password-reset", id(&eva));
    let given = api.call("POST", &path, &json!({})).await.unwrap();
    run.keep(
        "a link that is handed over",
        text(&given.expect(201), "token"),
    );
    let body = json!({"email": "eva@example.com"});
    run.hear(
        "a wish for a link",
        post(api, "/password-reset", &body).await,
    );
    let token = token_in(&mail.letter().await);
    run.keep("a link by mail", token.clone());
    let body = json!({"token": token, "newPassword": CHANGED});
    run.hear(
        "a new password by link",
        post(api, "/password-reset/complete", &body).await,
    );

    let made = api
        .call("POST", "/api-keys", &json!({"name": "CI"}))
        .await
        .unwrap();
    let made = made.expect(201);
    run.keep("a key", text(&made, "key"));
    let path = format!("/api-keys/{}", id(&made));
    let rotated = api
        .call("POST", &format!("{path}/rotate"), &json!({}))
        .await
        .unwrap();
    run.keep("a rotated key", text(&rotated.expect(200), "key"));
    run.keep("the secret of a webhook", WEBHOOK);
    let body = json!({"url": "http://127.0.0.1:9/", "events": ["task.created"], "secret": WEBHOOK});
    let made = api.call("POST", "/webhooks", &body).await.unwrap();
    assert_eq!(made.status, 201, "{}", made.text());
    run.hear("a webhook", made);
    run.hear("the keys", api.get("/api-keys").await.unwrap());
    run.hear("the invitations", api.get("/invitations").await.unwrap());
    run.hear("the sessions", api.get("/sessions").await.unwrap());
    run.hear("the webhooks", api.get("/webhooks").await.unwrap());
}
