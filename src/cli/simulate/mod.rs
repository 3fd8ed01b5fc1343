//! `rollcall simulate`: simulated devices against any MDM server that has an enrollment profile for them.

mod bench;
mod fleet;
mod seed;
mod words;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use self::words::{Identity, duration};
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::pki::certificate::Certificate;
use crate::sim::client::Trust;
use crate::sim::device::{Maker, ProfileSource, Settings, SetupAssistant};
use crate::sim::faults::Faults;
use crate::sim::fleet::{MAX_DEVICES, Plan};
use crate::sim::model::Mix;

/// The largest profile, fault file or authority that is read.
const MAX_FILE_BYTES: u64 = 4 << 20;

/// The largest roster that is read.
const MAX_ROSTER_BYTES: u64 = 4 << 30;

/// From how many devices on they share keys, unless told otherwise: making one takes tens of milliseconds.
const OWN_KEYS_UP_TO: usize = 100;

/// How many keys many devices share.
const SHARED_KEYS: usize = 64;

/// Simulates devices against this or any MDM server.
///
/// The devices enroll with a profile as real ones do: by SCEP, Authenticate and TokenUpdate. Then they connect, by themselves since
/// nobody pushes them here, and answer every command as their OS would. Serial numbers begin with TESTSN; nothing about them is real.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  rollcall simulate --profile enroll.mobileconfig
  rollcall simulate --profile https://mdm.example.school/enroll/CODE/profile --ca root.pem --devices 5 --model ipad@18 --for 10m
  rollcall simulate --profile URL --devices 50 --faults faults.toml --for 1h --json
  rollcall simulate --profile URL --store https://localhost:PORT/store --ca practice-services.pem
  rollcall simulate --setup-assistant https://localhost:8443/ade --device-authority demo-data/practice-devices.pem --ca root.pem --model ipad
  rollcall simulate --profile URL --devices 1000 --bench idle --connections 16 --for 30s
  rollcall simulate --profile URL --devices 1000 --bench cycle --connections 10 --api https://localhost:8443 --api-token TOKEN
  rollcall simulate --seed-store 10000 --data ./load-data")]
