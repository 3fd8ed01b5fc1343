//! Durations counted in buckets whose width grows with them, so that percentiles of millions cost little and err by less than 1.6 %.

use std::time::Duration;

/// Buckets in each doubling, as a power of two.
const BITS: u32 = 6;
const SUB: usize = 1 << BITS;

/// Doublings above the exact range; the largest duration counted apart is over an hour, in microseconds.
const DOUBLINGS: usize = 27;

/// Durations, counted.
#[derive(Debug, Clone)]
pub struct Histogram {
    buckets: Box<[u64]>,
    count: u64,
    total_us: u64,
    max_us: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { buckets: vec![0; SUB * (DOUBLINGS + 1)].into_boxed_slice(), count: 0, total_us: 0, max_us: 0 }
    }
}

impl Histogram {
    /// Counts one duration.
    pub fn record(&mut self, duration: Duration) {
        let us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        self.buckets[bucket(us)] += 1;
        self.count += 1;
        self.total_us = self.total_us.saturating_add(us);
        self.max_us = self.max_us.max(us);
    }

    /// Adds what another histogram counted.
    pub fn add(&mut self, other: &Self) {
        for (own, more) in self.buckets.iter_mut().zip(&other.buckets) {
            *own += more;
        }
        self.count += other.count;
        self.total_us = self.total_us.saturating_add(other.total_us);
        self.max_us = self.max_us.max(other.max_us);
    }

    /// How many durations were counted.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The duration that the share `quantile` (0 to 1) of all do not exceed; zero where nothing was counted.
    pub fn quantile(&self, quantile: f64) -> Duration {
        let rank = ((self.count as f64 * quantile).ceil() as u64).clamp(1, self.count.max(1));
        let mut seen = 0;
        for (index, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return Duration::from_micros(upper_bound(index).min(self.max_us));
            }
        }
        Duration::ZERO
    }

    /// The mean.
    pub fn mean(&self) -> Duration {
        Duration::from_micros(self.total_us / self.count.max(1))
    }

    /// The longest.
    pub fn max(&self) -> Duration {
        Duration::from_micros(self.max_us)
    }
}

/// The bucket of a duration: exact below `SUB`, then `SUB` buckets for each doubling.
fn bucket(us: u64) -> usize {
    if us < SUB as u64 {
        return us as usize;
    }
    let doubling = (us.ilog2() - BITS) as usize;
    let within = (us >> doubling) as usize - SUB;
    ((doubling + 1) * SUB + within).min(SUB * (DOUBLINGS + 1) - 1)
}

/// The largest duration of a bucket.
fn upper_bound(index: usize) -> u64 {
    if index < SUB {
        return index as u64;
    }
    let (doubling, within) = (index / SUB - 1, index % SUB);
    (((SUB + within + 1) as u64) << doubling) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_duration_lies_in_its_bucket_and_buckets_are_narrow() {
        for us in (0..20_000_u64).chain((1..50).map(|turn| 1_u64 << (turn % 33)).map(|us| us + us / 3)) {
            let upper = upper_bound(bucket(us));
            assert!(upper >= us && (upper - us) as f64 <= us as f64 / 60.0 + 1.0, "{us} {upper}");
        }
        assert_eq!(bucket(u64::MAX), SUB * (DOUBLINGS + 1) - 1);
    }

    #[test]
    fn percentiles_are_those_of_the_sorted_list() {
        let mut dice = fastrand::Rng::with_seed(1);
        let mut all: Vec<u64> = (0..10_000).map(|_| dice.u64(..1_000_000) / (1 + dice.u64(..1000))).collect();
        let (mut one, mut other) = (Histogram::default(), Histogram::default());
        for (index, us) in all.iter().enumerate() {
            if index % 2 == 0 { &mut one } else { &mut other }.record(Duration::from_micros(*us));
        }
        one.add(&other);
        all.sort_unstable();
        for quantile in [0.5, 0.9, 0.99, 1.0] {
            let exact = all[((all.len() as f64 * quantile).ceil() as usize) - 1] as f64;
            let told = one.quantile(quantile).as_micros() as f64;
            assert!((told - exact).abs() <= exact * 0.016 + 1.0, "{quantile}: {told} {exact}");
        }
        assert_eq!((one.count(), one.max().as_micros() as u64), (10_000, all[9999]));
        assert_eq!(Histogram::default().quantile(0.99), Duration::ZERO);
    }
}
