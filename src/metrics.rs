//! What this process counts of itself, for monitors: a few atomic operations each, told in Prometheus' text format.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use prometheus::{GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts, Registry, TextEncoder};

use crate::error::{Error, Result};

/// The type of what [`Metrics::text`] gives.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Upper ends of the buckets of answers to requests, in seconds: what the figures to reach are read from lies among the first.
const REQUEST_BUCKETS: [f64; 12] = [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// Upper ends of the buckets of writes, in seconds.
const WRITE_BUCKETS: [f64; 11] = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0];

/// Upper ends of the buckets of closures in one commit; the last one is the most that there can be.
const BATCH_BUCKETS: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

/// Upper ends of the buckets of jobs' turns, in seconds.
const JOB_BUCKETS: [f64; 8] = [0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 300.0];

/// What became of a call to somebody else: it was answered, refused (4xx), failed there (5xx), or there was no answer.
const OUTCOMES: [&str; 4] = ["ok", "refused", "failed", "unreachable"];

/// What became of pushes.
pub const PUSHES: [&str; 4] = ["delivered", "refused", "unreachable", "certificate_refused"];

/// What the store's writer measures of itself. Cheap to clone; clones count together.
#[derive(Clone)]
pub struct WriterMeter {
    latency: Histogram,
    batch: Histogram,
}

impl Default for WriterMeter {
    fn default() -> Self {
        let histogram = |name: &str, help: &str, buckets: &[f64]| {
            let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
            Histogram::with_opts(options).expect("the name is one, and the buckets rise")
        };
        Self {
            latency: histogram(
                "rollcall_write_duration_seconds",
                "From when a write is left with the writer until the disk has it and it is answered.",
                &WRITE_BUCKETS,
            ),
            batch: histogram("rollcall_write_batch_size", "Writes in one commit.", &BATCH_BUCKETS),
        }
    }
}

impl WriterMeter {
    /// A write was answered so long after it was left.
    pub fn answered(&self, after: Duration) {
        self.latency.observe(after.as_secs_f64());
    }

    /// So many writes went into one commit.
    pub fn committed(&self, writes: usize) {
        self.batch.observe(writes as f64);
    }
}

/// Calls to Apple's services. Cheap to clone; clones count together.
#[derive(Clone)]
pub struct Calls(IntCounterVec);

impl Calls {
    /// Apple's services, as they are named in the counters.
    pub const SERVICES: [&str; 4] = ["apns", "software_lookup", "apps_and_books", "device_enrollment"];

    /// An answer came from `service` with an HTTP status.
    pub fn answered(&self, service: &str, status: u16) {
        let outcome = match status {
            500.. => "failed",
            400.. => "refused",
            _ => "ok",
        };
        self.0.with_label_values(&[service, outcome]).inc();
    }

    /// No answer came from `service`.
    pub fn unanswered(&self, service: &str) {
        self.0.with_label_values(&[service, "unreachable"]).inc();
    }
}

impl Default for Calls {
    fn default() -> Self {
        let calls =
            counter("rollcall_apple_requests_total", "Requests to Apple's services, by what became of them.", &["service", "outcome"]);
        for service in Self::SERVICES {
            start(&calls, OUTCOMES.map(|outcome| [service, outcome]));
        }
        Self(calls)
    }
}

impl fmt::Debug for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Calls")
    }
}

/// Everything that is counted. Cheap to clone; clones count together.
#[derive(Clone)]
pub struct Metrics(Arc<Families>);

struct Families {
    registry: Registry,
    requests: IntCounterVec,
    request_durations: HistogramVec,
    check_ins: IntCounterVec,
    reports: IntCounterVec,
    held_back: IntCounter,
    pushes: IntCounterVec,
    jobs: IntCounterVec,
    job_durations: HistogramVec,
}

/// A family of counters, one for each combination of labels.
fn counter(name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
    IntCounterVec::new(Opts::new(name, help), labels).expect("names of counters and labels are constants that are names")
}

/// A family of histograms.
fn histograms(name: &str, help: &str, buckets: &[f64], labels: &[&str]) -> HistogramVec {
    let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
    HistogramVec::new(options, labels).expect("names of histograms and labels are constants that are names, and the buckets rise")
}

