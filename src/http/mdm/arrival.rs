//! Takes a report in: whole while it is small, skimmed and hashed as it comes when it is large, and never more of it than somebody may send.

use std::sync::Arc;

use axum::body::{Body, Bytes, HttpBody as _};
use axum::http::HeaderMap;
use bytes::BytesMut;
use http_body_util::{BodyExt as _, LengthLimitError};
use tokio::sync::Semaphore;

use crate::app::App;
use crate::clock::Timestamp;
use crate::error::{Error, Kind, Result};
use crate::http::budget::Share;
use crate::http::identity::{self, Proven};
use crate::http::limits::{LARGE_REPORTS_MAX, REPORT_KEEP_BYTES, REPORT_MAX_BYTES, STRANGER_MAX_BYTES};
use crate::http::server::Peer;
use crate::mdm::enroll::identify::{self, Presented};
use crate::pki::digest::{Digest, Hashed, Hasher};
use crate::protocol::malformed::Malformed;
use crate::protocol::report::{self, Head, Report, Scanner};

/// The places for large reports; there are [`LARGE_REPORTS_MAX`].
#[derive(Debug, Clone)]
pub(super) struct LargeReports(Arc<Semaphore>);

impl Default for LargeReports {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(LARGE_REPORTS_MAX)))
    }
}

/// What came.
pub(super) enum Arrival {
    /// A report that was taken.
    Report(Box<Arrived>),
    /// One that is refused whoever sent it: nobody can read it, or its sender's clock is wrong.
    Refused {
        /// Who sent it, where that is proven.
        presented: Option<Presented>,
        /// What is wrong with it.
        error: Error,
    },
    /// More than is taken.
    TooLarge {
        /// Who sent it, where that is proven.
        presented: Option<Presented>,
        /// The command that it answers, as far as that was seen.
        command_uuid: Option<String>,
        /// The bytes that came or were announced.
        size_bytes: u64,
    },
}

/// A report as far as it was read.
pub(super) struct Arrived {
    pub head: Head,
    /// Everything it says, unless it is too large for that or cannot be read.
    pub report: Option<Report>,
    /// Why it cannot be read.
    pub unreadable: Option<String>,
    /// The body, unless it is too large to keep.
    pub body: Option<Bytes>,
    pub size_bytes: u64,
    /// The hash of what was not kept.
    sha256: Option<[u8; 32]>,
    pub presented: Option<Presented>,
    /// What the body takes of the memory for bodies, for as long as it is here.
    _share: Option<Share>,
}

impl Arrived {
    /// SHA-256 of the body.
    pub(super) fn sha256(&self) -> [u8; 32] {
        self.sha256.unwrap_or_else(|| crate::pki::digest::sha256(self.body.as_deref().unwrap_or_default()))
    }
}

/// What is known of a request before its body.
pub(super) struct Intake<'a> {
    pub app: &'a App,
    pub peer: &'a Peer,
    pub headers: &'a HeaderMap,
    pub now: Timestamp,
    pub large: &'a LargeReports,
    pub share: Option<Share>,
}

