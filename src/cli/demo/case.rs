//! One visitor of one process: what comes in, and how it should end.

use serde_json::Value as Json;
use uuid::Uuid;

use crate::camunda::Value;

/// A process, and where its instances say what was decided.
pub(super) struct Process {
    pub(super) key: &'static str,
    pub(super) title: &'static str,
    /// The variable with the codes of a refusal, if it refuses.
    pub(super) errors: Option<&'static str>,
    /// What it makes.
    pub(super) result: Option<Made>,
}

/// Something that a process makes, and how the table calls it.
#[derive(Clone, Copy)]
pub(super) struct Made {
    pub(super) column: &'static str,
    pub(super) variable: &'static str,
}

pub(super) const WALLETS: &Process = &Process {
    key: "wallet-creation-process",
    title: "Wallet creation",
    errors: Some("validation_errors"),
    result: Some(Made {
        column: "Wallet",
        variable: "wallet_id",
    }),
};

pub(super) const KYC: &Process = &Process {
    key: "kyc-validation-process",
    title: "KYC validation",
    errors: Some("kyc_errors"),
    result: None,
};

pub(super) const MERCHANTS: &Process = &Process {
    key: "merchant-approval-process",
    title: "Merchant approval",
    errors: Some("approval_errors"),
    result: None,
};

pub(super) const ALARMS: &Process = &Process {
    key: "suspicious-activity-process",
    title: "Suspicious activity",
    errors: None,
    result: Some(Made {
        column: "Measure",
        variable: "measure",
    }),
};

pub(super) const ADDRESSES: &Process = &Process {
    key: "email-verification-process",
    title: "E-mail verification",
    errors: None,
    result: None,
};

/// Where an instance waits until somebody follows the link in a mail.
pub(super) const WAITS_FOR_LINK: &str = "wait_for_link";

/// Somebody, or something, that goes through a process.
pub(super) struct Case {
    pub(super) process: &'static Process,
    /// What is special about it.
    pub(super) label: &'static str,
    pub(super) variables: Vec<(&'static str, Value)>,
    /// Any of these will do.
    pub(super) expected: Vec<Way>,
}

/// Where a case should get to, and with which codes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Way {
    pub(super) at: &'static str,
    pub(super) codes: Vec<&'static str>,
}

impl Case {
    pub(super) fn new(process: &'static Process, label: &'static str, expected: Way) -> Self {
        Self {
            process,
            label,
            variables: Vec::new(),
            expected: vec![expected],
        }
    }

    /// With the id of a row.
    pub(super) fn id(mut self, name: &'static str, id: Uuid) -> Self {
        self.variables.push((name, Value::String(id.to_string())));
        self
    }

    /// With a structured input.
    pub(super) fn json(mut self, name: &'static str, value: &Json) -> Self {
        self.variables.push((name, Value::Json(value.to_string())));
        self
    }

    pub(super) fn is_about(&self, id: Uuid) -> bool {
        let id = Value::String(id.to_string());
        self.variables.iter().any(|(_, value)| *value == id)
    }

    pub(super) fn or(mut self, also_expected: Way) -> Self {
        self.expected.push(also_expected);
        self
    }
}

impl Way {
    pub(super) fn to(at: &'static str) -> Self {
        Self::with(at, &[])
    }

    pub(super) fn with(at: &'static str, codes: &[&'static str]) -> Self {
        Self {
            at,
            codes: codes.to_vec(),
        }
    }

    /// In words, for who expected it in vain.
    pub(super) fn describe(&self) -> String {
        match self.codes.as_slice() {
            [] => self.at.to_owned(),
            codes => format!("{} ({})", self.at, codes.join(" ")),
        }
    }
}
