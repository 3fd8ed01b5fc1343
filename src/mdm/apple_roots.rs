//! Apple's own roots: kept where somebody brought or found them, and nothing kept that is not exactly one of them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::mdm::updates::lookup;
use crate::mdm::{Actor, Right, journal};
use crate::pki::apple::{AppleRoot, NEEDED, ROOT_CA};
use crate::pki::certificate::Certificate;
use crate::store::Tx;
use crate::store::settings::{self, Setting};

/// Where Apple offers its roots, for people.
pub const APPLES_PAGE: &str = "https://www.apple.com/certificateauthority/";

/// The roots that are here.
const KEPT: Setting<Vec<Kept>> = Setting::new("apple_roots");

/// How a root came here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = AppleRootSource)]
pub enum Source {
    /// This machine's system trusts it.
    System,
    /// Fetched from Apple's page.
    Download,
    /// Somebody brought its file.
    File,
    /// A device carried it beside what it signed.
    Device,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Kept {
    sha256: String,
    /// In base64.
    der: String,
    source: Source,
    added_at: Timestamp,
}

/// A root that something here needs, and whether it is here.
#[derive(Debug, Clone, Copy)]
pub struct Standing {
    /// Which.
    pub root: AppleRoot,
    /// How and when it came; none where it is not here.
    pub came: Option<(Source, Timestamp)>,
}

/// Every root that something here needs.
pub fn list(tx: &Tx, actor: &Actor) -> Result<Vec<Standing>> {
    actor.require(Right::View)?;
    let kept = settings::value(tx, &KEPT)?.unwrap_or_default();
    let came = |root: &AppleRoot| kept.iter().find(|kept| kept.sha256 == root.sha256).map(|kept| (kept.source, kept.added_at));
    Ok(NEEDED.iter().map(|root| Standing { root: *root, came: came(root) }).collect())
}

/// The certificate of a root, where it is here. What lies in the database counts no more than what comes from elsewhere: it is compared each time.
pub fn certificate(tx: &Tx, root: &AppleRoot) -> Result<Option<Certificate>> {
    let kept = settings::value(tx, &KEPT)?.unwrap_or_default();
    let kept = kept.into_iter().find(|kept| kept.sha256 == root.sha256);
    Ok(kept.and_then(|kept| STANDARD.decode(kept.der).ok()).and_then(|der| root.find(&der)))
}

/// Keeps the roots that a file holds, as DER or among others in a PEM text; gives the first of them.
///
/// # Errors
/// Bad input that names what the file is instead.
pub fn add(tx: &Tx, actor: &Actor, file: &[u8], source: Source) -> Result<AppleRoot> {
    actor.require(Right::Configure)?;
    let found: Vec<_> = NEEDED.iter().filter_map(|root| Some((*root, root.find(file)?))).collect();
    let Some((first, _)) = found.first() else { return Err(refusal(file)) };
    for (root, certificate) in &found {
        keep(tx, actor, root, certificate, source)?;
    }
    Ok(*first)
}

fn keep(tx: &Tx, actor: &Actor, root: &AppleRoot, found: &Certificate, source: Source) -> Result<()> {
    if certificate(tx, root)?.is_some() {
        return Ok(());
    }
    let mut kept = settings::value(tx, &KEPT)?.unwrap_or_default();
    kept.retain(|kept| kept.sha256 != root.sha256);
    kept.push(Kept { sha256: root.sha256.to_owned(), der: STANDARD.encode(found.der()), source, added_at: tx.now });
    settings::set(tx, &KEPT, &kept)?;
    journal::note(tx, actor, "apple_root.added", journal::Subject::default(), json!({ "name": root.name, "source": source }))?;
    // Whoever waited for it need not wait for the day to pass.
    if source == Source::File && *root == ROOT_CA {
        lookup::look_soon(tx)?;
    }
    Ok(())
}

/// Says what a file is that holds none of the roots.
fn refusal(file: &[u8]) -> Error {
    let wanted = NEEDED.map(|root| root.name).join(t!(" or "));
    let get = t!("Get {wanted} from {APPLES_PAGE} and bring that file as it is", wanted, APPLES_PAGE);
    let Some(found) = Certificate::from_der(file).or_else(|_| Certificate::from_pem(file)).ok() else {
        return Error::field("file", t!("is no certificate. {get}.", get));
    };
    let name = found.common_name().unwrap_or_else(|| found.subject());
    let fingerprint = found.fingerprint().in_pairs();
    Error::field(
        "file",
        t!("is the certificate of “{name}” (SHA-256 {fingerprint}), which is not {wanted}. {get}.", name, fingerprint, wanted, get),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use crate::mdm::Role;
    use crate::mdm::tests::School;
    use crate::pki::issue;
    use crate::store::events::{self, Filter};

    #[test]
    fn what_is_not_apples_root_is_refused_by_name_though_it_calls_itself_so() {
        let school = School::new();
        let other = issue::root("Apple Root CA", school.clock.now()).unwrap().certificate().clone();
        for file in [other.der().to_vec(), other.to_pem().into_bytes()] {
            let refused = school.try_write(move |tx| add(tx, &Actor::Console, &file, Source::File)).unwrap_err();
            let words = &refused.fields[0].message;
            assert!(words.contains("“Apple Root CA” (SHA-256 ") && words.contains(APPLES_PAGE), "{words}");
        }
        let junk = school.try_write(|tx| add(tx, &Actor::Console, b"<html>", Source::File)).unwrap_err();
        assert!(junk.fields[0].message.starts_with("is no certificate. Get Apple Root CA or "), "{junk:?}");
        let viewer = Actor::Person { id: "1".into(), name: "kim".into(), role: Role::Viewer };
        assert_eq!(school.try_write(move |tx| add(tx, &viewer, b"", Source::File)).unwrap_err().kind, Kind::Forbidden);
        let standing = school.write(|tx| list(tx, &Actor::Console));
        assert!(standing.len() == NEEDED.len() && standing[0].came.is_none(), "{standing:?}");
    }

    #[test]
    fn the_root_is_kept_once_and_told_once() {
        let Some(shared) = crate::shared_for_tests() else { return };
        let chain = std::fs::read(shared.join("apple-roots/iphone-device-chain.pem")).unwrap();
        let school = School::new();
        let at = school.clock.now();
        for source in [Source::Download, Source::File] {
            let chain = chain.clone();
            assert_eq!(school.write(move |tx| add(tx, &Actor::Console, &chain, source)), ROOT_CA);
        }
        let (standing, kept, told) = school.write(|tx| {
            let told = events::list(tx, &Filter::default(), None, 100)?;
            Ok((list(tx, &Actor::Console)?, certificate(tx, &ROOT_CA)?, told))
        });
        assert_eq!(standing[0].came, Some((Source::Download, at)));
        assert_eq!(kept.unwrap().fingerprint().to_string().to_uppercase(), ROOT_CA.sha256);
        // The file holds the authority of devices too.
        assert_eq!(told.iter().filter(|event| event.kind == "apple_root.added").count(), 2);
    }
}
