//! Mail by SMTP.

use std::time::Duration;

use anyhow::Context;
use async_trait::async_trait;
use kith_application::ports::{Mail, MailError, Mailer};
use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};

use crate::config::MailConfig;

/// How long a mail server may take for one step.
const PATIENCE: Duration = Duration::from_secs(20);

/// Hands letters over to a mail server, each over a connection of its own.
pub(crate) struct SmtpMailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl SmtpMailer {
    /// Reads the settings; no connection is made yet.
    ///
    /// # Errors
    /// A sentence about what is not understood; the address of the server may hold a password and is not repeated.
    pub(crate) fn new(config: &MailConfig) -> anyhow::Result<Self> {
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(config.smtp_url.reveal());
        let transport = transport.map_err(|_| {
            anyhow::anyhow!(
                "the setting smtp-url is not understood; accepted are smtps://USER:PASSWORD@HOST, smtp://HOST?tls=required and smtp://HOST"
            )
        })?;
        let from = config.from.parse().with_context(|| {
            format!(
                "the setting mail-from is {:?}; accepted is an address, as in kith@example.com or Kith <kith@example.com>",
                config.from
            )
        })?;
        Ok(SmtpMailer {
            transport: transport.timeout(Some(PATIENCE)).build(),
            from,
        })
    }
}

#[async_trait]
impl Mailer for SmtpMailer {
    async fn send(&self, mail: Mail) -> Result<(), MailError> {
        // What the mail server says may repeat the letter; only what kind of failure it was is told.
        let failed = |reason: &str| MailError(reason.to_owned());
        let to: Mailbox = mail
            .to
            .parse()
            .map_err(|_| failed("the address of its reader is none"))?;
        let message = Message::builder()
            .from(self.from.clone())
            .to(to)
            .subject(mail.subject)
            .header(ContentType::TEXT_PLAIN)
            .body(mail.text)
            .map_err(|_| failed("it could not be written"))?;
        match self.transport.send(message).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_timeout() => Err(failed("the mail server did not answer")),
            Err(error) if error.is_tls() => Err(failed("the mail server could not be trusted")),
            Err(error) => {
                let status = error.status().map(|code| code.to_string());
                Err(MailError(match status {
                    Some(code) => format!("the mail server answered {code}"),
                    None => {
                        "the mail server could not be reached, or does not speak SMTP".to_owned()
                    }
                }))
            }
        }
    }
}
