//! Where the engine's web application is, for links to process instances.

use clap::Args;

use super::faults::{Faults, Raw};
use super::parse;
use crate::camunda::cockpit::{Cockpit, CockpitProduct, Template};

/// Where the engine's web application is.
#[derive(Args)]
#[command(next_help_heading = "Cockpit")]
pub struct CockpitArgs {
    /// The engine's web application as people reach it, or Cockpit in it. Logs, the status page and
    /// `/go` then lead to process instances.
    #[arg(long, env = "COCKPIT_URL", value_name = "URL")]
    cockpit_url: Option<Raw>,
    /// Whose web application it is.
    #[arg(
        long,
        env = "COCKPIT_PRODUCT",
        value_name = "camunda7|operaton|cibseven",
        default_value = PRODUCT
    )]
    cockpit_product: Option<Raw>,
    /// Another page for process instances, with {id} in its address.
    #[arg(long, env = "COCKPIT_INSTANCE_URL", value_name = "TEMPLATE")]
    cockpit_instance_url: Option<Raw>,
    /// Another page for process definitions, with {id}, {key} or {version} in its address.
    #[arg(long, env = "COCKPIT_DEFINITION_URL", value_name = "TEMPLATE")]
    cockpit_definition_url: Option<Raw>,
}

const PRODUCT: &str = "camunda7";

impl CockpitArgs {
    pub(super) fn read(&self, faults: &mut Faults) -> Option<Cockpit> {
        let address = faults.optional(
            "COCKPIT_URL",
            &self.cockpit_url,
            "http://localhost:8080/camunda",
            parse::http_url,
        );
        let product = faults.defaulted("COCKPIT_PRODUCT", &self.cockpit_product, PRODUCT, product);
        let instance = faults.optional(
            "COCKPIT_INSTANCE_URL",
            &self.cockpit_instance_url,
            "https://bpm.bank.example/instances/{id}",
            |text| Template::of_instances(text.trim()).map_err(|fault| fault.to_string()),
        );
        let definition = faults.optional(
            "COCKPIT_DEFINITION_URL",
            &self.cockpit_definition_url,
            "https://bpm.bank.example/processes/{key}",
            |text| Template::of_definitions(text.trim()).map_err(|fault| fault.to_string()),
        );
        let product = product?;
        let preset = address?.map(|address| Cockpit::at(product, address));
        Some(
            preset
                .unwrap_or_default()
                .with_instance_page(instance?)
                .with_definition_page(definition?),
        )
    }
}

fn product(text: &str) -> Result<CockpitProduct, String> {
    match text.trim() {
        "camunda7" => Ok(CockpitProduct::Camunda7),
        "operaton" => Ok(CockpitProduct::Operaton),
        "cibseven" => Ok(CockpitProduct::CibSeven),
        _ => Err("is none of camunda7, operaton, cibseven".to_owned()),
    }
}
