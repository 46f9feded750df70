//! A day in the life of a Rust client, with the code that progenitor made from openapi/kith-v1-3.0.json.

use anyhow::{Context as _, Result, bail, ensure};
use reqwest::header::{HeaderMap, HeaderValue};
use uuid::Uuid;

/// The generated client.
#[expect(warnings, reason = "generated code is not ours to mend")]
mod kith {
    include!(concat!(env!("OUT_DIR"), "/client.rs"));
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let (url, key) = args
        .next()
        .zip(args.next())
        .context("usage: kith-client-check URL API-KEY")?;
    let headers = HeaderMap::from_iter([("x-api-key".parse()?, HeaderValue::from_str(&key)?)]);
    let http = reqwest::Client::builder()
        .default_headers(headers)
        .build()?;
    let kith = kith::Client::new_with_client(&url, http);

    let organization = kith
        .create_organization()
        .body_map(|body| body.name("Analytical Engines"))
        .send()
        .await?;
    let lovelace: kith::types::ContactCreateLastName = "Lovelace".parse()?;
    let contact = kith
        .create_contact()
        .body_map(|body| {
            body.first_name("Ada")
                .last_name(lovelace)
                .organization_ids(vec![organization.id])
        })
        .send()
        .await?;
    ensure!(
        contact.version.get() == 1 && contact.organization_ids == [organization.id],
        "{contact:?}"
    );

    let king: kith::types::ContactUpdateLastName = "King".parse()?;
    let updated = kith
        .update_contact()
        .id(contact.id)
        .body_map(|body| body.last_name(king))
        .send()
        .await?;
    ensure!(
        updated.version.get() == 2 && *updated.first_name == "Ada" && *updated.last_name == "King",
        "{updated:?}"
    );

    let read = kith.get_contact().id(contact.id).send().await?;
    ensure!(
        *read.contact.last_name == "King" && read.custom_columns.is_empty(),
        "{read:?}"
    );

    let nobody = Uuid::max();
    let refused = kith
        .create_contact()
        .body_map(|body| body.first_name("Bad").organization_ids(vec![nobody]))
        .send()
        .await;
    let Err(kith::Error::ErrorResponse(problem)) = refused else {
        bail!("a link to nothing was accepted: {refused:?}")
    };
    ensure!(
        problem
            .errors
            .first()
            .is_some_and(|error| error.pointer == "/organizationIds/0"),
        "{problem:?}"
    );

    let deleted = kith.delete_contact().id(contact.id).send().await?;
    ensure!(*deleted == contact.id, "{deleted:?}");
    let gone = kith.get_contact().id(contact.id).send().await;
    ensure!(
        matches!(&gone, Err(error) if error.status().is_some_and(|status| status == 404)),
        "{gone:?}"
    );

    println!("rust: created, linked, updated, read, refused, deleted");
    Ok(())
}
