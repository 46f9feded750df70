//! Whether a request with a cookie comes from a page of this server: browsers send the cookie also when a page of
//! somebody else asks them to.

use kith_api_types::Problem;
use poem::Request;
use poem::http::{Method, header};

use crate::reply::Failure;

/// The origins that are this server's own.
pub(super) struct Origins {
    /// `https`, or `http`.
    scheme: String,
    /// `https://kith.example`, in lower case.
    public: String,
}

impl Origins {
    /// By the address that people use.
    pub(super) fn new(public_url: &str) -> Self {
        let (scheme, rest) = public_url.split_once("://").unwrap_or(("http", public_url));
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let scheme = scheme.to_ascii_lowercase();
        Origins {
            public: origin(&scheme, host),
            scheme,
        }
    }

    /// Whether people use https.
    pub(super) fn are_secure(&self) -> bool {
        self.scheme == "https"
    }

    /// Checks the origin of a request that may change something.
    ///
    /// # Errors
    /// That it is missing, or another one's.
    pub(super) fn require(&self, request: &Request) -> Result<(), Failure> {
        let method = request.method();
        if [Method::GET, Method::HEAD, Method::OPTIONS].contains(method) {
            return Ok(());
        }
        let text = |name| request.headers().get(name)?.to_str().ok();
        let Some(given) = text(header::ORIGIN) else {
            return Err(foreign(
                "a request with the cookie of a session needs the header Origin, as browsers send it; scripts use an API key",
            ));
        };
        // Under whichever name the server was reached: a browser keeps a cookie for the name that it used.
        if self.is_own(given, text(header::HOST)) {
            Ok(())
        } else {
            let detail = format!(
                "the request comes from a page of {}, which is not this server",
                kith_domain::text::excerpt(given, 100)
            );
            Err(foreign(&detail))
        }
    }

    fn is_own(&self, given: &str, host: Option<&str>) -> bool {
        let given = given.to_ascii_lowercase();
        given == self.public || host.is_some_and(|host| given == origin(&self.scheme, host))
    }
}

/// An origin as browsers write it: without the port that the scheme has anyway.
fn origin(scheme: &str, host: &str) -> String {
    let host = host.to_ascii_lowercase();
    let usual = if scheme == "https" { ":443" } else { ":80" };
    let host = host.strip_suffix(usual).unwrap_or(&host);
    format!("{scheme}://{host}")
}

fn foreign(detail: &str) -> Failure {
    Problem::new(403, "foreign_origin", "Forbidden", detail).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_own_under_the_public_name_or_the_name_that_was_called() {
        for (public, origin, host, is_own) in [
            ("https://kith.example", "https://kith.example", None, true),
            (
                "https://Kith.Example:443/crm",
                "https://kith.example",
                None,
                true,
            ),
            (
                "https://kith.example",
                "http://kith.example",
                Some("kith.example"),
                false,
            ),
            (
                "https://kith.example",
                "https://kith.example.evil",
                Some("kith.example"),
                false,
            ),
            (
                "https://kith.example",
                "https://evil.example",
                Some("kith.example"),
                false,
            ),
            ("https://kith.example", "null", Some("kith.example"), false),
            ("https://kith.example", "", Some(""), false),
            (
                "https://kith.example",
                "https://crm.local",
                Some("crm.local:443"),
                true,
            ),
            (
                "http://127.0.0.1:8080",
                "http://localhost:8080",
                Some("localhost:8080"),
                true,
            ),
            (
                "http://127.0.0.1:8080",
                "http://localhost:8081",
                Some("localhost:8080"),
                false,
            ),
            (
                "http://127.0.0.1:8080",
                "http://[::1]:8080",
                Some("[::1]:8080"),
                true,
            ),
        ] {
            let found = Origins::new(public).is_own(origin, host);
            assert_eq!(found, is_own, "{public} {origin} {host:?}");
        }
    }

    #[test]
    fn only_what_may_change_something_needs_it() {
        let origins = Origins::new("http://kith");
        for (method, is_fine) in [
            (Method::GET, true),
            (Method::HEAD, true),
            (Method::POST, false),
            (Method::DELETE, false),
            (Method::PATCH, false),
        ] {
            let request = Request::builder().method(method.clone()).finish();
            assert_eq!(origins.require(&request).is_ok(), is_fine, "{method}");
        }
    }
}
