//! Bad input: each a clear answer that names the place and what is accepted, nothing changed, never a 500.

use kith_tests::TestServer;
use kith_tests::http::Connection;
use serde_json::{Value, json};

use crate::id;

crate::scenarios!(
    wrong_values_are_named_with_their_place,
    bodies_that_are_no_json,
    bodies_that_are_too_long,
    every_problem_of_a_request_is_told_at_once,
);

/// One case a line.
const CASES: &str = include_str!("bad_input.txt");

const NEVER: &str = "0198c5f2-7a3e-7c14-9d52-3b8e6f1a2c44";

/// The ids that cases refer to, of records made for the purpose.
async fn world(server: &TestServer) -> Vec<(&'static str, String)> {
    let make = async |plural: &str, body: Value| {
        id(&server.api.create(plural, &body).await.unwrap().expect(201))
    };
    let service = make("services", json!({"name": "S", "amount": 1})).await;
    let lines = json!([{"serviceId": service, "quantity": 2}]);
    vec![
        ("CONTACT", make("contacts", json!({"firstName": "C"})).await),
        (
            "ORGANIZATION",
            make("organizations", json!({"name": "O"})).await,
        ),
        (
            "DEAL",
            make("deals", json!({"name": "D", "services": lines})).await,
        ),
        ("SERVICE", service),
        ("NEVER", NEVER.to_owned()),
    ]
}

/// A text with the ids filled in and repetitions written out.
fn filled(text: &str, world: &[(&str, String)]) -> String {
    let mut text = world
        .iter()
        .fold(text.to_owned(), |text, (name, id)| text.replace(name, id));
    while let Some((before, (repetition, after))) = text
        .split_once('<')
        .and_then(|(before, rest)| Some((before, rest.split_once('>')?)))
    {
        let (part, count) = repetition.rsplit_once('*').unwrap();
        text = format!("{before}{}{after}", part.repeat(count.parse().unwrap()));
    }
    text
}

