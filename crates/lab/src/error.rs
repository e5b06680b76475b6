use std::{fmt, io, path::PathBuf};

pub type Result<T> = std::result::Result<T, Error>;

pub enum Error {
    /// A program ended badly: what it printed.
    Command {
        program: String,
        output: String,
    },
    Database(postgres::Error),
    File {
        path: PathBuf,
        source: io::Error,
    },
    Io(io::Error),
    /// The world is not as expected: what was seen.
    Unexpected(String),
}

impl Error {
    pub fn unexpected(what: impl Into<String>) -> Self {
        Self::Unexpected(what.into())
    }

    pub fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command { program, output } => write!(f, "{program} failed: {}", output.trim()),
            // The client's own text is "db error" alone.
            Self::Database(error) => match error.as_db_error() {
                Some(db) => {
                    write!(f, "{}: {}", db.code().code(), db.message())?;
                    if let Some(detail) = db.detail() {
                        write!(f, " ({detail})")?;
                    }
                    Ok(())
                }
                None => write!(f, "{error}"),
            },
            Self::File { path, source } => write!(f, "{}: {source}", path.display()),
            Self::Io(error) => write!(f, "{error}"),
            Self::Unexpected(what) => write!(f, "{what}"),
        }
    }
}

/// As Display: a test that unwraps prints what a person can read.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Error {}

impl From<postgres::Error> for Error {
    fn from(error: postgres::Error) -> Self {
        Self::Database(error)
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<csv::Error> for Error {
    fn from(error: csv::Error) -> Self {
        Self::Unexpected(error.to_string())
    }
}
