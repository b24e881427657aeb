//! The demo page and the browser client, inside the binary: `serve --dev` needs no Node.js and no files beside it.

/// One file: the path it is served at, its media type, its bytes.
pub type Asset = (&'static str, &'static str, &'static [u8]);

const HTML: &str = "text/html; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SVG: &str = "image/svg+xml";

macro_rules! web {
    ($path:literal) => {
        include_bytes!(concat!("../../clients/web/", $path))
    };
}

/// Every file of the demo page and of the client. A test holds it against the folders.
pub const ASSETS: &[Asset] = &[
    ("/sdk/backoff.js", JAVASCRIPT, web!("src/backoff.js")),
    ("/sdk/carrier-memory.js", JAVASCRIPT, web!("src/carrier-memory.js")),
    ("/sdk/carrier.js", JAVASCRIPT, web!("src/carrier.js")),
    ("/sdk/client.js", JAVASCRIPT, web!("src/client.js")),
    ("/sdk/clock.js", JAVASCRIPT, web!("src/clock.js")),
    ("/sdk/connector.js", JAVASCRIPT, web!("src/connector.js")),
    ("/sdk/counts.js", JAVASCRIPT, web!("src/counts.js")),
    ("/sdk/dom.js", JAVASCRIPT, web!("src/dom.js")),
    ("/sdk/filter.js", JAVASCRIPT, web!("src/filter.js")),
    ("/sdk/format.js", JAVASCRIPT, web!("src/format.js")),
    ("/sdk/framing.js", JAVASCRIPT, web!("src/framing.js")),
    ("/sdk/inbox-element.js", JAVASCRIPT, web!("src/inbox-element.js")),
    ("/sdk/inbox-row.js", JAVASCRIPT, web!("src/inbox-row.js")),
    ("/sdk/inbox-style.js", JAVASCRIPT, web!("src/inbox-style.js")),
    ("/sdk/inbox.js", JAVASCRIPT, web!("src/inbox.js")),
    ("/sdk/index.js", JAVASCRIPT, web!("src/index.js")),
    ("/sdk/item-table.js", JAVASCRIPT, web!("src/item-table.js")),
    ("/sdk/overlay.js", JAVASCRIPT, web!("src/overlay.js")),
    ("/sdk/race.js", JAVASCRIPT, web!("src/race.js")),
    ("/sdk/requests.js", JAVASCRIPT, web!("src/requests.js")),
    ("/sdk/seen-watcher.js", JAVASCRIPT, web!("src/seen-watcher.js")),
    ("/sdk/session.js", JAVASCRIPT, web!("src/session.js")),
    ("/sdk/sessions-api.js", JAVASCRIPT, web!("src/sessions-api.js")),
    ("/sdk/tab-sharing.js", JAVASCRIPT, web!("src/tab-sharing.js")),
    ("/sdk/tokens.js", JAVASCRIPT, web!("src/tokens.js")),
    ("/sdk/transitions.js", JAVASCRIPT, web!("src/transitions.js")),
    ("/sdk/view.js", JAVASCRIPT, web!("src/view.js")),
    ("/sdk/wakeups.js", JAVASCRIPT, web!("src/wakeups.js")),
    ("/sdk/websocket.js", JAVASCRIPT, web!("src/websocket.js")),
    ("/sdk/webtransport.js", JAVASCRIPT, web!("src/webtransport.js")),
    ("/demo/demo-compose.js", JAVASCRIPT, web!("demo/demo-compose.js")),
    ("/demo/demo-log.js", JAVASCRIPT, web!("demo/demo-log.js")),
    ("/demo/demo-terminal.js", JAVASCRIPT, web!("demo/demo-terminal.js")),
    ("/demo/demo.css", CSS, web!("demo/demo.css")),
    ("/demo/demo.js", JAVASCRIPT, web!("demo/demo.js")),
    ("/demo/icon.svg", SVG, web!("demo/icon.svg")),
    ("/", HTML, web!("demo/index.html")),
];

#[cfg(test)]
mod tests {
    use super::ASSETS;
    use std::collections::BTreeSet;

    #[test]
    fn every_file_of_the_client_and_the_demo_is_served() {
        let mut expected = BTreeSet::new();
        for (folder, prefix) in [("src", "/sdk/"), ("demo", "/demo/")] {
            let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../clients/web/").to_owned() + folder;
            for entry in std::fs::read_dir(folder).unwrap() {
                let name = entry.unwrap().file_name().into_string().unwrap();
                expected.insert(if name == "index.html" { "/".to_owned() } else { format!("{prefix}{name}") });
            }
        }
        let served: BTreeSet<String> = ASSETS.iter().map(|(path, ..)| (*path).to_owned()).collect();
        assert_eq!(served, expected);
    }
}
