//! `rollcall demo`: the appliance with a practice classroom, on this machine alone.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use clap::Args;

use super::{log, serve};
use crate::clock::Clock;
use crate::config::{Config, Layer};
use crate::error::{Error, Kind, Result};
use crate::http::limits::Grants;
use crate::mdm::Actor;
use crate::mdm::practice::{self, Wanted};
use crate::random::Random;

/// How many ports after the usual one are tried.
const PORTS_TRIED: u16 = 50;

/// Starts the appliance on an empty data folder with stand-ins for Apple's services and a practice classroom of simulated devices, all over real
/// sockets on this machine, and prints a link that logs you in.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  rollcall demo
  rollcall demo --devices 100 --seed 7
  rollcall demo --data ./demo-data")]
pub(super) struct Demo {
    /// How many practice devices
    #[arg(long, default_value_t = 25, value_name = "N")]
    devices: u32,
    /// What their names, models and serial numbers follow from
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
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
        let (https, http) = (free_port(8443, None)?, free_port(8080, Some(8443))?);
        let layer = Layer::flags()
            .with("data", [data])
            .with("url", [format!("https://localhost:{https}")])
            .with("listen", [format!("127.0.0.1:{https}")])
            .with("http_listen", ["off"])
            .with("proxy_listen", [format!("127.0.0.1:{http}")])
            .with("trusted_proxies", ["127.0.0.0/8"])
            .with("scep.legacy_clients", ["true"])
            .with("log.level", [self.log_level.clone()]);
        let config = Config::read(layer, Vec::new())?;
        log::start(&config.log)?;
        let runtime = tokio::runtime::Runtime::new().map_err(|error| Error::internal("The runtime cannot be started.", error))?;
        let wanted = Wanted { devices: self.devices, seed: self.seed };
        runtime.block_on(async {
            let (serving, setup) = serve::Serving::start(config, Clock::System, Random::System, Grants::default()).await?;
            let app = serving.app.clone();
            app.store.write(app.now(), move |tx| practice::want(tx, &Actor::Console, wanted)).await?;
            println!(
                "Rollcall's demo runs on this machine alone; Ctrl-C ends it{}.",
                if temporary.is_some() { " and removes everything" } else { "" }
            );
            println!("  {} practice devices are enrolling now, over real sockets.", wanted.devices);
            println!("  Page: http://localhost:{http}   (also {}, with a certificate of its own authority)", app.public_url);
            match setup {
                Some(token) => println!("  Log in: http://localhost:{http}/setup?token={}", token.expose()),
                None => println!("  Log in: http://localhost:{http}/login"),
            }
            serving.until_told_to_end().await?;
            serving.stop().await
        })
    }
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
