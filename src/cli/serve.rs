//! `rollcall serve`: the appliance, from its first start to its graceful end.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::signal::unix::{Signal, SignalKind};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::ending::{Ending, listen};
use super::full::{named, put_off};
use super::{damaged, log, open};
use crate::app::App;
use crate::clock::Clock;
use crate::config::{Config, HttpsUrl, Layer};
use crate::error::{Error, Result};
use crate::http::api::Streams;
use crate::http::limits::Grants;
use crate::http::server::{Bound, Listener, Running};
use crate::http::tls::{Keeper, names};
use crate::jobs;
use crate::language::{Catalogue, speak};
use crate::mdm::admins::setup;
use crate::mdm::language;
use crate::random::Random;
use crate::secret::Secret;
use crate::sim::apple::Services;
use crate::store::{DataFolder, OpenOptions, Store};

/// How often the shown certificate is compared with what its files hold, and its end with the clock.
const CERTIFICATE_EVERY: Duration = Duration::from_secs(30);
/// How often it is looked whether somebody wrote to those files, which costs next to nothing. They are read when nobody writes to them any more.
const FILES_EVERY: Duration = Duration::from_secs(2);

/// Files that may be open at a time, connections included, where the system lets us; as in the unit for systemd.
const OPEN_FILES: u64 = 65_536;

/// Runs the appliance.
///
/// The first start makes the database, its sealing key, a certificate authority and a TLS certificate, and prints one set-up link.
/// Settings come from flags, from ROLLCALL_… variables (ROLLCALL_DEVICE_LISTEN, ROLLCALL_LOG_LEVEL) and from rollcall.toml in the data folder,
/// in this order. In the file hyphens are underscores (device_listen), and those of a group have a dot: tls.certificate, tls.key, tls.dns_hook, log.format, log.level.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  rollcall serve
  rollcall serve --data /var/lib/rollcall --url https://mdm.example.school --listen 0.0.0.0:443 --http-listen 80
  rollcall serve --tls-certificate fullchain.pem --tls-key privkey.pem
  rollcall serve --proxy-listen 127.0.0.1:8081 --trusted-proxies 127.0.0.1")]
pub struct Serve {
    /// The data folder; it is made when it is missing [default: ./rollcall-data]
    #[arg(long, value_name = "DIR")]
    data: Option<String>,
    /// The public address, which devices keep [default: this machine's name and the port of --listen]
    #[arg(long)]
    url: Option<String>,
    /// HTTPS for people and devices; may be repeated [default: 0.0.0.0:8443]
    #[arg(long, value_name = "ADDRESS")]
    listen: Vec<String>,
    /// HTTPS that asks devices for their certificates
    #[arg(long, value_name = "ADDRESS")]
    device_listen: Option<String>,
    /// Plain HTTP: how to trust this appliance, and redirects; or off [default: 0.0.0.0:8080]
    #[arg(long, value_name = "ADDRESS")]
    http_listen: Option<String>,
    /// Plain HTTP for a reverse proxy
    #[arg(long, value_name = "ADDRESS")]
    proxy_listen: Option<String>,
    /// Networks of the reverse proxies that are believed; may be repeated [default: this machine]
    #[arg(long, value_name = "NETWORK")]
    trusted_proxies: Vec<String>,
    /// The header in which the reverse proxy names a device's certificate [default: Client-Cert]
    #[arg(long, value_name = "NAME")]
    proxy_cert_header: Option<String>,
    /// How it is written there: rfc9440, url-pem, traefik or apache [default: rfc9440]
    #[arg(long, value_name = "FORM")]
    proxy_cert_format: Option<String>,
    /// A PEM file with a TLS certificate and its chain, used instead of one of our own; read again when it changes
    #[arg(long, value_name = "FILE")]
    tls_certificate: Option<String>,
    /// The PEM file with its key [default: the file of the certificate]
    #[arg(long, value_name = "FILE")]
    tls_key: Option<String>,
    /// A program that sets DNS records, called as FILE add|remove NAME VALUE; proves names to Let's Encrypt where port 443 cannot
    #[arg(long, value_name = "FILE")]
    tls_dns_hook: Option<String>,
    /// Lines for people (text) or for machines (json) [default: text]
    #[arg(long, value_name = "FORM")]
    log_format: Option<String>,
    /// What is logged, for example warn, or info,rollcall::http=debug [default: info]
    #[arg(long, value_name = "FILTER")]
    log_level: Option<String>,
}

