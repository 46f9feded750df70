//! Where a webhook may be sent: the rules of its URL, judged without asking the network.

use std::net::IpAddr;

use url::{Host, Url};

use super::address::{AllowNets, judge};

/// Longest URL, in bytes.
pub const MAX_URL: usize = 2_048;

/// The server's settings for webhook URLs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UrlRules {
    /// Networks that are allowed although the guard would block them.
    pub allow_nets: AllowNets,
    /// Whether `http` is accepted to hosts in those networks.
    pub allow_http: bool,
}

/// Names of the machine itself that resolvers answer without asking anybody.
const OWN_NAMES: [&str; 4] = [
    "localhost",
    "localhost.localdomain",
    "ip6-localhost",
    "ip6-loopback",
];

/// Reads a webhook's URL. Host names are resolved, and their addresses judged, when the webhook is saved and dialled;
/// an address that stands in the URL itself is judged here, in whatever notation it stands there.
///
/// # Errors
/// What is wrong, as a sentence.
pub fn parse_url(text: &str, rules: &UrlRules) -> Result<Url, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("the URL is empty; it begins with https://".to_owned());
    }
    if text.len() > MAX_URL {
        return Err(format!("a webhook URL has at most {MAX_URL} bytes"));
    }
    // The URL standard drops some of these silently; what is shown must be what is dialled.
    if text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '\\') {
        return Err("a webhook URL has neither white space nor backslashes".to_owned());
    }
    let Ok(mut url) = Url::parse(text) else {
        return Err("not a valid URL; it begins with https://".to_owned());
    };
    match url.scheme() {
        "https" => {}
        "http" if rules.allow_http => {}
        "http" => return Err("the URL must begin with https://; http is not accepted".to_owned()),
        other => {
            let other = crate::text::excerpt(other, 20);
            return Err(format!("the URL must begin with https://, not {other}:"));
        }
    }
    let authority = text.split("//").nth(1).unwrap_or_default();
    let authority = authority.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') || !url.username().is_empty() || url.password().is_some() {
        return Err("the URL must not hold a user name or password".to_owned());
    }
    if url.port() == Some(0) {
        return Err("the URL names port 0, where nobody listens".to_owned());
    }
    judge_host(&url, rules)?;
    url.set_fragment(None);
    Ok(url)
}

fn judge_host(url: &Url, rules: &UrlRules) -> Result<(), String> {
    let address = match url.host() {
        None => return Err("the URL names no host".to_owned()),
        Some(Host::Ipv4(address)) => IpAddr::V4(address),
        Some(Host::Ipv6(address)) => IpAddr::V6(address),
        Some(Host::Domain(name)) => return judge_name(name, rules),
    };
    judge(address, &rules.allow_nets)
        .map_err(|blocked| format!("{blocked}, which webhooks may not reach"))?;
    if url.scheme() == "http" && !rules.allow_nets.contains(address) {
        return Err(format!(
            "http is accepted in the allowed networks only, and {address} is in none of them; use https"
        ));
    }
    Ok(())
}

fn judge_name(name: &str, rules: &UrlRules) -> Result<(), String> {
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.is_empty() || name.split('.').any(str::is_empty) {
        return Err("the URL's host name has an empty part".to_owned());
    }
    if name.len() > 253 || name.split('.').any(|label| label.len() > 63) {
        return Err(
            "the URL's host name is too long: 253 characters, 63 between the dots".to_owned(),
        );
    }
    let is_own = OWN_NAMES.contains(&name) || name.ends_with(".localhost");
    let loopback = [
        IpAddr::from([127, 0, 0, 1]),
        IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1_u16]),
    ];
    let is_allowed = loopback
        .iter()
        .any(|address| rules.allow_nets.contains(*address));
    if is_own && !is_allowed {
        return Err(format!(
            "{name} is the server itself, which webhooks may not reach"
        ));
    }
    Ok(())
}

