//! Settings: flags, then environment, then the file named by `--config`, then defaults (contract, section 12).

use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use kith_application::sessions::SignUp;
use kith_application::upkeep::Retention;
use kith_domain::webhook::address::AllowNets;
use kith_domain::webhook::destination::UrlRules;
use serde::Deserialize;

const DEFAULT_DATABASE: &str = "sqlite://kith.db?mode=rwc";
const DEFAULT_LISTEN: &str = "127.0.0.1:8080";
const DEFAULT_STREAMS: NonZeroU32 = NonZeroU32::MIN.saturating_add(9);

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Who may sign up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SignUpSetting {
    /// Everybody; whoever was not invited founds a company.
    Open,
    /// Who was invited.
    #[default]
    Invitation,
    /// Nobody.
    Closed,
}

impl From<SignUpSetting> for SignUp {
    fn from(setting: SignUpSetting) -> Self {
        match setting {
            SignUpSetting::Open => SignUp::Open,
            SignUpSetting::Invitation => SignUp::Invitation,
            SignUpSetting::Closed => SignUp::Closed,
        }
    }
}

/// A setting that may hold a password. It prints as stars.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(crate) struct Secret(String);

impl Secret {
    /// What was set.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Secret(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

/// Settings as given, by flag or environment; the same names are the members of the TOML file.
#[derive(Clone, Debug, Default, Args, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Given {
    /// Where the data is: sqlite://FILE?mode=rwc or postgres://USER:PASSWORD@HOST/DATABASE
    /// [default: sqlite://kith.db?mode=rwc]
    #[arg(
        long,
        env = "KITH_DATABASE_URL",
        value_name = "URL",
        global = true,
        hide_env_values = true
    )]
    database_url: Option<Secret>,

    /// Address and port to listen on [default: 127.0.0.1:8080]
    #[arg(long, env = "KITH_LISTEN", value_name = "ADDRESS", global = true)]
    listen: Option<String>,

    /// The address that people and clients use [default: http://LISTEN]
    #[arg(long, env = "KITH_PUBLIC_URL", value_name = "URL", global = true)]
    public_url: Option<String>,

    /// Networks that webhooks may reach although they are private or otherwise special, as CIDR with commas:
    /// 10.0.0.0/8,fd00::/8 [default: none]
    #[arg(
        long,
        env = "KITH_WEBHOOK_ALLOW_NETS",
        value_name = "NETWORKS",
        global = true
    )]
    webhook_allow_nets: Option<String>,

    /// Accept http URLs of webhooks to hosts in those networks [default: false]
    #[arg(
        long,
        env = "KITH_WEBHOOK_ALLOW_HTTP",
        value_name = "BOOL",
        global = true
    )]
    webhook_allow_http: Option<bool>,

    /// PEM file with roots that are trusted besides the public ones when webhooks are sent [default: none]
    #[arg(long, env = "KITH_WEBHOOK_CA_FILE", value_name = "FILE", global = true)]
    webhook_ca_file: Option<PathBuf>,

    /// Longest time for the delivery of a webhook, the answer included: 10s or 1500ms [default: 10s]
    #[arg(
        long,
        env = "KITH_WEBHOOK_TIMEOUT",
        value_name = "DURATION",
        global = true
    )]
    webhook_timeout: Option<String>,

    /// File with the key that encrypts webhook secrets; made if there is none
    /// [default: kith.key beside the SQLite file, or here]
    #[arg(long, env = "KITH_SECRET_KEY_FILE", value_name = "FILE", global = true)]
    secret_key_file: Option<PathBuf>,

    /// How long events are kept: 90d, 12h, 30m or 45s [default: for ever]
    #[arg(long, env = "KITH_KEEP_EVENTS", value_name = "DURATION", global = true)]
    keep_events: Option<String>,

    /// How long deliveries of webhooks are kept once they are finished: 90d, 12h, 30m or 45s [default: for ever]
    #[arg(
        long,
        env = "KITH_KEEP_DELIVERIES",
        value_name = "DURATION",
        global = true
    )]
    keep_deliveries: Option<String>,

    /// Who may sign up: everybody (open), who was invited (invitation), or nobody (closed) [default: invitation]
    #[arg(long, env = "KITH_SIGN_UP", value_name = "WHO", global = true)]
    sign_up: Option<SignUpSetting>,

    /// Mail server for links to choose a new password: smtps://USER:PASSWORD@HOST, or smtp://HOST?tls=required; without
    /// one, administrators hand such links over [default: none]
    #[arg(
        long,
        env = "KITH_SMTP_URL",
        value_name = "URL",
        global = true,
        hide_env_values = true
    )]
    smtp_url: Option<Secret>,

    /// Whom such mail comes from: kith@example.com, or Kith <kith@example.com>
    #[arg(long, env = "KITH_MAIL_FROM", value_name = "ADDRESS", global = true)]
    mail_from: Option<String>,

    /// Proxies that are believed when they say, in Forwarded or X-Forwarded-For, from where a request came, as CIDR with
    /// commas [default: none]
    #[arg(
        long,
        env = "KITH_TRUSTED_PROXIES",
        value_name = "NETWORKS",
        global = true
    )]
    trusted_proxies: Option<String>,

    /// How many requests an API key or a session may make in a minute, at one server process [default: no limit]
    #[arg(
        long,
        env = "KITH_REQUESTS_PER_MINUTE",
        value_name = "NUMBER",
        global = true
    )]
    requests_per_minute: Option<NonZeroU32>,

    /// How many live streams an API key or a session may have open at one server process [default: 10]
    #[arg(
        long,
        env = "KITH_STREAMS_PER_KEY",
        value_name = "NUMBER",
        global = true
    )]
    streams_per_key: Option<NonZeroU32>,

    /// What to log: error, warn, info, debug or trace, or a filter such as kith_http=debug,info [default: info]
    #[arg(long, env = "KITH_LOG", value_name = "FILTER", global = true)]
    log: Option<String>,

    /// How log lines look [default: text]
    #[arg(long, env = "KITH_LOG_FORMAT", value_name = "FORMAT", global = true)]
    log_format: Option<LogFormat>,
}

