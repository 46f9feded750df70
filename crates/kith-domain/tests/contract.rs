//! The contract of the repository port, held by the repository in memory.
#![expect(clippy::expect_used, reason = "tests")]

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;
use kith_domain::ports::contract::{self, Fixture, Workspace};
use kith_domain::ports::{MemoryRepository, Notifier};
use uuid::Uuid;

struct InMemory;

#[async_trait]
impl Fixture for InMemory {
    async fn workspace(&self, notifier: Arc<dyn Notifier>) -> Workspace {
        let repository = MemoryRepository::new(notifier);
        let [company, ada, ben, other_company, eve] = [1, 2, 3, 4, 5].map(Uuid::from_u128);
        repository.add_user(company, ada);
        repository.add_user(company, ben);
        repository.add_user(other_company, eve);
        Workspace {
            repository: Arc::new(repository),
            peers: Vec::new(),
            company,
            users: vec![ada, ben],
            other_company,
            other_users: vec![eve],
            guard: Box::new(()),
        }
    }
}

/// Nothing in memory ever waits, so one turn completes a future.
fn run(case: &str) {
    let future = pin!(contract::run(&InMemory, case));
    let polled = future.poll(&mut Context::from_waker(Waker::noop()));
    let done = match polled {
        Poll::Ready(()) => Some(()),
        Poll::Pending => None,
    };
    done.expect("nothing in memory waits");
}

kith_domain::repository_contract!(run);
