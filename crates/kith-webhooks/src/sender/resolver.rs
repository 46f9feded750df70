//! Name resolution that hands out judged addresses only: what was checked is what is dialled, without a second look-up.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use async_trait::async_trait;
use kith_domain::webhook::address::{AllowNets, Blocked, judge};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::time::Instant;

use super::trace::Trace;

/// Finds the addresses of a host name.
#[async_trait]
pub trait Lookup: Send + Sync {
    /// All addresses, in the order in which they should be tried.
    ///
    /// # Errors
    /// When the name is unknown or nobody answered.
    async fn lookup(&self, host: &str) -> io::Result<Vec<IpAddr>>;
}

/// Asks the operating system.
#[derive(Debug, Default)]
pub struct SystemLookup;

#[async_trait]
impl Lookup for SystemLookup {
    async fn lookup(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let found = tokio::net::lookup_host((host, 0)).await?;
        Ok(found.map(|address| address.ip()).collect())
    }
}

/// What addresses have to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Demand {
    /// Public, or in an allowed network.
    Public,
    /// In an allowed network.
    Listed,
}

/// Why a name leads nowhere.
#[derive(Debug)]
pub(super) enum Dead {
    /// The look-up failed.
    Unknown(io::Error),
    /// It has no address.
    NoAddress,
    /// None of its addresses may be reached; the first of them.
    Blocked(Blocked),
    /// None of its addresses is in an allowed network, as `http` asks for; the first of them.
    NotListed(IpAddr),
}

impl fmt::Display for Dead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Dead::Unknown(error) => write!(f, "the host name cannot be resolved: {error}"),
            Dead::NoAddress => write!(f, "the host name has no address"),
            Dead::Blocked(blocked) => write!(f, "{blocked}, which webhooks may not reach"),
            Dead::NotListed(address) => write!(
                f,
                "{address}, which is in none of the networks that http is accepted for"
            ),
        }
    }
}

impl std::error::Error for Dead {}

/// The addresses that may be dialled.
pub(super) fn filter(
    addresses: Vec<IpAddr>,
    allow: &AllowNets,
    demand: Demand,
) -> Result<Vec<IpAddr>, Dead> {
    let mut first = None;
    let mut good = Vec::with_capacity(addresses.len());
    for address in addresses {
        let problem = match (judge(address, allow), demand) {
            (Err(blocked), _) => Some(Dead::Blocked(blocked)),
            (Ok(()), Demand::Listed) if !allow.contains(address) => Some(Dead::NotListed(address)),
            (Ok(()), _) => None,
        };
        match problem {
            None => good.push(address),
            Some(problem) => first = first.or(Some(problem)),
        }
    }
    if good.is_empty() {
        return Err(first.unwrap_or(Dead::NoAddress));
    }
    Ok(good)
}

/// Resolves for the HTTP client and drops forbidden addresses.
pub(super) struct GuardedResolver {
    lookup: Arc<dyn Lookup>,
    allow: AllowNets,
    demand: Demand,
}

impl GuardedResolver {
    pub(super) fn new(lookup: Arc<dyn Lookup>, allow: AllowNets, demand: Demand) -> Self {
        GuardedResolver {
            lookup,
            allow,
            demand,
        }
    }
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let lookup = Arc::clone(&self.lookup);
        let (allow, demand) = (self.allow.clone(), self.demand);
        let trace = Trace::current();
        Box::pin(async move {
            let since = Instant::now();
            let found = lookup.lookup(name.as_str()).await.map_err(Dead::Unknown)?;
            let good = filter(found, &allow, demand)?;
            // The client fills in the port.
            let addresses: Vec<_> = good
                .into_iter()
                .map(|address| SocketAddr::new(address, 0))
                .collect();
            if let Some(trace) = trace {
                trace.resolved(since);
                trace.dialling(addresses.first().copied());
            }
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}