/// The URL as it is stored and shown: in standard spelling, without the `/` that only stands for "no path".
pub fn spelling(url: &Url, given: &str) -> String {
    let mut text = url.as_str().to_owned();
    if url.path() == "/" && url.query().is_none() && !given.trim().ends_with('/') {
        text.pop();
    }
    text
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn forbidden_hosts_are_refused_in_every_notation() {
        for text in [
            "https://127.0.0.1/",
            "https://127.1/",
            "https://127.0.1/",
            "https://2130706433/",
            "https://017700000001/",
            "https://0177.0.0.1/",
            "https://0x7f.0.0.1/",
            "https://0x7f000001/",
            "https://0x7F.1/",
            "https://127.0.0.1./",
            "https://0/",
            "https://0.0.0.0/",
            "https://10.0.0.1/",
            "https://012.0.0.1/",
            "https://0xa.0.0.1/",
            "https://167772161/",
            "https://192.168.1.1:8443/hook",
            "https://169.254.169.254/latest/meta-data",
            "https://2852039166/",
            "https://0xa9fea9fe/",
            "https://0251.0376.0251.0376/",
            "https://[::1]/",
            "https://[::]/",
            "https://[0:0:0:0:0:0:0:1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://[::ffff:7f00:1]/",
            "https://[64:ff9b::7f00:1]/",
            "https://[2002:7f00:1::]/",
            "https://[fe80::1]/",
            "https://[fd00::1]/",
            "https://localhost/",
            "https://LOCALHOST/",
            "https://localhost./",
            "https://a.localhost/",
            "https://a.localhost./",
            "https://localhost.localdomain/",
            "https://ip6-localhost/",
            // IDNA: full-width digits and letters, an ideographic full stop, circled letters.
            "https://１２７.０.０.１/",
            "https://127。0。0。1/",
            "https://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/",
            "https://ｌｏｃａｌｈｏｓｔ/",
            "https://%6c%6fcalhost/",
            "https://127.0.0.%31/",
        ] {
            let error = parse_url(text, &UrlRules::default()).unwrap_err();
            assert!(error.contains("may not reach"), "{text}: {error}");
        }
    }

    #[test]
    fn other_urls_are_refused_with_the_reason() {
        for (text, reason) in [
            ("", "is empty"),
            ("hooks.example.com", "not a valid URL"),
            ("http://hooks.example.com/", "http is not accepted"),
            ("HTTP://hooks.example.com/", "http is not accepted"),
            ("ftp://hooks.example.com/", "not ftp:"),
            ("file:///etc/passwd", "not file:"),
            ("javascript:alert(1)", "not javascript:"),
            ("https://", "not a valid URL"),
            ("https://user@hooks.example.com/", "user name or password"),
            (
                "https://user:pass@hooks.example.com/",
                "user name or password",
            ),
            ("https://:@hooks.example.com/", "user name or password"),
            ("https://@hooks.example.com/", "user name or password"),
            ("https:\\\\hooks.example.com/", "backslashes"),
            ("https://hooks.example.com\\@127.0.0.1/", "backslashes"),
            ("https://hooks.exam\tple.com/", "white space"),
            ("https://hooks.example.com/\n", ""),
            ("https://hooks.example.com:0/", "port 0"),
            ("https://hooks.example.com:99999/", "not a valid URL"),
            ("https://a..b/", "empty part"),
            ("https://1.2.3.4.5/", "not a valid URL"),
            ("https://256.256.256.256/", "not a valid URL"),
            ("https://0x100000000/", "not a valid URL"),
            ("https://[::1/", "not a valid URL"),
            ("https://[fe80::1%25eth0]/", "not a valid URL"),
            ("https://exa mple.com/", "white space"),
            ("https://xn--/", "not a valid URL"),
        ] {
            match parse_url(text, &UrlRules::default()) {
                Ok(_) => assert_eq!(reason, "", "{text} was accepted"),
                Err(error) => assert!(
                    !reason.is_empty() && error.contains(reason),
                    "{text}: {error}"
                ),
            }
        }
        let long = format!("https://hooks.example.com/{}", "x".repeat(MAX_URL));
        assert!(parse_url(&long, &UrlRules::default()).is_err());
        let label = format!("https://{}.example.com/", "x".repeat(64));
        assert!(parse_url(&label, &UrlRules::default()).is_err());
    }

    #[test]
    fn ordinary_urls_are_accepted_and_written_in_one_way() {
        for (text, stored) in [
            (
                "https://hooks.example.com/customermates",
                "https://hooks.example.com/customermates",
            ),
            ("https://hooks.example.com", "https://hooks.example.com"),
            ("https://hooks.example.com/", "https://hooks.example.com/"),
            (
                " HTTPS://Hooks.Example.com:443/A?b=c#d ",
                "https://hooks.example.com/A?b=c",
            ),
            (
                "https://bücher.example/x",
                "https://xn--bcher-kva.example/x",
            ),
            (
                "https://hooks.example.com.:8443/",
                "https://hooks.example.com.:8443/",
            ),
            ("https://8.8.8.8/", "https://8.8.8.8/"),
            (
                "https://[2606:4700::1111]/a@b",
                "https://[2606:4700::1111]/a@b",
            ),
        ] {
            let url = parse_url(text, &UrlRules::default()).unwrap();
            let given = text.split('#').next().unwrap();
            assert_eq!(spelling(&url, given), stored, "{text}");
        }
    }

    #[test]
    fn settings_open_listed_networks_and_http_to_them_only() {
        let rules = UrlRules {
            allow_nets: "127.0.0.0/8".parse().unwrap(),
            allow_http: true,
        };
        for text in [
            "https://127.0.0.1/",
            "http://127.0.0.1:9000/",
            "http://localhost:9000/",
            "http://hooks.intranet/",
        ] {
            assert!(parse_url(text, &rules).is_ok(), "{text}");
        }
        for text in ["http://8.8.8.8/", "https://10.0.0.1/", "http://10.0.0.1/"] {
            assert!(parse_url(text, &rules).is_err(), "{text}");
        }
        let https_only = UrlRules {
            allow_http: false,
            ..rules
        };
        assert!(parse_url("http://127.0.0.1/", &https_only).is_err());
        assert!(parse_url("https://127.0.0.1/", &https_only).is_ok());
    }
}
