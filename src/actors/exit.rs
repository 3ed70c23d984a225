//! How a parent learns that a child has ended.
//!
//! actix tells nobody when an actor panics: its mailbox is simply closed. So each child owns a
//! guard, and whatever ends the child, a stop or a panic, drops the guard.

use actix::{Message, Recipient};

/// A child has ended. `K` is the parent's name for the child.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct ChildExited<K: Send> {
    /// Which child.
    pub(crate) child: K,
    /// Which of the actors that were this child: a message about an earlier one is out of date.
    pub(crate) incarnation: u64,
    /// It panicked, as opposed to having stopped.
    pub(crate) panicked: bool,
}

/// Tells the parent when it is dropped. Owned by the child.
pub(crate) struct ExitGuard<K: Send + Copy + 'static> {
    child: K,
    incarnation: u64,
    parent: Recipient<ChildExited<K>>,
}

impl<K: Send + Copy + 'static> ExitGuard<K> {
    pub(crate) fn new(child: K, incarnation: u64, parent: Recipient<ChildExited<K>>) -> Self {
        Self {
            child,
            incarnation,
            parent,
        }
    }
}

impl<K: Send + Copy + 'static> Drop for ExitGuard<K> {
    fn drop(&mut self) {
        // `do_send`, because a drop cannot wait and this message must not be lost to a full mailbox.
        self.parent.do_send(ChildExited {
            child: self.child,
            incarnation: self.incarnation,
            panicked: std::thread::panicking(),
        });
    }
}
