//! Addresses of pages in the engine's web application, for people who follow a line of a log or a
//! row of a page to the process instance behind it.
//!
//! From the routers of Cockpit in Camunda 7.24 and Operaton, and of CIB seven's web client. Each
//! keeps the page's name behind the `#`, so no server sees it, and a login comes back to it.

use url::Url;
use url::form_urlencoded::byte_serialize;

use super::model::DefinitionInfo;

/// Whose web application it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum CockpitProduct {
    /// Camunda 7.
    #[default]
    Camunda7,
    /// Operaton, which kept Camunda's pages.
    Operaton,
    /// CIB seven from 2.0 on, which has pages of its own.
    CibSeven,
}

/// Where the engine's web application shows things; nowhere, when nothing is known of it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Cockpit {
    home: Option<Url>,
    instance: Option<Template>,
    definition: Option<Template>,
}

/// An address with `{id}`, `{key}` or `{version}` in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Template(String);

/// Why a text is no template.
#[derive(thiserror::Error, Debug, PartialEq, Eq)]
pub enum TemplateFault {
    /// It does not name what it is about.
    #[error("holds none of {}", wanted.join(", "))]
    NoPlaceholder {
        /// What it could hold.
        wanted: &'static [&'static str],
    },
    /// Something else stands between braces.
    #[error("holds {{{0}}}, which is not known")]
    Unknown(String),
    /// It stands where the server's name or a login is told.
    #[error("has a placeholder or a login before the path")]
    Authority,
    /// Filled in, it is not an address.
    #[error("is no http:// or https:// address of ASCII characters")]
    NoAddress,
}

/// Where Cockpit is below the web application; the engine's name follows.
const COCKPIT_PATH: &str = "/app/cockpit";
/// What a template for process instances may hold.
const INSTANCE: &[&str] = &["{id}"];
/// What a template for process definitions may hold.
const DEFINITION: &[&str] = &["{id}", "{key}", "{version}"];

impl Cockpit {
    /// The web application of this product at `address`: the server's, the web application's below
    /// it, or Cockpit's own.
    pub fn at(product: CockpitProduct, mut address: Url) -> Self {
        let path = address.path().trim_end_matches('/');
        let path = match (path, product) {
            ("", CockpitProduct::Camunda7) => "/camunda",
            ("", CockpitProduct::Operaton) => "/operaton",
            ("", CockpitProduct::CibSeven) => "/webapp",
            (path, _) => path,
        };
        let path = match (product, path.split_once(COCKPIT_PATH)) {
            (CockpitProduct::CibSeven, _) => format!("{path}/"),
            (_, None) => format!("{path}{COCKPIT_PATH}/default/"),
            (_, Some((before, ""))) => format!("{before}{COCKPIT_PATH}/default/"),
            (_, Some(_)) => format!("{path}/"),
        };
        address.set_path(&path);
        let (instance, definition) = match product {
            CockpitProduct::Camunda7 | CockpitProduct::Operaton => (
                "#/process-instance/{id}/runtime",
                "#/process-definition/{id}/runtime",
            ),
            CockpitProduct::CibSeven => (
                "#/seven/auth/processes/instance/{id}",
                "#/seven/auth/process/{key}/{version}",
            ),
        };
        let page = |page: &str| Some(Template(format!("{address}{page}")));
        Self {
            instance: page(instance),
            definition: page(definition),
            home: Some(address),
        }
    }

    /// With another page for process instances.
    #[must_use]
    pub fn with_instance_page(mut self, template: Option<Template>) -> Self {
        self.instance = template.or(self.instance);
        self
    }

    /// With another page for process definitions.
    #[must_use]
    pub fn with_definition_page(mut self, template: Option<Template>) -> Self {
        self.definition = template.or(self.definition);
        self
    }

    /// The first page, if it is known.
    pub fn home(&self) -> Option<&Url> {
        self.home.as_ref()
    }

    /// The page of a process instance, if one is known.
    pub fn instance(&self, id: &str) -> Option<String> {
        Some(self.instance.as_ref()?.fill(&[("{id}", id)]))
    }

    /// The page of one version of a process, if one is known.
    pub fn definition(&self, definition: &DefinitionInfo) -> Option<String> {
        let version = definition.version.to_string();
        Some(self.definition.as_ref()?.fill(&[
            ("{id}", &definition.id),
            ("{key}", &definition.key),
            ("{version}", &version),
        ]))
    }

    /// Whether there is a page for process definitions.
    pub fn shows_definitions(&self) -> bool {
        self.definition.is_some()
    }
}