pub struct Simulate {
    /// The enrollment profile, signed or not; a URL is downloaded anew for each device
    #[arg(long, value_name = "FILE|URL", required_unless_present_any = ["roster", "seed_store", "setup_assistant"])]
    profile: Option<String>,
    /// How many devices
    #[arg(long, default_value_t = 25)]
    devices: usize,
    /// What everything invented follows from: the same seed makes the same devices
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Which devices, in turn: ipad, iphone, mac, tv, vision or a product name, `@` a version; `-` before it: unsupervised
    /// [default: a classroom of all sorts, from iOS 12 to 27]
    #[arg(long, value_name = "MODEL[@OS]", allow_hyphen_values = true)]
    model: Vec<String>,
    /// For how long; when absent until Ctrl-C or, while no device enrolls, for a minute; ten seconds for --bench
    #[arg(long = "for", value_name = "DURATION", value_parser = duration)]
    lasts: Option<Duration>,
    /// How often each device connects by itself
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "30s")]
    poll: Duration,
    /// Over which time the devices begin to enroll
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "0s")]
    ramp: Duration,
    /// Mishaps on purpose: a TOML or JSON file of [[fault]] tables with kind = "not-now", "refuse", "lose-answer", "decline-app", "no-room",
    /// "update-fails", "update-stalls", "update-refused" and others; the README shows two
    #[arg(long, value_name = "FILE")]
    faults: Option<PathBuf>,
    /// The practice store that devices ask for a licence before an app comes, and where people accept invitations; the stand-in of a demo says
    /// where it is, with --log-level info [default: none is asked, and every app is licensed]
    #[arg(long, value_name = "URL")]
    store: Option<String>,
    /// An authority to trust beside the public ones and those of the profile; may be repeated
    #[arg(long, value_name = "FILE")]
    ca: Vec<PathBuf>,
    /// How devices prove who they are: profile, signature, tls, header=NAME or header=NAME:url-pem
    #[arg(long, value_name = "WAY", default_value = "profile")]
    identity: Identity,
    /// How many keys the devices share [default: none up to 100 devices, then 64]
    #[arg(long, value_name = "N")]
    keys: Option<usize>,
    /// All devices begin in Setup Assistant, as out of the box: they ask at this address for their profile, with what they say of themselves, signed
    #[arg(long, value_name = "URL", requires = "device_authority", conflicts_with_all = ["roster", "seed_store"])]
    setup_assistant: Option<String>,
    /// Who vouches for devices in Setup Assistant, in Apple's place: a file with certificate and key, which is made where there is none; the server
    /// must be told of the certificate. A demo's own is practice-devices.pem in its data folder
    #[arg(long, value_name = "FILE", requires = "setup_assistant")]
    device_authority: Option<PathBuf>,
    /// Devices that an EraseDevice wiped enroll again
    #[arg(long)]
    enroll_again: bool,
    /// Print figures as JSON: of the devices as they are, or of load: idle, tokenupdate, cycle, enroll, scep
    #[arg(long, value_name = "MODE", num_args = 0..=1, default_missing_value = "fleet")]
    bench: Option<String>,
    /// Connections that load keeps open
    #[arg(long, value_name = "N", default_value_t = 16)]
    connections: usize,
    /// Requests of load that are out at once [default: one for each connection, 64 at the most]
    #[arg(long, value_name = "N")]
    at_once: Option<usize>,
    /// How long load runs before it is measured
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "1s")]
    warm_up: Duration,
    /// Operations that are prepared where each can be done only once (cycle, scep)
    #[arg(long, value_name = "N", default_value_t = 20_000)]
    operations: usize,
    /// Where load goes instead of the profile's addresses, for example http://127.0.0.1:8081
    #[arg(long, value_name = "URL")]
    to: Option<String>,
    /// The NanoMDM-compatible API, for cycles
    #[arg(long, value_name = "URL")]
    api: Option<String>,
    /// Its key or token
    #[arg(long, value_name = "TOKEN", env = "ROLLCALL_API_TOKEN", hide_env_values = true)]
    api_token: Option<String>,
    /// Load with enrollments that exist already: a file of keys and certificates, which --seed-store writes
    #[arg(long, value_name = "FILE", conflicts_with = "profile")]
    roster: Option<PathBuf>,
    /// Write so many practice enrollments at rest straight into the store of a data folder that no server holds, for load
    #[arg(long, value_name = "N", conflicts_with_all = ["profile", "bench"])]
    seed_store: Option<usize>,
    /// The data folder of --seed-store [default: ./rollcall-data]
    #[arg(long, value_name = "DIR", requires = "seed_store")]
    data: Option<String>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

