use super::{Config, ConfigError, load};
use std::io::Write as _;

fn none() -> impl Iterator<Item = (String, String)> {
    std::iter::empty()
}

fn with_file(text: &str, environment: &[(&str, &str)], flags: &str) -> Result<Config, ConfigError> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    load(Some(file.path()), environment, flags.parse().unwrap())
}

#[test]
fn flags_stand_over_the_environment_and_both_over_the_file() {
    let file = "data = 'a'\n[http]\nlisten = '127.0.0.1:1'\n[quic]\nlisten = '127.0.0.1:2'";
    let environment = [("TIDINGS__HTTP__LISTEN", "127.0.0.1:3"), ("TIDINGS__LIMITS__PING_MS", "1000"), ("OTHER", "x")];
    let config = with_file(file, &environment, "[quic]\nlisten = '127.0.0.1:4'").unwrap();
    assert_eq!(config.http.listen.port(), 3);
    assert_eq!(config.quic.listen.port(), 4);
    assert_eq!(config.limits.ping_ms, 1000);
    assert_eq!(config.data.to_str(), Some("a"));
}

#[test]
fn an_unknown_key_is_an_error_wherever_it_stands() {
    for text in ["colour = 1", "[http]\nlisten_on = 'x'", "[limits]\nframes = 1", "[[keys]]\nalgorithm = 'none'"] {
        let error = with_file(text, &[], "").unwrap_err();
        assert!(matches!(error, ConfigError::Value(_)), "{text}: {error}");
    }
    assert!(with_file("", &[("TIDINGS__HTTP__PORT", "1")], "").is_err());
}

#[test]
fn a_key_without_its_file_or_its_tenants_is_refused() {
    for text in [
        "[[keys]]\nalgorithm = 'HS256'\ntenants = ['a']",
        "[[keys]]\nalgorithm = 'EdDSA'\ntenants = ['a']\nsecret_file = 'x'",
        "[[keys]]\nalgorithm = 'HS256'\nsecret_file = 'x'\ntenants = []",
        "[[keys]]\nalgorithm = 'HS256'\nsecret_file = 'x'\ntenants = ['a']\n\
         [[keys]]\nalgorithm = 'HS256'\nsecret_file = 'x'\ntenants = ['b']",
    ] {
        assert!(matches!(with_file(text, &[], ""), Err(ConfigError::Key { .. })), "{text} was taken");
    }
}

#[test]
fn an_origin_that_no_browser_sends_and_limits_that_clash_are_refused() {
    for origin in ["*", "app.example", "https://app.example/", "https://*.example"] {
        let text = format!("[origins]\nallow = ['{origin}']");
        assert!(matches!(with_file(&text, &[], ""), Err(ConfigError::Origin { .. })), "{origin} was taken");
    }
    assert!(matches!(with_file("[limits]\nping_ms = 50000", &[], ""), Err(ConfigError::Limits(_))));
}

#[test]
fn a_proxy_that_is_no_network_is_refused_and_so_is_a_listener_that_nobody_could_reach() {
    for network in ["proxy.example", "10.0.0.1/8", "*"] {
        let text = format!("trusted_proxies = ['{network}']");
        assert!(matches!(with_file(&text, &[], ""), Err(ConfigError::Proxy(_))), "{network} was taken");
    }
    let required = "[http]\nproxy_protocol = 'required'";
    assert!(matches!(with_file(required, &[], ""), Err(ConfigError::NoProxy)));
    let config = with_file(&format!("trusted_proxies = ['10.0.0.0/8', '::1']\n{required}"), &[], "").unwrap();
    assert!(config.trusted().contains("10.9.9.9".parse().unwrap()));
    assert!(!config.trusted().contains("11.0.0.0".parse().unwrap()));
    assert!(with_file("[http]\nproxy_protocol = 'maybe'", &[], "").is_err());
}

#[test]
fn a_tenant_may_have_lower_limits_and_nothing_else() {
    let config = with_file("[[tenants]]\nname = 'acme'\nlimits = { commands_burst = 3 }", &[], "").unwrap();
    let set = config.limit_set().unwrap();
    assert_eq!((set.of("acme").commands_burst, set.of("globex").commands_burst), (3, 40));
    for text in [
        "[[tenants]]\nname = 'a'\nlimits = { commands_burst = 41 }",
        "[[tenants]]\nname = 'a'\nlimits = { commands_burst = 0 }",
        "[[tenants]]\nname = 'a'\nlimits = { node_connections_max = 1 }",
        "[[tenants]]\nname = 'a'\nlimits = { frames = 1 }",
        "[[tenants]]\nname = 'a'\n[[tenants]]\nname = 'a'",
    ] {
        assert!(matches!(with_file(text, &[], ""), Err(ConfigError::Tenant { .. })), "{text} was taken");
    }
    assert!(matches!(with_file("[[tenants]]\nname = 'a'\ncolour = 1", &[], ""), Err(ConfigError::Value(_))));
}

#[test]
fn what_is_printed_reads_back_the_same() {
    let config = load(None, none(), toml::Table::new()).unwrap();
    assert_eq!(config, Config::default());
    assert_eq!(with_file(&config.text().unwrap(), &[], "").unwrap(), config);
}
