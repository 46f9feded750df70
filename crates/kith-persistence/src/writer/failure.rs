//! Why a transaction did not come about, and what may be done about it.

use kith_domain::ports::RepositoryError;

/// The transaction did not come about.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Another transaction was in the way; the same again may succeed.
    Contention(sqlx::Error),
    /// The connection is not usable; nothing was committed.
    Connection(sqlx::Error),
    /// The connection broke during the commit: nobody knows whether it was done.
    Commit(sqlx::Error),
    /// The database cannot write at present: it is full, read-only, or out of something.
    Exhausted(sqlx::Error),
    /// Something else; perhaps only one unit of the batch is to blame.
    Other(String),
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        let code = error
            .as_database_error()
            .and_then(|error| error.code())
            .unwrap_or_default();
        match (Trouble::of(&code), &error) {
            (Some(Trouble::Contention), _) => Failure::Contention(error),
            (Some(Trouble::Exhausted), _) => Failure::Exhausted(error),
            (Some(Trouble::Connection), _)
            | (
                None,
                sqlx::Error::Io(_)
                | sqlx::Error::Protocol(_)
                | sqlx::Error::Tls(_)
                | sqlx::Error::WorkerCrashed,
            ) => Failure::Connection(error),
            (None, _) => Failure::Other(error.to_string()),
        }
    }
}

impl Failure {
    /// The failure of a commit: over a broken connection it may have been done all the same.
    pub(crate) fn of_commit(error: sqlx::Error) -> Self {
        match Failure::from(error) {
            Failure::Connection(error) => Failure::Commit(error),
            failure => failure,
        }
    }

    /// Whether the connection has to be replaced.
    pub(crate) fn is_of_connection(&self) -> bool {
        matches!(self, Failure::Connection(_) | Failure::Commit(_))
    }

    /// What the callers are told.
    pub(crate) fn into_error(self) -> RepositoryError {
        match self {
            Failure::Contention(error) | Failure::Connection(error) | Failure::Exhausted(error) => {
                RepositoryError::Unavailable(error.to_string())
            }
            Failure::Commit(error) => RepositoryError::Unsettled(error.to_string()),
            Failure::Other(reason) => RepositoryError::Failed(reason),
        }
    }
}

/// What an error code of a database means to a writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    Contention,
    Connection,
    Exhausted,
}

impl Trouble {
    /// PostgreSQL's codes have five characters; SQLite's are numbers below 10,000 whose low byte is the kind.
    fn of(code: &str) -> Option<Trouble> {
        if code.len() == 5 {
            return Trouble::of_postgres(code);
        }
        match code.parse::<u32>().ok()? & 0xff {
            // SQLITE_BUSY, SQLITE_LOCKED.
            5 | 6 => Some(Trouble::Contention),
            // SQLITE_READONLY, SQLITE_IOERR, SQLITE_FULL, SQLITE_CANTOPEN.
            8 | 10 | 13 | 14 => Some(Trouble::Exhausted),
            _ => None,
        }
    }

    fn of_postgres(code: &str) -> Option<Trouble> {
        match code {
            // serialization_failure, deadlock_detected, lock_not_available.
            "40001" | "40P01" | "55P03" => Some(Trouble::Contention),
            // read_only_sql_transaction: a standby, or a primary that was set aside.
            "25006" => Some(Trouble::Exhausted),
            _ => match code.get(..2).unwrap_or_default() {
                // Connection exceptions, shut down.
                "08" => Some(Trouble::Connection),
                "57" if code.starts_with("57P") => Some(Trouble::Connection),
                // Insufficient resources (disk, memory, connections), system errors.
                "53" | "58" => Some(Trouble::Exhausted),
                _ => None,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_say_what_to_do() {
        for (code, trouble) in [
            ("5", Some(Trouble::Contention)),
            ("517", Some(Trouble::Contention)),
            ("13", Some(Trouble::Exhausted)),
            ("1032", Some(Trouble::Exhausted)),
            ("2067", None),
            ("40P01", Some(Trouble::Contention)),
            ("57P01", Some(Trouble::Connection)),
            ("08006", Some(Trouble::Connection)),
            ("53100", Some(Trouble::Exhausted)),
            ("25006", Some(Trouble::Exhausted)),
            ("23505", None),
            ("57014", None),
            ("", None),
        ] {
            assert_eq!(Trouble::of(code), trouble, "{code}");
        }
    }

    #[test]
    fn a_commit_over_a_broken_connection_is_of_unknown_outcome() {
        let broken = || sqlx::Error::Io(std::io::ErrorKind::BrokenPipe.into());
        assert!(matches!(
            Failure::from(broken()).into_error(),
            RepositoryError::Unavailable(_)
        ));
        assert!(matches!(
            Failure::of_commit(broken()).into_error(),
            RepositoryError::Unsettled(_)
        ));
    }
}
