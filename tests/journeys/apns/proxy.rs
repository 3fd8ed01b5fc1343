//! The way out through a proxy that opens tunnels.

use rollcall::apple::connect::{PROXY_ANSWER_LIMIT, Proxy, ProxyLogin};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

use super::*;

/// What the proxy does with each `CONNECT`.
#[derive(Debug, Clone)]
pub(crate) enum Manner {
    /// Opens the tunnel; asks for this value of `Proxy-Authorization` where there is one.
    Open(Option<&'static str>),
    /// Answers this and hangs up.
    Say(String),
}

/// A proxy on a loopback port that tells what it was asked.
pub(crate) struct TinyProxy {
    endpoint: Endpoint,
    pub(crate) asked: tokio::sync::mpsc::UnboundedReceiver<String>,
    task: AbortHandle,
}

impl TinyProxy {
    pub(crate) async fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = listener.local_addr().unwrap().to_string().parse().unwrap();
        let (tell, asked) = tokio::sync::mpsc::unbounded_channel();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(tunnel(stream, manner.clone(), tell.clone()));
            }
        });
        Self { endpoint, asked, task: task.abort_handle() }
    }

    pub(crate) fn settings(&self, login: Option<(&str, &str)>) -> Proxy {
        let login = login.map(|(user, password)| ProxyLogin { user: user.to_owned(), password: Secret::new(password.to_owned()) });
        Proxy { endpoint: self.endpoint.clone(), login, except: Vec::new() }
    }
}

impl Drop for TinyProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn tunnel(stream: TcpStream, manner: Manner, tell: tokio::sync::mpsc::UnboundedSender<String>) {
    let mut stream = BufReader::new(stream);
    let (mut first, mut login) = (String::new(), None);
    stream.read_line(&mut first).await.unwrap();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        match line.trim_end().split_once(": ") {
            Some(("Proxy-Authorization", value)) => login = Some(value.to_owned()),
            Some(_) => {}
            None => break,
        }
    }
    let target = first.split(' ').nth(1).unwrap().to_owned();
    let _ = tell.send(first.trim_end().to_owned());
    match manner {
        Manner::Say(answer) => {
            let _ = stream.write_all(answer.as_bytes()).await;
        }
        Manner::Open(wanted) if wanted.is_some() && login.as_deref() != wanted => {
            stream.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n").await.unwrap();
        }
        Manner::Open(_) => {
            let mut there = TcpStream::connect(target).await.unwrap();
            stream.write_all(b"HTTP/1.1 200 Connection established\r\nVia: tiny\r\n\r\n").await.unwrap();
            let _ = tokio::io::copy_bidirectional(&mut stream, &mut there).await;
        }
    }
}

/// A client of `ground`'s stand-in that goes through `proxy`.
fn through(ground: &Ground, proxy: Proxy) -> Apns {
    let config = config(&ground.stand_in, &ground.clock);
    Apns::new(ApnsConfig { connector: config.connector.clone().through(proxy), ..config })
}

#[tokio::test]
async fn pushes_go_through_a_proxy_that_knows_us() {
    let ground = Ground::new().await;
    let mut proxy = TinyProxy::start(Manner::Open(Some("Basic cm9sbGNhbGw6b3BlbiBzZXNhbWU="))).await;
    let apns = through(&ground, proxy.settings(Some(("rollcall", "open sesame"))));
    for number in 1..=20 {
        assert!(is_delivered(&apns.push(&ground.certificate, &push(number)).await));
    }
    assert_eq!(proxy.asked.recv().await.unwrap(), format!("CONNECT {} HTTP/1.1", ground.stand_in.address()));
    assert!(proxy.asked.try_recv().is_err(), "one tunnel carries all");
}

#[tokio::test]
async fn a_proxy_that_does_not_know_us_is_named_with_its_answer() {
    let ground = Ground::new().await;
    let proxy = TinyProxy::start(Manner::Open(Some("Basic somebody"))).await;
    for login in [None, Some(("rollcall", "wrong"))] {
        let outcome = through(&ground, proxy.settings(login)).push(&ground.certificate, &push(1)).await;
        let Outcome::Unreachable { why } = &outcome else { panic!("{outcome:?}") };
        assert!(why.contains("407") && why.contains(&proxy.endpoint.to_string()) && !why.contains("wrong"), "{why}");
    }
    assert_eq!(ground.stand_in.counts().connections, 0);
}

#[tokio::test]
async fn nonsense_from_a_proxy_is_refused_within_limits() {
    let ground = Ground::new().await;
    let endless = format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(PROXY_ANSWER_LIMIT));
    for (answer, told) in [
        ("", "hung up"),
        ("HTTP/1.1 200 OK\r\n", "hung up"),
        ("SSH-2.0-OpenSSH_9.2\r\n\r\n", "SSH-2.0"),
        ("HTTP/1.1 2000 OK\r\n\r\n", "2000"),
        (endless.as_str(), "longer than 8192 bytes"),
    ] {
        let proxy = TinyProxy::start(Manner::Say(answer.to_owned())).await;
        let outcome = through(&ground, proxy.settings(None)).push(&ground.certificate, &push(1)).await;
        let Outcome::Unreachable { why } = &outcome else { panic!("{outcome:?}") };
        assert!(why.contains(told), "{answer:.40}: {why}");
    }
}

#[tokio::test]
async fn exceptions_do_not_meet_the_proxy() {
    let ground = Ground::new().await;
    let mut proxy = TinyProxy::start(Manner::Say(String::new())).await;
    let settings = Proxy { except: vec![String::from("127.0.0.1")], ..proxy.settings(None) };
    assert!(is_delivered(&through(&ground, settings).push(&ground.certificate, &push(1)).await));
    assert!(proxy.asked.try_recv().is_err());
}

#[tokio::test]
async fn a_proxy_that_is_not_there_is_named() {
    let ground = Ground::new().await;
    let proxy = Proxy { endpoint: Endpoint::new("127.0.0.1", 1), login: None, except: Vec::new() };
    let outcome = through(&ground, proxy).push(&ground.certificate, &push(1)).await;
    let Outcome::Unreachable { why } = &outcome else { panic!("{outcome:?}") };
    assert!(why.contains("127.0.0.1:1 cannot be reached"), "{why}");
}