impl Simulate {
    /// Runs the devices until their time is over.
    pub fn run(self) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Error::internal("the runtime cannot start", error))?;
        if let Some(count) = self.seed_store {
            return runtime.block_on(seed::seed(&self, count));
        }
        match self.bench.as_deref() {
            None if self.roster.is_some() => {
                Err(Error::bad_input("--roster is for load: say which with --bench, for example --bench idle"))
            }
            None => runtime.block_on(fleet::live(&self)),
            Some("fleet") => runtime.block_on(bench::fleet(&self)),
            Some(mode) => runtime.block_on(bench::load(&self, words::mode(mode)?)),
        }
    }

    /// What the devices trust.
    fn trust(&self) -> Result<Arc<Trust>> {
        let mut authorities = Vec::new();
        for path in &self.ca {
            let bytes = read(path, MAX_FILE_BYTES)?;
            let mut found = Certificate::all_from_pem(&bytes).unwrap_or_default();
            if found.is_empty() {
                let unusable = |_| Error::bad_input(format!("{} holds no certificate, neither PEM nor DER", path.display()));
                found.push(Certificate::from_der(&bytes).map_err(unusable)?);
            }
            authorities.extend(found);
        }
        Trust::new(&authorities).map(Arc::new)
    }

    /// Where devices ask that begin in Setup Assistant, and who vouches for them; the file is made where there is none.
    fn setup(&self) -> Result<Option<Arc<SetupAssistant>>> {
        let (Some(url), Some(path)) = (&self.setup_assistant, &self.device_authority) else { return Ok(None) };
        if !url.starts_with("https://") {
            return Err(Error::bad_input("--setup-assistant takes an address that begins with https://"));
        }
        let now = Self::clock().now();
        let maker = if path.exists() {
            Maker::from_pem(&read(path, MAX_FILE_BYTES)?, now)
                .map_err(|error| Error::bad_input(format!("{} holds no certificate with its key: {error}", path.display())))?
        } else {
            let maker = Maker::new(now)?;
            super::print::private_file(path, maker.to_pem().expose().as_bytes())?;
            maker
        };
        Ok(Some(Arc::new(SetupAssistant { url: url.clone(), maker })))
    }

    /// Where the enrollment profile comes from.
    fn profile_source(&self) -> Result<ProfileSource> {
        let profile =
            self.profile.as_deref().or(self.setup_assistant.as_deref()).ok_or_else(|| Error::bad_input("give --profile FILE or URL"))?;
        if profile.starts_with("https://") || profile.starts_with("http://") {
            return Ok(ProfileSource::Url(profile.to_owned()));
        }
        read(Path::new(profile), MAX_FILE_BYTES).map(ProfileSource::Bytes)
    }

    /// Where the practice store is, if there is one.
    fn store_url(&self) -> Result<Option<String>> {
        match &self.store {
            Some(url) if !url.starts_with("https://") => Err(Error::bad_input("--store takes an address that begins with https://")),
            url => Ok(url.clone()),
        }
    }

    /// The fleet that the words describe.
    fn plan(&self) -> Result<Plan> {
        if !(1..=MAX_DEVICES).contains(&self.devices) {
            return Err(Error::bad_input(format!("--devices goes from 1 to {MAX_DEVICES}")));
        }
        let faults = match &self.faults {
            None => Faults::default(),
            Some(path) => {
                let text = String::from_utf8(read(path, MAX_FILE_BYTES)?);
                Faults::parse(&text.map_err(|_| Error::bad_input(format!("{} is no text", path.display())))?)?
            }
        };
        let settings = Settings {
            proof: self.identity.proof(),
            poll_every: Some(self.poll).filter(|poll| !poll.is_zero()),
            enrolls_again: self.enroll_again,
            setup: self.setup()?,
            store: self.store_url()?,
            ..Settings::new(self.profile_source()?)
        };
        let mix = if self.model.is_empty() { Mix::default() } else { Mix::parse(&self.model)? };
        if let Mix::Of(wishes) = &mix
            && wishes.iter().any(|wish| wish.by_account.is_some())
        {
            return Err(Error::bad_input("Devices with +own and +school come in when somebody signs in at them, which nobody does here."));
        }
        Ok(Plan {
            seed: self.seed,
            mix: if self.setup_assistant.is_some() { mix.automated() } else { mix },
            faults,
            ramp: self.ramp,
            shared_keys: self.keys.or_else(|| (self.devices > OWN_KEYS_UP_TO).then_some(SHARED_KEYS)),
            ..Plan::new(self.devices, settings)
        })
    }

    /// The machine's clock: simulated devices live in the present.
    fn clock() -> Clock {
        Clock::System
    }
}