/// Settings in force.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) database_url: Secret,
    pub(crate) listen: SocketAddr,
    pub(crate) public_url: String,
    pub(crate) webhooks: WebhookConfig,
    pub(crate) retention: Retention,
    pub(crate) sign_up: SignUp,
    pub(crate) mail: Option<MailConfig>,
    pub(crate) trusted_proxies: AllowNets,
    pub(crate) requests_per_minute: Option<NonZeroU32>,
    pub(crate) streams_per_key: NonZeroU32,
    pub(crate) log: String,
    pub(crate) log_format: LogFormat,
}

/// Settings of mail.
#[derive(Clone, Debug)]
pub(crate) struct MailConfig {
    pub(crate) smtp_url: Secret,
    pub(crate) from: String,
}

/// Settings of webhooks.
#[derive(Clone, Debug)]
pub(crate) struct WebhookConfig {
    pub(crate) rules: UrlRules,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) timeout: Duration,
    pub(crate) key_file: PathBuf,
}

/// Names of the environment variables that Kith knows.
const VARIABLES: [&str; 19] = [
    "KITH_CONFIG",
    "KITH_DATABASE_URL",
    "KITH_LISTEN",
    "KITH_PUBLIC_URL",
    "KITH_WEBHOOK_ALLOW_NETS",
    "KITH_WEBHOOK_ALLOW_HTTP",
    "KITH_WEBHOOK_CA_FILE",
    "KITH_WEBHOOK_TIMEOUT",
    "KITH_SECRET_KEY_FILE",
    "KITH_KEEP_EVENTS",
    "KITH_KEEP_DELIVERIES",
    "KITH_SIGN_UP",
    "KITH_SMTP_URL",
    "KITH_MAIL_FROM",
    "KITH_TRUSTED_PROXIES",
    "KITH_REQUESTS_PER_MINUTE",
    "KITH_STREAMS_PER_KEY",
    "KITH_LOG",
    "KITH_LOG_FORMAT",
];

/// Variables of the test suite, which are not settings.
const TEST_PREFIX: &str = "KITH_TEST_";

