//! The page that a link for a new password leads to. The token stands after the `#` of its address, which browsers keep
//! to themselves; the page sends it, with the password, to this server alone.

use poem::endpoint::BoxEndpoint;

use crate::app::answer;
use crate::docs::file;

const PAGE: &str = r##"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>Choose a new password</title>
<style>
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 24rem; margin: 4rem auto; padding: 0 1rem; }
label, input, button { display: block; width: 100%; box-sizing: border-box; font: inherit; margin: .5rem 0; }
</style>
</head>
<body>
<h1>Choose a new password</h1>
<form id="form">
<label for="password">New password, at least 10 characters</label>
<input id="password" type="password" autocomplete="new-password" minlength="10" maxlength="1000" required autofocus>
<button>Set the password</button>
</form>
<p id="said" role="status"></p>
<script src="/password-reset/page.js"></script>
</body>
</html>
"##;

const SCRIPT: &str = r##"const form = document.getElementById("form");
const said = document.getElementById("said");
const token = location.hash.slice(1);
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    const answer = await fetch("/api/v1/password-reset/complete", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ token, newPassword: document.getElementById("password").value }),
    });
    if (answer.ok) {
      history.replaceState(null, "", location.pathname);
      form.remove();
      said.textContent = "The password is set. You can sign in with it.";
    } else {
      said.textContent = (await answer.json()).detail;
    }
  } catch {
    said.textContent = "The server cannot be reached. Try again.";
  }
});
"##;

pub(crate) fn routes() -> Vec<(&'static str, BoxEndpoint<'static>)> {
    vec![
        (
            "/password-reset",
            answer(|| file("text/html; charset=utf-8", PAGE)),
        ),
        (
            "/password-reset/page.js",
            answer(|| file("text/javascript; charset=utf-8", SCRIPT)),
        ),
    ]
}
