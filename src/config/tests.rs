//! Settings from every source, and who wins.

use super::*;

fn environment(variables: &[(&str, &str)]) -> Vec<(String, String)> {
    variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Reads settings with a file of `text` in a fresh data folder.
fn read(flags: Layer, variables: &[(&str, &str)], text: &str) -> (tempfile::TempDir, Result<Config>) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(FILE_NAME), text).unwrap();
    let flags = flags.with("data", [folder.path().to_str().unwrap()]);
    let config = Config::read(flags, environment(variables));
    (folder, config)
}

fn refusal(flags: Layer, variables: &[(&str, &str)], text: &str) -> String {
    read(flags, variables, text).1.unwrap_err().to_string()
}

#[test]
fn nothing_is_needed_to_start() {
    let config = Config::read(Layer::flags().with("data", ["/nowhere"]), Vec::new()).unwrap();
    assert_eq!(config.listen, ["0.0.0.0:8443".parse().unwrap()]);
    assert_eq!(config.http_listen, Some("0.0.0.0:8080".parse().unwrap()));
    assert_eq!((config.device_listen, config.proxy_listen), (None, None));
    assert_eq!(config.proxy.cert_header, "client-cert");
    assert_eq!(config.proxy.cert_format, ProxyCertFormat::Rfc9440);
    assert!(config.proxy.trusted.iter().any(|network| network.contains("127.0.0.1".parse().unwrap())));
    assert!(!config.proxy.trusted.iter().any(|network| network.contains("10.0.0.1".parse().unwrap())));
    assert!(config.url.is_none() && config.tls.is_none() && !config.scep_legacy_clients);
    assert_eq!(config.log, Log { format: LogFormat::Text, level: "info".to_owned() });
    assert_eq!(Config::read(Layer::flags(), Vec::new()).unwrap().data, Path::new(DATA_DEFAULT));
}

#[test]
fn flags_win_over_the_environment_and_the_environment_over_the_file() {
    let file = "url = 'https://file.example.school'\n";
    let variables = [("ROLLCALL_URL", "https://environment.example.school")];
    let host = |flags: Layer, variables: &[(&str, &str)]| read(flags, variables, file).1.unwrap().url.unwrap().host;
    assert_eq!(host(Layer::flags().with("url", ["https://flag.example.school"]), &variables), "flag.example.school");
    assert_eq!(host(Layer::flags(), &variables), "environment.example.school");
    assert_eq!(host(Layer::flags(), &[]), "file.example.school");
    assert_eq!(host(Layer::flags(), &[("ROLLCALL_URL", "")]), "file.example.school", "an empty variable is as good as none");
}

#[test]
fn the_data_folder_comes_from_the_environment_too() {
    let config = Config::read(Layer::flags(), environment(&[("ROLLCALL_DATA", "/var/lib/rollcall")])).unwrap();
    assert_eq!(config.data, Path::new("/var/lib/rollcall"));
}

