//! How connections and the server end: what is under way is finished, within its time.

use super::*;

/// A server whose `/wait` answers when it is told to, and tells when it was asked.
async fn waiting(grants: Grants) -> (Open, tokio::sync::mpsc::Receiver<()>, tokio::sync::mpsc::Sender<()>) {
    let (asked, was_asked) = tokio::sync::mpsc::channel(16);
    let (go_on, told) = tokio::sync::mpsc::channel::<()>(16);
    let told = Arc::new(tokio::sync::Mutex::new(told));
    let wait = get(move || {
        let (asked, told) = (asked.clone(), Arc::clone(&told));
        async move {
            asked.send(()).await.unwrap();
            told.lock().await.recv().await;
            "done"
        }
    });
    (Open::with(whole().route("/wait", wait), grants).await, was_asked, go_on)
}

const WAIT: &str = "GET /wait HTTP/1.1\r\nHost: x\r\n\r\n";

#[tokio::test]
async fn at_the_end_answers_under_way_are_given_and_no_new_connection_is_taken() {
    let (open, mut was_asked, go_on) = waiting(plenty()).await;
    let address = open.at(Listener::Proxy);
    let asking = tokio::spawn(exchange(open.tcp(Listener::Proxy).await, WAIT));
    let idle = open.tcp(Listener::Proxy).await;
    was_asked.recv().await.unwrap();
    let stopping = tokio::spawn(open.running.stop());
    assert_eq!(rest(idle).await, "", "a connection without a request is closed at once");
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    go_on.send(()).await.unwrap();
    assert!(asking.await.unwrap().ends_with("\r\n\r\ndone"));
    assert_eq!(stopping.await.unwrap(), 0);
}

#[tokio::test]
async fn what_does_not_end_in_time_is_cut_off_and_counted() {
    let (open, mut was_asked, go_on) = waiting(Grants { drain: LITTLE, ..plenty() }).await;
    let asking = tokio::spawn(exchange(open.tcp(Listener::Proxy).await, WAIT));
    was_asked.recv().await.unwrap();
    assert_eq!(open.running.stop().await, 1);
    assert_eq!(asking.await.unwrap(), "");
    drop(go_on);
}

#[tokio::test]
async fn connections_over_the_limit_wait_for_a_place() {
    let (open, mut was_asked, go_on) = waiting(Grants { connections: 1, ..plenty() }).await;
    let first = tokio::spawn(exchange(open.tcp(Listener::Proxy).await, &*WAIT.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n").leak()));
    was_asked.recv().await.unwrap();
    let second = tokio::spawn(exchange(open.tcp(Listener::Proxy).await, "GET /who HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
    assert!(!second.is_finished());
    go_on.send(()).await.unwrap();
    assert!(first.await.unwrap().ends_with("done"));
    assert!(second.await.unwrap().starts_with("HTTP/1.1 200 "));
}
