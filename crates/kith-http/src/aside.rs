//! Headers that belong to the answer of a request whatever becomes of it: set by whoever sees that, sent by
//! [`crate::front`].

use std::sync::{Arc, Mutex, PoisonError};

use poem::Request;
use poem::http::{HeaderMap, HeaderName, HeaderValue};

/// The headers of one answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Aside(Arc<Mutex<Vec<(HeaderName, HeaderValue)>>>);

impl Aside {
    /// Goes with a request.
    pub(crate) fn with(request: &mut Request) -> Self {
        let aside = Aside::default();
        request.extensions_mut().insert(aside.clone());
        aside
    }

    /// Adds a header; a value that is none is left out.
    pub(crate) fn add(&self, name: HeaderName, value: impl Into<String>) {
        if let Ok(value) = HeaderValue::try_from(value.into()) {
            let mut headers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            headers.push((name, value));
        }
    }

    /// Puts them into an answer.
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        let mut set = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, value) in set.drain(..) {
            headers.append(name, value);
        }
    }
}