/// Begins counters at nothing, so that the first of a kind is a rise and not an appearance.
fn start<const N: usize>(family: &IntCounterVec, labels: impl IntoIterator<Item = [&'static str; N]>) {
    for labels in labels {
        family.with_label_values(&labels);
    }
}

impl Metrics {
    /// Counts together with what the store and the clients of Apple's services count.
    pub fn new(writer: &WriterMeter, calls: &Calls) -> Self {
        let families = Families {
            registry: Registry::new(),
            requests: counter(
                "rollcall_http_requests_total",
                "Requests that were answered, by who reads the answer.",
                &["audience", "status"],
            ),
            request_durations: histograms(
                "rollcall_http_request_duration_seconds",
                "From a request's headers until its answer begins, by who reads the answer.",
                &REQUEST_BUCKETS,
                &["audience"],
            ),
            check_ins: counter("rollcall_check_ins_total", "Check-ins of devices, by their MessageType.", &["message_type"]),
            reports: counter(
                "rollcall_reports_total",
                "What devices say when they connect, by its Status; Idle asks for a command.",
                &["status"],
            ),
            held_back: IntCounter::new(
                "rollcall_device_requests_held_back_total",
                "Requests of devices that ask without end, answered with 503; the others are served.",
            )
            .expect("the name is one"),
            pushes: counter("rollcall_pushes_total", "Pushes to devices by Apple, practice ones left out.", &["outcome"]),
            jobs: counter("rollcall_job_turns_total", "Turns of jobs, by how they ended.", &["name", "outcome"]),
            job_durations: histograms("rollcall_job_duration_seconds", "How long turns of jobs took.", &JOB_BUCKETS, &["name"]),
        };
        start(&families.pushes, PUSHES.map(|outcome| [outcome]));
        let registry = &families.registry;
        let all: [Box<dyn prometheus::core::Collector>; 11] = [
            Box::new(families.requests.clone()),
            Box::new(families.request_durations.clone()),
            Box::new(families.check_ins.clone()),
            Box::new(families.reports.clone()),
            Box::new(families.held_back.clone()),
            Box::new(families.pushes.clone()),
            Box::new(families.jobs.clone()),
            Box::new(families.job_durations.clone()),
            Box::new(writer.latency.clone()),
            Box::new(writer.batch.clone()),
            Box::new(calls.0.clone()),
        ];
        for family in all {
            registry.register(family).expect("each name is registered once");
        }
        Self(Arc::new(families))
    }

    /// Names the kinds of check-ins and reports that there are, so that their counters begin at nothing.
    pub fn expect(&self, message_types: &[&'static str], statuses: &[&'static str]) {
        start(&self.0.check_ins, message_types.iter().map(|kind| [*kind]));
        start(&self.0.reports, statuses.iter().map(|status| [*status]));
    }

    /// A request was answered for `audience`.
    pub fn request(&self, audience: &str, status: u16, after: Duration) {
        let mut digits = [0; 3];
        self.0.requests.with_label_values(&[audience, three_digits(status, &mut digits)]).inc();
        self.0.request_durations.with_label_values(&[audience]).observe(after.as_secs_f64());
    }

    /// A device checked in with a message of this type; `malformed` for one that cannot be read.
    pub fn check_in(&self, message_type: &str) {
        self.0.check_ins.with_label_values(&[message_type]).inc();
    }

    /// A device connected with this status.
    pub fn report(&self, status: &str) {
        self.0.reports.with_label_values(&[status]).inc();
    }

    /// A request of a device was held back, because it asks without end.
    pub fn held_back(&self) {
        self.0.held_back.inc();
    }

    /// A push had this outcome, one of [`PUSHES`].
    pub fn push(&self, outcome: &str) {
        self.0.pushes.with_label_values(&[outcome]).inc();
    }

    /// A job's turn ended.
    pub fn job(&self, job: &str, is_done: bool, after: Duration) {
        self.0.jobs.with_label_values(&[job, if is_done { "done" } else { "failed" }]).inc();
        self.0.job_durations.with_label_values(&[job]).observe(after.as_secs_f64());
    }

    /// Everything that was counted and the figures of this moment, in the text format.
    pub fn text(&self, now: &Sheet) -> Result<String> {
        let mut families = self.0.registry.gather();
        families.extend(now.0.gather());
        families.sort_by(|one, other| one.name().cmp(other.name()));
        TextEncoder::new().encode_to_string(&families).map_err(|error| Error::internal("metrics could not be written", error))
    }
}

/// An HTTP status as text without asking for memory.
fn three_digits(status: u16, digits: &mut [u8; 3]) -> &str {
    for (place, digit) in [(100, 0), (10, 1), (1, 2)] {
        digits[digit] = b'0' + u8::try_from(status / place % 10).unwrap_or_default();
    }
    std::str::from_utf8(digits).unwrap_or_default()
}

/// Figures of one moment, which nobody counts as they change: they are looked up when somebody asks.
#[derive(Default)]
pub struct Sheet(Registry);

impl Sheet {
    /// A figure for each row of labels. A family without rows is left out.
    ///
    /// # Errors
    /// Internal for a name that is none or comes twice.
    pub fn gauges<const N: usize>(
        &self,
        name: &str,
        help: &str,
        labels: [&str; N],
        rows: impl IntoIterator<Item = ([String; N], f64)>,
    ) -> Result<()> {
        let wrong = |error: prometheus::Error| Error::internal("a figure has no proper name", error);
        let family = GaugeVec::new(Opts::new(name, help), &labels).map_err(wrong)?;
        for (values, figure) in rows {
            family.with_label_values(&values).set(figure);
        }
        self.0.register(Box::new(family)).map_err(wrong)
    }

    /// One figure.
    ///
    /// # Errors
    /// As [`Sheet::gauges`].
    pub fn gauge(&self, name: &str, help: &str, figure: f64) -> Result<()> {
        self.gauges(name, help, [], [([], figure)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics() -> (Metrics, WriterMeter, Calls) {
        let (writer, calls) = (WriterMeter::default(), Calls::default());
        (Metrics::new(&writer, &calls), writer, calls)
    }

    #[test]
    fn what_is_counted_is_told() {
        let (metrics, writer, calls) = metrics();
        metrics.request("device", 200, Duration::from_millis(3));
        metrics.request("api", 404, Duration::from_millis(3));
        metrics.check_in("TokenUpdate");
        metrics.push("delivered");
        metrics.job("push", false, Duration::from_secs(2));
        writer.answered(Duration::from_micros(700));
        writer.committed(3);
        calls.answered("software_lookup", 503);
        calls.answered("software_lookup", 304);
        calls.unanswered("apns");
        let sheet = Sheet::default();
        sheet.gauges("rollcall_enrolled_devices", "Devices.", ["platform"], [([String::from("ios \"x\"")], 12.0)]).unwrap();
        let text = metrics.text(&sheet).unwrap();
        for line in [
            "rollcall_http_requests_total{audience=\"device\",status=\"200\"} 1",
            "rollcall_http_requests_total{audience=\"api\",status=\"404\"} 1",
            "rollcall_http_request_duration_seconds_bucket{audience=\"device\",le=\"0.002\"} 0",
            "rollcall_http_request_duration_seconds_bucket{audience=\"device\",le=\"0.005\"} 1",
            "rollcall_check_ins_total{message_type=\"TokenUpdate\"} 1",
            "rollcall_pushes_total{outcome=\"refused\"} 0",
            "rollcall_job_turns_total{name=\"push\",outcome=\"failed\"} 1",
            "rollcall_write_duration_seconds_bucket{le=\"0.001\"} 1",
            "rollcall_write_batch_size_sum 3",
            "rollcall_apple_requests_total{outcome=\"failed\",service=\"software_lookup\"} 1",
            "rollcall_apple_requests_total{outcome=\"ok\",service=\"software_lookup\"} 1",
            "rollcall_apple_requests_total{outcome=\"unreachable\",service=\"apns\"} 1",
            "rollcall_enrolled_devices{platform=\"ios \\\"x\\\"\"} 12",
        ] {
            assert!(text.lines().any(|told| told == line), "{line} in {text}");
        }
    }

    #[test]
    fn a_figure_that_comes_twice_is_refused() {
        let sheet = Sheet::default();
        sheet.gauge("rollcall_x", "X.", 1.0).unwrap();
        assert!(sheet.gauge("rollcall_x", "X.", 2.0).is_err());
        assert!(sheet.gauge("not a name", "X.", 2.0).is_err());
    }

    #[test]
    fn a_status_has_three_digits() {
        assert_eq!((three_digits(200, &mut [0; 3]), three_digits(503, &mut [0; 3])), ("200", "503"));
    }
}
