//! What kind of thing went wrong, told apart for those who must act on it.

/// The kind of an error. Whoever answers for a whole program makes an exit code or a status of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// What was asked for cannot be: the command line, the configuration, or the data do not fit. Asked
    /// again in the same way, it fails again.
    Usage,
    /// The network, or who answers there.
    Network,
    /// A file or folder that is there cannot be read or written, or the disk is full.
    Disk,
    /// The files of a model are damaged, incomplete, or of a kind that is not supported.
    Model,
    /// A process that runs a model.
    Worker,
}