async fn wrong_values_are_named_with_their_place(server: &mut TestServer) {
    let api = &server.api;
    let world = world(server).await;
    let mut session = server.session().await.unwrap();
    let head = "content-type: application/json\r\n";
    let mut before = session.fingerprint(api.company).await.unwrap();
    let mut wrong = Vec::new();
    for line in CASES.lines().filter(|line| !line.starts_with('#')) {
        let [method, path, body, status, pointer, part] = line.split(" | ").collect::<Vec<_>>()[..]
        else {
            unreachable!("{line}");
        };
        let path = filled(&format!("/{path}"), &world);
        let body = filled(body, &world);
        let reply = api
            .send(method, &path, head, body.as_bytes())
            .await
            .unwrap();
        let problem = reply.json();
        let first = &problem["errors"][0];
        let message = first["message"].as_str().or(problem["detail"].as_str());
        let place = first["pointer"].as_str().unwrap_or_default();
        let now = session.fingerprint(api.company).await.unwrap();
        let good = reply.status.to_string() == status
            && place == pointer
            && message.unwrap_or_default().contains(&filled(part, &world))
            && now == before;
        if !good {
            wrong.push(format!("{line}\n  {} {problem}", reply.status));
        }
        before = now;
    }
    assert!(
        wrong.is_empty(),
        "{} cases\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

async fn bodies_that_are_no_json(server: &mut TestServer) {
    let api = &server.api;
    let head = "content-type: application/json\r\n";
    let bodies: [&[u8]; 9] = [
        b"",
        b"   ",
        b"{",
        b"{\"firstName\": \"A\"} x",
        b"{'firstName': 'A'}",
        b"{\"firstName\": \"A\",}",
        b"{\"firstName\": \"A\xff\"}",
        b"{\"firstName\": \"A\0\"}",
        b"\xef\xbb\xbf\xfe{}",
    ];
    for path in ["/contacts", "/contacts/many"] {
        for body in bodies {
            let reply = api.send("POST", path, head, body).await.unwrap();
            let problem = reply.expect(400);
            assert_eq!(problem["code"], "invalid_json", "{problem}");
            assert!(!problem["detail"].as_str().unwrap().is_empty());
        }
    }
    let problem = api
        .send("POST", "/contacts", head, bodies[6])
        .await
        .unwrap()
        .json();
    let detail = problem["detail"].as_str().unwrap();
    assert!(
        detail.contains("UTF-8") && detail.contains("16"),
        "{detail}"
    );
    assert_eq!(server.events(0).await.unwrap().len(), 0);
}

async fn bodies_that_are_too_long(server: &mut TestServer) {
    let api = &server.api;
    let limit = 5 * 1024 * 1024;
    let body = |length: usize| {
        let mut body = br#"{"firstName": "A"}"#.to_vec();
        body.resize(length, b' ');
        body
    };
    let json = "content-type: application/json\r\n";
    for (length, status) in [(limit, 201), (limit + 1, 413), (10_000_000, 413)] {
        // Announced.
        let reply = api
            .send("POST", "/contacts", json, &body(length))
            .await
            .unwrap();
        let problem = reply.expect(status);
        if status == 413 {
            assert!(
                problem["detail"]
                    .as_str()
                    .unwrap()
                    .contains(&limit.to_string()),
                "{problem}"
            );
        }
        // In chunks, with no length said before.
        let mut connection = Connection::open(api.address).await.unwrap();
        let head = format!(
            "POST /api/v1/contacts HTTP/1.1\r\nhost: kith\r\n{}{json}transfer-encoding: chunked\r\n\r\n",
            api.key_line
        );
        connection.send(head.as_bytes()).await.unwrap();
        for chunk in body(length).chunks(65_536) {
            connection
                .send(format!("{:x}\r\n", chunk.len()).as_bytes())
                .await
                .unwrap();
            connection.send(chunk).await.unwrap();
            connection.send(b"\r\n").await.unwrap();
        }
        connection.send(b"0\r\n\r\n").await.unwrap();
        connection.reply(false).await.unwrap().expect(status);
    }
    // A body that is announced and does not come is nobody's record.
    let mut connection = Connection::open(api.address).await.unwrap();
    let head = format!(
        "POST /api/v1/contacts HTTP/1.1\r\nhost: kith\r\n{}{json}content-length: 100\r\n\r\n{{",
        api.key_line
    );
    connection.send(head.as_bytes()).await.unwrap();
    drop(connection);
    assert_eq!(server.events(0).await.unwrap().len(), 2);
}

async fn every_problem_of_a_request_is_told_at_once(server: &mut TestServer) {
    let api = &server.api;
    let body = json!({
        "firstName": 7,
        "lastName": "\u{0}",
        "emails": ["no", "a@example.com", "a@example.com"],
        "organizationIds": ["x", NEVER],
        "dealIds": null,
        "notes": [],
        "middleName": "x",
    });
    let problem = api.create("contacts", &body).await.unwrap().expect(400);
    let mut pointers: Vec<_> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["pointer"].as_str().unwrap())
        .collect();
    pointers.sort();
    for expected in [
        "/dealIds",
        "/emails/0",
        "/emails/2",
        "/firstName",
        "/lastName",
        "/middleName",
        "/notes",
        "/organizationIds/0",
    ] {
        assert!(
            pointers.contains(&expected),
            "{expected} is not among {pointers:?}"
        );
    }
    for error in problem["errors"].as_array().unwrap() {
        assert!(error["code"].as_str().is_some_and(|code| !code.is_empty()));
        assert!(
            error["message"]
                .as_str()
                .is_some_and(|message| message.len() > 10)
        );
    }
    // Thousands of problems are not a flood.
    let contacts = vec![json!({"x": Value::Null}); 1_000];
    let reply = api
        .call("POST", "/contacts/many", &json!({"contacts": contacts}))
        .await
        .unwrap();
    reply.expect(400);
    assert!(reply.body.len() < 500_000, "{}", reply.body.len());
    assert_eq!(server.events(0).await.unwrap().len(), 0);
}
