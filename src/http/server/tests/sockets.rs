//! What is listened on, and what is said when that cannot be.

use super::*;

#[tokio::test]
async fn the_control_socket_is_this_users_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.sock");
    std::fs::write(&path, "left over").unwrap();
    let mut bound = Bound::default();
    bound.control(&path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let authority = Authority::new("School");
    let tls = Arc::new(Tls::new(authority.identity(&["localhost"]), &[], Arc::default()).unwrap());
    let proxy = Config::read(Layer::flags(), Vec::new()).unwrap().proxy;
    let doors = Doors { whole: Router::new(), plain: Router::new(), control: whole() };
    let _running = bound.serve(doors, &tls, proxy, plenty());
    let stream = UnixStream::connect(&path).await.unwrap();
    let answer = exchange(stream, "GET /who HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(answer.ends_with("control.sock none HTTP/1.1 false"), "{answer}");
}

#[tokio::test]
async fn a_taken_port_is_named_with_its_flag() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let flags = Layer::flags().with("listen", ["127.0.0.1:0"]).with("http_listen", ["off"]).with("device_listen", [address.as_str()]);
    let error = Bound::bind(&Config::read(flags, Vec::new()).unwrap()).await.unwrap_err();
    assert!(error.to_string().starts_with(&format!("cannot listen on {address} (--device-listen): ")), "{error}");
    assert!(error.to_string().contains("Another program listens there"));
}

#[tokio::test]
async fn a_data_folder_with_too_long_a_path_is_told_so() {
    let folder = tempfile::tempdir().unwrap();
    let error = Bound::default().control(&folder.path().join("x".repeat(120))).unwrap_err();
    assert!(error.to_string().ends_with("Choose a data folder with a shorter path."), "{error}");
}
