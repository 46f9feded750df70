//! What the commands do.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use kith_api_types::event::JsonEventEncoder;
use kith_application::accounts::Person;
use kith_application::credentials::{MIN_PASSWORD, hash_password};
use kith_application::ports::Mailer;
use kith_application::sessions::Surroundings;
use kith_application::webhooks::ResendRunner;
use kith_application::{Accounts, Columns, People, Records, Searches, Sessions, Sources, Upkeep};
use kith_domain::email::parse_email;
use kith_domain::people::PasswordHash;
use kith_domain::ports::directory::Directory;
use kith_domain::ports::{Clock, EventEncoder, Ids, Repository, Silent};
use kith_domain::text::clean;
use kith_http::{OpenApiVersion, Policy};
use kith_persistence::{Settings, Store};

use crate::background::{self, Background};
use crate::cli::say;
use crate::config::Config;
use crate::demo;
use crate::mail::SmtpMailer;
use crate::passwords::BlockingPasswords;
use crate::sources::{OrderedIds, SystemClock};
use crate::webhooks;

/// `kith company create`.
#[derive(Debug, Args)]
pub(crate) struct CompanyArgs {
    /// Name of the company
    #[arg(long)]
    name: String,
    /// E-mail address of its administrator
    #[arg(long, value_name = "EMAIL")]
    admin_email: String,
    /// Password of the administrator, at least 10 characters; without it they can only use their key
    #[arg(long, value_name = "PASSWORD")]
    admin_password: Option<String>,
    /// Print JSON: {companyId, userId, apiKey}
    #[arg(long)]
    json: bool,
}

/// `kith api-key create`.
#[derive(Debug, Args)]
pub(crate) struct KeyArgs {
    /// E-mail address of the key's owner
    #[arg(long)]
    email: String,
    /// What the key is for
    #[arg(long)]
    name: String,
    /// Print JSON: {apiKey}
    #[arg(long)]
    json: bool,
}

/// What a process of `kith serve` does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    /// Serves HTTP only.
    Api,
    /// Delivers webhooks only.
    Worker,
    /// Both.
    #[default]
    All,
}

/// The crates put together over one storage.
pub(crate) struct App {
    pub(crate) store: Arc<Store>,
    pub(crate) accounts: Arc<Accounts>,
    pub(crate) records: Arc<Records>,
    searches: Arc<Searches>,
    pub(crate) columns: Arc<Columns>,
}

impl App {
    async fn open(config: &Config) -> anyhow::Result<Self> {
        Store::migrate(config.database_url.reveal()).await?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let ids: Arc<dyn Ids> = Arc::new(OrderedIds);
        let settings = Settings::new(config.database_url.reveal());
        let store = Arc::new(Store::open(&settings, Arc::clone(&clock), Arc::new(Silent)).await?);
        let directory: Arc<dyn Directory> = store.clone();
        let repository: Arc<dyn Repository> = store.clone();
        let encoder: Arc<dyn EventEncoder> = Arc::new(JsonEventEncoder);
        Ok(App {
            accounts: Arc::new(Accounts::new(
                directory,
                Sources {
                    encoder: Arc::clone(&encoder),
                    clock: Arc::clone(&clock),
                    ids: Arc::clone(&ids),
                },
            )),
            records: Arc::new(Records::new(
                Arc::clone(&repository),
                Arc::clone(&encoder),
                Arc::clone(&clock),
                Arc::clone(&ids),
            )),
            searches: Arc::new(Searches::new(Arc::clone(&repository), Arc::clone(&clock))),
            columns: Arc::new(Columns::new(repository, encoder, clock, ids)),
            store,
        })
    }
}

/// Serves until the process is asked to stop.
pub(crate) async fn serve(config: &Config, with_demo: bool, role: Role) -> anyhow::Result<()> {
    let sending = webhooks::Sending::open(&config.webhooks)?;
    let mailer = config.mail.as_ref().map(SmtpMailer::new).transpose()?;
    let app = App::open(config).await?;
    if with_demo && app.accounts.is_empty().await? {
        for line in demo::found(&app).await? {
            say(&line)?;
        }
    }
    let worker = (role != Role::Api).then(|| sending.start(&app.store));
    let mut background = Background::default();
    if role != Role::Api {
        let (clock, ids) = (Arc::new(SystemClock), Arc::new(OrderedIds));
        let runner = ResendRunner::new(app.store.clone(), clock, ids);
        background.start(background::resend(runner, app.store.clone()));
    }
    if role != Role::Api && !config.retention.is_forever() {
        let storage = app.store.clone();
        let upkeep = Upkeep::new(storage, Arc::new(SystemClock), config.retention);
        background.start(background::relieve(upkeep, config.retention));
    }
    if role == Role::Worker {
        tracing::info!("delivering webhooks");
        stop_requested().await;
    } else {
        let listener = tokio::net::TcpListener::bind(config.listen)
            .await
            .with_context(|| format!("cannot listen on {}", config.listen))?;
        tracing::info!(address = %listener.local_addr()?, public_url = %config.public_url, "listening");
        let people = Arc::new(People::new(Arc::clone(&app.accounts)));
        let sessions = Surroundings {
            passwords: Arc::new(BlockingPasswords::new()),
            mailer: mailer.map(|mailer| Arc::new(mailer) as Arc<dyn Mailer>),
            sign_up: config.sign_up,
            public_url: config.public_url.clone(),
        };
        let surface = kith_http::App {
            records: Arc::clone(&app.records),
            searches: Arc::clone(&app.searches),
            columns: Arc::clone(&app.columns),
            webhooks: Arc::new(sending.use_cases(&app.store)),
            accounts: Arc::clone(&app.accounts),
            sessions: Arc::new(Sessions::new(Arc::clone(&people), sessions)),
            people,
            policy: Policy {
                public_url: config.public_url.clone(),
                trusted_proxies: config.trusted_proxies.clone(),
                requests_per_minute: config.requests_per_minute,
                streams_per_key: config.streams_per_key.get(),
            },
            ids: Arc::new(OrderedIds),
            health: app.store.clone(),
            following: kith_http::Following::default(),
        };
        let noting = tokio::spawn(note_uses(Arc::clone(&app.accounts)));
        kith_http::serve(listener, surface, stop_requested()).await?;
        noting.abort();
        write_down_uses(&app.accounts).await;
    }
    drop(background);
    if let Some(worker) = worker {
        worker.stop().await;
    }
    app.store.close().await;
    tracing::info!("stopped");
    Ok(())
}

