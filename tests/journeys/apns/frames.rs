//! A server that speaks HTTP/2 frame by frame, to end connections as no well-behaved library does.

use std::sync::Arc;

use rollcall::sim::apple::authority::Authority;
use rustls::ServerConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::*;

const DATA: u8 = 0x0;
const HEADERS: u8 = 0x1;
const SETTINGS: u8 = 0x4;
const GOAWAY: u8 = 0x7;
const ACK: u8 = 0x1;
const END_STREAM: u8 = 0x1;
const END_HEADERS: u8 = 0x4;
/// `:status: 200` in HPACK's static table (RFC 7541, appendix A).
const STATUS_200: &[u8] = &[0x88];

/// How the first connection ends once all streams have come.
#[derive(Debug, Clone, Copy)]
struct Ending {
    /// Of so many streams, the first are answered.
    streams: usize,
    answered: usize,
    /// The error code of GOAWAY (RFC 9113, section 7).
    code: u32,
}

async fn write_frame<S: AsyncWriteExt + Unpin>(stream: &mut S, kind: u8, flags: u8, id: u32, payload: &[u8]) {
    let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(id.to_be_bytes());
    frame.extend(payload);
    stream.write_all(&frame).await.unwrap();
}

/// Reads frames until one of `kind` came, and answers SETTINGS on the way. `None` when the client hung up.
async fn next_headers<S: AsyncReadExt + AsyncWriteExt + Unpin>(stream: &mut S) -> Option<u32> {
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await.ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length as usize];
        stream.read_exact(&mut payload).await.ok()?;
        match (head[3], head[4]) {
            (HEADERS, _) => return Some(u32::from_be_bytes([head[5], head[6], head[7], head[8]])),
            (SETTINGS, flags) if flags & ACK == 0 => write_frame(stream, SETTINGS, ACK, 0, &[]).await,
            _ => {}
        }
    }
}

/// Takes a connection, and says what has to be said first.
async fn open(listener: &TcpListener, acceptor: &TlsAcceptor) -> TlsStream<TcpStream> {
    let mut stream = acceptor.accept(listener.accept().await.unwrap().0).await.unwrap();
    let mut preface = [0; 24];
    stream.read_exact(&mut preface).await.unwrap();
    assert_eq!(&preface, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    write_frame(&mut stream, SETTINGS, 0, 0, &[]).await;
    stream
}

/// Serves one connection that ends as `ending` says, and then one that answers everything. Returns the streams that came on each.
async fn serve(listener: TcpListener, acceptor: TlsAcceptor, ending: Ending) -> (usize, usize) {
    let mut came = [0, 0];
    for (turn, came) in came.iter_mut().enumerate() {
        let mut stream = open(&listener, &acceptor).await;
        let mut ids = Vec::new();
        while let Some(id) = next_headers(&mut stream).await {
            *came += 1;
            ids.push(id);
            if turn == 1 {
                write_frame(&mut stream, HEADERS, END_STREAM | END_HEADERS, id, STATUS_200).await;
                if *came == ending.streams - ending.answered {
                    break;
                }
            } else if ids.len() == ending.streams {
                let last = if ending.answered == 0 { 0 } else { ids[ending.answered - 1] };
                let payload = [last.to_be_bytes(), ending.code.to_be_bytes()].concat();
                write_frame(&mut stream, GOAWAY, 0, 0, &payload).await;
                for id in &ids[..ending.answered] {
                    write_frame(&mut stream, HEADERS, END_STREAM | END_HEADERS, *id, STATUS_200).await;
                }
                break;
            }
        }
        // Only the client's hanging up ends it, so that every answer is read.
        while next_headers(&mut stream).await.is_some() {}
    }
    (came[0], came[1])
}

/// A push service that `serves` as it likes, and a client of it.
async fn ground<F, T>(serves: impl FnOnce(TcpListener, TlsAcceptor) -> F) -> (Ground, tokio::task::JoinHandle<T>)
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    let clock = Clock::manual(START);
    let authority = Authority::new("Frames", START, Random::seeded(4)).unwrap();
    let (certificate, key) = authority.server(&["127.0.0.1"], START).unwrap();
    let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint: Endpoint = listener.local_addr().unwrap().to_string().parse().unwrap();
    let server = tokio::spawn(serves(listener, TlsAcceptor::from(Arc::new(config))));
    let mut ground = Ground::new().await;
    let connector = connector(&authority.pem(), &clock);
    ground.apns = Arc::new(Apns::new(ApnsConfig { endpoint, ..ApnsConfig::new(connector) }));
    (ground, server)
}

async fn pushes_survive(ending: Ending) {
    let (ground, server) = ground(|listener, acceptor| serve(listener, acceptor, ending)).await;
    let outcomes = ground.push_all(ending.streams as u32).await;
    assert!(outcomes.iter().all(is_delivered), "{ending:?}: {outcomes:?}");
    drop(ground);
    assert_eq!(
        server.await.unwrap(),
        (ending.streams, ending.streams - ending.answered),
        "{ending:?}: each unanswered push came once more"
    );
}

#[tokio::test]
async fn what_goaway_left_unprocessed_is_sent_again_on_a_new_connection() {
    pushes_survive(Ending { streams: 40, answered: 25, code: 0 }).await;
}

#[tokio::test]
async fn goaway_for_an_error_loses_nothing_either() {
    const INTERNAL_ERROR: u32 = 2;
    const ENHANCE_YOUR_CALM: u32 = 11;
    pushes_survive(Ending { streams: 20, answered: 0, code: INTERNAL_ERROR }).await;
    pushes_survive(Ending { streams: 1, answered: 0, code: ENHANCE_YOUR_CALM }).await;
}

#[tokio::test]
async fn an_answer_without_an_end_counts_by_its_status() {
    /// What a client takes of a stream before it has to say that it wants more (RFC 9113, section 6.9.2).
    const WINDOW: usize = 65_535;
    const PIECE: usize = 8192;
    let (ground, server) = ground(|listener, acceptor| async move {
        let mut stream = open(&listener, &acceptor).await;
        let id = next_headers(&mut stream).await.unwrap();
        write_frame(&mut stream, HEADERS, END_HEADERS, id, STATUS_200).await;
        for _ in 0..WINDOW / PIECE {
            write_frame(&mut stream, DATA, 0, id, &[b' '; PIECE]).await;
        }
        while next_headers(&mut stream).await.is_some() {}
    })
    .await;
    let outcome = ground.push(1).await;
    assert!(is_delivered(&outcome), "{outcome:?}");
    drop(ground);
    server.await.unwrap();
}
