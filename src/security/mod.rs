//! Security: people and merchants are checked, alarms are handled, e-mail addresses are verified.
//!
//! A file per topic. Each decides in pure functions and then acts in `handle`: lock, decide, write.
//! Knows the database, the mail's parameters and the names of signing keys; neither the engine nor
//! the actors.

pub mod confirm;
mod handle_suspicious_activity;
mod ids;
mod process_email_verification;
mod process_merchant_approval;
mod validate_kyc_data;

pub use handle_suspicious_activity::HandleSuspiciousActivity;
pub use process_email_verification::ProcessEmailVerification;
pub use process_merchant_approval::ProcessMerchantApproval;
pub use validate_kyc_data::ValidateKycData;

use crate::links::KeyId;
use crate::tasks::Registry;

/// Adds this room's topics. Links are signed with the key of this name.
pub fn register(registry: &mut Registry, signing_key: &KeyId) {
    registry
        .register(ValidateKycData)
        .register(ProcessMerchantApproval)
        .register(HandleSuspiciousActivity)
        .register(ProcessEmailVerification::new(signing_key.clone()));
}

#[cfg(test)]
mod testing;