/// How often it is written down when keys were last used.
const USES_EVERY: Duration = Duration::from_secs(60);

async fn note_uses(accounts: Arc<Accounts>) {
    loop {
        tokio::time::sleep(USES_EVERY).await;
        write_down_uses(&accounts).await;
    }
}

async fn write_down_uses(accounts: &Accounts) {
    if let Err(error) = accounts.write_down_uses().await {
        tracing::warn!(%error, "it was not written down when keys were last used");
    }
}

async fn stop_requested() {
    use tokio::signal::unix::{SignalKind, signal};
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => {
                terminate.recv().await;
            }
            Err(error) => {
                tracing::warn!(%error, "cannot listen for SIGTERM");
                std::future::pending::<()>().await;
            }
        }
    };
    tokio::select! {
        () = terminated => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

/// Schema only.
pub(crate) async fn migrate(config: &Config, check: bool) -> anyhow::Result<()> {
    if !check {
        Store::migrate(config.database_url.reveal()).await?;
        return Ok(say("the schema is current")?);
    }
    let pending = Store::pending_steps(config.database_url.reveal()).await?;
    if pending.is_empty() {
        return Ok(say("the schema is current")?);
    }
    for step in &pending {
        say(step)?;
    }
    bail!(
        "{} schema steps are pending; `kith migrate` does them",
        pending.len()
    )
}

/// A tenant with its administrator.
pub(crate) async fn create_company(config: &Config, args: CompanyArgs) -> anyhow::Result<()> {
    let name = readable("--name", &args.name)?;
    let email = parse_email(&args.admin_email)
        .map_err(|error| anyhow::anyhow!("--admin-email: {error}"))?;
    let password_hash = match &args.admin_password {
        Some(password) if password.chars().count() < MIN_PASSWORD => {
            bail!("--admin-password is too short; at least {MIN_PASSWORD} characters are accepted");
        }
        Some(password) => Some(PasswordHash(hash_password(password)?)),
        None => None,
    };
    let app = App::open(config).await?;
    let administrator = Person {
        email,
        first_name: String::new(),
        last_name: String::new(),
        password_hash,
    };
    let founded = app
        .accounts
        .found_company(&name, administrator, Vec::new())
        .await?;
    app.store.close().await;
    let (company, user, key) = (founded.company, founded.user, founded.api_key.reveal());
    if args.json {
        let made = serde_json::json!({ "companyId": company, "userId": user, "apiKey": key });
        return Ok(say(&made.to_string())?);
    }
    say(&format!("company  {company}"))?;
    say(&format!("user     {user}"))?;
    Ok(say(&format!("API key  {key}"))?)
}

/// A key for a user.
pub(crate) async fn create_key(config: &Config, args: KeyArgs) -> anyhow::Result<()> {
    let name = readable("--name", &args.name)?;
    let app = App::open(config).await?;
    let key = app.accounts.create_key(args.email.trim(), &name).await?;
    app.store.close().await;
    if args.json {
        return Ok(say(
            &serde_json::json!({ "apiKey": key.reveal() }).to_string()
        )?);
    }
    Ok(say(key.reveal())?)
}

/// Longest name of a company or a key, in characters.
const LONGEST_NAME: usize = 300;

/// A name for people, trimmed.
fn readable(flag: &str, given: &str) -> anyhow::Result<String> {
    let name = clean(given).map_err(|control| {
        anyhow::anyhow!(
            "{flag} contains the control character U+{:04X}",
            u32::from(control)
        )
    })?;
    match name.chars().count() {
        0 => bail!("{flag} is empty; 1 to {LONGEST_NAME} characters are accepted"),
        length if length > LONGEST_NAME => {
            bail!("{flag} has {length} characters; 1 to {LONGEST_NAME} are accepted")
        }
        _ => Ok(name),
    }
}

/// The OpenAPI document.
pub(crate) fn openapi(version: &str) -> anyhow::Result<()> {
    let version = match version {
        "3.0" => OpenApiVersion::V3_0,
        _ => OpenApiVersion::V3_1,
    };
    Ok(say(kith_http::openapi(version).trim_end())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_readable() {
        assert!(readable("--name", " Müller & Co ").is_ok_and(|name| name == "Müller & Co"));
        for name in ["", "  ", "a\u{7}b", &"x".repeat(301)] {
            assert!(readable("--name", name).is_err(), "{name}");
        }
    }
}
