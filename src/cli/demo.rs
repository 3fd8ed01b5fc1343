//! `rollcall demo`: the appliance with a practice classroom, on this machine alone.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use clap::Args;

use super::ending::Ending;
use super::{log, serve};
use crate::app::App;
use crate::clock::Clock;
use crate::config::{Config, LISTEN_DEFAULT, Layer, environment_name};
use crate::error::{Error, Kind, Result};
use crate::http::limits::Grants;
use crate::mdm::Actor;
use crate::mdm::admins::{Password, link};
use crate::mdm::practice::{self, Wanted, cart, own};
use crate::mdm::updates::lookup;
use crate::random::Random;
use crate::secret::Secret;
use crate::sim::apple::Services;
use crate::sim::model::{CART_SIZE, cart as boxed};

/// The name of the Owner that a demo begins with.
const OWNER: &str = "demo";

/// How many ports after the usual one are tried.
const PORTS_TRIED: u16 = 50;

/// Starts the appliance on an empty data folder with stand-ins for Apple's services and a practice classroom of simulated devices, all over real
/// sockets on this machine, and prints a link that logs you in.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  rollcall demo
  rollcall demo --devices 100 --seed 7
  rollcall demo --switch-on 10
  rollcall demo --own-devices
  rollcall demo --data ./demo-data
  rollcall demo --listen 9443 --proxy-listen 9080")]
pub(super) struct Demo {
    /// How many practice devices
    #[arg(long, default_value_t = 25, value_name = "N")]
    devices: u32,
    /// What their names, models and serial numbers follow from
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// How many of the ten boxed iPads of the practice cart are switched on at once; the others wait under Devices, New devices
    #[arg(long, default_value_t = 0, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=i64::from(CART_SIZE)))]
    switch_on: u32,
    /// Two people enroll a device of their own by their account at once; without it a button under System, Practice devices, has them do so
    #[arg(long)]
    own_devices: bool,
    /// HTTPS for the page and the devices; a port alone is one of this machine alone [default: 127.0.0.1:8443, or the next free port]
    #[arg(long, value_name = "ADDRESS")]
    listen: Vec<String>,
    /// HTTPS that asks devices for their certificates
    #[arg(long, value_name = "ADDRESS")]
    device_listen: Option<String>,
    /// Plain HTTP for the page; or off [default: 127.0.0.1:8080, or the next free port]
    #[arg(long, value_name = "ADDRESS")]
    proxy_listen: Option<String>,
    /// A data folder to keep; without it a temporary one is used and removed at the end
    #[arg(long, value_name = "DIR")]
    data: Option<String>,
    /// What is logged, for example info
    #[arg(long, value_name = "FILTER", default_value = "warn")]
    log_level: String,
}

impl Demo {
    /// Runs until the process is told to end.
    pub(super) fn run(self) -> Result<()> {
        let temporary = self.data.is_none().then(temporary_folder).transpose()?;
        let data = match (&self.data, &temporary) {
            (Some(data), _) => data.clone(),
            (None, Some(folder)) => folder.0.display().to_string(),
            (None, None) => return Err(Error::new(Kind::Internal, "There is no data folder.")),
        };
        let places = self.places(&data, serve::environment())?;
        let layer = Layer::flags()
            .with("data", [data])
            .with("url", [places.url()])
            .with("listen", places.https.iter().map(SocketAddr::to_string))
            .with("device_listen", places.devices.map(|at| at.to_string()))
            .with("http_listen", ["off"])
            .with("proxy_listen", [places.http.map_or_else(|| String::from("off"), |at| at.to_string())])
            .with("trusted_proxies", ["127.0.0.0/8"])
            .with("scep.legacy_clients", ["true"])
            .with("log.level", [self.log_level.clone()]);
        let config = Config::read(layer, Vec::new())?;
        log::start(&config.log)?;
        let runtime = tokio::runtime::Runtime::new().map_err(|error| Error::internal("The runtime cannot be started.", error))?;
        let (wanted, switch_on, own_devices) = (Wanted { devices: self.devices, seed: self.seed }, self.switch_on, self.own_devices);
        let ended = runtime.block_on(async {
            let mut ending = Ending::listen_at_terminal()?;
            let services = Services::start(&Clock::System, &Random::System).await?;
            let start = serve::Serving::start_beside(config, Clock::System, Random::System, Grants::default(), Some(services));
            let Some((serving, _)) = ending.unless_heard(start).await? else { return Ok(()) };
            let app = serving.app.clone();
            let prepare = move |tx: &crate::store::Tx| {
                practice::show_apps(tx)?;
                practice::show_updates(tx)?;
                cart::show_class(tx)?;
                cart::switch_on_at_first(tx, switch_on)?;
                // The list of an earlier demo in the same folder has that day's dates.
                lookup::look_soon(tx)?;
                practice::want(tx, &Actor::Console, wanted)?;
                own::allow(tx)?;
                if own_devices && wanted.devices > 0 {
                    own::switch_on(tx, &Actor::Console)?;
                }
                cart::switched_on(tx)
            };
            let mut on = app.store.write(app.now(), prepare).await?;
            on.extend(boxed(wanted.seed).into_iter().take(switch_on as usize).map(|boxed| boxed.serial_number));
            println!(
                "Rollcall's demo runs{}; Ctrl-C ends it{}.",
                if places.are_here_alone() { " on this machine alone" } else { ", and others in the network reach it" },
                if temporary.is_some() { " and removes everything" } else { "" }
            );
            let words = match wanted.devices {
                0 => String::from("No practice devices; System, Practice devices adds some."),
                1 => String::from("1 practice device is enrolling now, over real sockets."),
                many => format!("{many} practice devices are enrolling now, over real sockets."),
            };
            println!("  {words}");
            if wanted.devices > 0 {
                println!("  {}", cart_words((CART_SIZE as usize).saturating_sub(on.len())));
                if own_devices {
                    println!("  {} people enroll a device of their own by their account.", own::COUNT);
                } else {
                    println!("  {} people wait to enroll a device of their own: System, Practice devices.", own::COUNT);
                }
            }
            tell_page(&app, &places).await?;
            serving.until_told_to_end(&mut ending).await;
            serving.stop().await
        });
        runtime.shutdown_background();
        ended
    }
}

