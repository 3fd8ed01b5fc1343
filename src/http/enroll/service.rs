//! The door of the profile service: a device says who it is, first by the identity that it was built with, then by the certificate that it got for that.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};

use super::mobileconfig;
use crate::app::App;
use crate::error::{Error, Result};
use crate::http::arrivals::{page, vouched};
use crate::http::pages::at_device::Refused;
use crate::language::say;
use crate::mdm::enroll::Addresses;
use crate::mdm::enroll::profile::{self, Grant};
use crate::mdm::enroll::profile_service::{self, Asked, Question, Refusal};
use crate::pki::certificate::Fingerprint;
use crate::pki::cms::{self, SignOptions};
use crate::protocol::machine_info::MachineInfo;
use crate::protocol::mobileconfig::profile_service::{ProfileService, build_profile_service};
use crate::protocol::plist::{self, fields};

/// The title of every page that says why a device gets no profile.
const TITLE: &str = msg!("This device gets no profile");

/// The signed profile of the first phase.
pub(in crate::http) fn first(app: &App, question: Question) -> Result<Vec<u8>> {
    let profile = ProfileService {
        identifier: question.identifier,
        uuid: app.random.uuid_v4(),
        display_name: format!("{}: device management", question.organisation),
        description: t!(
            "Tells {organisation} which device this is, so that it gets a profile of its own.",
            organisation = question.organisation
        ),
        organization: question.organisation,
        url: question.url,
        challenge: question.challenge,
    };
    let options = SignOptions { signing_time: Some(app.now()), ..SignOptions::default() };
    Ok(cms::sign(app.authority().issuer.signer(), &build_profile_service(&profile)?, &options)?)
}

/// The second and the third phase.
pub(super) async fn answer(State(app): State<App>, Path(code): Path<String>, body: Bytes) -> Result<Response> {
    let message = body.to_vec();
    let verified = tokio::task::spawn_blocking(move || cms::verify(&message, None)).await;
    let Ok(verified) = verified.map_err(|panic| Error::internal("a fault in the program", panic))? else {
        let words = t!("What came is no signed message of a device. Open the link again on the device itself.");
        return page(&app, StatusCode::BAD_REQUEST, &Refused { title: say(TITLE), words }).await;
    };
    let signer = verified.signer.fingerprint();
    let is_third = app.store.read(app.now(), move |tx| Ok(profile_service::of_second_phase(tx, &signer)?.is_some())).await?;
    if is_third {
        return match read(code, &verified.content) {
            Ok(asked) => third(&app, asked, signer).await,
            Err(words) => page(&app, StatusCode::BAD_REQUEST, &Refused { title: say(TITLE), words: &words }).await,
        };
    }
    let proven = match vouched(&app, body.to_vec()).await? {
        Ok(proven) => proven,
        Err(response) => return Ok(response),
    };
    let asked = match read(code, &proven.content) {
        Ok(asked) => asked,
        Err(words) => return page(&app, StatusCode::BAD_REQUEST, &Refused { title: say(TITLE), words: &words }).await,
    };
    let (wanted, by, addresses) = (asked.clone(), proven.by, Addresses::under(&app.public_url));
    let decided = app.store.read(app.now(), move |tx| profile_service::identity(tx, &wanted, by, addresses)).await?;
    let grant = match decided {
        Ok(grant) => grant,
        Err(refusal) => return refuse(&app, &refusal).await,
    };
    let body = profile::signed_identity(&grant, &app.random, &app.authority().issuer, app.now())?;
    give(&app, asked, grant, None, body).await
}

async fn third(app: &App, asked: Asked, signer: Fingerprint) -> Result<Response> {
    let (wanted, addresses) = (asked.clone(), Addresses::under(&app.public_url));
    let decided = app.store.read(app.now(), move |tx| profile_service::enrollment(tx, &wanted, &signer, addresses)).await?;
    let grant = match decided {
        Ok(grant) => grant,
        Err(refusal) => return refuse(app, &refusal).await,
    };
    let body = profile::signed(&grant, &app.random, &app.authority().issuer, app.now())?;
    give(app, asked, grant, Some(signer), body).await
}

/// The profile goes out after its challenge was made good.
async fn give(app: &App, asked: Asked, grant: Grant, signer: Option<Fingerprint>, body: Vec<u8>) -> Result<Response> {
    app.store.write(app.now(), move |tx| profile_service::record(tx, &asked, &grant, signer.as_ref())).await?;
    Ok(mobileconfig(body))
}

/// What a device says of itself; else the words why that is not known.
fn read(code: String, content: &[u8]) -> Result<Asked, String> {
    let info = MachineInfo::parse(content).map_err(|error| t!("What the device says of itself cannot be read: {error}.", error))?;
    let keys = plist::parse_dictionary(content).unwrap_or_default();
    Ok(Asked { code, info, challenge: fields::filled(&keys, "CHALLENGE").unwrap_or_default() })
}

async fn refuse(app: &App, refusal: &Refusal) -> Result<Response> {
    let status = match refusal {
        Refusal::Invitation(_) | Refusal::Challenge => StatusCode::GONE,
        Refusal::NotNow(_) => StatusCode::SERVICE_UNAVAILABLE,
        Refusal::OtherKind(_) | Refusal::NotPractice | Refusal::AnotherDevice => StatusCode::FORBIDDEN,
    };
    Ok(page(app, status, &Refused { title: say(TITLE), words: refusal.words() }).await?.into_response())
}