impl Intake<'_> {
    /// Reads a report, as much of it as its sender and its size allow.
    pub(super) async fn read(self, mut body: Body) -> Result<Arrival> {
        let announced = body.size_hint().exact().unwrap_or_default() as usize;
        let mut is_known = announced > STRANGER_MAX_BYTES;
        if is_known {
            self.refuse_stranger().await?;
        }
        let mut kept = BytesMut::new();
        while announced <= REPORT_KEEP_BYTES && kept.len() <= REPORT_KEEP_BYTES {
            let Some(piece) = next_piece(&mut body).await? else { return self.whole(kept.freeze()) };
            kept.extend_from_slice(&piece);
            if !is_known && kept.len() > STRANGER_MAX_BYTES {
                self.refuse_stranger().await?;
                is_known = true;
            }
        }
        self.large(kept, body, announced).await
    }

    /// A large body is heard out only where the certificate is one that could speak here; whether it does is proven at the body's end.
    async fn refuse_stranger(&self) -> Result<()> {
        let claim = identity::claimed(self.app, self.peer, self.headers)?;
        let is_known = match &claim {
            Some(claim) => self.app.store.read(self.now, |tx| identify::is_known(tx, &claim.presented)).await?,
            None => false,
        };
        if is_known { Ok(()) } else { Err(Error::bad_input(t!("A large report came without a certificate that is known here."))) }
    }

    fn whole(self, body: Bytes) -> Result<Arrival> {
        let proven = identity::proven(self.app, self.peer, self.headers, &body, self.now);
        let (head, report, unreadable) = match report::parse(&body) {
            Ok(report) => (report.head.clone(), Some(report), None),
            Err(malformed) => {
                let Some(head) = report::salvage(&body) else {
                    // Who sends the like without end is held back too, so it matters who that is.
                    let presented = proven.ok().flatten().map(|proven| proven.presented);
                    return Ok(Arrival::Refused { presented, error: malformed.into() });
                };
                (head, None, Some(malformed.to_string()))
            }
        };
        let presented = match proven? {
            Some(Proven { presented, untimely: Some(error) }) => return Ok(Arrival::Refused { presented: Some(presented), error }),
            proven => proven.map(|proven| proven.presented),
        };
        Ok(Arrival::Report(Box::new(Arrived {
            head,
            report,
            unreadable,
            size_bytes: body.len() as u64,
            body: Some(body),
            sha256: None,
            presented,
            _share: self.share,
        })))
    }

    async fn large(&self, begin: BytesMut, mut body: Body, announced: usize) -> Result<Arrival> {
        let _place = self.large.0.try_acquire().map_err(|_| Error::new(Kind::Busy, t!("Many large reports arrive at the same time.")))?;
        // Who is known by TLS is known already. A signature covers the whole body, so it has to be hashed to its end.
        let signed_by = identity::claimed(self.app, self.peer, self.headers)?.and_then(|claim| claim.digest);
        let mut skim = Skim::new(signed_by);
        skim.take(&begin);
        drop(begin);
        if let Some(share) = &self.share {
            share.let_go();
        }
        loop {
            let is_too_large = skim.size.max(announced) > REPORT_MAX_BYTES;
            if !is_too_large && let Some(malformed) = skim.malformed.take() {
                return Err(malformed.into());
            }
            let seen_enough = skim.scanner.command_uuid().is_some() || skim.size > REPORT_MAX_BYTES;
            if is_too_large && signed_by.is_none() && seen_enough {
                break;
            }
            let Some(piece) = next_piece(&mut body).await? else { break };
            skim.take(&piece);
        }
        self.skimmed(skim, announced)
    }

    fn skimmed(&self, skim: Skim, announced: usize) -> Result<Arrival> {
        let Skim { size, sha256, signed, scanner, .. } = skim;
        let digest_of = |digest| signed.filter(|(by, _)| *by == digest).map(|(_, hasher)| hasher.finish());
        let presented = identity::presented_by_digest(self.app, self.peer, self.headers, digest_of, self.now);
        let size_bytes = size.max(announced) as u64;
        if size_bytes > REPORT_MAX_BYTES as u64 {
            // Whose signature does not hold is nobody, and learns no more than everybody else.
            let command_uuid = scanner.command_uuid().map(str::to_owned);
            return Ok(Arrival::TooLarge { presented: presented.unwrap_or_default(), command_uuid, size_bytes });
        }
        Ok(Arrival::Report(Box::new(Arrived {
            head: scanner.finish()?,
            report: None,
            unreadable: None,
            body: None,
            size_bytes,
            sha256: Some(bytes_of(sha256.finish())),
            presented: presented?,
            _share: None,
        })))
    }
}

/// What is done with a large body as it comes: it is measured, hashed and scanned, and let go.
struct Skim {
    size: usize,
    sha256: Hasher,
    /// The hash that a signature covers.
    signed: Option<(Digest, Hasher)>,
    scanner: Scanner,
    malformed: Option<Malformed>,
}

impl Skim {
    fn new(signed_by: Option<Digest>) -> Self {
        Self {
            size: 0,
            sha256: Hasher::new(Digest::Sha256),
            signed: signed_by.map(|digest| (digest, Hasher::new(digest))),
            scanner: Scanner::new(),
            malformed: None,
        }
    }

    fn take(&mut self, piece: &[u8]) {
        if self.size <= REPORT_MAX_BYTES && self.malformed.is_none() {
            self.malformed = self.scanner.feed(piece).err();
        }
        self.size += piece.len();
        self.sha256.update(piece);
        if let Some((_, hasher)) = &mut self.signed {
            hasher.update(piece);
        }
    }
}

fn bytes_of(hashed: Hashed) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(hashed.as_ref());
    bytes
}

/// The next bytes of a body; none at its end.
async fn next_piece(body: &mut Body) -> Result<Option<Bytes>> {
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| broken_off(error.into_inner()))?;
        if let Ok(piece) = frame.into_data() {
            return Ok(Some(piece));
        }
    }
    Ok(None)
}

/// What stopped a body on its way in.
pub(super) fn broken_off(error: axum::BoxError) -> Error {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&*error);
    while let Some(error) = cause {
        if error.is::<LengthLimitError>() {
            return Error::new(Kind::TooLarge, t!("The message is larger than this address takes."));
        }
        cause = error.source();
    }
    Error::bad_input(t!("The message broke off on its way here.")).caused_by(error)
}