impl Serve {
    /// Runs until the process is told to end.
    pub(super) fn run(self) -> Result<()> {
        let mut config = Config::read(self.clone().flags(), environment())?;
        log::start(&config.log)?;
        raise_open_files();
        let runtime = tokio::runtime::Runtime::new().map_err(|error| Error::internal("The runtime cannot be started.", error))?;
        let ended = runtime.block_on(async {
            let mut ending = Ending::listen()?;
            loop {
                let start = Serving::start(config, Clock::System, Random::System, Grants::default());
                let Some((serving, setup)) = Box::pin(ending.unless_heard(start)).await? else { return Ok(()) };
                serving.introduce(setup.as_ref());
                let goes_on = serving.until_told_to_end(&mut ending).await;
                serving.stop().await?;
                if !goes_on {
                    return Ok(());
                }
                // A restored folder may have settings of its own.
                config = Config::read(self.clone().flags(), environment())?;
            }
        });
        // A start that was broken off may have a thread that still looks through the database.
        runtime.shutdown_background();
        ended
    }

    fn flags(self) -> Layer {
        Layer::flags()
            .with("data", self.data)
            .with("url", self.url)
            .with("listen", self.listen)
            .with("device_listen", self.device_listen)
            .with("http_listen", self.http_listen)
            .with("proxy_listen", self.proxy_listen)
            .with("trusted_proxies", self.trusted_proxies)
            .with("proxy_cert_header", self.proxy_cert_header)
            .with("proxy_cert_format", self.proxy_cert_format)
            .with("tls.certificate", self.tls_certificate)
            .with("tls.key", self.tls_key)
            .with("tls.dns_hook", self.tls_dns_hook)
            .with("log.format", self.log_format)
            .with("log.level", self.log_level)
    }
}

/// The environment's variables; those that are no text are nobody's settings.
pub(super) fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// An appliance that answers. Dropping it ends it without grace.
pub struct Serving {
    /// Its handles.
    pub app: App,
    /// Where it listens.
    pub addresses: Vec<(Listener, SocketAddr)>,
    running: Running,
    streams: Streams,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
    // Given back last: nobody else may open the folder while anything here is still at work.
    folder: DataFolder,
}

impl Serving {
    /// Starts the appliance on the data folder of `config`; also gives the token of the set-up link while nobody may log in yet.
    ///
    /// Everything that can fail fails here, before anybody was answered: a taken folder or port, a file that cannot be read.
    pub async fn start(config: Config, clock: Clock, random: Random, grants: Grants) -> Result<(Self, Option<Secret<String>>)> {
        Self::start_beside(config, clock, random, grants, None).await
    }

    /// Does what [`Serving::start`] does, beside stand-ins that are there already: the practice classroom asks them, and so does everybody who wants
    /// Apple's list of releases, for a demo has no real devices.
    pub async fn start_beside(
        config: Config,
        clock: Clock,
        random: Random,
        grants: Grants,
        services: Option<Services>,
    ) -> Result<(Self, Option<Secret<String>>)> {
        let data = config.data.clone();
        Self::begin(config, clock, random, grants, services).await.map_err(|error| named(error, &data))
    }

