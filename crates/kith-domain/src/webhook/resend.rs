//! Sending everything again that a webhook has failed to accept since a time, as a job.

use uuid::Uuid;

use crate::event::workspace::{Facts, open};
use crate::time::Timestamp;

/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JobStatus {
    /// It makes deliveries.
    Running,
    /// It has made all.
    Done,
    /// It was given up: the webhook was deleted or disabled.
    Stopped,
}

impl JobStatus {
    /// Every status.
    pub const ALL: [JobStatus; 3] = [JobStatus::Running, JobStatus::Done, JobStatus::Stopped];

    /// `running`, `done`, `stopped`.
    pub fn name(self) -> &'static str {
        match self {
            JobStatus::Running => "running",
            JobStatus::Done => "done",
            JobStatus::Stopped => "stopped",
        }
    }

    /// The status with this name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }
}

/// A job that makes a new delivery for each failed one of a webhook that was made in a time.
///
/// One that has been repeated already is passed over, its repeat is what counts; so are tests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResendJob {
    /// UUID version 7.
    pub id: Uuid,
    /// The webhook.
    pub webhook: Uuid,
    /// Who asked for it.
    pub user: Uuid,
    /// Deliveries made at or after.
    pub since: Timestamp,
    /// Deliveries made before: the beginning of the job.
    pub until: Timestamp,
    /// How far it is.
    pub status: JobStatus,
    /// How many there were to be sent again when it began.
    pub total: u64,
    /// How many it has made new deliveries for.
    pub resent: u64,
    /// Why it was given up.
    pub problem: Option<String>,
    /// When it made deliveries last.
    pub updated_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

impl ResendJob {
    /// What the log of the workspace tells of it.
    pub fn facts(&self) -> Facts {
        vec![
            open("jobId", self.id.to_string()),
            open("since", self.since.to_string()),
        ]
    }
}
