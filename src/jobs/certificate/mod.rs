//! Gets the TLS certificate of an authority that everybody trusts, and renews it.

mod hook;

use crate::app::App;
use crate::apple::certificate_authority::{Proof, Prover, Refusal, Way};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::jobs::Job;
use crate::language;
use crate::mdm::ca::public_tls::{self, Challenge, Task};
use crate::pki::key::PrivateKey;
use crate::pki::public_tls as made;

pub(super) const JOB: Job = Job { name: "certificate", due: public_tls::next_due, run: |app, now| Box::pin(run(app, now)) };

async fn run(app: &App, now: Timestamp) -> Result<String> {
    let Some(task) = app.store.read(now, public_tls::task).await? else { return Ok(String::from(t!("nothing to do"))) };
    let directory = task.choice.directory.clone();
    let Refusal { error, account_gone } = match order(app, task).await {
        Ok(until) => {
            app.look_at_certificates();
            return Ok(t!("a certificate came that is good until {until}", until = language::date(until.words())));
        }
        Err(refusal) => refusal,
    };
    let words = error.message.trim_end_matches('.').to_owned() + ".";
    let noted = app.store.write(app.now(), move |tx| {
        if account_gone {
            public_tls::account_gone(tx)?;
        }
        public_tls::failed(tx, &directory, &words)
    });
    noted.await?;
    Err(error)
}

async fn order(app: &App, task: Task) -> Result<Timestamp, Refusal> {
    let Task { choice, account } = task;
    let names = public_tls::names(&choice, app.public_host(), &app.config.extra_hosts);
    if names.is_empty() {
        return Err(Error::bad_input(t!("The address of this appliance is no name that the authority can vouch for.")).into());
    }
    let contact = Some(choice.contact.as_str()).filter(|contact| !contact.is_empty());
    let authorities = &app.certificate_authorities;
    let (account, new) = authorities.account(&choice.directory, &choice.trust_anchors, contact, account.as_ref()).await?;
    if let Some(new) = new {
        let directory = choice.directory.clone();
        app.store.write(app.now(), move |tx| public_tls::joined(tx, &directory, &new)).await?;
    }
    let (key, request) = requested(names.clone()).await?;
    let way = match choice.challenge {
        Challenge::TlsAlpn => Way::TlsAlpn,
        Challenge::Dns => Way::Dns,
    };
    let chain = account.certificate(&names, &request, way, &Shower(app)).await?;
    let kept = app.store.write(app.now(), move |tx| public_tls::obtained(tx, &choice.directory, &names, &chain, &key));
    Ok(kept.await?)
}

/// A new key with the request for it; keys take time that no connection should wait for.
async fn requested(names: Vec<String>) -> Result<(PrivateKey, Vec<u8>)> {
    let made = tokio::task::spawn_blocking(move || {
        let key = PrivateKey::generate_p256()?;
        let request = made::request(&names, &key)?;
        Ok((key, request))
    });
    made.await.map_err(|error| Error::internal("A key could not be made.", error))?
}

/// Shows proofs: by our listeners, or by the program that sets DNS records.
struct Shower<'a>(&'a App);

impl Prover for Shower<'_> {
    async fn show(&self, proof: &Proof) -> Result<()> {
        match proof {
            Proof::TlsAlpn(name, digest) => {
                self.0.tls_proofs.show(name, made::Proof::new(name, digest)?);
                Ok(())
            }
            Proof::Dns(name, value) => match &self.0.config.dns_hook {
                Some(hook) => hook::call(hook, "add", name, value).await,
                None => Err(Error::bad_input(t!("The settings name no program that sets DNS records: start with --tls-dns-hook FILE."))),
            },
        }
    }

    async fn hide(&self, proof: &Proof) {
        match proof {
            Proof::TlsAlpn(name, _) => self.0.tls_proofs.hide(name),
            Proof::Dns(name, value) => {
                if let Some(hook) = &self.0.config.dns_hook
                    && let Err(error) = hook::call(hook, "remove", name, value).await
                {
                    tracing::warn!("a DNS record stays behind: {error}");
                }
            }
        }
    }
}