#[test]
fn every_key_of_the_file_is_read() {
    let text = "
        url = 'https://mdm.example.school'
        listen = ['0.0.0.0:443', '[::]:443']
        device_listen = '0.0.0.0:9443'
        http_listen = 'off'
        proxy_listen = '127.0.0.1:8081'
        trusted_proxies = ['10.0.0.0/8', '192.0.2.1']
        proxy_cert_header = 'X-Ssl-Client-Cert'
        proxy_cert_format = 'url-pem'
        extra_hosts = ['old.example.school']
        [tls]
        certificate = 'tls.pem'
        key = '/etc/rollcall/tls.key'
        [apple]
        apns_endpoint = 'https://api.push.apple.com:2197'
        trust_anchors = 'anchors.pem'
        outbound_proxy = 'http://proxy.example.school:3128'
        mdmcert_endpoint = 'https://requests.example.school'
        apps_and_books_endpoint = 'https://licences.example.school'
        ade_endpoint = 'https://devices.example.school'
        software_lookup_endpoint = 'https://releases.example.school'
        roots_endpoint = 'https://roots.example.school'
        attestation_roots = 'vouchers.pem'
        [scep]
        legacy_clients = true
        [log]
        format = 'json'
        level = 'debug'
    ";
    let (folder, config) = read(Layer::flags(), &[], text);
    let config = config.unwrap();
    assert_eq!(config.listen.len(), 2);
    assert_eq!(config.device_listen.unwrap().port(), 9443);
    assert_eq!(config.http_listen, None);
    assert_eq!(config.proxy_listen.unwrap().port(), 8081);
    assert_eq!(config.proxy.trusted.len(), 2);
    assert_eq!(config.proxy.cert_header, "x-ssl-client-cert");
    assert_eq!(config.proxy.cert_format, ProxyCertFormat::UrlPem);
    assert_eq!(config.extra_hosts, ["old.example.school"]);
    let tls = config.tls.unwrap();
    assert_eq!(tls.certificate, folder.path().join("tls.pem"), "relative to the file");
    assert_eq!(tls.key, Path::new("/etc/rollcall/tls.key"));
    assert_eq!(config.apple.apns_endpoint.unwrap().port, 2197);
    assert_eq!(config.apple.trust_anchors.unwrap(), folder.path().join("anchors.pem"));
    assert_eq!(config.apple.outbound_proxy.unwrap().port, 3128);
    assert_eq!(config.apple.mdmcert_endpoint.unwrap().to_string(), "https://requests.example.school");
    assert_eq!(config.apple.apps_and_books_endpoint.unwrap().to_string(), "https://licences.example.school");
    assert_eq!(config.apple.ade_endpoint.unwrap().to_string(), "https://devices.example.school");
    assert_eq!(config.apple.software_lookup_endpoint.unwrap().to_string(), "https://releases.example.school");
    assert_eq!(config.apple.roots_endpoint.unwrap().to_string(), "https://roots.example.school");
    assert_eq!(config.apple.attestation_roots.unwrap(), folder.path().join("vouchers.pem"));
    assert!(config.scep_legacy_clients);
    assert_eq!(config.log, Log { format: LogFormat::Json, level: "debug".to_owned() });
}

#[test]
fn lists_are_separated_by_commas_in_the_environment_and_repeated_as_flags() {
    let config = Config::read(Layer::flags(), environment(&[("ROLLCALL_LISTEN", "127.0.0.1:1, 127.0.0.1:2")])).unwrap();
    assert_eq!(config.listen.len(), 2);
    let config = Config::read(Layer::flags().with("listen", ["127.0.0.1:1", "127.0.0.1:2"]), Vec::new()).unwrap();
    assert_eq!(config.listen.len(), 2);
}

#[test]
fn wrong_words_are_named_where_they_stand() {
    let flag = Layer::flags().with("device_listen", ["banana"]);
    assert!(refusal(flag, &[], "").starts_with("--device-listen: “banana” is not an address to listen on; write"));
    assert!(
        refusal(Layer::flags(), &[("ROLLCALL_PROXY_CERT_FORMAT", "pem")], "")
            .starts_with("ROLLCALL_PROXY_CERT_FORMAT: “pem” is not a form")
    );
    assert!(
        refusal(Layer::flags(), &[], "trusted_proxies = ['10.0.0.0/99']")
            .starts_with("rollcall.toml, trusted_proxies: “10.0.0.0/99” is not a")
    );
    assert!(refusal(Layer::flags(), &[], "url = ['https://a', 'https://b']").ends_with("write one value, not a list."));
    assert!(refusal(Layer::flags(), &[], "[scep]\nlegacy_clients = 'perhaps'").contains("neither true nor false"));
    assert!(refusal(Layer::flags(), &[], "[tls]\nkey = 'x'").contains("tls.certificate is not"));
    assert!(refusal(Layer::flags(), &[], "listen = 'off'").contains("listen cannot be off"));
    let many = format!("listen = [{}]", "'127.0.0.1:0',".repeat(LISTEN_MAX + 1));
    assert!(refusal(Layer::flags(), &[], &many).contains("more than 16 addresses"));
}

