//! Randomness, time and ids that are the same each time.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicI64, Ordering};

use kith_domain::ports::{Clock, Ids};
use kith_domain::time::Timestamp;
use uuid::{Builder, Uuid};

/// Numbers that look random (SplitMix64).
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Random(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to below 1.
    pub(crate) fn part(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Below a number, which is at least 1.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        // A part of a number is below it.
        (self.part() * end as f64) as usize
    }

    /// Below a number, small ones far more often: the first of a thousand is drawn by a tenth.
    pub(crate) fn skewed(&mut self, end: usize) -> usize {
        let part = self.part();
        (part * part * part * end as f64) as usize
    }

    pub(crate) fn chance(&mut self, part: f64) -> bool {
        self.part() < part
    }

    pub(crate) fn of<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.below(words.len())]
    }
}

/// The time, set by hand, and ids of version 7 that ascend with it.
pub(crate) struct Sources {
    now: AtomicI64,
    ids: Mutex<(Random, u32)>,
}

impl Sources {
    pub(crate) fn new(seed: u64, now: i64) -> Self {
        Sources {
            now: AtomicI64::new(now),
            ids: Mutex::new((Random::new(seed ^ 0x6964), 0)),
        }
    }

    pub(crate) fn set(&self, now: i64) {
        self.now.store(now, Ordering::Relaxed);
    }
}

impl Clock for Sources {
    fn now(&self) -> Timestamp {
        Timestamp(self.now.load(Ordering::Relaxed))
    }
}

impl Ids for Sources {
    fn new_id(&self) -> Uuid {
        let mut ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        let noise = ids.0.next().to_le_bytes();
        let [a, b, c, d] = ids.1.to_be_bytes();
        ids.1 = ids.1.wrapping_add(1);
        let bytes = [0, a, 0, b, c, d, noise[0], noise[1], noise[2], noise[3]];
        let now = u64::try_from(self.now.load(Ordering::Relaxed)).unwrap_or_default();
        Builder::from_unix_timestamp_millis(now, &bytes).into_uuid()
    }
}
