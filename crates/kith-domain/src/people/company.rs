//! The company itself.

use uuid::Uuid;

use super::judge::{Judge, line};
use super::{Decision, Rejection, Workspace, Write};
use crate::actor::{Action, Actor, Resource};
use crate::columns::{phone_number, web_address};
use crate::draft::Patch;
use crate::email::parse_email;
use crate::event::workspace::{self, Facts, moved, open};
use crate::locale::{Country, Currency};
use crate::time::Timestamp;
use crate::violation::Violation;

/// A tenant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Company {
    /// Its id.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// ISO 3166-1 alpha-2, if known.
    pub country: Option<String>,
    /// ISO 4217.
    pub currency: String,
    /// Street and number.
    pub street: Option<String>,
    /// Town.
    pub city: Option<String>,
    /// Postal code.
    pub postal_code: Option<String>,
    /// A web address.
    pub website: Option<String>,
    /// E.164.
    pub phone: Option<String>,
    /// An e-mail address.
    pub email: Option<String>,
    /// Number for value added tax.
    pub vat_number: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Company {
    /// What the log of the workspace tells of it.
    pub fn facts(&self) -> Facts {
        vec![
            open("name", self.name.clone()),
            open("country", self.country.clone()),
            open("currency", self.currency.clone()),
            open("street", self.street.clone()),
            open("city", self.city.clone()),
            open("postalCode", self.postal_code.clone()),
            open("website", self.website.clone()),
            open("phone", self.phone.clone()),
            open("email", self.email.clone()),
            open("vatNumber", self.vat_number.clone()),
        ]
    }
}

/// The wanted changes of a company.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CompanyDraft {
    /// 1 to 300 characters.
    pub name: Patch<String>,
    /// ISO 3166-1 alpha-2.
    pub country: Patch<String>,
    /// ISO 4217.
    pub currency: Patch<String>,
    /// Up to 300 characters.
    pub street: Patch<String>,
    /// Up to 200 characters.
    pub city: Patch<String>,
    /// Up to 40 characters.
    pub postal_code: Patch<String>,
    /// https or http.
    pub website: Patch<String>,
    /// E.164, or as it is dialled in the country.
    pub phone: Patch<String>,
    /// An e-mail address.
    pub email: Patch<String>,
    /// Up to 40 characters.
    pub vat_number: Patch<String>,
    /// What the reader could not read.
    pub problems: Vec<Violation>,
}

/// A country by its code.
pub(super) fn country(text: &str) -> Result<String, String> {
    let country: Country = text
        .parse()
        .map_err(|error: crate::locale::UnknownCountry| error.to_string())?;
    Ok(country.code().to_owned())
}

fn currency(text: &str) -> Result<String, String> {
    let currency: Currency = text.parse().map_err(|error| {
        let given = crate::text::excerpt(text, 40);
        format!("`currency` is `{given}`: {error}")
    })?;
    Ok(currency.code().to_owned())
}

impl Workspace {
    /// Changes the company.
    ///
    /// # Errors
    /// A missing right, or everything that is wrong.
    pub fn update_company(
        &self,
        actor: &Actor,
        draft: CompanyDraft,
        now: Timestamp,
    ) -> Result<Decision<Company>, Rejection> {
        self.require(actor, Resource::Company, Action::Update)?;
        let mut changed = self.company.clone();
        let mut judge = Judge::new(draft.problems);
        judge.changed_text("name", draft.name, &mut changed.name, 1..=300);
        judge.optional("country", draft.country, &mut changed.country, country);
        judge.value("currency", draft.currency, &mut changed.currency, |code| {
            currency(&code)
        });
        for (member, patch, place, most) in [
            ("street", draft.street, &mut changed.street, 300),
            ("city", draft.city, &mut changed.city, 200),
            (
                "postalCode",
                draft.postal_code,
                &mut changed.postal_code,
                40,
            ),
            ("vatNumber", draft.vat_number, &mut changed.vat_number, 40),
        ] {
            judge.optional(member, patch, place, |text| line(member, text, 1..=most));
        }
        judge.optional("website", draft.website, &mut changed.website, web_address);
        // A number in national form is dialled in the country that the company has from now on.
        let home = changed
            .country
            .as_deref()
            .and_then(|code| code.parse().ok());
        judge.optional("phone", draft.phone, &mut changed.phone, |text| {
            phone_number(text, home)
        });
        judge.optional("email", draft.email, &mut changed.email, |text| {
            parse_email(text).map_err(|error| error.to_string())
        });
        judge.done()?;
        let Some(told) = moved(&self.company.facts(), changed.facts()) else {
            return Ok(Decision::unchanged(changed));
        };
        changed.updated_at = now;
        let logged = (workspace::COMPANY_UPDATED, changed.id, told);
        Ok(Decision::of(
            changed.clone(),
            Write::Company(changed),
            logged,
        ))
    }
}
