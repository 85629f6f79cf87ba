//! The thread that starts workers.
//!
//! A worker asks the kernel to kill it when its parent dies, and by parent the kernel means the thread that started
//! it. A caller's thread may end at any time, so all workers are started by one that lives as long as the pool.

use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Sender, SyncSender, channel, sync_channel};
use std::thread;

use super::process::Worker;

/// Starts workers from a thread of its own, which ends when this is dropped.
#[derive(Debug)]
pub(super) struct Spawner {
    orders: Sender<SyncSender<io::Result<Worker>>>,
}

impl Spawner {
    pub(super) fn new(program: PathBuf) -> io::Result<Self> {
        let (orders, open) = channel::<SyncSender<io::Result<Worker>>>();
        thread::Builder::new().name("media-spawner".to_owned()).spawn(move || {
            for order in open {
                // Who ordered it may be gone; then the worker is dropped, and with that killed.
                let _ = order.send(Worker::start(&program));
            }
        })?;
        Ok(Self { orders })
    }

    pub(super) fn start(&self) -> io::Result<Worker> {
        let (order, started) = sync_channel(1);
        let gone = || io::Error::other("the thread that starts workers is gone");
        self.orders.send(order).map_err(|_| gone())?;
        started.recv().map_err(|_| gone())?
    }
}
