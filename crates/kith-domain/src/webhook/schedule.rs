//! When a failed delivery is tried again, and when an endpoint is given up (Standard Webhooks).

use chrono::DateTime;

use crate::time::Timestamp;

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;

/// Delays before the second, third, … attempt, in milliseconds: the schedule of Standard Webhooks.
const DELAYS: [i64; 9] = [
    5 * SECOND,
    5 * MINUTE,
    30 * MINUTE,
    2 * HOUR,
    5 * HOUR,
    10 * HOUR,
    14 * HOUR,
    20 * HOUR,
    24 * HOUR,
];

/// A receiver may ask for at most this delay, in milliseconds.
const LONGEST_WISH: i64 = 24 * HOUR;

/// An endpoint without one success for this long is disabled, in milliseconds.
pub const GIVE_UP: i64 = 5 * 24 * HOUR;

/// Whether failed deliveries are tried again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RetryPolicy {
    /// Once and no more (the default of the contract).
    #[default]
    None,
    /// The schedule of Standard Webhooks: ten attempts over about three days.
    Standard,
}

impl RetryPolicy {
    /// Every policy.
    pub const ALL: [RetryPolicy; 2] = [RetryPolicy::None, RetryPolicy::Standard];

    /// `none`, `standard`.
    pub fn name(self) -> &'static str {
        match self {
            RetryPolicy::None => "none",
            RetryPolicy::Standard => "standard",
        }
    }

    /// The policy with this name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|policy| policy.name() == name)
    }

    /// When to try again after attempt number `attempt` (from 1) failed at `now`; `None` if it was the last.
    ///
    /// `jitter` is any number; it moves the delay by up to a tenth to either side. `retry_after` is what the receiver
    /// asked for with `Retry-After`: not before then, at most a day later.
    pub fn next(
        self,
        attempt: u32,
        now: Timestamp,
        jitter: u32,
        retry_after: Option<Timestamp>,
    ) -> Option<Timestamp> {
        if self == RetryPolicy::None {
            return None;
        }
        let index = usize::try_from(attempt.checked_sub(1)?).ok()?;
        let delay = *DELAYS.get(index)?;
        // From 0.9 to 1.1 of the delay.
        let jittered = delay * 9 / 10 + delay / 5 * i64::from(jitter >> 16) / 0xffff;
        let at = now.0 + jittered;
        let wish = retry_after.map(|wish| wish.0.min(now.0 + LONGEST_WISH));
        Some(Timestamp(wish.map_or(at, |wish| at.max(wish))))
    }
}

/// Reads a `Retry-After` header: seconds, or an HTTP date.
pub fn parse_retry_after(text: &str, now: Timestamp) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<u32>() {
        return Some(Timestamp(now.0 + i64::from(seconds) * SECOND));
    }
    let date = DateTime::parse_from_rfc2822(text).ok()?;
    Some(Timestamp(date.timestamp_millis()))
}

/// Why an endpoint was disabled by the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DisabledReason {
    /// It answered 410 Gone.
    Gone,
    /// It has not accepted a delivery for five days.
    Failing,
}

impl DisabledReason {
    /// Every reason.
    pub const ALL: [DisabledReason; 2] = [DisabledReason::Gone, DisabledReason::Failing];

    /// `gone`, `failing`.
    pub fn name(self) -> &'static str {
        match self {
            DisabledReason::Gone => "gone",
            DisabledReason::Failing => "failing",
        }
    }

    /// The reason with this name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }

    /// Whether an endpoint is given up after a failure at `now`, having failed since `failing_since`.
    pub fn judge(
        status: Option<u16>,
        failing_since: Option<Timestamp>,
        now: Timestamp,
    ) -> Option<Self> {
        if status == Some(410) {
            return Some(DisabledReason::Gone);
        }
        failing_since
            .is_some_and(|since| now.0 - since.0 >= GIVE_UP)
            .then_some(DisabledReason::Failing)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp(1_776_852_000_000);

    #[test]
    fn the_standard_schedule_has_ten_attempts() {
        let middle = u32::MAX / 2;
        let delays: Vec<_> = (1..)
            .map_while(|attempt| RetryPolicy::Standard.next(attempt, NOW, middle, None))
            .map(|at| (at.0 - NOW.0 + 500) / 1000)
            .collect();
        assert_eq!(
            delays,
            [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400]
        );
        assert_eq!(RetryPolicy::None.next(1, NOW, 0, None), None);
    }

    #[test]
    fn a_receiver_may_ask_for_more_patience_up_to_a_day() {
        let next = |seconds: i64| {
            let wish = Timestamp(NOW.0 + seconds * SECOND);
            RetryPolicy::Standard.next(1, NOW, u32::MAX / 2, Some(wish))
        };
        assert_eq!(next(120), Some(Timestamp(NOW.0 + 120 * SECOND)));
        assert!(next(1).is_some_and(|at| at.0 > NOW.0 + 4 * SECOND));
        assert_eq!(next(1_000_000), Some(Timestamp(NOW.0 + 24 * HOUR)));
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        for (text, expected) in [
            ("120", Some(NOW.0 + 120 * SECOND)),
            (" 0 ", Some(NOW.0)),
            ("Wed, 22 Apr 2026 10:01:00 GMT", Some(NOW.0 + MINUTE)),
            ("-1", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(
                parse_retry_after(text, NOW),
                expected.map(Timestamp),
                "{text}"
            );
        }
    }

    #[test]
    fn an_endpoint_is_given_up_when_gone_or_after_five_days() {
        let since = |age: i64| Some(Timestamp(NOW.0 - age));
        for (status, failing, expected) in [
            (Some(410), None, Some(DisabledReason::Gone)),
            (Some(500), None, None),
            (Some(500), since(GIVE_UP - 1), None),
            (None, since(GIVE_UP), Some(DisabledReason::Failing)),
        ] {
            assert_eq!(DisabledReason::judge(status, failing, NOW), expected);
        }
    }

    proptest! {
        #[test]
        fn jitter_stays_within_a_tenth(attempt in 1_u32..10, jitter in any::<u32>()) {
            let delay = DELAYS[attempt as usize - 1];
            let at = RetryPolicy::Standard.next(attempt, NOW, jitter, None).unwrap_or_default().0 - NOW.0;
            prop_assert!((delay * 9 / 10..=delay * 11 / 10).contains(&at));
        }
    }
}
