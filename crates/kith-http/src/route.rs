//! Paths and methods: a method that a path lacks is answered with those that it has.

use std::collections::{BTreeMap, HashMap};

use kith_api_types::Problem;
use poem::endpoint::{BoxEndpoint, Endpoint, EndpointExt};
use poem::http::{HeaderValue, Method, header};
use poem::{Request, Response, Result, Route};

use crate::reply::Failure;

/// The routing table while it is made.
#[derive(Default)]
pub(crate) struct Routes(BTreeMap<String, HashMap<Method, BoxEndpoint<'static>>>);

impl Routes {
    /// Adds the methods of a path.
    pub(crate) fn add(&mut self, path: &str, methods: HashMap<Method, BoxEndpoint<'static>>) {
        self.0.entry(path.to_owned()).or_default().extend(methods);
    }

    /// Adds `GET` of a path.
    pub(crate) fn get(&mut self, path: &str, endpoint: BoxEndpoint<'static>) {
        self.0
            .entry(path.to_owned())
            .or_default()
            .insert(Method::GET, endpoint);
    }

    pub(crate) fn finish(self) -> Route {
        let paths = self.0.into_iter();
        paths.fold(Route::new(), |route, (path, methods)| {
            route.at(path, Methods::new(methods).boxed())
        })
    }
}

/// The methods of one path.
struct Methods {
    methods: Vec<(Method, BoxEndpoint<'static>)>,
    allow: String,
}

impl Methods {
    fn new(methods: HashMap<Method, BoxEndpoint<'static>>) -> Self {
        let mut methods: Vec<_> = methods.into_iter().collect();
        methods.sort_by(|(one, _), (other, _)| one.as_str().cmp(other.as_str()));
        let mut allow: Vec<_> = methods.iter().map(|(method, _)| method.as_str()).collect();
        if allow.contains(&"GET") {
            allow.push("HEAD");
        }
        let allow = allow.join(", ");
        Methods { methods, allow }
    }

    fn find(&self, method: &Method) -> Option<&BoxEndpoint<'static>> {
        self.methods
            .iter()
            .find(|(known, _)| known == method)
            .map(|(_, endpoint)| endpoint)
    }

    fn not_allowed(&self, method: &Method) -> Failure {
        let detail = format!("{method} is not possible here; accepted are {}", self.allow);
        let problem = Problem::new(405, "method_not_allowed", "Method not allowed", detail);
        let mut failure = Failure::from(problem);
        // A list of method names is always a valid header value.
        failure.header = HeaderValue::from_str(&self.allow)
            .ok()
            .map(|allow| Box::new((header::ALLOW, allow)));
        failure
    }
}

impl Endpoint for Methods {
    type Output = Response;

    async fn call(&self, mut request: Request) -> Result<Response> {
        if let Some(endpoint) = self.find(request.method()) {
            return endpoint.call(request).await;
        }
        if request.method() == Method::HEAD
            && let Some(endpoint) = self.find(&Method::GET)
        {
            request.set_method(Method::GET);
            let mut response = endpoint.call(request).await?;
            response.set_body(());
            return Ok(response);
        }
        Err(self.not_allowed(request.method()).into())
    }
}