/// Reads a file whole, if it is not larger than `limit`.
fn read(path: &Path, limit: u64) -> Result<Vec<u8>> {
    let unreadable = |error: std::io::Error| Error::bad_input(format!("{} cannot be read: {error}", path.display()));
    let size = std::fs::metadata(path).map_err(unreadable)?.len();
    if size > limit {
        return Err(Error::bad_input(format!("{} is too large: {size} bytes, {limit} are the most", path.display())));
    }
    std::fs::read(path).map_err(unreadable)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use clap::Parser;

    use super::*;
    use crate::sim::device::Proof;

    #[derive(Debug, Parser)]
    struct Words {
        #[command(flatten)]
        simulate: Simulate,
    }

    fn simulate(words: &[&str]) -> Result<Simulate, clap::Error> {
        Words::try_parse_from([&["simulate"], words].concat()).map(|words| words.simulate)
    }

    #[test]
    fn words_become_a_plan() {
        let words = ["--profile", "https://mdm.example.school/enroll/X/profile", "--devices", "200", "--model", "-ipad@18", "--poll", "0s"];
        let plan = simulate(&words).unwrap().plan().unwrap();
        assert_eq!((plan.devices, plan.shared_keys, plan.settings.poll_every), (200, Some(64), None));
        assert!(!plan.mix.wish(0).supervised);
        assert_eq!(plan.settings.proof, Proof::AsProfileSays);
    }

    #[test]
    fn the_practice_store_is_an_address_with_tls_or_is_left_out() {
        let store =
            |words: &[&str]| simulate(&[&["--profile", "https://x/y"], words].concat()).unwrap().plan().map(|plan| plan.settings.store);
        assert_eq!(store(&[]).unwrap(), None);
        assert_eq!(store(&["--store", "https://localhost:1/store"]).unwrap().as_deref(), Some("https://localhost:1/store"));
        assert!(store(&["--store", "localhost:1"]).unwrap_err().message.contains("https://"));
    }

    #[test]
    fn devices_begin_in_setup_assistant_under_an_authority_that_is_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("devices.pem");
        let words = ["--setup-assistant", "https://mdm.example.school/ade", "--device-authority", file.to_str().unwrap(), "--model", "mac"];
        let setup = |words: &[&str]| simulate(words).unwrap().plan().map(|plan| (plan.settings.setup.unwrap(), plan.mix.wish(0).automated));
        let ((first, automated), (second, _)) = (setup(&words).unwrap(), setup(&words).unwrap());
        assert!(automated && first.maker.certificate().der() == second.maker.certificate().der());
        assert!(simulate(&words[..2]).is_err(), "somebody has to vouch for them");
        std::fs::write(&file, "nothing").unwrap();
        assert!(setup(&words).unwrap_err().message.contains("no certificate"));
    }

    #[test]
    fn a_bench_has_a_mode_or_is_that_of_the_fleet() {
        let bench = |words: &[&str]| simulate(&[&["--profile", "x"], words].concat()).unwrap().bench;
        assert_eq!(bench(&["--bench"]).as_deref(), Some("fleet"));
        assert_eq!(bench(&["--bench", "idle"]).as_deref(), Some("idle"));
        assert_eq!(bench(&[]), None);
        assert!(simulate(&["--profile", "x", "--roster", "x"]).is_err() && simulate(&[]).is_err());
    }

    #[test]
    fn files_are_read_within_their_limit() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"12345").unwrap();
        assert_eq!(read(file.path(), 5).unwrap(), b"12345");
        assert!(read(file.path(), 4).unwrap_err().message.contains("too large"));
        assert!(read(Path::new("/nonexistent"), 4).unwrap_err().message.contains("cannot be read"));
    }

    #[test]
    fn an_authority_is_read_from_pem_and_der() {
        let root = crate::pki::issue::root("Practice CA", Clock::System.now()).unwrap();
        let pem = crate::pki::judge::file(root.certificate().to_pem().as_bytes());
        let der = crate::pki::judge::file(root.certificate().der());
        let none = crate::pki::judge::file(b"nothing");
        let trust = |file: &tempfile::NamedTempFile| {
            simulate(&["--profile", "x", "--ca", file.path().to_str().unwrap()]).unwrap().trust().map(|_| ())
        };
        assert!(trust(&pem).is_ok() && trust(&der).is_ok());
        assert!(trust(&none).unwrap_err().message.contains("no certificate"));
    }
}