impl Given {
    /// Fills what was not given from the file, then from the defaults.
    ///
    /// # Errors
    /// A sentence about the first setting that is unknown or not understood.
    pub(crate) fn complete(self, file: Option<&Path>) -> anyhow::Result<Config> {
        let file = file.map(read_file).transpose()?.unwrap_or_default();
        let listen = self
            .listen
            .or(file.listen)
            .unwrap_or_else(|| DEFAULT_LISTEN.to_owned());
        let listen: SocketAddr = listen.parse().with_context(|| {
            format!("the setting listen is {listen:?}; an address with a port is accepted, as in {DEFAULT_LISTEN}")
        })?;
        let public_url = self
            .public_url
            .or(file.public_url)
            .unwrap_or_else(|| format!("http://{listen}"));
        if !(public_url.starts_with("http://") || public_url.starts_with("https://")) {
            bail!("the setting public-url is {public_url:?}; it begins with http:// or https://");
        }
        let database_url = self
            .database_url
            .or(file.database_url)
            .unwrap_or_else(|| Secret(DEFAULT_DATABASE.to_owned()));
        let nets = self.webhook_allow_nets.or(file.webhook_allow_nets);
        let allow_nets = nets.unwrap_or_default().parse();
        let timeout = self.webhook_timeout.or(file.webhook_timeout);
        let key_file = self.secret_key_file.or(file.secret_key_file);
        let webhooks = WebhookConfig {
            rules: UrlRules {
                allow_nets: allow_nets
                    .context("the setting webhook-allow-nets is not understood")?,
                allow_http: self
                    .webhook_allow_http
                    .or(file.webhook_allow_http)
                    .unwrap_or_default(),
            },
            ca_file: self.webhook_ca_file.or(file.webhook_ca_file),
            timeout: duration(timeout.as_deref().unwrap_or("10s"))?,
            key_file: key_file.unwrap_or_else(|| default_key_file(database_url.reveal())),
        };
        if webhooks.rules.allow_http && webhooks.rules.allow_nets.is_empty() {
            bail!(
                "webhook-allow-http without webhook-allow-nets does nothing: http is accepted to hosts in allowed networks"
            );
        }
        let kept = |name, given: Option<String>| given.map(|text| age(name, &text)).transpose();
        let retention = Retention {
            events: kept("keep-events", self.keep_events.or(file.keep_events))?,
            deliveries: kept(
                "keep-deliveries",
                self.keep_deliveries.or(file.keep_deliveries),
            )?,
        };
        let proxies = self.trusted_proxies.or(file.trusted_proxies);
        let trusted_proxies = proxies.unwrap_or_default().parse();
        let mail = mail(
            self.smtp_url.or(file.smtp_url),
            self.mail_from.or(file.mail_from),
        )?;
        Ok(Config {
            sign_up: self.sign_up.or(file.sign_up).unwrap_or_default().into(),
            mail,
            trusted_proxies: trusted_proxies
                .context("the setting trusted-proxies is not understood")?,
            requests_per_minute: self.requests_per_minute.or(file.requests_per_minute),
            streams_per_key: self
                .streams_per_key
                .or(file.streams_per_key)
                .unwrap_or(DEFAULT_STREAMS),
            database_url,
            retention,
            webhooks,
            listen,
            public_url: public_url.trim_end_matches('/').to_owned(),
            log: self.log.or(file.log).unwrap_or_else(|| "info".to_owned()),
            log_format: self.log_format.or(file.log_format).unwrap_or_default(),
        })
    }
}

/// Both settings of mail, or neither.
fn mail(smtp_url: Option<Secret>, from: Option<String>) -> anyhow::Result<Option<MailConfig>> {
    match (smtp_url, from) {
        (Some(smtp_url), Some(from)) => Ok(Some(MailConfig { smtp_url, from })),
        (None, None) => Ok(None),
        (Some(_), None) => {
            bail!("smtp-url without mail-from: mail needs an address that it comes from")
        }
        (None, Some(_)) => bail!("mail-from without smtp-url: mail needs a server"),
    }
}