/// Where a demo listens.
#[derive(Debug, PartialEq, Eq)]
struct Places {
    https: Vec<SocketAddr>,
    devices: Option<SocketAddr>,
    http: Option<SocketAddr>,
}

impl Places {
    /// The public address: this machine's own name, where the first address leads there.
    fn url(&self) -> String {
        self.https.first().map_or_else(String::new, |at| format!("https://{}", reached(*at)))
    }

    fn are_here_alone(&self) -> bool {
        self.https.iter().chain(&self.devices).chain(&self.http).all(|at| at.ip().is_loopback())
    }
}

/// An address as a browser on this machine takes it.
fn reached(at: SocketAddr) -> String {
    if at.ip().is_loopback() || at.ip().is_unspecified() { format!("localhost:{}", at.port()) } else { at.to_string() }
}

impl Demo {
    /// Where it listens: as flags, the environment or the folder's file say, else where there is room on this machine.
    fn places(&self, data: &str, environment: impl IntoIterator<Item = (String, String)>) -> Result<Places> {
        let names = ["listen", "device_listen", "proxy_listen"].map(environment_name);
        let environment: Vec<_> = environment.into_iter().filter(|(name, value)| names.contains(name) && !value.is_empty()).collect();
        let is_chosen = |name: &String| environment.iter().any(|(known, _)| known == name);
        let (https_chosen, http_chosen) =
            (!self.listen.is_empty() || is_chosen(&names[0]), self.proxy_listen.is_some() || is_chosen(&names[2]));
        let flags = Layer::flags()
            .with("data", [data])
            .with("listen", self.listen.iter().map(|wanted| here(wanted)))
            .with("device_listen", self.device_listen.as_deref().map(here))
            .with("proxy_listen", self.proxy_listen.as_deref().map(here));
        let config = Config::read(flags, environment)?;
        let local = |port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let https = if https_chosen || config.listen != [LISTEN_DEFAULT] { config.listen } else { vec![local(free_port(8443, None)?)] };
        let http = match config.proxy_listen {
            None if !http_chosen => Some(local(free_port(8080, https.first().map(SocketAddr::port))?)),
            chosen => chosen,
        };
        Ok(Places { https, devices: config.device_listen, http })
    }
}

/// A port alone is one of this machine alone: a demo prints passwords, and is for nobody else unless somebody says so.
fn here(wanted: &str) -> String {
    let port = wanted.strip_prefix(':').unwrap_or(wanted);
    if port.parse::<u16>().is_ok() { format!("127.0.0.1:{port}") } else { wanted.to_owned() }
}

/// Says where the page is and how to log in.
async fn tell_page(app: &App, places: &Places) -> Result<()> {
    let page = places.http.map_or_else(|| app.public_url.clone(), |at| format!("http://{}", reached(at)));
    if places.http.is_some() {
        println!("  Page: {page}   (also {}, with a certificate of its own authority)", app.public_url);
    } else {
        println!("  Page: {page}   (with a certificate of its own authority)");
    }
    match link(app).await? {
        (Some(token), password) => {
            println!("  Log in: {page}/login?once={}   (this link works once)", token.expose());
            if let Some(password) = password {
                println!("  Or at {page}/login as {OWNER} with the password {}", password.expose());
            }
        }
        (None, _) => println!("  Log in: {page}/login"),
    }
    Ok(())
}