    async fn begin(
        config: Config,
        clock: Clock,
        random: Random,
        grants: Grants,
        services: Option<Services>,
    ) -> Result<(Self, Option<Secret<String>>)> {
        let folder = DataFolder::open(&config.data)?;
        // Whoever is answered from a broken file may be told what was never so, and what is written to it is lost.
        damaged::refuse(folder.path()).await?;
        let mut bound = Bound::bind(&config).await?;
        let addresses = bound.addresses();
        let sealer = folder.sealer()?;
        let store = Store::open(OpenOptions::file(folder.database(), sealer).random(random.clone()))?;
        let public_url = public_url(&config, &addresses);
        let services = services.map(Arc::new);
        let app = open::app_beside(config, &public_url, store, clock, random, services.as_deref()).await?;
        speak_the_language(&app).await;
        // A root that ended while the appliance was off has its successor before anything is issued.
        put_off(jobs::look_at_authorities(&app).await, "What is due of the certificate authority")?;
        warn_of_authority(&app);
        put_off(jobs::bring_back_at_start(&app).await, "What a wrong clock put off")?;
        let keeper = Keeper::open(&app).await?;
        let setup = put_off(app.store.write(app.now(), setup::offer).await, "The set-up link")?.flatten();

        app.set_listening(addresses.iter().map(|(listener, address)| (listener.flag(), *address)).collect());
        bound.control(&folder.control_socket())?;
        let streams = Streams::default();
        let running = bound.serve(crate::http::doors(&app, &streams), keeper.tls(), app.config.proxy.clone(), grants);
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        tasks.spawn(keep_certificate(app.clone(), keeper, listen(SignalKind::hangup())?, stopped.clone()));
        tasks.spawn(jobs::look_at_addresses_at_start(app.clone()));
        tasks.spawn(super::practice::run(app.clone(), services, stopped.clone()));
        tasks.spawn(jobs::run(app.clone(), stopped));
        Ok((Self { app, addresses, running, streams, stop, tasks, folder }, setup))
    }

    /// Prints where the appliance is and what to do first.
    fn introduce(&self, setup: Option<&Secret<String>>) {
        let url = &self.app.public_url;
        let mut words = format!("Rollcall {} answers at {url}\n", env!("CARGO_PKG_VERSION"));
        for (listener, address) in &self.addresses {
            let _ = writeln!(words, "  {address} ({})", listener.flag());
        }
        if self.app.shows_own_tls() {
            let _ = writeln!(words, "Root certificate, SHA-256: {}", self.app.authority().issuer.certificate().fingerprint().in_pairs());
        }
        if let Some(token) = setup {
            let _ = writeln!(words, "Set it up within a day; this link works once:\n  {url}/setup?token={}", token.expose());
        }
        // Whoever started it may have closed the other end; devices are answered all the same.
        let mut output = std::io::stdout().lock();
        let _ = output.write_all(words.as_bytes()).and_then(|()| output.flush());
        notify("READY=1");
    }

    /// Completes when a signal asks this process to end, or when the appliance is to be started again on the same folder; tells whether it is.
    pub(super) async fn until_told_to_end(&self, ending: &mut Ending) -> bool {
        tokio::select! {
            () = ending.heard() => {}
            () = self.app.restart_wanted() => {
                tracing::info!("starts again on the same folder: answers are finished first");
                return true;
            }
        }
        notify("STOPPING=1");
        tracing::info!("ends: answers are finished, nothing new is taken");
        false
    }

    /// Ends gracefully: no new connections, answers under way within their time, everything written, the folder given back.
    pub async fn stop(mut self) -> Result<()> {
        self.streams.end();
        self.stop.send_replace(true);
        let cut = self.running.stop().await;
        if cut > 0 {
            tracing::warn!(connections = cut, "connections were cut off because they did not end in time");
        }
        while self.tasks.join_next().await.is_some() {}
        let is_sound = damaged::is_sound(&self.app.store, self.app.now()).await;
        self.app.store.close().await;
        // A socket that nobody listens on would only puzzle; the next start removes it as well.
        let _ = std::fs::remove_file(self.folder.control_socket());
        let Self { app, tasks, streams, folder, .. } = self;
        drop((app, tasks, streams));
        folder.note_closed(is_sound);
        Ok(())
    }
}

/// Speaks the language that was chosen, which a restored backup may bring. One that cannot be read any more keeps nobody from starting.
async fn speak_the_language(app: &App) {
    let chosen = app.store.read_slow(app.now(), language::load).await.unwrap_or_else(|error| {
        tracing::error!("English is spoken, because the file of the language that was chosen cannot be used: {error}");
        None
    });
    if let Some(chosen) = &chosen {
        tracing::info!("the language is {}: {} of {} texts are translated", chosen.tag(), chosen.translated(), Catalogue::all());
    }
    speak(chosen);
}

/// An authority that begins later was made while the clock was ahead, or the clock is behind now. It is said, not refused: the clock may come right
/// by itself, and where it was wrong nobody enrolls before somebody reads this.
fn warn_of_authority(app: &App) {
    let (begins, now) = (app.authority().issuer.certificate().not_before(), app.now());
    if begins > now {
        tracing::warn!(
            "our own certificate authority is not valid before {begins}, and this machine's clock says {now}: devices trust nothing of it until then. \
             Set the clock if it is wrong; if it was wrong when the authority was made, and no device is enrolled yet, begin anew with an empty data folder"
        );
    }
}

