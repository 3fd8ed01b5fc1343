//! Requests of every shape: long, chunked, slow, and over what is taken.

use super::super::stall::LINGER_MAX_BYTES;
use super::*;

#[tokio::test]
async fn old_and_chunked_requests_are_understood() {
    let open = Open::with(whole(), plenty()).await;
    let old = exchange(open.tcp(Listener::Proxy).await, "PUT /take HTTP/1.0\r\nContent-Length: 5\r\n\r\n12345").await;
    assert!(old.starts_with("HTTP/1.0 200 ") && old.ends_with("\r\n\r\n5"), "{old}");
    let chunked =
        "PUT /take HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n";
    assert!(exchange(open.tcp(Listener::Proxy).await, chunked).await.ends_with("\r\n\r\n7"));
    let twice = "GET /who HTTP/1.1\r\nHost: x\r\n\r\nGET /who HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    assert_eq!(exchange(open.tcp(Listener::Proxy).await, twice).await.matches("HTTP/1.1 200 OK").count(), 2);
    let smuggled = "PUT /take HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\nGET /who HTTP/1.1\r\n\r\n";
    assert_eq!(exchange(open.tcp(Listener::Proxy).await, smuggled).await.matches("HTTP/1.1 ").count(), 1, "one request, not two");
}

#[tokio::test]
async fn bodies_over_the_limit_are_413_announced_or_not() {
    let open = Open::with(whole(), plenty()).await;
    let announced = format!("PUT /take HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", (1 << 20) + 1);
    // Nothing of it comes, so what is waited for is the end of patience with it.
    let impatient = Open::with(whole(), Grants { stall: LITTLE, ..plenty() }).await;
    assert!(exchange(impatient.tcp(Listener::Proxy).await, &announced).await.starts_with("HTTP/1.1 413 "), "before a byte of it came");

    let expecting = announced.replace("\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n");
    let answer = exchange(open.tcp(Listener::Proxy).await, &expecting).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "no 100 Continue: {answer}");

    let mut chunked = "PUT /take HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n".to_owned();
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    chunked.push_str(&chunk.repeat(16));
    chunked.push_str("1\r\nx\r\n0\r\n\r\n");
    assert!(exchange(open.tcp(Listener::Proxy).await, &chunked).await.starts_with("HTTP/1.1 413 "));
    assert!(exchange(open.tcp(Listener::Proxy).await, &chunked.replace("1\r\nx\r\n0", "0")).await.ends_with("1048576"));
}

#[tokio::test]
async fn an_unwanted_body_is_heard_out_up_to_a_limit() {
    let open = Open::with(whole(), plenty()).await;
    let send = async |size: usize| {
        let mut stream = open.tcp(Listener::Proxy).await;
        let head = format!("PUT /take HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\nConnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let piece = vec![b'x'; 1 << 20];
        let mut left = size;
        while left > 0 && stream.write_all(&piece[..left.min(piece.len())]).await.is_ok() {
            left -= left.min(piece.len());
        }
        (left, rest(stream).await)
    };
    let (left, answer) = send(LINGER_MAX_BYTES).await;
    assert!(left == 0 && answer.starts_with("HTTP/1.1 413 "), "{left}: {answer}");
    assert!(send(4 * LINGER_MAX_BYTES).await.0 > 0, "nobody is listened to for ever");
}

#[tokio::test]
async fn an_expected_continue_is_sent_and_the_body_taken() {
    let open = Open::with(whole(), plenty()).await;
    let mut stream = open.tcp(Listener::Proxy).await;
    stream
        .write_all(b"PUT /take HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut first = [0; 25];
    stream.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 100 Continue\r\n\r\n");
    assert!(exchange(stream, "abc").await.ends_with("\r\n\r\n3"));
}

#[tokio::test]
async fn long_addresses_and_headers_fit_and_longer_ones_are_refused() {
    let open = Open::with(whole(), plenty()).await;
    let ask = |uri: usize, header: usize| {
        let (query, value) = ("%30%82".repeat(uri / 6), "x".repeat(header));
        format!("GET /who?message={query} HTTP/1.1\r\nHost: x\r\nMdm-Signature: {value}\r\nConnection: close\r\n\r\n")
    };
    for (uri, header) in [(8_000, 0), (20_000, 16_000), (0, 50_000)] {
        assert!(exchange(open.tcp(Listener::Proxy).await, &ask(uri, header)).await.starts_with("HTTP/1.1 200 "), "{uri} {header}");
    }
    // What one read brings beyond the limit is not refused for its own sake.
    let answer = exchange(open.tcp(Listener::Proxy).await, &ask(0, 2 * HEADER_MAX_BYTES)).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
}

#[tokio::test]
async fn who_sends_nothing_or_slowly_is_sent_away() {
    let grants = Grants { handshake: LITTLE, header: LITTLE, idle: LITTLE, drain: LITTLE, ..plenty() };
    let open = Open::with(whole(), grants).await;
    assert_eq!(rest(open.tcp(Listener::Main).await).await, "", "no handshake");
    assert_eq!(rest(open.tcp(Listener::Proxy).await).await, "", "no request");
    let dripping = exchange(open.tcp(Listener::Proxy).await, "GET /who HTTP/1.1\r\nHost: x\r\nX-").await;
    assert!(dripping.is_empty() || dripping.starts_with("HTTP/1.1 408 "), "half a header: {dripping}");
    assert_eq!(rest(open.tls(Listener::Main, None, "http/1.1").await).await, "", "a handshake and then nothing");
    rest(open.tls(Listener::Main, None, "h2").await).await;
    let mut kept = open.tcp(Listener::Proxy).await;
    kept.write_all(b"GET /who HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    assert!(rest(kept).await.starts_with("HTTP/1.1 200 "), "an answer, then a rest that has its end");
}

#[tokio::test]
async fn a_body_that_stops_coming_ends_its_request() {
    let open = Open::with(whole(), Grants { stall: LITTLE, ..plenty() }).await;
    let answer = exchange(open.tcp(Listener::Proxy).await, "PUT /take HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc").await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

/// Sends a body of 4,000 bytes in pieces, one each `pause`; gives the answer.
async fn drip(grants: Grants, piece: usize, pause: Duration) -> String {
    let open = Open::with(whole(), grants).await;
    let (mut from, mut to) = open.tcp(Listener::Proxy).await.into_split();
    to.write_all(b"PUT /take HTTP/1.1\r\nHost: x\r\nContent-Length: 4000\r\nConnection: close\r\n\r\n").await.unwrap();
    let sending = tokio::spawn(async move {
        for _ in 0..4000 / piece {
            tokio::time::sleep(pause).await;
            if to.write_all(&vec![b'x'; piece]).await.is_err() {
                break;
            }
        }
        to
    });
    let mut answer = String::new();
    let _ = from.read_to_string(&mut answer).await;
    sending.abort();
    answer
}

#[tokio::test]
async fn a_body_that_comes_drop_by_drop_is_cut_off_and_a_slow_but_steady_one_is_taken() {
    let begun = tokio::time::Instant::now();
    // Each drop comes long before a stall would be over; at this pace all of them would take two minutes.
    let answer = drip(Grants { stall: 2 * LITTLE, ..plenty() }, 1, Duration::from_millis(30)).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    // Five times as fast as it has to be, and longer on its way than one stall.
    let steady = drip(Grants { stall: Duration::from_secs(1), ..plenty() }, 50, Duration::from_millis(20)).await;
    assert!(steady.starts_with("HTTP/1.1 200 ") && steady.ends_with("\r\n\r\n4000"), "{steady}");
}
