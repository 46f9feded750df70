//! The rendered reference at `/docs`: Swagger UI from the binary, under a policy that lets it reach this server only.

use std::sync::LazyLock;

use poem::Response;
use poem::endpoint::BoxEndpoint;
use poem::http::{HeaderValue, header};
use poem_openapi::OpenApiService;

use crate::app::answer;

/// What a browser lets the page do: nothing but talk to the server that it came from.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'";

const PAGE: &str = r##"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Kith API</title>
<link rel="stylesheet" href="/docs/reference.css">
</head>
<body>
<div id="reference"></div>
<script src="/docs/reference.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"##;

const START: &str = r##"SwaggerUIBundle({
  dom_id: "#reference",
  url: "/api/v1/openapi.json",
  validatorUrl: null,
  deepLinking: true,
  filter: true,
  docExpansion: "none",
  defaultModelsExpandDepth: 0,
  tryItOutEnabled: true,
  persistAuthorization: false,
});
"##;

pub(crate) fn routes() -> Vec<(&'static str, BoxEndpoint<'static>)> {
    vec![
        ("/docs", answer(|| file("text/html; charset=utf-8", PAGE))),
        (
            "/docs/start.js",
            answer(|| file("text/javascript; charset=utf-8", START)),
        ),
        (
            "/docs/reference.js",
            answer(|| file("text/javascript; charset=utf-8", &BUNDLE.script)),
        ),
        (
            "/docs/reference.css",
            answer(|| file("text/css; charset=utf-8", &BUNDLE.style)),
        ),
    ]
}

/// A file of a page, under the policy.
pub(crate) fn file(content_type: &'static str, content: &'static str) -> Response {
    let mut response = Response::default();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(POLICY),
    );
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response.set_body(content);
    response
}

/// Script and style of the reference. poem-openapi embeds them but only hands out a page of its own that has both
/// inline; made when somebody first opens the reference, so that a server that nobody asks does not hold them twice.
struct Bundle {
    script: String,
    style: String,
}

static BUNDLE: LazyLock<Bundle> = LazyLock::new(|| {
    let page = OpenApiService::new((), "", "").swagger_ui_html();
    Bundle {
        script: inline(&page, "script"),
        style: inline(&page, "style"),
    }
});

/// The content of the first element of a name.
fn inline(page: &str, element: &str) -> String {
    let content = page.split_once(&format!("<{element} charset=\"UTF-8\">"));
    let content = content.and_then(|(_, rest)| rest.split_once(&format!("</{element}>")));
    content.map_or_else(String::new, |(content, _)| content.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_comes_whole_from_the_binary() {
        assert!(BUNDLE.script.len() > 1_000_000 && BUNDLE.script.contains("SwaggerUIBundle"));
        assert!(BUNDLE.style.len() > 100_000 && BUNDLE.style.contains(".swagger-ui"));
    }

    #[test]
    fn nothing_is_loaded_from_other_hosts() {
        for text in [PAGE, START] {
            assert!(!text.contains("://"), "{text}");
        }
        for address in ["url(http", "url(\"http", "url('http", "url(//", "@import"] {
            assert!(!BUNDLE.style.contains(address), "{address}");
        }
        assert!(POLICY.contains("default-src 'none'") && POLICY.contains("connect-src 'self'"));
        assert!(!POLICY.contains("unsafe-eval") && !POLICY.contains("http"));
    }
}
