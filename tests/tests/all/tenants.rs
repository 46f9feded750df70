//! Tenants see nothing of each other (contract, section 1).

use kith_tests::{Api, TestServer};
use serde_json::{Value, json};

use crate::{id, without};

crate::scenarios!(
    another_company_s_records_do_not_exist,
    the_database_refuses_links_across_tenants
);

const NEVER: &str = "0198c5f2-7a3e-7c14-9d52-3b8e6f1a2c44";

/// The answer with what differs by itself taken out: the request's id, and the id that was asked for.
async fn answer(api: &Api, method: &str, path: &str, body: &Value, asked: &str) -> (u16, Value) {
    let path = path.replace("ID", asked);
    let body: Value = serde_json::from_str(&body.to_string().replace("ID", asked)).unwrap();
    let reply = api.call(method, &path, &body).await.unwrap();
    let text = without(reply.json(), &["requestId"]).to_string();
    (reply.status, text.replace(asked, "ID").into())
}

async fn another_company_s_records_do_not_exist(server: &mut TestServer) {
    let own = &server.api;
    let other = server.another_company("Difference Engines").unwrap();
    let make = async |api: &Api, plural: &str, body: Value| {
        id(&api.create(plural, &body).await.unwrap().expect(201))
    };
    let contact = make(own, "contacts", json!({"firstName": "Ada"})).await;
    let organization = make(
        own,
        "organizations",
        json!({"name": "A", "contactIds": [&contact]}),
    )
    .await;
    let deal = make(own, "deals", json!({"name": "A"})).await;
    let service = make(own, "services", json!({"name": "A", "amount": 1})).await;
    let task = make(own, "tasks", json!({"name": "A"})).await;
    let theirs = make(&other, "contacts", json!({"firstName": "Charles"})).await;
    let their_deal = make(&other, "deals", json!({"name": "B"})).await;

    let mut session = server.session().await.unwrap();
    let before = session.fingerprint(own.company).await.unwrap();
    let before_theirs = session.fingerprint(other.company).await.unwrap();
    let user = own.user.to_string();
    let contact_path = format!("/contacts/{theirs}");
    let deal_path = format!("/deals/{their_deal}");
    let contact_links = format!("{contact_path}/links/organizations");
    let user_links = format!("{contact_path}/links/users");
    let service_links = format!("{deal_path}/links/services");
    let cases = [
        ("GET", "/contacts/ID", Value::Null, &contact),
        ("PUT", "/contacts/ID", json!({"firstName": "X"}), &contact),
        ("DELETE", "/contacts/ID", Value::Null, &contact),
        ("GET", "/organizations/ID", Value::Null, &organization),
        ("GET", "/deals/ID", Value::Null, &deal),
        ("GET", "/services/ID", Value::Null, &service),
        ("GET", "/tasks/ID", Value::Null, &task),
        (
            "PUT",
            "/contacts/many",
            json!({"contacts": [{"id": "ID", "firstName": "X"}]}),
            &contact,
        ),
        ("DELETE", "/contacts/many", json!({"ids": ["ID"]}), &contact),
        (
            "POST",
            "/contacts",
            json!({"firstName": "X", "organizationIds": ["ID"]}),
            &organization,
        ),
        (
            "PUT",
            contact_path.as_str(),
            json!({"organizationIds": ["ID"]}),
            &organization,
        ),
        (
            "POST",
            contact_links.as_str(),
            json!({"ids": ["ID"]}),
            &organization,
        ),
        ("POST", user_links.as_str(), json!({"ids": ["ID"]}), &user),
        (
            "POST",
            service_links.as_str(),
            json!({"services": [{"serviceId": "ID", "quantity": 2}]}),
            &service,
        ),
        (
            "PUT",
            deal_path.as_str(),
            json!({"services": [{"serviceId": "ID"}]}),
            &service,
        ),
        (
            "POST",
            "/contacts/ID/links/users",
            json!({"ids": [other.user]}),
            &contact,
        ),
        ("PUT", "/contacts/ID/notes", json!({"notes": "x"}), &contact),
        (
            "POST",
            "/tasks/ID/notes/append",
            json!({"notes": "x"}),
            &task,
        ),
    ];
    for (method, path, body, foreign) in cases {
        let of_another = answer(&other, method, path, &body, foreign).await;
        let of_nobody = answer(&other, method, path, &body, NEVER).await;
        assert_eq!(of_another, of_nobody, "{method} {path}");
        assert_eq!(of_another.0, 404, "{method} {path} {}", of_another.1);
    }
    assert_eq!(session.fingerprint(own.company).await.unwrap(), before);
    assert_eq!(
        session.fingerprint(other.company).await.unwrap(),
        before_theirs
    );
}

async fn the_database_refuses_links_across_tenants(server: &mut TestServer) {
    let other = server.another_company("Difference Engines").unwrap();
    let contact = id(&server
        .api
        .create("contacts", &json!({"firstName": "Ada"}))
        .await
        .unwrap()
        .expect(201));
    let organization = id(&other
        .create("organizations", &json!({"name": "A"}))
        .await
        .unwrap()
        .expect(201));
    let (contact, organization) = (contact.parse().unwrap(), organization.parse().unwrap());
    let mut session = server.session().await.unwrap();
    let sql = "INSERT INTO contact_organization (company_id, contact_id, organization_id) VALUES (?, ?, ?)";
    for company in [server.api.company, other.company] {
        let refused = session
            .execute(sql, &[company, contact, organization])
            .await
            .unwrap_err();
        assert!(
            refused.to_string().to_lowercase().contains("foreign key"),
            "{refused}"
        );
    }
}
