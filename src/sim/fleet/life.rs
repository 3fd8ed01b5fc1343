//! The life of one device within a fleet: it says what it has to say, rests until something happens, and ends with the fleet.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use super::Shared;
use crate::clock::{Clock, Timestamp};
use crate::sim::client::{Carrier, Trust};
use crate::sim::device::{Device, Phase, Reply, Request};

/// The shortest rest of a device that has something to do by itself.
const SHORTEST_REST: Duration = Duration::from_millis(1);

/// What comes to a device from outside.
pub(super) enum Knock {
    /// A push.
    Push {
        /// The token it was sent to.
        token: Vec<u8>,
        /// The magic it carries.
        magic: String,
    },
    /// It shall connect.
    Connect,
    /// It shall connect, and tell when it has nothing more to say.
    Settle(oneshot::Sender<()>),
    /// It shall look at the clock.
    Tick,
    /// Its user does something.
    Act(Box<dyn FnOnce(&mut Device) + Send>),
    /// It shall remove its enrollment and stop.
    Leave,
}

/// Lives until the fleet stops or the device is no part of it any more.
pub(super) async fn live(
    shared: Arc<Shared>,
    trust: Arc<Trust>,
    index: usize,
    mut device: Device,
    mut knocks: mpsc::Receiver<Knock>,
    begins_after: Duration,
) {
    let mut carrier = Carrier::new(trust);
    if !begins_after.is_zero() {
        tokio::time::sleep(begins_after).await;
    }
    let mut leaving = false;
    let mut settled: Option<oneshot::Sender<()>> = None;
    while !shared.stopping.load(Ordering::SeqCst) {
        speak(&shared, index, &mut device, &mut carrier, !leaving).await;
        carrier.rest();
        if let Some(settled) = settled.take() {
            // It may be that nobody waits any more.
            let _ = settled.send(());
        }
        if leaving {
            return;
        }
        tokio::select! {
            knock = knocks.recv() => match knock {
                None => leaving = true,
                Some(Knock::Settle(teller)) => {
                    device.connect_now();
                    settled = Some(teller);
                }
                Some(knock) => leaving = take(&mut device, knock),
            },
            () = rest(&shared.clock, device.wakes_at()) => {}
        }
        if leaving {
            device.remove_enrollment();
        }
    }
}

/// Takes a knock; says whether it was the last one.
fn take(device: &mut Device, knock: Knock) -> bool {
    match knock {
        // A token that has changed meanwhile: the push is lost, as it would be.
        Knock::Push { token, magic } => drop(device.push(&token, &magic)),
        Knock::Connect | Knock::Settle(_) => device.connect_now(),
        Knock::Tick => {}
        Knock::Act(act) => act(device),
        Knock::Leave => return true,
    }
    false
}

/// Waits until a moment; for ever where there is none, or where the clock is moved by hand.
async fn rest(clock: &Clock, until: Option<Timestamp>) {
    match (clock, until) {
        (Clock::System, Some(until)) => tokio::time::sleep(until.since(clock.now()).max(SHORTEST_REST)).await,
        _ => std::future::pending().await,
    }
}

/// Carries requests until the device has none for now.
async fn speak(shared: &Shared, index: usize, device: &mut Device, carrier: &mut Carrier, publish: bool) {
    loop {
        if device.wishes_key().is_some() {
            match shared.keys.key().await {
                Ok(key) => device.give_key(key),
                // Without keys the device stays as it is; the library says why in its own log.
                Err(_) => return,
            }
        }
        if shared.stopping.load(Ordering::SeqCst) {
            return;
        }
        let before = device.phase().clone();
        let request = device.poll(shared.clock.now());
        if let Some(request) = request {
            let reply = carry(shared, device, carrier, request).await;
            device.handle(reply, shared.clock.now());
        } else if device.wishes_key().is_none() {
            if publish && *device.phase() != before {
                shared.publish(index, device);
            }
            return;
        }
        if publish {
            shared.publish(index, device);
        }
        if matches!(device.phase(), Phase::Failed(_)) {
            return;
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "measures how long an answer takes; nothing is decided by it")]
async fn carry(shared: &Shared, device: &Device, carrier: &mut Carrier, request: Request) -> Reply {
    let Ok(_permit) = shared.gate.acquire().await else { return Reply::Lost(String::from("the fleet is stopping")) };
    let (purpose, begun) = (request.purpose, Instant::now());
    let reply = carrier.carry(request, || device.anchors()).await;
    if matches!(reply, Reply::Answered(_)) {
        shared.took(purpose, begun.elapsed());
    }
    reply
}
