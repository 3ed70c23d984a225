//! A customer before a real browser (`tests/browser/run`).

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use serde::Deserialize;
use serde::de::DeserializeOwned;

/// A page on the screen.
#[derive(Deserialize)]
pub(crate) struct Seen {
    pub(crate) status: u16,
    title: String,
    headings: Vec<String>,
    pub(crate) text: String,
    loaded: Vec<String>,
    violations: Vec<String>,
    overflow: i64,
    background: String,
    targets: Vec<u32>,
    barriers: Vec<String>,
    passed: Vec<String>,
}

/// One page on every kind of screen.
pub(crate) type Looks = BTreeMap<String, Seen>;

/// Makes one of the visits that `tests/browser/run --help` tells of.
pub(crate) async fn visit<T: DeserializeOwned>(name: &str, url: &str) -> T {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser/run");
    let mut command = Command::new(program);
    command
        .arg(format!("{name}={url}"))
        .stdin(Stdio::null())
        .stderr(Stdio::inherit());
    let output = tokio::task::spawn_blocking(move || command.output());
    let output = output.await.unwrap().unwrap();
    assert!(output.status.success(), "{name}: {}", output.status);
    let mut seen: BTreeMap<String, T> = serde_json::from_slice(&output.stdout).unwrap();
    seen.remove(name).unwrap()
}

impl Seen {
    pub(crate) fn heading(&self) -> &str {
        self.headings.first().map_or("", String::as_str)
    }

    pub(crate) fn is_dark(&self) -> bool {
        self.background == "rgb(17, 22, 28)"
    }

    /// A page for customers, good for everybody, on which fingers hit the button.
    pub(crate) fn assert_good(&self, where_: &str) {
        self.assert_good_for_everybody(where_, "Phantom Wallet");
        assert!(self.targets.iter().all(|height| *height >= 44), "{where_}");
    }

    /// One heading that the title begins with, nothing loaded but the page, nothing that the
    /// policy had to stop, nothing beside the screen, and no barrier.
    pub(crate) fn assert_good_for_everybody(&self, where_: &str, site: &str) {
        assert_eq!(self.headings.len(), 1, "{where_}");
        let title = format!("{} – {site}", self.heading());
        assert_eq!(self.title, title, "{where_}");
        assert_eq!(self.loaded, ["document"], "{where_}");
        assert!(
            self.violations.is_empty(),
            "{where_}: {:?}",
            self.violations
        );
        assert!(self.overflow <= 0, "{where_}: {}", self.overflow);
        assert!(self.barriers.is_empty(), "{where_}: {:?}", self.barriers);
        for rule in [
            "color-contrast",
            "landmark-one-main",
            "page-has-heading-one",
        ] {
            assert!(
                self.passed.iter().any(|passed| passed == rule),
                "{where_}: {rule}"
            );
        }
    }
}