impl Template {
    /// A template for process instances, with `{id}` in it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn of_instances(text: &str) -> Result<Self, TemplateFault> {
        Self::read(text, INSTANCE)
    }

    /// A template for process definitions, with `{id}`, `{key}` or `{version}` in it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn of_definitions(text: &str) -> Result<Self, TemplateFault> {
        Self::read(text, DEFINITION)
    }

    fn read(text: &str, wanted: &'static [&'static str]) -> Result<Self, TemplateFault> {
        if !wanted.iter().any(|name| text.contains(name)) {
            return Err(TemplateFault::NoPlaceholder { wanted });
        }
        let template = Self(text.to_owned());
        let filled = template.fill(&wanted.iter().map(|name| (*name, "x")).collect::<Vec<_>>());
        if let Some((_, rest)) = filled.split_once('{') {
            let name = rest.split('}').next().unwrap_or(rest);
            return Err(TemplateFault::Unknown(name.to_owned()));
        }
        // Nothing may be left to what a browser or a parser makes of it.
        let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic());
        match Url::parse(&filled) {
            Ok(url) if is_plain && matches!(url.scheme(), "http" | "https") => {
                let begin = format!("{}://{}", url.scheme(), url.authority());
                let stays = text.starts_with(&begin) && url.username().is_empty();
                match stays && url.password().is_none() {
                    true => Ok(template),
                    false => Err(TemplateFault::Authority),
                }
            }
            _ => Err(TemplateFault::NoAddress),
        }
    }

    fn fill(&self, values: &[(&str, &str)]) -> String {
        values.iter().fold(self.0.clone(), |text, (name, value)| {
            text.replace(name, &escaped(value))
        })
    }
}

/// The value as a step of a path. The colons of a definition's id may stay as they are.
fn escaped(value: &str) -> String {
    let escaped: String = byte_serialize(value.as_bytes()).collect();
    escaped.replace('+', "%20").replace("%3A", ":")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "8e67aa52-e734-11f1-a58b-02fc00000001";

    fn at(product: CockpitProduct, address: &str) -> Cockpit {
        Cockpit::at(product, address.parse().unwrap())
    }

    fn definition() -> DefinitionInfo {
        serde_json::from_value(serde_json::json!({
            "id": "kyc:3:17", "key": "kyc", "version": 3
        }))
        .unwrap()
    }

    #[test]
    fn camundas_pages_are_found_from_each_of_its_addresses() {
        for address in [
            "http://localhost:8080",
            "http://localhost:8080/camunda",
            "http://localhost:8080/camunda/",
            "http://localhost:8080/camunda/app/cockpit",
            "http://localhost:8080/camunda/app/cockpit/default",
        ] {
            let cockpit = at(CockpitProduct::Camunda7, address);

            let home = "http://localhost:8080/camunda/app/cockpit/default/";
            assert_eq!(cockpit.home().unwrap().as_str(), home);
            let page = format!("{home}#/process-instance/{ID}/runtime");
            assert_eq!(cockpit.instance(ID), Some(page));
            let page = format!("{home}#/process-definition/kyc:3:17/runtime");
            assert_eq!(cockpit.definition(&definition()), Some(page));
        }
    }

    #[test]
    fn its_forks_have_pages_of_their_own() {
        let operaton = at(CockpitProduct::Operaton, "https://bpm.bank.example");
        let seven = at(CockpitProduct::CibSeven, "https://bpm.bank.example");

        assert_eq!(
            operaton.instance("1").unwrap(),
            "https://bpm.bank.example/operaton/app/cockpit/default/#/process-instance/1/runtime"
        );
        assert_eq!(
            seven.instance("1").unwrap(),
            "https://bpm.bank.example/webapp/#/seven/auth/processes/instance/1"
        );
        assert_eq!(
            seven.definition(&definition()).unwrap(),
            "https://bpm.bank.example/webapp/#/seven/auth/process/kyc/3"
        );
    }

    #[test]
    fn a_template_stands_before_the_preset_and_needs_none() {
        let template = Template::of_instances("https://ops.bank.example/?pi={id}").unwrap();

        let cockpit = Cockpit::default().with_instance_page(Some(template));

        assert_eq!(
            cockpit.instance("a b/ü").unwrap(),
            "https://ops.bank.example/?pi=a%20b%2F%C3%BC"
        );
        assert_eq!(cockpit.definition(&definition()), None);
    }

    #[test]
    fn a_template_that_leads_nowhere_is_refused() {
        let fault = |text| Template::of_definitions(text).unwrap_err().to_string();

        assert_eq!(
            fault("https://ops.bank.example/"),
            "holds none of {id}, {key}, {version}"
        );
        assert_eq!(
            fault("https://ops.bank.example/{key}/{vesion}"),
            "holds {vesion}, which is not known"
        );
        for no_address in [
            "ops/{key}",
            "ftp://ops/{key}",
            "https://ops/ü{key}",
            "https://ops/\t{key}",
        ] {
            assert_eq!(
                fault(no_address),
                "is no http:// or https:// address of ASCII characters"
            );
        }
        for elsewhere in [
            "https://{key}/",
            "https://a:b@ops/{key}",
            "https://a@ops/{key}",
        ] {
            assert_eq!(
                fault(elsewhere),
                "has a placeholder or a login before the path"
            );
        }
    }
}