/// `10s` or `1500ms`.
fn duration(text: &str) -> anyhow::Result<Duration> {
    let milliseconds = match (text.strip_suffix("ms"), text.strip_suffix('s')) {
        (Some(number), _) => number.parse::<u64>().ok(),
        (None, Some(number)) => number.parse::<u64>().ok().map(|seconds| seconds * 1_000),
        (None, None) => None,
    };
    match milliseconds {
        Some(number @ 100..=600_000) => Ok(Duration::from_millis(number)),
        _ => bail!(
            "the setting webhook-timeout is {text:?}; accepted are 100ms to 600s, as in 10s or 1500ms"
        ),
    }
}

/// `90d`, `12h`, `30m` or `45s`.
fn age(name: &str, text: &str) -> anyhow::Result<Duration> {
    const UNITS: [(char, u64); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];
    let seconds = UNITS.iter().find_map(|(unit, seconds)| {
        let number: u32 = text.strip_suffix(*unit)?.parse().ok()?;
        Some(u64::from(number) * seconds)
    });
    match seconds {
        Some(seconds @ 1..) => Ok(Duration::from_secs(seconds)),
        _ => bail!(
            "the setting {name} is {text:?}; a whole number from 1 of days, hours, minutes or seconds is accepted, as in 90d, 12h, 30m or 45s"
        ),
    }
}

/// Beside the SQLite file, otherwise in the working directory.
fn default_key_file(database_url: &str) -> PathBuf {
    let file = database_url
        .strip_prefix("sqlite://")
        .or_else(|| database_url.strip_prefix("sqlite:"));
    let file = file.and_then(|file| file.split('?').next());
    let folder = file.and_then(|file| Path::new(file).parent());
    folder.unwrap_or(Path::new("")).join("kith.key")
}

fn read_file(path: &Path) -> anyhow::Result<Given> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("the file {} cannot be read", path.display()))?;
    toml::from_str(&text).with_context(|| format!("the file {} is not understood", path.display()))
}

/// A typo in a variable must not silently do nothing.
///
/// # Errors
/// A sentence about the first variable that looks like a setting and is none.
pub(crate) fn refuse_unknown(mut variables: impl Iterator<Item = String>) -> anyhow::Result<()> {
    let unknown = variables.find(|name| {
        name.starts_with("KITH_")
            && !name.starts_with(TEST_PREFIX)
            && !VARIABLES.contains(&name.as_str())
    });
    match unknown {
        Some(name) => bail!(
            "the environment variable {name} is not a setting; known are {}",
            VARIABLES.join(", ")
        ),
        None => Ok(()),
    }
}