/// What there is to say of the cart, of which so many iPads are still boxed.
fn cart_words(boxed: usize) -> String {
    match boxed {
        0 => String::from("All iPads of the cart are switched on: Devices."),
        1 => String::from("1 boxed iPad of the cart waits to be switched on: Devices, New devices."),
        all if all == CART_SIZE as usize => format!("A cart of {all} boxed iPads waits to be switched on: Devices, New devices."),
        some => format!("{some} boxed iPads of the cart wait to be switched on: Devices, New devices."),
    }
}

/// Makes the demo's Owner where there is nobody yet; gives the token of a link that logs them in, and their password if it is new.
async fn link(app: &App) -> Result<(Option<Secret<String>>, Option<Secret<String>>)> {
    let word = Secret::new(format!("{}-{}", Random::System.code(6), Random::System.code(6)));
    let hashed = Password::parse(word.clone())?.hash()?;
    app.store
        .write(app.now(), move |tx| {
            let is_new = link::owner(tx, OWNER, hashed)?;
            Ok((link::offer(tx, OWNER)?, is_new.then_some(word)))
        })
        .await
}

/// A folder that is removed with everything in it.
struct TemporaryFolder(std::path::PathBuf);

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            eprintln!("rollcall: {} could not be removed: {error}", self.0.display());
        }
    }
}

fn temporary_folder() -> Result<TemporaryFolder> {
    let folder = std::env::temp_dir().join(format!("rollcall-demo-{}", Random::System.code(10)));
    std::fs::create_dir(&folder).map_err(|error| Error::bad_input(format!("{} cannot be made: {error}", folder.display())))?;
    Ok(TemporaryFolder(folder))
}

/// The port, or the next free one after it.
fn free_port(usual: u16, except: Option<u16>) -> Result<u16> {
    (usual..usual + PORTS_TRIED)
        .filter(|port| Some(*port) != except)
        .find(|port| TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, *port))).is_ok())
        .ok_or_else(|| Error::conflict(format!("All ports from {usual} to {} are taken.", usual + PORTS_TRIED - 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn demo(listen: &[&str], proxy_listen: Option<&str>) -> Demo {
        Demo {
            devices: 1,
            seed: 1,
            switch_on: 0,
            own_devices: false,
            listen: listen.iter().map(|&at| String::from(at)).collect(),
            device_listen: None,
            proxy_listen: proxy_listen.map(String::from),
            data: None,
            log_level: String::from("warn"),
        }
    }

    #[test]
    fn a_demo_listens_where_flags_the_environment_or_the_file_say() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().to_str().unwrap();
        let places = |demo: &Demo, environment: &[(&str, &str)]| {
            let environment: Vec<_> = environment.iter().map(|(name, value)| (String::from(*name), String::from(*value))).collect();
            demo.places(data, environment).unwrap()
        };
        let flags = places(&demo(&["9443"], Some(":9080")), &[("ROLLCALL_LISTEN", "127.0.0.1:1"), ("ROLLCALL_URL", "nonsense")]);
        assert_eq!((flags.https.clone(), flags.http), (vec!["127.0.0.1:9443".parse().unwrap()], Some("127.0.0.1:9080".parse().unwrap())));
        assert!(flags.are_here_alone() && flags.url() == "https://localhost:9443", "{flags:?}");
        let wide = places(&demo(&[], Some("off")), &[("ROLLCALL_LISTEN", "0.0.0.0:9444"), ("ROLLCALL_DEVICE_LISTEN", "127.0.0.1:9445")]);
        assert_eq!((wide.https.clone(), wide.http), (vec!["0.0.0.0:9444".parse().unwrap()], None));
        assert!(!wide.are_here_alone() && wide.devices == Some("127.0.0.1:9445".parse().unwrap()), "{wide:?}");
        let free = places(&demo(&[], None), &[]);
        assert!(free.are_here_alone() && free.https[0].port() >= 8443 && free.http.unwrap().port() >= 8080, "{free:?}");
        std::fs::write(folder.path().join("rollcall.toml"), "listen = '127.0.0.1:9446'\n").unwrap();
        assert_eq!(places(&demo(&[], None), &[]).https, ["127.0.0.1:9446".parse().unwrap()]);
    }

    #[test]
    fn the_start_tells_how_many_ipads_are_still_boxed() {
        assert_eq!(cart_words(10), "A cart of 10 boxed iPads waits to be switched on: Devices, New devices.");
        assert_eq!(cart_words(7), "7 boxed iPads of the cart wait to be switched on: Devices, New devices.");
        assert!(cart_words(1).starts_with("1 boxed iPad of"));
        assert!(cart_words(0).starts_with("All iPads"));
    }
}
