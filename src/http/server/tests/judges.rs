//! curl and openssl, which know no favours.

use super::*;

/// Runs `program` with `arguments` while the server answers; gives both streams.
async fn judge(program: &'static str, arguments: Vec<String>) -> String {
    let run = move || {
        let output = std::process::Command::new(program).args(&arguments).stdin(std::process::Stdio::null()).output().unwrap();
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

#[tokio::test]
async fn curl_is_content() {
    let (open, folder) = (Open::with(whole(), plenty()).await, tempfile::tempdir().unwrap());
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("root"), open.authority.certificate.to_pem()).unwrap();
    std::fs::write(path("fits"), vec![b'x'; 1 << 20]).unwrap();
    std::fs::write(path("large"), vec![b'x'; 5 << 20]).unwrap();
    let (root, port) = (path("root"), open.at(Listener::Main).port());
    let curl = async |options: String| {
        let always = format!("-sS -m 60 --cacert {root} --resolve localhost:{port}:127.0.0.1 -w %{{http_code}}/%{{http_version}}");
        judge("curl", [words(&always), words(&options)].concat()).await
    };
    for (option, version) in [("--http1.0", "1"), ("--http1.1", "1.1"), ("--http2", "2")] {
        // curl announces the upload by Expect: 100-continue where the protocol has it.
        let answer = curl(format!("{option} -T {} https://localhost:{port}/take", path("fits"))).await;
        assert_eq!(answer, format!("1048576200/{version}"), "{option}");
        let answer = curl(format!("{option} -o {} -T {} https://localhost:{port}/take", path("answer"), path("large"))).await;
        assert!(answer.starts_with(&format!("413/{version}")), "{option}: {answer}");
        if version == "1" {
            continue; // It has no chunks.
        }
        let answer =
            curl(format!("{option} -H Transfer-Encoding:chunked -o {} -T {} https://localhost:{port}/take", path("answer"), path("large")))
                .await;
        assert!(answer.starts_with(&format!("413/{version}")), "chunked {option}: {answer}");
    }
}

/// Sends everything before it reads an answer, as most clients do.
const PYTHON: &str = "
import http.client, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[1])
for port, secure in ((int(sys.argv[2]), True), (int(sys.argv[3]), False)):
    connect = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    connection = connect('localhost', port, timeout=60, **({'context': context} if secure else {}))
    connection.request('PUT', '/take', body=bytes(int(sys.argv[4])))
    print(connection.getresponse().status)
";

#[tokio::test]
async fn a_refusal_reaches_those_who_go_on_sending() {
    let (open, folder) = (Open::with(whole(), plenty()).await, tempfile::tempdir().unwrap());
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("root"), open.authority.certificate.to_pem()).unwrap();
    // Somewhat more than the longest that any address takes.
    let size = 70_u64 << 20;
    std::fs::File::create(path("large")).unwrap().set_len(size).unwrap();
    let (root, main, proxy) = (path("root"), open.at(Listener::Main).port(), open.at(Listener::Proxy).port());
    let always = format!(
        "-sS -m 60 --cacert {root} --resolve localhost:{main}:127.0.0.1 -w %{{http_code}} -o {} -T {}",
        path("answer"),
        path("large")
    );
    for options in [
        "--http1.1",
        "--http1.1 -H Expect:",
        "--http1.1 -H Expect: -H Transfer-Encoding:chunked",
        "--http2",
        "--http2 -H Expect:",
        "--http2 -H Expect:100-continue",
        "--http2 -H Expect: -H Transfer-Encoding:chunked",
    ] {
        let answer = judge("curl", words(&format!("{always} {options} https://localhost:{main}/take"))).await;
        assert_eq!(answer, "413", "{options}");
    }
    let python = ["-c".to_owned(), PYTHON.to_owned(), root, main.to_string(), proxy.to_string(), size.to_string()];
    assert_eq!(judge("python3", python.to_vec()).await, "413\n413\n");
}

#[tokio::test]
async fn openssl_sees_the_question_for_a_certificate_on_the_device_listener_only() {
    let (open, folder) = (Open::with(whole(), plenty()).await, tempfile::tempdir().unwrap());
    let root = folder.path().join("root.pem");
    std::fs::write(&root, open.authority.certificate.to_pem()).unwrap();
    let look = async |listener, versions: &str| {
        let options = format!("s_client -connect {} -servername localhost -CAfile {}{versions}", open.at(listener), root.display());
        judge("openssl", words(&options)).await
    };
    for versions in ["", " -tls1_2"] {
        let main = look(Listener::Main, versions).await;
        assert!(main.contains("Verify return code: 0 (ok)"), "{main}");
        assert!(main.contains("No client certificate CA names sent"), "{main}");
        let device = look(Listener::Device, versions).await;
        assert!(device.contains("Acceptable client certificate CA names\nCN = School\n"), "{device}");
    }
    let old = look(Listener::Main, " -tls1_1").await;
    assert!(old.contains("no peer certificate available"), "{old}");
}