#[test]
fn a_password_in_wrong_words_is_not_repeated() {
    let said = refusal(Layer::flags(), &[("ROLLCALL_APPLE_OUTBOUND_PROXY", "https://kim:hunter2@proxy")], "");
    assert!(!said.contains("hunter2"), "{said}");
}

#[test]
fn a_certificate_file_may_hold_its_key_too() {
    let config = Config::read(Layer::flags().with("tls.certificate", ["both.pem"]), Vec::new()).unwrap();
    assert_eq!(config.tls.unwrap().key, Path::new("both.pem"));
}

#[test]
fn a_huge_or_unreadable_file_is_refused() {
    assert!(refusal(Layer::flags(), &[], &" ".repeat(FILE_MAX_BYTES as usize + 1)).contains("larger than"));
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join(FILE_NAME)).unwrap();
    let read = Config::read(Layer::flags().with("data", [folder.path().to_str().unwrap()]), Vec::new());
    assert!(read.unwrap_err().to_string().contains("cannot be read"));
}

#[test]
fn the_file_of_the_packages_is_read_with_its_examples_switched_on_too() {
    let text = include_str!("../../packaging/rollcall.toml");
    let (_folder, config) = read(Layer::flags(), &[], text);
    let config = config.unwrap();
    assert_eq!((config.listen[0].port(), config.http_listen.unwrap().port()), (443, 80));
    let is_example = |line: &str| line.strip_prefix("# ").is_some_and(|line| line.starts_with('[') || line.contains(" = "));
    let all_on: Vec<_> = text.lines().map(|line| if is_example(line) { &line[2..] } else { line }).collect();
    let (_folder, config) = read(Layer::flags(), &[], &all_on.join("\n"));
    let config = config.unwrap();
    assert!(config.device_listen.is_some() && config.proxy_listen.is_some() && config.tls.is_some() && config.scep_legacy_clients);
    for key in KEYS.iter().filter(|key| **key != "data") {
        assert!(text.contains(key.rsplit('.').next().unwrap()), "{key} is not shown");
    }
}

#[test]
fn a_data_folder_that_is_a_file_is_what_is_told() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let told = Config::read(Layer::flags().with("data", [file.path().to_str().unwrap()]), Vec::new()).unwrap_err().to_string();
    assert!(told.contains("is a file") && told.contains("--data") && !told.contains("rollcall.toml"), "{told}");
}

#[test]
fn who_looks_at_an_appliance_finds_the_packages_one_where_no_other_lies_here() {
    let root = tempfile::tempdir().unwrap();
    let (own, packaged) = (root.path().join("rollcall-data"), root.path().join("lib"));
    assert_eq!(present(&own, &packaged), own, "neither is there");
    std::fs::write(&packaged, "").unwrap();
    assert_eq!(present(&own, &packaged), own, "a file is no data folder");
    std::fs::remove_file(&packaged).unwrap();
    std::fs::create_dir(&packaged).unwrap();
    assert_eq!(present(&own, &packaged), packaged);
    let found = |flags: Layer, variables: &[(&str, &str)]| {
        Config::read_from(flags, environment(variables), || present(&own, &packaged)).unwrap().data
    };
    assert_eq!(found(Layer::flags(), &[]), packaged);
    std::fs::write(packaged.join(FILE_NAME), "url = 'https://mdm.example.school'").unwrap();
    let config = Config::read_from(Layer::flags(), Vec::new(), || present(&own, &packaged)).unwrap();
    assert_eq!(config.url.unwrap().host, "mdm.example.school", "with its settings");
    let elsewhere = Path::new("/elsewhere");
    assert_eq!(found(Layer::flags().with("data", ["/elsewhere"]), &[]), elsewhere, "what is named is used");
    assert_eq!(found(Layer::flags(), &[("ROLLCALL_DATA", "/elsewhere")]), elsewhere);
    std::fs::create_dir(&own).unwrap();
    assert_eq!(found(Layer::flags(), &[]), own, "the one that lies here is meant");
}
