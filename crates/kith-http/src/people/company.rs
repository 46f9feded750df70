//! The company.

use std::sync::Arc;

use kith_api_types::schema::reference;
use kith_api_types::{Problem, people};
use kith_domain::actor::Actor;
use poem::Request;
use poem::http::StatusCode;

use super::{PeopleApi, shown};
use crate::body;
use crate::operation::{Answer, Operation, get, put};

/// The tag of these operations.
pub(super) const TAG: &str = "company";

pub(super) fn operations() -> Vec<Operation<PeopleApi>> {
    vec![
        get(
            "/company",
            [
                "getCompany",
                "The company",
                "The caller's company. Needs company:readAll.",
            ],
        )
        .tagged(TAG)
        .answers(200, "The company.", reference("Company"))
        .does(one),
        put(
            "/company",
            [
                "updateCompany",
                "Change the company",
                "What is absent stays as it is; null or an empty text clears what may be missing. Needs company:update.",
            ],
        )
        .or_patch("patchCompany", "Change the company (PATCH)")
        .tagged(TAG)
        .takes("CompanyUpdate")
        .answers(200, "The company as it now is.", reference("Company"))
        .does(update),
    ]
}

async fn one(api: Arc<PeopleApi>, actor: Arc<Actor>, _: Request) -> Answer {
    let company = api.people.company(&actor).await?;
    Ok(shown(StatusCode::OK, |out| {
        people::write_company(out, &company);
    }))
}

async fn update(api: Arc<PeopleApi>, actor: Arc<Actor>, mut request: Request) -> Answer {
    let body = body::json(&mut request).await?;
    let draft = people::company(body.bytes()).map_err(Problem::from)?;
    let company = api.people.update_company(&actor, draft).await?;
    Ok(shown(StatusCode::OK, |out| {
        people::write_company(out, &company);
    }))
}