/// The public address: what the settings say, or this machine's name and the first port.
pub(super) fn public_url(config: &Config, addresses: &[(Listener, SocketAddr)]) -> HttpsUrl {
    config.url.clone().unwrap_or_else(|| {
        let port = addresses.iter().find(|(listener, _)| *listener == Listener::Main).map_or(443, |(_, address)| address.port());
        HttpsUrl { host: names::public_host(), port }
    })
}

/// Shows new certificates until the appliance ends; a hang-up signal (`systemctl reload`) makes it look at once, and go on in another log file where the
/// one before was put aside.
async fn keep_certificate(app: App, mut keeper: Keeper, mut hang_up: Signal, mut stopped: watch::Receiver<bool>) {
    let mut wanted = app.certificates_wanted();
    let mut looks = 0;
    loop {
        let is_time = tokio::select! {
            _ = stopped.wait_for(|stopped| *stopped) => return,
            _ = hang_up.recv() => {
                log::reopen();
                true
            }
            _ = wanted.changed() => true,
            () = tokio::time::sleep(FILES_EVERY) => {
                looks += 1;
                looks >= CERTIFICATE_EVERY.as_secs() / FILES_EVERY.as_secs() || keeper.files_touched()
            }
        };
        if !is_time {
            continue;
        }
        looks = 0;
        if let Err(error) = keeper.refresh(&app).await {
            tracing::error!("keeps the TLS certificate that it has: {error}");
        }
    }
}

/// Lets this process have as many connections as it grants: a shell's usual limit of 1,024 open files is reached by as many slow clients.
fn raise_open_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.map_or(OPEN_FILES, |most| most.min(OPEN_FILES));
    if limit.current.is_some_and(|now| now < wanted)
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: limit.maximum })
    {
        tracing::warn!("only {} files may be open at a time, connections included: {error}", limit.current.unwrap_or_default());
    }
}

/// Tells the service manager how far we are, where there is one (sd_notify).
fn notify(state: &str) {
    let Some(path) = std::env::var_os("NOTIFY_SOCKET") else { return };
    if let Err(error) = send_notice(&path, state) {
        tracing::warn!("the service manager cannot be told {state}: {error}");
    }
}

fn send_notice(path: &std::ffi::OsStr, state: &str) -> std::io::Result<()> {
    use std::os::unix::net::UnixDatagram;
    let socket = UnixDatagram::unbound()?;
    #[cfg(target_os = "linux")]
    if let Some(name) = path.as_encoded_bytes().strip_prefix(b"@") {
        use std::os::linux::net::SocketAddrExt;
        let address = std::os::unix::net::SocketAddr::from_abstract_name(name)?;
        return socket.send_to_addr(state.as_bytes(), &address).map(drop);
    }
    socket.send_to(state.as_bytes(), path).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    #[tokio::test]
    async fn a_clock_that_is_wrong_at_a_start_keeps_the_appliance_from_none() {
        const DAY: Duration = Duration::from_secs(24 * 3600);
        let folder = tempfile::tempdir().unwrap();
        let start = async |now: Timestamp| {
            let flags = Layer::flags().with("data", [folder.path().join("data").display().to_string()]);
            let flags = flags.with("url", ["https://localhost"]).with("listen", ["127.0.0.1:0"]).with("http_listen", ["off"]);
            let nowhere = ["SOFTWARE_LOOKUP", "ROOTS"]
                .map(|service| (format!("ROLLCALL_APPLE_{service}_ENDPOINT"), String::from("https://localhost:1")));
            let config = Config::read(flags, nowhere).unwrap();
            let (serving, _) = Serving::start(config, Clock::manual(now), Random::System, Grants::default()).await.unwrap();
            let begins = serving.app.authority().issuer.certificate().not_before();
            serving.stop().await.unwrap();
            begins
        };
        let right = Clock::System.now();
        // Ahead at the first start, so that the authority itself begins later; then right, ahead for one start, right, a day behind, right.
        assert!(start(right.plus(DAY * 500)).await > right);
        for now in [right, right.plus(DAY * 500), right, right.minus(DAY), right] {
            start(now).await;
        }
    }
}
