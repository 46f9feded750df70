//! The cookie of a session.

use kith_domain::people::SESSION_LASTS;
use poem::Request;
use poem::http::header;

/// Its name.
pub(crate) const NAME: &str = "kith_session";

/// The token of a session that a request came with. An empty one is none.
pub(crate) fn token(request: &Request) -> Option<&str> {
    let lines = request.headers().get_all(header::COOKIE).iter();
    let cookies = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'));
    let mut tokens = cookies
        .filter_map(|cookie| cookie.trim().split_once('='))
        .filter(|(name, _)| *name == NAME)
        .map(|(_, token)| token.trim());
    tokens.next().filter(|token| !token.is_empty())
}

/// The cookie with a token, for as long as the session lasts.
pub(super) fn kept(token: &str, is_secure: bool) -> String {
    cookie(token, SESSION_LASTS / 1_000, is_secure)
}

/// The cookie that makes a browser forget it.
pub(super) fn forgotten(is_secure: bool) -> String {
    cookie("", 0, is_secure)
}

fn cookie(token: &str, seconds: i64, is_secure: bool) -> String {
    let secure = if is_secure { "; Secure" } else { "" };
    format!("{NAME}={token}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_found_among_other_cookies() {
        for (lines, found) in [
            (vec!["kith_session=abc"], Some("abc")),
            (vec!["a=b; kith_session=abc; c=d"], Some("abc")),
            (
                vec!["a=b", " kith_session = x", "kith_session=abc"],
                Some("abc"),
            ),
            (vec!["kith_session=abc;kith_session=def"], Some("abc")),
            (vec!["kith_session="], None),
            (
                vec!["xkith_session=abc", "KITH_SESSION=abc", "kith_session"],
                None,
            ),
            (vec![], None),
        ] {
            let mut request = Request::builder();
            for line in &lines {
                request = request.header(header::COOKIE, *line);
            }
            assert_eq!(token(&request.finish()), found, "{lines:?}");
        }
    }

    #[test]
    fn cookies_are_for_the_server_alone() {
        assert_eq!(
            kept("abc", true),
            "kith_session=abc; Path=/; Max-Age=604800; HttpOnly; SameSite=Lax; Secure"
        );
        assert_eq!(
            forgotten(false),
            "kith_session=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"
        );
    }
}
