use super::loss::Loss;
use std::fmt;
use std::sync::Arc;

/// One change to the disk. Paths are `folder/name`; a directory is a path without the name.
#[derive(Clone, Debug)]
pub enum Operation {
    /// A file of so many zeros, new or in place of what it was.
    Create {
        /// Which.
        path: Arc<str>,
        /// Its length.
        bytes: usize,
    },
    /// Bytes of an existing file.
    Write {
        /// Which.
        path: Arc<str>,
        /// From where on.
        offset: usize,
        /// What.
        bytes: Arc<[u8]>,
    },
    /// What was written to the file is durable now.
    SyncData {
        /// Which.
        path: Arc<str>,
    },
    /// A lie of a disk: every second sector that was written is durable now, and the sync says that all are.
    SyncHalf {
        /// Which.
        path: Arc<str>,
    },
    /// The names of a directory are durable now.
    SyncDirectory {
        /// Which.
        directory: Arc<str>,
    },
    /// Another name, in place of what had it.
    Rename {
        /// The name before.
        from: Arc<str>,
        /// The name after.
        to: Arc<str>,
    },
    /// The name is gone.
    Remove {
        /// Which.
        path: Arc<str>,
    },
    /// The power was cut and is back: what is left is durable.
    PowerCut {
        /// What was lost.
        loss: Arc<Loss>,
    },
}

/// What kind of thing was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OperationKind {
    /// Nothing was done yet.
    Begin,
    /// [`Operation::Create`]
    Create,
    /// [`Operation::Write`]
    Write,
    /// [`Operation::SyncData`]
    SyncData,
    /// [`Operation::SyncDirectory`]
    SyncDirectory,
    /// [`Operation::Rename`]
    Rename,
    /// [`Operation::Remove`]
    Remove,
    /// [`Operation::PowerCut`]
    PowerCut,
}

/// To what it was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// The whole disk.
    Disk,
    /// A segment of the log.
    Segment,
    /// The next segment, or what else waits to become a part of the log.
    Spare,
    /// A directory.
    Directory,
    /// What recovery puts away.
    Quarantine,
    /// The log's advisory watermark.
    Watermark,
    /// The keyring.
    Keyring,
    /// A signed checkpoint, or one in the making.
    Checkpoint,
    /// Snapshots, indexes and whatever else can be made anew.
    Rebuildable,
}

impl Operation {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> OperationKind {
        match self {
            Self::Create { .. } => OperationKind::Create,
            Self::Write { .. } => OperationKind::Write,
            Self::SyncData { .. } | Self::SyncHalf { .. } => OperationKind::SyncData,
            Self::SyncDirectory { .. } => OperationKind::SyncDirectory,
            Self::Rename { .. } => OperationKind::Rename,
            Self::Remove { .. } => OperationKind::Remove,
            Self::PowerCut { .. } => OperationKind::PowerCut,
        }
    }

    /// What it was done to.
    #[must_use]
    pub fn place(&self) -> Place {
        match self {
            Self::Create { path, .. }
            | Self::Write { path, .. }
            | Self::SyncData { path }
            | Self::SyncHalf { path }
            | Self::Remove { path } => Place::of(path),
            Self::Rename { to, .. } => Place::of(to),
            Self::SyncDirectory { .. } => Place::Directory,
            Self::PowerCut { .. } => Place::Disk,
        }
    }
}

impl Place {
    /// Where a path belongs.
    #[must_use]
    pub fn of(path: &str) -> Self {
        let (folder, name) = path.split_once('/').unwrap_or(("", path));
        match folder {
            "keyring" => Self::Keyring,
            "checkpoints" if !name.starts_with("accumulator") => Self::Checkpoint,
            "log" if name.starts_with("quarantine/") => Self::Quarantine,
            "log" if name.ends_with(".seg") => Self::Segment,
            "log" if name == "watermark" => Self::Watermark,
            "log" if name.starts_with("spare") || name.starts_with("reserve") => Self::Spare,
            _ => Self::Rebuildable,
        }
    }
}

impl fmt::Display for OperationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Begin => "begin",
            Self::Create => "create",
            Self::Write => "write",
            Self::SyncData => "sync",
            Self::SyncDirectory => "sync names",
            Self::Rename => "rename",
            Self::Remove => "remove",
            Self::PowerCut => "power cut",
        })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Disk => "disk",
            Self::Segment => "segment",
            Self::Spare => "spare",
            Self::Directory => "directory",
            Self::Quarantine => "quarantine",
            Self::Watermark => "watermark",
            Self::Keyring => "keyring",
            Self::Checkpoint => "checkpoint",
            Self::Rebuildable => "rebuildable",
        })
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create { path, bytes } => write!(f, "create {path}, {bytes} bytes"),
            Self::Write { path, offset, bytes } => write!(f, "write {path} at {offset}, {} bytes", bytes.len()),
            Self::SyncData { path } => write!(f, "sync {path}"),
            Self::SyncHalf { path } => write!(f, "sync half of {path}"),
            Self::SyncDirectory { directory } => write!(f, "sync the names of {directory}"),
            Self::Rename { from, to } => write!(f, "rename {from} to {to}"),
            Self::Remove { path } => write!(f, "remove {path}"),
            Self::PowerCut { loss } => write!(f, "cut the power: {loss}"),
        }
    }
}
