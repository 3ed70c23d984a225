//! Wallets: a customer's request for one is checked, the wallet is made, the customer is told.
//!
//! A file per topic of `wallet-creation-process`. Each decides in pure functions and then acts in
//! `handle`: lock, decide, write. Knows the database and the mail's parameters; neither the engine
//! nor the actors.

mod create_wallet;
mod ids;
mod notify_wallet_creation;
mod validate_wallet_request;
mod wallet_number;

pub use create_wallet::CreateWallet;
pub use notify_wallet_creation::NotifyWalletCreation;
pub use validate_wallet_request::ValidateWalletRequest;

use crate::tasks::Registry;

/// Adds this room's topics.
pub fn register(registry: &mut Registry) {
    registry
        .register(ValidateWalletRequest)
        .register(CreateWallet::default())
        .register(NotifyWalletCreation);
}
