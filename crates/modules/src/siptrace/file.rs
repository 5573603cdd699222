//! The file that traced messages are written to, by a thread of its own: no shard ever waits for a disk.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use super::pcap;
use super::record::Record;

/// Messages on their way to the thread; more are dropped.
const WAITING: usize = 8192;
/// How often lost messages are told of at most.
const TELL: Duration = Duration::from_secs(10);

/// A pcap file. Its thread starts with the first message and ends with the last owner.
#[derive(Debug)]
pub(super) struct TraceFile {
    path: PathBuf,
    sender: OnceLock<Option<SyncSender<Vec<u8>>>>,
    lost: Arc<AtomicU64>,
}

impl TraceFile {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), sender: OnceLock::new(), lost: Arc::default() }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Hands a message to the thread; counts it as lost when the thread is behind.
    pub(super) fn write(&self, record: &Record<'_>) {
        let sender = self.sender.get_or_init(|| self.start()).as_ref();
        if sender.is_none_or(|sender| sender.try_send(pcap::packet(record)).is_err()) {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn start(&self) -> Option<SyncSender<Vec<u8>>> {
        let (sender, receiver) = sync_channel(WAITING);
        let mut writer =
            Writer { path: self.path.clone(), file: None, lost: Arc::clone(&self.lost), told: None };
        let thread = std::thread::Builder::new().name("siptrace-file".to_owned());
        match thread.spawn(move || writer.run(&receiver)) {
            Ok(_) => Some(sender),
            Err(error) => {
                tracing::error!(target: "siptrace", "no thread for {}: {error}", self.path.display());
                None
            }
        }
    }
}

/// The thread's side.
struct Writer {
    path: PathBuf,
    file: Option<BufWriter<File>>,
    lost: Arc<AtomicU64>,
    told: Option<Instant>,
}

impl Writer {
    fn run(&mut self, packets: &Receiver<Vec<u8>>) {
        while let Ok(packet) = packets.recv() {
            self.put(&packet);
            while let Ok(packet) = packets.try_recv() {
                self.put(&packet);
            }
            if let Some(Err(error)) = self.file.as_mut().map(io::Write::flush) {
                self.give_up(&error);
            }
            self.tell();
        }
    }

    fn put(&mut self, packet: &[u8]) {
        let result = match &mut self.file {
            Some(file) => file.write_all(packet),
            // Tried again with each message, so that a disk that comes back is used.
            None => {
                open(&self.path).and_then(|file| self.file.insert(BufWriter::new(file)).write_all(packet))
            }
        };
        if let Err(error) = result {
            self.lost.fetch_add(1, Ordering::Relaxed);
            self.give_up(&error);
        }
    }

    fn give_up(&mut self, error: &io::Error) {
        if self.is_time() {
            tracing::error!(target: "siptrace", "{} cannot be written: {error}", self.path.display());
        }
        self.file = None;
    }

    fn tell(&mut self) {
        if self.lost.load(Ordering::Relaxed) > 0 && self.is_time() {
            let lost = self.lost.swap(0, Ordering::Relaxed);
            tracing::warn!(target: "siptrace", "{lost} messages were not written to {}", self.path.display());
        }
    }

    /// Whether the last complaint is long enough ago; if so, this is one.
    fn is_time(&mut self) -> bool {
        let is_time = self.told.is_none_or(|told| told.elapsed() >= TELL);
        if is_time {
            self.told = Some(Instant::now());
        }
        is_time
    }
}

/// Opens a file to add to it; a new one gets its head. One that is something else is left alone.
fn open(path: &Path) -> io::Result<File> {
    let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
    if file.metadata()?.len() == 0 {
        file.write_all(&pcap::head())?;
        return Ok(file);
    }
    let mut head = [0; 24];
    match file.read_exact(&mut head) {
        Ok(()) if head == pcap::head() => Ok(file),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "it is there and no trace of this module; name another file, or move it away",
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::super::record::{Place, Way};
    use super::*;

    fn record(bytes: &[u8]) -> Record<'_> {
        let place = Place::parse(b"udp:192.0.2.1:5060").expect("a place");
        Record { bytes, from: place, to: place, at: SystemTime::UNIX_EPOCH, way: Way::In }
    }

    fn scratch(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("tandem-siptrace-{}-{name}", std::process::id()))
    }

    fn wait_for_length(path: &Path, length: u64) {
        let until = Instant::now() + Duration::from_secs(10);
        while std::fs::metadata(path).map_or(0, |data| data.len()) < length {
            assert!(Instant::now() < until, "{} stays short", path.display());
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_file_that_is_opened_again_goes_on() {
        let path = scratch("again");
        let one = pcap::packet(&record(b"one"));
        for count in 1..=2 {
            TraceFile::new(&path).write(&record(b"one"));
            wait_for_length(&path, (24 + count * one.len()) as u64);
        }
        let written = std::fs::read(&path).expect("the file");
        assert_eq!(written, [&pcap::head()[..], &one, &one].concat());
        std::fs::remove_file(&path).expect("it is there");
    }

    #[test]
    fn a_file_of_another_kind_is_left_alone() {
        let path = scratch("other");
        std::fs::write(&path, "somebody's notes, longer than a head").expect("a file");
        assert_eq!(open(&path).expect_err("no trace").kind(), io::ErrorKind::InvalidData);
        std::fs::remove_file(&path).expect("it is there");
    }
}