/// The file with settings, if one was named.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct ConfigFile {
    /// A TOML file with settings, named like the flags with underscores: listen = "0.0.0.0:8080"
    #[arg(long, env = "KITH_CONFIG", value_name = "FILE", global = true)]
    pub(crate) config: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn flags_win_over_the_file_and_the_file_over_defaults() {
        let folder = std::env::temp_dir().join(format!("kith-config-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("kith.toml");
        std::fs::write(&file, "listen = \"127.0.0.1:9000\"\nlog = \"debug\"\n").unwrap();
        let given = Given {
            listen: Some("127.0.0.1:9001".to_owned()),
            ..Given::default()
        };
        let config = given.complete(Some(&file)).unwrap();
        assert_eq!(config.listen.port(), 9001);
        assert_eq!(config.log, "debug");
        assert_eq!(config.database_url.reveal(), DEFAULT_DATABASE);
        assert_eq!(config.public_url, "http://127.0.0.1:9001");

        std::fs::write(&file, "lisen = \"127.0.0.1:9000\"\n").unwrap();
        let error = format!("{:#}", Given::default().complete(Some(&file)).unwrap_err());
        assert!(error.contains("lisen"), "{error}");
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn what_is_kept_is_kept_for_ever_unless_said() {
        let retention = |events: Option<&str>, deliveries: Option<&str>| {
            let given = Given {
                keep_events: events.map(str::to_owned),
                keep_deliveries: deliveries.map(str::to_owned),
                ..Given::default()
            };
            given.complete(None).map(|config| config.retention)
        };
        assert!(retention(None, None).unwrap().is_forever());
        let kept = retention(Some("90d"), Some("45s")).unwrap();
        assert_eq!(kept.events, Some(Duration::from_secs(90 * 86_400)));
        assert_eq!(kept.deliveries, Some(Duration::from_secs(45)));
        for wrong in ["", "0d", "-1d", "90", "1.5h", "1w", "d", "99999999999s"] {
            let error = retention(None, Some(wrong)).unwrap_err().to_string();
            assert!(
                error.contains("keep-deliveries") && error.contains("90d"),
                "{error}"
            );
        }
    }

    #[test]
    fn a_variable_with_a_typo_is_refused() {
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let known = names(&["HOME", "KITH_LISTEN", "KITH_TEST_POSTGRES_URL"]);
        refuse_unknown(known.into_iter()).unwrap();
        let error = refuse_unknown(names(&["KITH_LISEN"]).into_iter()).unwrap_err();
        assert!(error.to_string().contains("KITH_LISEN is not a setting"));
    }

    #[test]
    fn webhooks_have_settings_of_their_own() {
        let given = Given {
            webhook_allow_nets: Some("127.0.0.0/8".to_owned()),
            webhook_allow_http: Some(true),
            webhook_timeout: Some("1500ms".to_owned()),
            database_url: Some("sqlite:///var/lib/kith/kith.db?mode=rwc".to_owned().into()),
            ..Given::default()
        };
        let webhooks = given.complete(None).unwrap().webhooks;
        assert!(webhooks.rules.allow_nets.contains([127, 0, 0, 1].into()));
        assert_eq!(webhooks.timeout, Duration::from_millis(1_500));
        assert_eq!(webhooks.key_file, Path::new("/var/lib/kith/kith.key"));
        assert_eq!(default_key_file("postgres://x/y"), Path::new("kith.key"));
        for (given, word) in [
            (
                Given {
                    webhook_allow_nets: Some("localhost".to_owned()),
                    ..Given::default()
                },
                "webhook-allow-nets",
            ),
            (
                Given {
                    webhook_allow_http: Some(true),
                    ..Given::default()
                },
                "webhook-allow-http",
            ),
            (
                Given {
                    webhook_timeout: Some("10".to_owned()),
                    ..Given::default()
                },
                "10s or 1500ms",
            ),
        ] {
            let error = format!("{:#}", given.complete(None).unwrap_err());
            assert!(error.contains(word), "{error}");
        }
    }

    #[test]
    fn accounts_have_settings_of_their_own() {
        let given = Given {
            smtp_url: Some("smtps://kith:hunter2@mail.example".to_owned().into()),
            mail_from: Some("kith@example.com".to_owned()),
            sign_up: Some(SignUpSetting::Open),
            trusted_proxies: Some("10.0.0.0/8".to_owned()),
            ..Given::default()
        };
        let config = given.complete(None).unwrap();
        assert_eq!(config.sign_up, SignUp::Open);
        assert!(config.trusted_proxies.contains([10, 1, 2, 3].into()));
        assert_eq!(config.streams_per_key, DEFAULT_STREAMS);
        assert!(!format!("{config:?}").contains("hunter2"));
        for (given, word) in [
            (
                Given {
                    mail_from: Some("kith@example.com".to_owned()),
                    ..Given::default()
                },
                "mail-from without smtp-url",
            ),
            (
                Given {
                    smtp_url: Some("smtp://mail.example".to_owned().into()),
                    ..Given::default()
                },
                "smtp-url without mail-from",
            ),
            (
                Given {
                    trusted_proxies: Some("proxy".to_owned()),
                    ..Given::default()
                },
                "trusted-proxies",
            ),
        ] {
            let error = format!("{:#}", given.complete(None).unwrap_err());
            assert!(error.contains(word), "{error}");
        }
    }

    #[test]
    fn a_wrong_address_is_explained() {
        let given = Given {
            listen: Some("8080".to_owned()),
            ..Given::default()
        };
        let error = given.complete(None).unwrap_err().to_string();
        assert!(
            error.contains("listen") && error.contains("127.0.0.1:8080"),
            "{error}"
        );
    }
}
